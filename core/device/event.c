/* Events and waiting: for streams (on the device), for the loop (a ticket),
 * for C (the functions named *_wait, which block). */
#include "device.h"

moon_event moon_stream_event(moon_runtime *rt, int stream) {
  return (moon_event){stream, rt->stream[stream]->submitted};
}

static moon__use use_of(moon_event e) {
  return (moon__use){e.stream, e.sequence};
}

int moon_event_ready(moon_runtime *rt, moon_event e) {
  return moon__use_complete(rt, use_of(e));
}

int moon_stream_wait_event(moon_runtime *rt, int stream, moon_event e) {
  int device = moon_stream_device(rt, stream);
  if (device < 0) return device;
  if (rt->device[device].sim &&
      rt->sim.options.mutate == MOON_MUTATE_UNWAITED_EVENT) {
    return MOON_OK;
  }
  moon__stream *s = rt->stream[stream];
  for (int i = 0; i < s->n_pending; i++) {
    if (s->pending[i].stream != e.stream) continue;
    if (s->pending[i].sequence < e.sequence) s->pending[i] = e;
    return MOON_OK;
  }
  s->pending[s->n_pending++] = e;
  return MOON_OK;
}

static void add_waiter(moon_runtime *rt, moon__waiter **list, double ticket) {
  moon__waiter *w = rt->spare_waiters;
  if (w) {
    rt->spare_waiters = w->next;
  } else {
    w = moon__malloc(sizeof *w);
  }
  *w = (moon__waiter){ticket, *list};
  *list = w;
}

int moon_event_watch(moon_ctx *ctx, moon_event e, double ticket) {
  moon_runtime *rt = ctx->rt;
  if (moon_event_ready(rt, e)) return 1;
  moon__lock(rt);
  moon__op *op = moon__op_in_flight(rt, use_of(e));
  if (op) add_waiter(rt, &op->waiters, ticket);
  moon__unlock(rt);
  return op == NULL;
}

int moon_idle_watch(moon_ctx *ctx, double ticket) {
  moon_runtime *rt = ctx->rt;
  moon__lock(rt);
  bool idle = atomic_load(&rt->in_flight) == 0;
  if (!idle) add_waiter(rt, &rt->idle_waiters, ticket);
  moon__unlock(rt);
  return idle;
}

void moon__idle_wake(moon_runtime *rt) {
  while (rt->idle_waiters) {
    moon__waiter *w = rt->idle_waiters;
    rt->idle_waiters = w->next;
    moon__ring_push(rt, w->ticket);
    w->next = rt->spare_waiters;
    rt->spare_waiters = w;
  }
}

int moon_event_wait(moon_ctx *ctx, moon_event e) {
  moon_runtime *rt = ctx->rt;
  moon__lock(rt);
  rt->waiting_hosts++;
  while (!moon_event_ready(rt, e)) moon__lock_wait(rt, &rt->idle);
  rt->waiting_hosts--;
  moon__unlock(rt);
  return MOON_OK;
}

int moon_idle_wait(moon_ctx *ctx) {
  moon_runtime *rt = ctx->rt;
  moon__lock(rt);
  rt->waiting_hosts++;
  while (atomic_load(&rt->in_flight)) moon__lock_wait(rt, &rt->idle);
  rt->waiting_hosts--;
  moon__unlock(rt);
  return MOON_OK;
}

void moon_count_blocked_wait(moon_runtime *rt) { rt->blocked_waits++; }
