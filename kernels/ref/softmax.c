/* y = exp(x) / sum exp(x) along one dimension, or its logarithm, and their
 * gradients
 *
 *   dx = y (dy - sum y dy)        dx = dy - exp(y) sum dy
 *
 * A line is the elements along that dimension.
 */
#include <math.h>
#include "walk.h"

/* The work of one line: `n` elements; at[k] is the start in operand k. */
typedef void line_fn(const moon_call *call, int dim, int64_t n,
                     const int64_t *at);

static int plan_lines(const moon_call *call, moon_plan *plan, int visits) {
  moon_operand heads = ref_heads(&call->arg[0], 1u << call->params.dim.dim);
  double n = (double)moon_operand_numel(&call->arg[0]);
  ref_phase(plan, moon_operand_numel(&heads), visits * n);
  return MOON_OK;
}

REF_PLAN(plan_softmax) { return plan_lines(call, plan, 12); }

REF_PLAN(plan_softmax_grad) { return plan_lines(call, plan, 4); }

static void each_line(const moon_call *call, const moon_plan *plan, int part,
                      line_fn *run_line) {
  int dim = call->params.dim.dim;
  moon_operand heads = ref_heads(&call->arg[0], 1u << dim);
  const moon_operand *o[REF_OPERANDS] = {&heads};
  for (int k = 1; k < call->n; k++) o[k] = &call->arg[k];
  ref_walk w = ref_walk_part(o, call->n, plan, 0, part);
  for (; w.left > 0; ref_next(&w)) {
    run_line(call, dim, call->arg[0].shape[dim], w.at);
  }
}

/* The line's maximum and the sum of exp(x - maximum). */
static double measure(const moon_call *call, int dim, int64_t n,
                      const int64_t *at, double *max) {
  const moon_operand *x = &call->arg[0];
  int64_t xs = x->stride[dim];
  double sum = 0;
  *max = -INFINITY;
  for (int64_t i = 0; i < n; i++) {
    *max = fmax(*max, ref_load(x, at[0] + i * xs));
  }
  for (int64_t i = 0; i < n; i++) {
    sum += exp(ref_load(x, at[0] + i * xs) - *max);
  }
  return sum;
}

static void softmax_line(const moon_call *call, int dim, int64_t n,
                         const int64_t *at) {
  const moon_operand *x = &call->arg[0], *y = &call->arg[1];
  int64_t xs = x->stride[dim], ys = y->stride[dim];
  double max, sum = measure(call, dim, n, at, &max);
  for (int64_t i = 0; i < n; i++) {
    ref_store(y, at[1] + i * ys, exp(ref_load(x, at[0] + i * xs) - max) / sum);
  }
}

static void log_line(const moon_call *call, int dim, int64_t n,
                     const int64_t *at) {
  const moon_operand *x = &call->arg[0], *y = &call->arg[1];
  int64_t xs = x->stride[dim], ys = y->stride[dim];
  double max, sum = log(measure(call, dim, n, at, &max));
  for (int64_t i = 0; i < n; i++) {
    ref_store(y, at[1] + i * ys, ref_load(x, at[0] + i * xs) - max - sum);
  }
}

static void log_grad_line(const moon_call *call, int dim, int64_t n,
                          const int64_t *at) {
  const moon_operand *dy = &call->arg[0], *y = &call->arg[1];
  const moon_operand *dx = &call->arg[2];
  int64_t dys = dy->stride[dim], ys = y->stride[dim], dxs = dx->stride[dim];
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += ref_load(dy, at[0] + i * dys);
  for (int64_t i = 0; i < n; i++) {
    double share = exp(ref_load(y, at[1] + i * ys));
    ref_store(dx, at[2] + i * dxs,
              ref_load(dy, at[0] + i * dys) - share * sum);
  }
}

static void grad_line(const moon_call *call, int dim, int64_t n,
                      const int64_t *at) {
  const moon_operand *dy = &call->arg[0], *y = &call->arg[1];
  const moon_operand *dx = &call->arg[2];
  int64_t dys = dy->stride[dim], ys = y->stride[dim], dxs = dx->stride[dim];
  double dot = 0;
  for (int64_t i = 0; i < n; i++) {
    dot += ref_load(y, at[1] + i * ys) * ref_load(dy, at[0] + i * dys);
  }
  for (int64_t i = 0; i < n; i++) {
    double d = ref_load(dy, at[0] + i * dys) - dot;
    ref_store(dx, at[2] + i * dxs, ref_load(y, at[1] + i * ys) * d);
  }
}

REF_RUN(run_softmax) {
  each_line(call, plan, part, softmax_line);
  return MOON_OK;
}

REF_RUN(run_softmax_grad) {
  each_line(call, plan, part, grad_line);
  return MOON_OK;
}

REF_RUN(run_log) {
  each_line(call, plan, part, log_line);
  return MOON_OK;
}

REF_RUN(run_log_grad) {
  each_line(call, plan, part, log_grad_line);
  return MOON_OK;
}

const moon_kernel moon_ref_softmax = {"softmax", plan_softmax, run_softmax};
const moon_kernel moon_ref_softmax_grad = {"softmax_grad", plan_softmax_grad,
                                           run_softmax_grad};
const moon_kernel moon_ref_log_softmax = {"log_softmax", plan_softmax,
                                          run_log};
const moon_kernel moon_ref_log_softmax_grad = {"log_softmax_grad",
                                               plan_softmax, run_log_grad};
