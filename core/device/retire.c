/* The end of an op: its error travels on, who waits is woken, the record goes
 * back. With the lock held, but for moon__op_blocked. */
#include <stdio.h>
#include "device.h"

/* Whether what the region carries stops the op. */
static bool is_input(int mode) {
  return mode == MOON__READ || mode == MOON__UPDATE;
}

static bool updates(const moon__op *op) {
  for (int i = 0; i < op->n_touches; i++) {
    if (op->touch[i].mode >= MOON__UPDATE) return true;
  }
  return false;
}

bool moon__op_blocked(moon_runtime *rt, moon__op *op) {
  moon__error *first = NULL;
  for (int i = 0; i < op->n_touches; i++) {
    moon__touch *t = &op->touch[i];
    moon__error *e = t->region->error;
    if (!e) continue;
    if (is_input(t->mode)) first = moon__error_earlier(first, e);
    if (t->mode == MOON__OPTIONAL) op->call.arg[t->arg].data = NULL;
  }
  if (first && moon__sim_mutates(rt, op, MOON_MUTATE_DROP_ERROR)) first = NULL;
  if (first && updates(op) &&
      moon__sim_mutates(rt, op, MOON_MUTATE_PARTIAL_WRITE)) {
    first = NULL;
  }
  if (first) {
    op->error = moon__error_retain(first);
  } else if (op->task && atomic_load(&op->task->cancelled)) {
    moon__op_fail(op, MOON_E_CANCELLED, 0, "its task was cancelled");
  } else if (rt->device[op->device].sim && moon__sim_fails(rt, op)) {
    moon__op_fail(op, MOON_E_INJECTED, 0, "failure injected by sim");
  }
  return op->error || op->status < 0;
}

/* What a failed op gave up for: made once the op is known to have failed. */
static void own_error(moon_runtime *rt, moon__op *op) {
  char text[400];
  const char *site = op->site > 0 ? rt->site[op->site - 1] : NULL;
  snprintf(text, sizeof text, "%s: %s%s%s%s", op->name, op->failure,
           site ? " (submitted at " : "", site ? site : "", site ? ")" : "");
  op->error = moon__error_new(op->status, op->key, text);
}

static void hand_on_error(moon_runtime *rt, moon__op *op) {
  bool in_place = false;
  for (int i = 0; i < op->n_touches; i++) {
    moon__touch *t = &op->touch[i];
    moon__region *r = t->region;
    if (t->mode == MOON__WRITE && op->error) {
      moon__error *e = moon__error_earlier(r->error, op->error);
      if (e == r->error) continue;
      moon__error_release(r->error);
      r->error = moon__error_retain(e);
    } else if (t->mode == MOON__OVERWRITE && !op->error) {
      moon__error_release(r->error);
      r->error = NULL;
    }
    in_place |= t->mode == MOON__UPDATE || t->mode == MOON__OVERWRITE;
  }
  if (!op->error) return;
  rt->failed_ops++;
  if (in_place && op->task && !atomic_load(&op->error->raised) &&
      op->error->status != MOON_E_CANCELLED) {
    moon__task_note_error(op->task, op->error);
  }
}

static void remember(moon_runtime *rt, moon__op *op) {
  moon__stream *s = rt->stream[op->stream];
  op->end_ns = moon_now();
  if (!op->start_ns) op->start_ns = op->end_ns;
  /* On a GPU it was launched then, behind those that still ran. */
  if (rt->device[op->device].gpu && op->start_ns < s->ended_ns) {
    op->start_ns = s->ended_ns;
  }
  s->ended_ns = op->end_ns;
  s->recent[s->ops++ & (MOON_RECENT - 1)] = (moon_op_span){
      op->name, op->submit_ns, op->start_ns, op->end_ns, op->stream,
      op->error ? op->error->status : MOON_OK,
      moon__kernel_name(op->call.kernel), moon__op_by(rt, op)};
  s->busy_ns += op->end_ns - op->start_ns;
  s->errors += op->error != NULL;
}

static void follow(moon_runtime *rt, moon__edge *edge) {
  if (--edge->op->waits == 0) moon__ready_push(rt, edge->op);
  edge->next = rt->spare_edges;
  rt->spare_edges = edge;
}

void moon__op_launched(moon_runtime *rt, moon__op *op) {
  moon__edge **link = &op->next_ops;
  op->launched = true;
  while (*link) {
    moon__edge *edge = *link;
    if (!edge->launch) {
      link = &edge->next;
      continue;
    }
    *link = edge->next;
    follow(rt, edge);
  }
}

static void wake_next(moon_runtime *rt, moon__op *op) {
  while (op->next_ops) {
    moon__edge *edge = op->next_ops;
    op->next_ops = edge->next;
    follow(rt, edge);
  }
  while (op->waiters) {
    moon__waiter *w = op->waiters;
    op->waiters = w->next;
    moon__ring_push(rt, w->ticket);
    w->next = rt->spare_waiters;
    rt->spare_waiters = w;
  }
}

void moon__op_settle(moon_runtime *rt, moon__op *op) {
  if (op->settled) return;
  op->settled = true;
  if (op->status < 0 && !op->error) own_error(rt, op);
  hand_on_error(rt, op);
}

void moon__op_retire(moon_runtime *rt, moon__op *op) {
  moon__stream *s = rt->stream[op->stream];
  moon__op_settle(rt, op);
  remember(rt, op);
  atomic_store_explicit(&s->completed, op->sequence, memory_order_release);
  wake_next(rt, op);
  int64_t left =
      atomic_fetch_sub_explicit(&rt->in_flight, 1, memory_order_relaxed) - 1;
  if (left == 0) moon__idle_wake(rt);
  if (rt->waiting_hosts) pthread_cond_broadcast(&rt->idle);
  moon__op_recycle(rt, op);
}
