/* y = value, and y[i] = start + i step: in double, cast to y's dtype. */
#include "walk.h"

REF_PLAN(plan_y) {
  int64_t n = moon_operand_numel(&call->arg[0]);
  ref_phase(plan, n, (double)n);
  return MOON_OK;
}

REF_RUN(run_fill) {
  const moon_operand *y = &call->arg[0];
  ref_walk w = ref_walk_part(&y, 1, plan, phase, part);
  for (; w.left > 0; ref_next(&w)) {
    ref_store(y, w.at[0], call->params.fill.value);
  }
  return MOON_OK;
}

REF_RUN(run_arange) {
  const moon_operand *y = &call->arg[0];
  double start = call->params.arange.start, step = call->params.arange.step;
  ref_walk w = ref_walk_part(&y, 1, plan, phase, part);
  for (; w.left > 0; ref_next(&w)) {
    ref_store(y, w.at[0], start + (double)w.index[0] * step);
  }
  return MOON_OK;
}

const moon_kernel moon_ref_fill = {"fill", plan_y, run_fill};
const moon_kernel moon_ref_arange = {"arange", plan_y, run_arange};
