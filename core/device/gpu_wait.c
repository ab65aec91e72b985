/* The threads that wait for a GPU: for the ends of ops, and for looks at
 * values. A thread sleeps on the oldest notice and then asks for the others, so
 * there is one wake-up for many ops and nobody polls. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "gpu.h"

void *moon__gpu_event(moon__gpu *gpu, void *queue) {
  moon__lock(gpu->rt);
  moon__spare *s = gpu->events;
  if (s) gpu->events = s->next;
  moon__unlock(gpu->rt);
  void *event = s ? s->p : NULL;
  free(s);
  if (!event && gpu->driver->event_new(&event) < 0) return NULL;
  if (gpu->driver->event_record(event, queue) == MOON_OK) return event;
  gpu->driver->event_free(event);
  return NULL;
}

void moon__gpu_event_give(moon__gpu *gpu, void *event) {
  moon__spare *s = moon__malloc(sizeof *s);
  *s = (moon__spare){gpu->events, event, 0};
  gpu->events = s;
}

static void act_on(moon__gpu *gpu, moon__notice *n);

/* On a thread of the driver's, where nothing may be asked of it. */
static void on_host_call(void *notice) {
  moon__notice *n = notice;
  moon__gpu *gpu = n->gpu;
  pthread_mutex_lock(&gpu->retiring);
  moon__lock(gpu->rt);
  act_on(gpu, n);
  moon__unlock(gpu->rt);
  pthread_mutex_unlock(&gpu->retiring);
}

/* An event behind what `queue` was given, and its notice. */
static void add_notice(moon__gpu *gpu, moon__waits *w, void *queue,
                       moon__notice given) {
  moon__notice *n = moon__malloc(sizeof *n);
  *n = given;
  n->gpu = gpu;
  if (gpu->calls_host &&
      gpu->driver->host_call(queue, on_host_call, n) == MOON_OK) {
    return;
  }
  n->event = moon__gpu_event(gpu, queue);
  moon__lock(gpu->rt);
  if (!n->event) moon__gpu_lose(gpu, gpu->driver->error());
  if (w->last) {
    w->last->next = n;
  } else {
    w->first = n;
  }
  w->last = n;
  pthread_cond_signal(&w->more);
  moon__unlock(gpu->rt);
}

void moon__gpu_tell(moon__gpu *gpu, int stream) {
  moon__lane *lane = &gpu->lane[stream];
  lane->told = lane->launched;
  add_notice(gpu, &gpu->ends, lane->queue,
             (moon__notice){.stream = stream, .sequence = lane->launched});
}

void moon__gpu_tell_look(moon__gpu *gpu, moon__op *op) {
  add_notice(gpu, &gpu->looks, gpu->urgent, (moon__notice){.looked = op});
}

void moon__gpu_lose(moon__gpu *gpu, const char *why) {
  if (gpu->lost) return;
  snprintf(gpu->why, sizeof gpu->why, "%.12s is lost, with all that is on it: "
           "%.140s", gpu->name, why);
  gpu->lost = true;
}

/* L: the op's outputs cannot be trusted: what it was thought to have done is
 * taken back. */
static void lose_op(moon__gpu *gpu, moon__op *op) {
  if (op->status < 0 || op->error) return;
  moon__op_fail(op, MOON_E_BACKEND, 0, gpu->why);
  op->settled = false;
}

/* L, given up meanwhile. */
static void retire(moon__gpu *gpu, moon__op *op) {
  moon_runtime *rt = gpu->rt;
  if (gpu->lost) lose_op(gpu, op);
  if (op->transfer) {
    moon__unlock(rt);
    moon__gpu_transfer_end(gpu, op);
    moon__lock(rt);
  }
  if (op->event) moon__gpu_event_give(gpu, op->event);
  op->event = NULL;
  moon__op_retire(rt, op);
}

