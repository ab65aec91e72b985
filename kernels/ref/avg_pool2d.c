/* The mean of each window (../windows.h):
 *
 *   y[n,c,i,j] = 1/D sum over the window's h,w of x[n,c,h,w]
 *   dx[n,c,h,w] = sum over the windows that hold h,w of dy[n,c,i,j] / D
 *
 * D counts the window's places: those on x, or with count_padding also those in
 * the padding. A window without places gives 0.
 */
#include "../windows.h"
#include "walk.h"

static moon_windows axis_of(const moon_call *call, const moon_operand *x,
                            const moon_operand *y, int axis) {
  const moon_pool2d_params *p = &call->params.avg_pool.window;
  return (moon_windows){x->shape[2 + axis], y->shape[2 + axis],
                        p->kernel[axis], p->stride[axis], p->padding[axis]};
}

typedef struct window { int64_t lo[2], hi[2]; double count; } window;

static window window_of(const moon_call *call, const moon_windows axis[2],
                        int64_t i, int64_t j) {
  window w;
  moon_window_at(&axis[0], i, &w.lo[0], &w.hi[0]);
  moon_window_at(&axis[1], j, &w.lo[1], &w.hi[1]);
  w.count = (double)((w.hi[0] - w.lo[0]) * (w.hi[1] - w.lo[1]));
  if (call->params.avg_pool.count_padding) {
    w.count = (double)(moon_window_padded(&axis[0], i) *
                       moon_window_padded(&axis[1], j));
  }
  return w;
}

/* --- forward ---------------------------------------------------------- */
REF_PLAN(plan_pool) {
  int64_t n = moon_operand_numel(&call->arg[1]);
  ref_phase(plan, n, 4 * (double)(n + moon_operand_numel(&call->arg[0])));
  return MOON_OK;
}

REF_RUN(run_pool) {
  const moon_operand *x = &call->arg[0], *y = &call->arg[1];
  moon_windows axis[2] = {axis_of(call, x, y, 0), axis_of(call, x, y, 1)};
  ref_walk at = ref_walk_part(&y, 1, plan, phase, part);
  for (; at.left > 0; ref_next(&at)) {
    int64_t n = at.index[0], c = at.index[1];
    window w = window_of(call, axis, at.index[2], at.index[3]);
    double sum = 0;
    for (int64_t h = w.lo[0]; h < w.hi[0]; h++) {
      for (int64_t v = w.lo[1]; v < w.hi[1]; v++) {
        sum += ref_load(x, ref_at4(x, n, c, h, v));
      }
    }
    ref_store(y, at.at[0], w.count > 0 ? sum / w.count : 0);
  }
  return MOON_OK;
}

/* --- gradient --------------------------------------------------------- */
enum { DY, DX };

REF_PLAN(plan_grad) {
  int64_t n = moon_operand_numel(&call->arg[DX]);
  ref_phase(plan, n, 8 * (double)(n + moon_operand_numel(&call->arg[DY])));
  return MOON_OK;
}

static double pull_back(const moon_call *call, const moon_windows axis[2],
                        const int64_t *at) {
  const moon_operand *dy = &call->arg[DY];
  int64_t lo[2], hi[2];
  double sum = 0;
  for (int k = 0; k < 2; k++) {
    moon_windows_over(&axis[k], at[2 + k], &lo[k], &hi[k]);
  }
  for (int64_t i = lo[0]; i < hi[0]; i++) {
    for (int64_t j = lo[1]; j < hi[1]; j++) {
      sum += ref_load(dy, ref_at4(dy, at[0], at[1], i, j)) /
             window_of(call, axis, i, j).count;
    }
  }
  return sum;
}

REF_RUN(run_grad) {
  const moon_operand *dy = &call->arg[DY], *dx = &call->arg[DX];
  moon_windows axis[2] = {axis_of(call, dx, dy, 0), axis_of(call, dx, dy, 1)};
  ref_walk w = ref_walk_part(&dx, 1, plan, phase, part);
  for (; w.left > 0; ref_next(&w)) {
    ref_store(dx, w.at[0], pull_back(call, axis, w.index));
  }
  return MOON_OK;
}

const moon_kernel moon_ref_avg_pool2d = {"avg_pool2d", plan_pool, run_pool};
const moon_kernel moon_ref_avg_pool2d_grad = {"avg_pool2d_grad", plan_grad,
                                              run_grad};
