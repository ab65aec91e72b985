/* y = a b + bias: a [M,K], b [K,N], y [M,N], bias [N]; any strides.
 *
 * accumulate: the product is added to what y holds. The epilogue (ReLU) comes
 * last.
 */
#include "walk.h"

REF_PLAN(plan_matmul) {
  const moon_operand *a = &call->arg[0], *y = &call->arg[2];
  double numel = (double)moon_operand_numel(y);
  ref_phase(plan, y->shape[0], numel * ((double)a->shape[1] + 1));
  return MOON_OK;
}

static double dot(const moon_operand *a, const moon_operand *b, int64_t m,
                  int64_t n) {
  double sum = 0;
  for (int64_t k = 0; k < a->shape[1]; k++) {
    sum += ref_load(a, m * a->stride[0] + k * a->stride[1]) *
           ref_load(b, k * b->stride[0] + n * b->stride[1]);
  }
  return sum;
}

REF_RUN(run_matmul) {
  const moon_operand *a = &call->arg[0], *b = &call->arg[1];
  const moon_operand *y = &call->arg[2], *bias = ref_optional(call, 3);
  bool relu = call->params.matmul.epilogue == MOON_EPILOGUE_RELU;
  int64_t lo, hi, n_end = y->shape[1];
  ref_share(plan, phase, part, y->shape[0], &lo, &hi);
  ref_walk w = ref_begin(&y, 1, lo * n_end, hi * n_end);
  for (; w.left > 0; ref_next(&w)) {
    int64_t m = w.index[0], n = w.index[1];
    double v = dot(a, b, m, n);
    if (bias) v += ref_load(bias, n * bias->stride[0]);
    if (call->params.matmul.accumulate) v += ref_load(y, w.at[0]);
    ref_store(y, w.at[0], relu && v < 0 ? 0 : v);
  }
  return MOON_OK;
}

const moon_kernel moon_ref_matmul = {"matmul", plan_matmul, run_matmul};
