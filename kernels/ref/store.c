/* x[n] to where the host may look at any time: each element and a count of
 * stores beside it, or, where x failed, one more error. Nothing once that place
 * has another life. */
#include "walk.h"

REF_PLAN(plan_store) {
  ref_phase(plan, 1, (double)moon_operand_numel(&call->arg[0]));
  return MOON_OK;
}

REF_RUN(run_store) {
  const moon_operand *x = ref_optional(call, 0);
  double *to = call->params.store.to;
  int64_t *count = call->params.store.count;
  const int64_t *life = call->params.store.life;
  if (__atomic_load_n(life, __ATOMIC_ACQUIRE) != call->params.store.wanted) {
    return MOON_OK;
  }
  if (!x) {
    __atomic_fetch_add(call->params.store.errors, 1, __ATOMIC_RELAXED);
    return MOON_OK;
  }
  for (int64_t i = 0; i < x->shape[0]; i++) {
    double v = ref_load(x, i * x->stride[0]);
    __atomic_store(&to[i], &v, __ATOMIC_RELAXED);
    __atomic_fetch_add(&count[i], 1, __ATOMIC_RELEASE);
  }
  return MOON_OK;
}

const moon_kernel moon_ref_store = {"store", plan_store, run_store};
