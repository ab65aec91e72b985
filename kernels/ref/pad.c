/* y[i] = x[at(i - before)] in each dimension, or a constant; any dtype. How
 * `at` is mirrored, repeated or wrapped is in core/op/pad.c.
 *
 * pad_grad, for all but constant: dx[at(i - before)] = sum of dy[i], in the
 * order of dy.
 */
#include "../padding.h"
#include "walk.h"

/* The element of x that place `index` of the padded tensor shows, or -1. */
static int64_t source(const moon_call *call, const moon_operand *x,
                      const int64_t *index) {
  int64_t at = 0;
  for (int d = 0; d < x->ndim; d++) {
    int64_t i = index[d] - call->params.pad.before[d];
    i = moon_padded_place(call->params.pad.mode, i, x->shape[d]);
    if (i < 0) return -1;
    at += i * x->stride[d];
  }
  return at;
}

REF_PLAN(plan_pad) {
  int64_t n = moon_operand_numel(&call->arg[1]);
  ref_phase(plan, n, 4 * (double)n);
  return MOON_OK;
}

REF_RUN(run_pad) {
  const moon_operand *x = &call->arg[0], *y = &call->arg[1];
  ref_walk w = ref_walk_part(&y, 1, plan, phase, part);
  for (; w.left > 0; ref_next(&w)) {
    int64_t from = source(call, x, w.index);
    if (from < 0) ref_store(y, w.at[0], call->params.pad.value);
    else ref_move(x, from, y, w.at[0]);
  }
  return MOON_OK;
}

/* --- gradient --------------------------------------------------------- */
enum { DY, DX };

/* Dimension 0 is shared out where it is not padded. */
static int64_t units(const moon_call *call) {
  const moon_operand *dy = &call->arg[DY], *dx = &call->arg[DX];
  bool whole = dy->ndim > 0 && dy->shape[0] == dx->shape[0];
  return whole && dx->shape[0] > 0 ? dx->shape[0] : 1;
}

REF_PLAN(plan_grad) {
  ref_phase(plan, units(call), 5 * (double)moon_operand_numel(&call->arg[DY]));
  return MOON_OK;
}

REF_RUN(run_grad) {
  const moon_operand *dy = &call->arg[DY], *dx = &call->arg[DX];
  int64_t lo, hi, all = units(call);
  int64_t of_dy = moon_operand_numel(dy) / all;
  int64_t of_dx = moon_operand_numel(dx) / all;
  ref_share(plan, phase, part, all, &lo, &hi);
  ref_walk w = ref_begin(&dx, 1, lo * of_dx, hi * of_dx);
  for (; w.left > 0; ref_next(&w)) ref_store(dx, w.at[0], 0);
  w = ref_begin(&dy, 1, lo * of_dy, hi * of_dy);
  for (; w.left > 0; ref_next(&w)) {
    int64_t to = source(call, dx, w.index);
    ref_store(dx, to, ref_load(dx, to) + ref_load(dy, w.at[0]));
  }
  return MOON_OK;
}

const moon_kernel moon_ref_pad = {"pad", plan_pad, run_pad};
const moon_kernel moon_ref_pad_grad = {"pad_grad", plan_grad, run_grad};
