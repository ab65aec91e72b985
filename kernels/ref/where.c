/* y = c ? a : b, elementwise; all operands have y's shape (broadcasting is
 * stride 0), a, b and y one dtype. */
#include "walk.h"

enum { C, A, B, Y };

REF_PLAN(plan_where) {
  int64_t n = moon_operand_numel(&call->arg[Y]);
  ref_phase(plan, n, 3 * (double)n);
  return MOON_OK;
}

REF_RUN(run_where) {
  const moon_operand *c = &call->arg[C], *a = &call->arg[A];
  const moon_operand *b = &call->arg[B], *y = &call->arg[Y];
  const moon_operand *o[] = {y, c, a, b};
  ref_walk w = ref_walk_part(o, 4, plan, phase, part);
  for (; w.left > 0; ref_next(&w)) {
    bool is_a = ref_load_int(c, w.at[1]) != 0;
    ref_move(is_a ? a : b, is_a ? w.at[2] : w.at[3], y, w.at[0]);
  }
  return MOON_OK;
}

const moon_kernel moon_ref_where = {"where", plan_where, run_where};
