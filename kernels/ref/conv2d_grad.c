/* The gradients of conv2d.c's convolution:
 *
 *   dx[n,c,h,w]  = sum of dy[n,k,i,j] w[k,c',u,v] over all k of c's group and
 *                  all u,v,i,j with i s0 - p0 + u d0 = h, j s1 - p1 + v d1 = w
 *   dw[k,c',u,v] = sum over n,i,j of
 *                  dy[n,k,i,j] x[n, g C/G + c', i s0 - p0 + u d0, j s1 - ...]
 *   db[k]        = sum over n,i,j of dy[n,k,i,j]
 *
 * c' is c's place in its group g. accumulate: dw and db are added to. bf16: dy,
 * w and x are rounded to bf16, the sums are not.
 */
#include "walk.h"

/* --- dx --------------------------------------------------------------- */
enum { X_DY, X_W, X_DX };

REF_PLAN(plan_grad_x) {
  const moon_operand *w = &call->arg[X_W], *dx = &call->arg[X_DX];
  double per_group = (double)(w->shape[0] / call->params.conv.groups);
  double taps = per_group * (double)(w->shape[2] * w->shape[3]);
  double n = (double)moon_operand_numel(dx);
  ref_phase(plan, dx->shape[0] * dx->shape[1], n * (taps + 1));
  return MOON_OK;
}

/* The output row (or column) in which tap u meets the input's place h, or -1:
 * i with i stride - padding + u dilation = h, 0 <= i < size. */
static int64_t meeting(const moon_params *q, int axis, int64_t h, int64_t u,
                       int64_t size) {
  int64_t i = h + q->conv.padding[axis] - u * q->conv.dilation[axis];
  if (i < 0 || i % q->conv.stride[axis]) return -1;
  i /= q->conv.stride[axis];
  return i < size ? i : -1;
}

static double pull_back(const moon_call *call, int64_t n, int64_t c, int64_t h,
                        int64_t w_at) {
  const moon_operand *dy = &call->arg[X_DY], *w = &call->arg[X_W];
  int64_t per_group = w->shape[0] / call->params.conv.groups;
  int64_t group = c / w->shape[1], in_group = c % w->shape[1];
  int32_t bf16 = call->params.conv.bf16;
  double sum = 0;
  for (int64_t k = group * per_group; k < (group + 1) * per_group; k++) {
    for (int64_t u = 0; u < w->shape[2]; u++) {
      int64_t i = meeting(&call->params, 0, h, u, dy->shape[2]);
      if (i < 0) continue;
      for (int64_t v = 0; v < w->shape[3]; v++) {
        int64_t j = meeting(&call->params, 1, w_at, v, dy->shape[3]);
        if (j < 0) continue;
        sum += ref_factor(dy, ref_at4(dy, n, k, i, j), bf16) *
               ref_factor(w, ref_at4(w, k, in_group, u, v), bf16);
      }
    }
  }
  return sum;
}

REF_RUN(run_grad_x) {
  const moon_operand *dx = &call->arg[X_DX];
  int64_t lo, hi, plane = dx->shape[2] * dx->shape[3];
  ref_share(plan, phase, part, dx->shape[0] * dx->shape[1], &lo, &hi);
  ref_walk w = ref_begin(&dx, 1, lo * plane, hi * plane);
  for (; w.left > 0; ref_next(&w)) {
    const int64_t *at = w.index;
    ref_store(dx, w.at[0], pull_back(call, at[0], at[1], at[2], at[3]));
  }
  return MOON_OK;
}

/* --- dw and db -------------------------------------------------------- */
enum { W_DY, W_X, W_DW, W_DB };

REF_PLAN(plan_grad_w) {
  const moon_operand *dy = &call->arg[W_DY], *dw = &call->arg[W_DW];
  const moon_operand *db = ref_optional(call, W_DB);
  double places = (double)(dy->shape[0] * dy->shape[2] * dy->shape[3]);
  double n = (double)moon_operand_numel(dw);
  ref_phase(plan, moon_operand_numel(dw), n * (places + 1));
  if (db) ref_phase(plan, db->shape[0], (double)moon_operand_numel(dy));
  return MOON_OK;
}

static double correlate(const moon_call *call, int64_t k, int64_t in_group,
                        int64_t u, int64_t v) {
  const moon_operand *dy = &call->arg[W_DY], *x = &call->arg[W_X];
  const moon_operand *dw = &call->arg[W_DW];
  const int64_t *s = call->params.conv.stride, *p = call->params.conv.padding;
  const int64_t *d = call->params.conv.dilation;
  int64_t per_group = dw->shape[0] / call->params.conv.groups;
  int64_t c = k / per_group * dw->shape[1] + in_group;
  int32_t bf16 = call->params.conv.bf16;
  double sum = 0;
  for (int64_t n = 0; n < dy->shape[0]; n++) {
    for (int64_t i = 0; i < dy->shape[2]; i++) {
      int64_t row = i * s[0] - p[0] + u * d[0];
      if (row < 0 || row >= x->shape[2]) continue;
      for (int64_t j = 0; j < dy->shape[3]; j++) {
        int64_t column = j * s[1] - p[1] + v * d[1];
        if (column < 0 || column >= x->shape[3]) continue;
        sum += ref_factor(dy, ref_at4(dy, n, k, i, j), bf16) *
               ref_factor(x, ref_at4(x, n, c, row, column), bf16);
      }
    }
  }
  return sum;
}

static double sum_dy(const moon_call *call, int64_t k) {
  const moon_operand *dy = &call->arg[W_DY];
  int32_t bf16 = call->params.conv.bf16;
  double sum = 0;
  for (int64_t n = 0; n < dy->shape[0]; n++) {
    for (int64_t i = 0; i < dy->shape[2]; i++) {
      for (int64_t j = 0; j < dy->shape[3]; j++) {
        sum += ref_factor(dy, ref_at4(dy, n, k, i, j), bf16);
      }
    }
  }
  return sum;
}

REF_RUN(run_grad_w) {
  const moon_operand *dw = &call->arg[W_DW];
  const moon_operand *target = phase == 0 ? dw : &call->arg[W_DB];
  bool accumulate = call->params.conv.accumulate != 0;
  ref_walk w = ref_walk_part(&target, 1, plan, phase, part);
  for (; w.left > 0; ref_next(&w)) {
    const int64_t *at = w.index;
    double v = phase == 0 ? correlate(call, at[0], at[1], at[2], at[3])
                          : sum_dy(call, at[0]);
    if (accumulate) v += ref_load(target, w.at[0]);
    ref_store(target, w.at[0], v);
  }
  return MOON_OK;
}

const moon_kernel moon_ref_conv2d_grad_x = {"conv2d_grad_x", plan_grad_x,
                                            run_grad_x};
const moon_kernel moon_ref_conv2d_grad_w = {"conv2d_grad_w", plan_grad_w,
                                            run_grad_w};
