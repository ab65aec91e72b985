/* The threads that wait for a GPU: for the ends of ops, and for looks at
 * values. A thread sleeps on the oldest notice and then asks for the others, so
 * there is one wake-up for many ops and nobody polls. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "gpu.h"

void *moon__gpu_event(moon__gpu *gpu) {
  moon__spare *s = gpu->events;
  void *event = NULL;
  if (!s) return gpu->driver->event_new(&event) == MOON_OK ? event : NULL;
  gpu->events = s->next;
  event = s->p;
  free(s);
  return event;
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

/* L: an event behind what `queue` was given, and its notice. */
static void add_notice(moon__gpu *gpu, moon__waits *w, void *queue,
                       moon__notice given) {
  moon__notice *n = moon__malloc(sizeof *n);
  *n = given;
  n->gpu = gpu;
  if (gpu->calls_host &&
      gpu->driver->host_call(queue, on_host_call, n) == MOON_OK) {
    return;
  }
  n->event = moon__gpu_event(gpu);
  if (!n->event || gpu->driver->event_record(n->event, queue) < 0) {
    moon__gpu_lose(gpu, gpu->driver->error());
  }
  if (w->last) {
    w->last->next = n;
  } else {
    w->first = n;
  }
  w->last = n;
  pthread_cond_signal(&w->more);
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

/* L: takes out the first notice whose event is there. */
static moon__notice *next_done(moon__gpu *gpu, moon__waits *w) {
  moon__notice *before = NULL;
  for (moon__notice *n = w->first; n; before = n, n = n->next) {
    int done = n->event && !gpu->lost ? gpu->driver->event_done(n->event) : 1;
    if (done < 0) moon__gpu_lose(gpu, gpu->driver->error());
    if (done == 0) continue;
    *(before ? &before->next : &w->first) = n->next;
    if (w->last == n) w->last = before;
    return n;
  }
  return NULL;
}

void *moon__gpu_wait_main(void *of) {
  moon__waits *w = of;
  moon__gpu *gpu = w->gpu;
  moon_runtime *rt = gpu->rt;
  gpu->driver->use(gpu->number);
  moon__lock(rt);
  for (;;) {
    while (!w->first && !rt->closing) moon__lock_wait(rt, &w->more);
    if (!w->first) break;
    void *event = gpu->lost ? NULL : w->first->event;
    moon__unlock(rt);
    int status = event ? gpu->driver->event_wait(event) : MOON_OK;
    pthread_mutex_lock(&gpu->retiring);
    moon__lock(rt);
    if (status < 0) moon__gpu_lose(gpu, gpu->driver->error());
    for (moon__notice *n; (n = next_done(gpu, w));) act_on(gpu, n);
    pthread_mutex_unlock(&gpu->retiring);
  }
  moon__unlock(rt);
  return NULL;
}
