/* y = x / (1 - p) where element i is kept, else 0. Whether it is kept is told
 * by word i of the draw alone (philox.h), so the gradient is the same kernel
 * applied to dy. p = 1 keeps nothing.
 */
#include "../philox.h"
#include "walk.h"

REF_PLAN(plan_dropout) {
  int64_t n = moon_operand_numel(&call->arg[1]);
  ref_phase(plan, n, 8 * (double)n);
  return MOON_OK;
}

REF_RUN(run_dropout) {
  const moon_operand *x = &call->arg[0], *y = &call->arg[1];
  const moon_operand *o[] = {y, x};
  uint64_t key = call->params.random.key;
  uint64_t counter = call->params.random.counter;
  double p = call->params.random.p;
  uint32_t threshold = moon_philox_threshold(p);
  int64_t i, hi;
  ref_share(plan, phase, part, moon_operand_numel(y), &i, &hi);
  ref_walk w = ref_begin(o, 2, i, hi);
  for (; w.left > 0; ref_next(&w), i++) {
    uint32_t word = moon_philox_word(key, counter, (uint64_t)i);
    bool keep = word >> 8 >= threshold;
    ref_store(y, w.at[0], keep ? ref_load(x, w.at[1]) / (1 - p) : 0);
  }
  return MOON_OK;
}

const moon_kernel moon_ref_dropout = {"dropout", plan_dropout, run_dropout};
