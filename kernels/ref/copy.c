/* y = x, of the same shape, cast where the dtypes differ.
 *
 * float -> integer  toward zero; NaN gives 0; out of i64's range the nearest
 * integer -> integer  the low bits
 * anything -> bool  x != 0 (NaN is true);  bool -> anything  0 or 1
 */
#include "walk.h"

REF_PLAN(plan_copy) {
  int64_t n = moon_operand_numel(&call->arg[0]);
  ref_phase(plan, n, 2 * (double)n);
  return MOON_OK;
}

REF_RUN(run_copy) {
  const moon_operand *x = &call->arg[0], *y = &call->arg[1];
  const moon_operand *o[] = {y, x};
  ref_walk w = ref_walk_part(o, 2, plan, phase, part);
  for (; w.left > 0; ref_next(&w)) ref_move(x, w.at[1], y, w.at[0]);
  return MOON_OK;
}

const moon_kernel moon_ref_copy = {"copy", plan_copy, run_copy};
