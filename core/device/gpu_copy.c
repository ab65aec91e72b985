/* Copies between a host's memory and a GPU's, or two GPUs'. Pageable memory
 * would make the driver wait, so they go by way of pinned memory: small ones
 * here, on the launching thread, large ones in pieces (gpu_carry.c). Both sides
 * are dense and lie alike (core/op/copy.c sees to that). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "gpu.h"

/* Bytes of a small copy at most, and of all that are under way. */
enum { SMALL = 1 << 15, SMALL_PAGE = 1 << 22 };

bool moon__transfer_is_far(const moon__op *op, int arg) {
  int direction = op->transfer->direction;
  return arg == 0 ? direction != MOON_GPU_TO_DEVICE
                  : direction != MOON_GPU_TO_HOST;
}

static moon__spare *small_take(moon__gpu *gpu) {
  if (!gpu->small_page) {
    if (moon__gpu_pinned_new(gpu, SMALL_PAGE, &gpu->small_page) < 0) {
      return NULL;
    }
    moon__lock(gpu->rt);
    for (int at = 0; at < SMALL_PAGE; at += SMALL) {
      moon__spare *s = moon__malloc(sizeof *s);
      *s = (moon__spare){gpu->small, (char *)gpu->small_page + at, SMALL};
      gpu->small = s;
    }
    moon__unlock(gpu->rt);
  }
  moon__lock(gpu->rt);
  moon__spare *s = gpu->small;
  if (s) gpu->small = s->next;
  moon__unlock(gpu->rt);
  return s;
}

bool moon__gpu_is_small(moon__gpu *gpu, moon__transfer *t) {
  if (t->nbytes == 0 || t->direction == MOON_GPU_WITHIN) return true;
  if (t->nbytes <= SMALL) t->small = small_take(gpu);
  return t->small;
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
  const moon__transfer *t = op->transfer;
  const void *from = op->call.arg[0].data;
  void *to = op->call.arg[1].data;
  int status;
  if (t->nbytes == 0) return MOON_OK;
  if (t->direction == MOON_GPU_WITHIN) {
    status = between(gpu, op, queue);
  } else if (t->direction == MOON_GPU_TO_DEVICE) {
    memcpy(t->small->p, from, t->nbytes);
    status = gpu->driver->copy(to, t->small->p, t->nbytes, t->direction,
                               queue);
  } else {
    status = gpu->driver->copy(t->small->p, from, t->nbytes, t->direction,
                               queue);
  }
  if (status < 0) {
    snprintf(fail->text, sizeof fail->text, "%zu bytes: %s", t->nbytes,
             gpu->driver->error());
  }
  return status;
}

void moon__gpu_transfer_end(moon__gpu *gpu, moon__op *op) {
  moon__transfer *t = op->transfer;
  moon__spare *s = t->small;
  op->transfer = NULL;
  bool fine = op->status == MOON_OK && !op->error;
  if (s && fine && t->direction == MOON_GPU_TO_HOST) {
    memcpy(op->call.arg[1].data, s->p, t->nbytes);
  }
  moon__gpu_carried(gpu, t, fine);
  free(t);
  if (!s) return;
  moon__lock(gpu->rt);
  s->next = gpu->small;
  gpu->small = s;
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

/* The host's copy of an output; NULL: it has no elements, or `*status`. */
static void *fetch(moon__gpu *gpu, const moon_operand *o, void *queue,
                   int *status) {
  size_t nbytes = o->data ? reach(o) * moon_dtype_size(o->dtype) : 0;
  if (nbytes == 0) return NULL;
  void *copy = moon__malloc(nbytes);
  int copied =
      gpu->driver->copy(copy, o->data, nbytes, MOON_GPU_TO_HOST, queue);
  if (copied < 0) *status = copied;
  return copy;
}

void moon__gpu_check_finite(moon__gpu *gpu, moon__op *op, void *queue) {
  const moon_gpu_driver *driver = gpu->driver;
  void *event = NULL;
  if (op->transfer || driver->event_new(&event) < 0) return;
  int n = op->call.n, status = MOON_OK;
  moon_operand *arg = op->call.arg;
  void **far = moon__calloc((size_t)n, sizeof *far);
  void **near = moon__calloc((size_t)n, sizeof *near);
  for (int i = 0; i < op->n_touches; i++) {
    int k = op->touch[i].arg;
    if (op->touch[i].mode < MOON__WRITE || near[k]) continue;
    far[k] = arg[k].data;
    near[k] = fetch(gpu, &arg[k], queue, &status);
    if (near[k]) arg[k].data = near[k];
  }
  if (status == MOON_OK) status = driver->event_record(event, queue);
  if (status == MOON_OK) status = driver->event_wait(event);
  if (status == MOON_OK) moon__op_check_finite(op);
  for (int k = 0; k < n; k++) {
    if (near[k]) arg[k].data = far[k];
    free(near[k]);
  }
  free(far);
  free(near);
  driver->event_free(event);
}
