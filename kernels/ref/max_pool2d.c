/* The largest element of each window, and where it was:
 *
 *   y[n,c,i,j] = max over the window's h,w of x[n,c,h,w]     (../windows.h)
 *   i[n,c,i,j] = h W + w of it in x's plane
 *   dx[n,c,h,w] = sum of the dy whose index is h W + w
 *
 * Padding never wins; NaN does; the first of equals. A window that lies wholly
 * in the padding gives minus infinity and index -1.
 */
#include <math.h>
#include "../windows.h"
#include "walk.h"

enum { X, Y, I };
enum { G_DY, G_I, G_DX };

static moon_windows axis_of(const moon_call *call, const moon_operand *x,
                            const moon_operand *y, int axis) {
  const moon_pool2d_params *p = &call->params.pool;
  return (moon_windows){x->shape[2 + axis], y->shape[2 + axis],
                        p->kernel[axis], p->stride[axis], p->padding[axis]};
}

/* Places of all windows together, about. */
static double windows_of(const moon_call *call, const moon_operand *x,
                         const moon_operand *y) {
  moon_windows down = axis_of(call, x, y, 0), along = axis_of(call, x, y, 1);
  return (double)moon_operand_numel(y) * moon_window_extent(&down) *
         moon_window_extent(&along);
}

REF_PLAN(plan_pool) {
  const moon_operand *x = &call->arg[X], *y = &call->arg[Y];
  ref_phase(plan, moon_operand_numel(y), windows_of(call, x, y));
  return MOON_OK;
}

/* h W + w of the largest element of window at[2], at[3], or -1. */
static int64_t largest(const moon_call *call, const int64_t *at) {
  const moon_operand *x = &call->arg[X];
  int64_t best = -1, lo[2], hi[2];
  double max = -INFINITY;
  for (int k = 0; k < 2; k++) {
    moon_windows axis = axis_of(call, x, &call->arg[Y], k);
    moon_window_at(&axis, at[2 + k], &lo[k], &hi[k]);
  }
  for (int64_t h = lo[0]; h < hi[0]; h++) {
    for (int64_t w = lo[1]; w < hi[1]; w++) {
      double value = ref_load(x, ref_at4(x, at[0], at[1], h, w));
      bool wins = value > max || (isnan(value) && !isnan(max));
      if (best >= 0 && !wins) continue;
      best = h * x->shape[3] + w;
      max = value;
    }
  }
  return best;
}

REF_RUN(run_pool) {
  const moon_operand *x = &call->arg[X], *y = &call->arg[Y];
  const moon_operand *o[] = {y, &call->arg[I]};
  ref_walk w = ref_walk_part(o, 2, plan, phase, part);
  for (; w.left > 0; ref_next(&w)) {
    const int64_t *at = w.index;
    int64_t best = largest(call, at);
    ref_store_int(&call->arg[I], w.at[1], best);
    if (best < 0) {
      ref_store(y, w.at[0], -INFINITY);
    } else {
      int64_t h = best / x->shape[3], column = best % x->shape[3];
      ref_move(x, ref_at4(x, at[0], at[1], h, column), y, w.at[0]);
    }
  }
  return MOON_OK;
}

REF_PLAN(plan_grad) {
  const moon_operand *dy = &call->arg[G_DY], *dx = &call->arg[G_DX];
  int64_t n = moon_operand_numel(dx);
  ref_phase(plan, n, (double)n + windows_of(call, dx, dy));
  return MOON_OK;
}

static double pull_back(const moon_call *call, const int64_t *at) {
  const moon_operand *dy = &call->arg[G_DY], *index = &call->arg[G_I];
  const moon_operand *dx = &call->arg[G_DX];
  int64_t place = at[2] * dx->shape[3] + at[3], lo[2], hi[2];
  for (int k = 0; k < 2; k++) {
    moon_windows w = axis_of(call, dx, dy, k);
    moon_windows_over(&w, at[2 + k], &lo[k], &hi[k]);
  }
  double sum = 0;
  for (int64_t i = lo[0]; i < hi[0]; i++) {
    for (int64_t j = lo[1]; j < hi[1]; j++) {
      int64_t best = ref_load_int(index, ref_at4(index, at[0], at[1], i, j));
      if (best != place) continue;
      sum += ref_load(dy, ref_at4(dy, at[0], at[1], i, j));
    }
  }
  return sum;
}

REF_RUN(run_grad) {
  const moon_operand *dx = &call->arg[G_DX];
  ref_walk w = ref_walk_part(&dx, 1, plan, phase, part);
  for (; w.left > 0; ref_next(&w)) {
    ref_store(dx, w.at[0], pull_back(call, w.index));
  }
  return MOON_OK;
}

const moon_kernel moon_ref_max_pool2d = {"max_pool2d", plan_pool, run_pool};
const moon_kernel moon_ref_max_pool2d_grad = {"max_pool2d_grad", plan_grad,
                                              run_grad};