/* L: a stream of this GPU that has an op which `op` comes after, in flight; or
 * -1. On the device that op is complete, or this one would not be. */
static int first_behind(const moon__gpu *gpu, const moon__op *op) {
  moon_runtime *rt = gpu->rt;
  for (int t = 0; t < rt->n_streams; t++) {
    const moon__stream *s = rt->stream[t];
    bool ours = t != op->stream && rt->device[s->device].gpu == gpu;
    if (ours && atomic_load(&s->completed) < op->clock[t]) return t;
  }
  return -1;
}

/* L, given up meanwhile: all of a stream up to `sequence` is complete on the
 * device. What these ops come after retires first: an op that is complete says
 * so of all before it. Chains over streams are followed to their beginning. */
static void retire_until(moon__gpu *gpu, int stream, int64_t sequence) {
  moon_runtime *rt = gpu->rt;
  while (atomic_load(&rt->stream[stream]->completed) < sequence) {
    int at = stream, behind = stream;
    moon__op *op = NULL;
    while (behind >= 0) {
      at = behind;
      moon__stream *s = rt->stream[at];
      op = s->window[(atomic_load(&s->completed) + 1) & s->mask];
      behind = first_behind(gpu, op);
    }
    retire(gpu, op);
  }
}

/* L */
static void act_on(moon__gpu *gpu, moon__notice *n) {
  if (n->event) moon__gpu_event_give(gpu, n->event);
  if (n->looked) {
    n->looked->looked = true;
    moon__gpu_push(gpu, n->looked);
  } else {
    retire_until(gpu, n->stream, n->sequence);
  }
  free(n);
}

/* L: what came is added to the thread's own list. */
static void take_notices(moon__waits *w, moon__notice **own) {
  while (*own) own = &(*own)->next;
  *own = w->first;
  w->first = w->last = NULL;
}

/* Takes out those whose event is there, in order. */
static moon__notice *take_done(moon__gpu *gpu, moon__notice **own) {
  moon__notice *first = NULL, **last = &first;
  while (*own) {
    moon__notice *n = *own;
    int done = n->event && !gpu->lost ? gpu->driver->event_done(n->event) : 1;
    if (done < 0) {
      moon__lock(gpu->rt);
      moon__gpu_lose(gpu, gpu->driver->error());
      moon__unlock(gpu->rt);
    }
    if (done == 0) {
      own = &n->next;
      continue;
    }
    *own = n->next;
    n->next = NULL;
    *last = n;
    last = &n->next;
  }
  return first;
}

/* L at the beginning and the end. */
static void wait_and_act(moon__waits *w, moon__notice **own) {
  moon__gpu *gpu = w->gpu;
  moon_runtime *rt = gpu->rt;
  void *event = gpu->lost ? NULL : (*own)->event;
  moon__unlock(rt);
  int status = event ? gpu->driver->event_wait(event) : MOON_OK;
  moon__lock(rt);
  if (status < 0) moon__gpu_lose(gpu, gpu->driver->error());
  take_notices(w, own);  /* what came meanwhile may be there as well */
  moon__unlock(rt);
  moon__notice *n = take_done(gpu, own);
  pthread_mutex_lock(&gpu->retiring);
  moon__lock(rt);
  while (n) {
    moon__notice *next = n->next;
    act_on(gpu, n);
    n = next;
  }
  pthread_mutex_unlock(&gpu->retiring);
}

void *moon__gpu_wait_main(void *of) {
  moon__waits *w = of;
  moon__gpu *gpu = w->gpu;
  moon_runtime *rt = gpu->rt;
  moon__notice *own = NULL;
  gpu->driver->use(gpu->number);
  moon__lock(rt);
  for (;;) {
    while (!own && !w->first && !rt->closing) moon__lock_wait(rt, &w->more);
    take_notices(w, &own);
    if (!own) break;
    wait_and_act(w, &own);
  }
  moon__unlock(rt);
  return NULL;
}
