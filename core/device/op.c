/* Op records: made, filled, submitted. */
#include <stdlib.h>
#include <string.h>
#include "device.h"

/* Ops estimated to take less run at submit when nothing is in their way:
 * handing one to a worker and back costs about as much. */
enum { INLINE_NS = 5000 };

moon__op *moon__op_new(moon_runtime *rt, int n_args) {
  moon__op *op = moon__pool_take(&rt->op_pool, sizeof *op);
  memset(op, 0, offsetof(moon__op, clock));
  op->call.arg = op->args;
  op->touch = op->touches;
  op->cap_args = MOON_OP_ARGS;
  op->cap_touches = MOON_OP_TOUCHES;
  if (n_args > MOON_OP_ARGS) {
    op->call.arg = moon__malloc((size_t)n_args * sizeof *op->call.arg);
    op->cap_args = n_args;
  }
  op->call.n = n_args;
  return op;
}

void moon__op_touch(moon__op *op, moon__region *region, int mode, int arg) {
  if (op->n_touches == op->cap_touches) {
    size_t n = 2 * (size_t)op->cap_touches;
    moon__touch *old = op->touch;
    op->touch = moon__malloc(n * sizeof *old);
    memcpy(op->touch, old, (size_t)op->n_touches * sizeof *old);
    if (old != op->touches) free(old);
    op->cap_touches = (int)n;
  }
  moon__region_retain(region);
  op->touch[op->n_touches++] = (moon__touch){region, (uint8_t)mode, arg};
}

bool moon__op_is_io(const moon__op *op) {
  int k = op->call.kernel;
  return k == MOON_K_save || k == MOON_K_load || k == MOON_K_fetch;
}

static bool owns_plan(const moon__op *op) {
  return moon__op_is_io(op) || op->call.kernel == MOON_K_decode;
}

static void forget(moon_runtime *rt, moon__after **list) {
  while (*list) {
    moon__after *after = *list;
    *list = after->next;
    after->next = rt->spare_afters;
    rt->spare_afters = after;
  }
}

/* With the lock held. */
void moon__op_recycle(moon_runtime *rt, moon__op *op) {
  for (int i = 0; i < op->n_touches; i++) {
    moon__region_release(rt, op->touch[i].region);
  }
  if (op->call.arg != op->args) free(op->call.arg);
  if (op->touch != op->touches) free(op->touch);
  moon__error_release(op->error);
  free(op->transfer);
  forget(rt, &op->after);
  forget(rt, &op->look);
  if (owns_plan(op)) moon__save_free(op->call.params.save.plan);
  if (op->task) moon__task_release_locked(op->task);
  moon__pool_give(&rt->op_pool, op);
}

void moon__op_drop(moon_runtime *rt, moon__op *op) {
  moon__lock(rt);
  moon__op_recycle(rt, op);
  moon__unlock(rt);
}


/* Whether the op is tiny and can run on this thread, now; or not at all. */
static bool runs_here(moon_runtime *rt, moon__op *op) {
  moon_fail fail;
  const moon__device *d = &rt->device[op->device];
  if (op->waits || d->sim || d->gpu || moon__op_is_io(op)) return false;
  if (moon__op_blocked(rt, op)) return true;
  if (op->kernel->plan(&op->call, &op->plan, 0, &fail) == MOON_OK &&
      op->plan.cost_ns <= INLINE_NS) {
    return true;
  }
  op->plan = (moon_plan){0};
  return false;
}

void moon__op_submit(moon_runtime *rt, moon__op *op) {
  op->submit_ns = moon_now();
  atomic_fetch_add_explicit(&rt->in_flight, 1, memory_order_relaxed);
  moon__lock(rt);
  rt->ops++;
  moon__depend(rt, op);
  moon__sim_submit(rt, op);
  if (op->waits) {
    moon__unlock(rt);
    return;
  }
  /* Nobody else can reach the op while it is neither waiting nor ready. */
  moon__unlock(rt);
  bool here = runs_here(rt, op);
  if (here) moon__op_run_here(rt, op);
  moon__lock(rt);
  if (here) {
    rt->inline_ops++;
    moon__op_retire(rt, op);
  } else {
    moon__ready_push(rt, op);
  }
  moon__unlock(rt);
}
