/* y_i = x_1 + ... + x_i along one dimension, or, in reverse, x_i + ... + x_n:
 * in double, or i64 modulo 2^64 for integers. */
#include "walk.h"

static moon_operand heads_of(const moon_call *call) {
  return ref_heads(&call->arg[1], 1u << call->params.scan.dim);
}

REF_PLAN(plan_cumsum) {
  moon_operand heads = heads_of(call);
  double n = (double)moon_operand_numel(&call->arg[1]);
  ref_phase(plan, moon_operand_numel(&heads), 2 * n);
  return MOON_OK;
}

REF_RUN(run_cumsum) {
  const moon_operand *x = &call->arg[0], *y = &call->arg[1];
  int dim = call->params.scan.dim, reverse = call->params.scan.reverse;
  int64_t n = x->shape[dim];
  moon_operand heads = heads_of(call);
  const moon_operand *o[] = {&heads, x};
  if (n == 0) return MOON_OK;
  ref_walk w = ref_walk_part(o, 2, plan, phase, part);
  for (; w.left > 0; ref_next(&w)) {
    double sum = 0;
    uint64_t whole = 0;
    for (int64_t k = 0; k < n; k++) {
      int64_t i = reverse ? n - 1 - k : k;
      int64_t from = w.at[1] + i * x->stride[dim];
      int64_t to = w.at[0] + i * y->stride[dim];
      if (ref_is_float(x)) {
        sum += ref_load(x, from);
        ref_store(y, to, sum);
      } else {
        whole += (uint64_t)ref_load_int(x, from);
        ref_store_int(y, to, (int64_t)whole);
      }
    }
  }
  return MOON_OK;
}

const moon_kernel moon_ref_cumsum = {"cumsum", plan_cumsum, run_cumsum};
