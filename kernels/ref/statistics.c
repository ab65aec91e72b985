/* What a tensor looks like, in three f32 numbers: its Euclidean norm, the share
 * of zeros, the count of values that are not finite (NaN or infinite). Each
 * part counts its elements into scratch; the parts are added in order. Of no
 * elements: 0, NaN, 0.
 */
#include <math.h>
#include "walk.h"

typedef struct counts { double squares, zeros, wild; } counts;

REF_PLAN(plan_statistics) {
  int64_t n = moon_operand_numel(&call->arg[0]);
  ref_phase(plan, n, 2 * (double)n);
  ref_phase(plan, 1, plan->parts[0]);
  plan->scratch = (size_t)plan->parts[0] * sizeof(counts);
  return MOON_OK;
}

static counts count(ref_walk w, const moon_operand *x) {
  counts c = {0, 0, 0};
  for (; w.left > 0; ref_next(&w)) {
    double v = ref_load(x, w.at[0]);
    c.squares += v * v;
    c.zeros += v == 0;
    c.wild += !isfinite(v);
  }
  return c;
}

REF_RUN(run_statistics) {
  const moon_operand *x = &call->arg[0], *y = &call->arg[1];
  counts *partial = scratch, sum = {0, 0, 0};
  if (phase == 0) {
    partial[part] = count(ref_walk_part(&x, 1, plan, phase, part), x);
    return MOON_OK;
  }
  for (int k = 0; k < plan->parts[0]; k++) {
    sum.squares += partial[k].squares;
    sum.zeros += partial[k].zeros;
    sum.wild += partial[k].wild;
  }
  ref_store(y, 0, sqrt(sum.squares));
  ref_store(y, y->stride[0], sum.zeros / (double)moon_operand_numel(x));
  ref_store(y, 2 * y->stride[0], sum.wild);
  return MOON_OK;
}

const moon_kernel moon_ref_statistics = {"statistics", plan_statistics,
                                         run_statistics};
