/* Copies between a host's memory and a GPU's, or two GPUs'. Pageable memory
 * would make the driver wait, so they go by way of pinned memory, which is
 * kept. Both sides are dense and lie alike (core/op/copy.c sees to that). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "gpu.h"

enum { LEAST_PINNED = 1 << 16, STAGE_ALONE = 1 << 17 };  /* bytes */

bool moon__transfer_is_far(const moon__op *op, int arg) {
  int direction = op->transfer->direction;
  return arg == 0 ? direction != MOON_GPU_TO_DEVICE
                  : direction != MOON_GPU_TO_HOST;
}

/* Not L. A power of two of pinned bytes, kept for the next. */
static moon__spare *pinned_take(moon__gpu *gpu, size_t nbytes) {
  size_t want = LEAST_PINNED;
  while (want < nbytes) want *= 2;
  moon__lock(gpu->rt);
  moon__spare **link = &gpu->pinned;
  while (*link && (*link)->nbytes != want) link = &(*link)->next;
  moon__spare *s = *link;
  if (s) *link = s->next;
  moon__unlock(gpu->rt);
  if (s) return s;
  void *p = NULL;
  if (gpu->driver->pinned_new(want, &p) < 0) return NULL;
  s = moon__malloc(sizeof *s);
  *s = (moon__spare){NULL, p, want};
  return s;
}

static void stage(moon__gpu *gpu, moon__op *op) {
  moon__transfer *t = op->transfer;
  t->pinned = pinned_take(gpu, t->nbytes);
  if (t->pinned) memcpy(t->pinned->p, op->call.arg[0].data, t->nbytes);
}

bool moon__gpu_stage(moon__gpu *gpu, moon__op *op) {
  const moon__transfer *t = op->transfer;
  if (t->direction != MOON_GPU_TO_DEVICE || t->nbytes < STAGE_ALONE) {
    return false;
  }
  moon__lock(gpu->rt);
  op->ready_next = NULL;
  if (gpu->stage_last) {
    gpu->stage_last->ready_next = op;
  } else {
    gpu->stage_first = op;
  }
  gpu->stage_last = op;
  pthread_cond_signal(&gpu->stage_work);
  moon__unlock(gpu->rt);
  return true;
}

void *moon__gpu_stage_main(void *of) {
  moon__gpu *gpu = of;
  moon_runtime *rt = gpu->rt;
  gpu->driver->use(gpu->number);
  moon__lock(rt);
  for (;;) {
    moon__op *op = gpu->stage_first;
    if (!op && rt->closing) break;
    if (!op) {
      moon__lock_wait(rt, &gpu->stage_work);
      continue;
    }
    gpu->stage_first = op->ready_next;
    if (!gpu->stage_first) gpu->stage_last = NULL;
    moon__unlock(rt);
    stage(gpu, op);
    moon__lock(rt);
    op->looked = true;
    moon__gpu_push(gpu, op);
  }
  moon__unlock(rt);
  return NULL;
}

static int between(moon__gpu *gpu, moon__op *op, void *queue) {
  moon_runtime *rt = gpu->rt;
  const moon__transfer *t = op->transfer;
  return gpu->driver->copy_peer(
      op->call.arg[1].data, rt->device[t->to].gpu->number,
      op->call.arg[0].data, rt->device[t->from].gpu->number, t->nbytes, queue);
}

int moon__gpu_transfer(moon__gpu *gpu, moon__op *op, void *queue,
                       moon_fail *fail) {
  moon__transfer *t = op->transfer;
  const moon_gpu_driver *driver = gpu->driver;
  int status;
  if (t->nbytes == 0) return MOON_OK;
  if (t->direction == MOON_GPU_WITHIN) {
    status = between(gpu, op, queue);
  } else if (t->direction == MOON_GPU_TO_DEVICE) {
    if (!t->pinned) stage(gpu, op);
    status = !t->pinned ? MOON_E_MEMORY
             : driver->copy(op->call.arg[1].data, t->pinned->p, t->nbytes,
                            t->direction, queue);
  } else {
    t->pinned = pinned_take(gpu, t->nbytes);
    status = !t->pinned ? MOON_E_MEMORY
             : driver->copy(t->pinned->p, op->call.arg[0].data, t->nbytes,
                            t->direction, queue);
  }
  if (status < 0) {
    snprintf(fail->text, sizeof fail->text, "%zu bytes: %s", t->nbytes,
             driver->error());
  }
  return status;
}

void moon__gpu_transfer_end(moon__gpu *gpu, moon__op *op) {
  moon__transfer *t = op->transfer;
  moon__spare *s = t->pinned;
  op->transfer = NULL;
  bool fine = op->status == MOON_OK && !op->error;
  if (s && fine && t->direction == MOON_GPU_TO_HOST) {
    memcpy(op->call.arg[1].data, s->p, t->nbytes);
  }
  free(t);
  if (!s) return;
  moon__lock(gpu->rt);
  s->next = gpu->pinned;
  gpu->pinned = s;
  moon__unlock(gpu->rt);
}

/* Elements from the first to the last of an operand. */
static size_t reach(const moon_operand *o) {
  int64_t last = 0;
  for (int d = 0; d < o->ndim; d++) {
    if (o->shape[d] == 0) return 0;
    last += (o->shape[d] - 1) * o->stride[d];
  }
  return (size_t)last + 1;
}

void moon__gpu_check_finite(moon__gpu *gpu, moon__op *op, void *queue) {
  const moon_gpu_driver *driver = gpu->driver;
  void *data[MOON_OP_ARGS], *copy[MOON_OP_ARGS], *event = NULL;
  if (op->transfer || op->call.n > MOON_OP_ARGS) return;
  if (driver->event_new(&event) < 0) return;
  for (int i = 0; i < op->call.n; i++) {
    moon_operand *o = &op->call.arg[i];
    size_t nbytes = o->data ? reach(o) * moon_dtype_size(o->dtype) : 0;
    data[i] = o->data;
    copy[i] = nbytes ? moon__malloc(nbytes) : NULL;
    if (nbytes) driver->copy(copy[i], o->data, nbytes, MOON_GPU_TO_HOST, queue);
    if (nbytes) o->data = copy[i];
  }
  driver->event_record(event, queue);
  driver->event_wait(event);
  moon__op_check_finite(op);
  for (int i = 0; i < op->call.n; i++) {
    op->call.arg[i].data = data[i];
    free(copy[i]);
  }
  driver->event_free(event);
}
