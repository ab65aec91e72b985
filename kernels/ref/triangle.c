/* Of each matrix of the last two dimensions, the elements on and below (or with
 * `upper` above) a diagonal; zeros elsewhere. Any dtype.
 */
#include "walk.h"

REF_PLAN(plan_triangle) {
  int64_t n = moon_operand_numel(&call->arg[1]);
  ref_phase(plan, n, 2 * (double)n);
  return MOON_OK;
}

REF_RUN(run_triangle) {
  const moon_operand *x = &call->arg[0], *y = &call->arg[1];
  const moon_operand *o[] = {y, x};
  int64_t diagonal = call->params.triangle.diagonal;
  ref_walk w = ref_walk_part(o, 2, plan, phase, part);
  for (; w.left > 0; ref_next(&w)) {
    int64_t place = w.index[y->ndim - 1] - w.index[y->ndim - 2];
    bool keeps = call->params.triangle.upper ? place >= diagonal
                                             : place <= diagonal;
    if (keeps) ref_move(x, w.at[1], y, w.at[0]);
    else ref_store(y, w.at[0], 0);
  }
  return MOON_OK;
}

const moon_kernel moon_ref_triangle = {"triangle", plan_triangle,
                                       run_triangle};
