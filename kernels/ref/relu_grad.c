/* The gradient of y = max(0, x), told by y alone, and of a bias before it:
 *
 *   dx = y > 0 ? dy : 0        db[c] = sum of dx over all dimensions but 1
 */
#include "walk.h"

enum { DY, Y, DX, DB };

REF_PLAN(plan_relu_grad) {
  const moon_operand *dx = &call->arg[DX], *db = ref_optional(call, DB);
  int64_t n = moon_operand_numel(dx);
  ref_phase(plan, n, 3 * (double)n);
  if (db) ref_phase(plan, db->shape[0], (double)n);
  return MOON_OK;
}

static double sum_channel(const moon_operand *dx, int64_t c) {
  moon_operand channel = ref_channel(dx, c);
  const moon_operand *o[] = {&channel};
  double sum = 0;
  ref_walk w = ref_begin(o, 1, 0, moon_operand_numel(&channel));
  for (; w.left > 0; ref_next(&w)) sum += ref_load(&channel, w.at[0]);
  return sum;
}

REF_RUN(run_relu_grad) {
  const moon_operand *dy = &call->arg[DY], *y = &call->arg[Y];
  const moon_operand *dx = &call->arg[DX], *db = ref_optional(call, DB);
  if (phase == 1) {
    int64_t lo, hi;
    ref_share(plan, phase, part, db->shape[0], &lo, &hi);
    for (int64_t c = lo; c < hi; c++) {
      ref_store(db, c * db->stride[0], sum_channel(dx, c));
    }
    return MOON_OK;
  }
  const moon_operand *o[] = {dx, dy, y};
  ref_walk w = ref_walk_part(o, 3, plan, phase, part);
  for (; w.left > 0; ref_next(&w)) {
    bool passes = ref_load(y, w.at[2]) > 0;
    ref_store(dx, w.at[0], passes ? ref_load(dy, w.at[1]) : 0);
  }
  return MOON_OK;
}

const moon_kernel moon_ref_relu_grad = {"relu_grad", plan_relu_grad,
                                        run_relu_grad};
