/* y = a b + bias: a [..,M,K], b [..,K,N], y [..,M,N], bias [N]; any strides.
 *
 * accumulate: the product is added to what y holds. The epilogue (ReLU) comes
 * last. bf16: the factors are rounded to bf16, the sums are not.
 */
#include "walk.h"

REF_PLAN(plan_matmul) {
  const moon_operand *a = &call->arg[0], *y = &call->arg[2];
  double numel = (double)moon_operand_numel(y);
  ref_phase(plan, moon_operand_numel(y),
            numel * ((double)a->shape[a->ndim - 1] + 1));
  return MOON_OK;
}

/* The element of y at `index`, without the bias. */
static double dot(const moon_call *call, const int64_t *index) {
  const moon_operand *a = &call->arg[0], *b = &call->arg[1];
  int32_t bf16 = call->params.matmul.bf16;
  int row = a->ndim - 2, column = a->ndim - 1;
  int64_t at = index[row] * a->stride[row];
  int64_t bt = index[column] * b->stride[column];
  double sum = 0;
  for (int d = 0; d < row; d++) {
    at += index[d] * a->stride[d];
    bt += index[d] * b->stride[d];
  }
  for (int64_t k = 0; k < a->shape[column]; k++) {
    sum += ref_factor(a, at + k * a->stride[column], bf16) *
           ref_factor(b, bt + k * b->stride[row], bf16);
  }
  return sum;
}

REF_RUN(run_matmul) {
  const moon_operand *y = &call->arg[2], *bias = ref_optional(call, 3);
  bool relu = call->params.matmul.epilogue == MOON_EPILOGUE_RELU;
  ref_walk w = ref_walk_part(&y, 1, plan, phase, part);
  for (; w.left > 0; ref_next(&w)) {
    double v = dot(call, w.index);
    if (bias) v += ref_load(bias, w.index[y->ndim - 1] * bias->stride[0]);
    if (call->params.matmul.accumulate) v += ref_load(y, w.at[0]);
    ref_store(y, w.at[0], relu && v < 0 ? 0 : v);
  }
  return MOON_OK;
}

const moon_kernel moon_ref_matmul = {"matmul", plan_matmul, run_matmul};
