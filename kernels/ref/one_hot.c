/* y[n, k] = 1 where k = i[n], else 0: i i64 [N], y [N,K] of any dtype. Indices
 * are checked before anything is written.
 */
#include "walk.h"

enum { I, Y };

REF_PLAN(plan_one_hot) {
  int64_t n = moon_operand_numel(&call->arg[Y]);
  ref_phase(plan, 1, (double)call->arg[I].shape[0]);
  ref_phase(plan, n, (double)n);
  return MOON_OK;
}

REF_RUN(run_one_hot) {
  const moon_operand *i = &call->arg[I], *y = &call->arg[Y];
  if (phase == 0) return ref_check_index(i, "index", y->shape[1], fail);
  ref_walk w = ref_walk_part(&y, 1, plan, phase, part);
  for (; w.left > 0; ref_next(&w)) {
    int64_t k = ref_load_int(i, w.index[0] * i->stride[0]);
    ref_store(y, w.at[0], w.index[1] == k);
  }
  return MOON_OK;
}

const moon_kernel moon_ref_one_hot = {"one_hot", plan_one_hot, run_one_hot};
