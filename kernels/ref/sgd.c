/* One step of stochastic gradient descent over n parameters:
 *
 *   g' = g scale + weight_decay p      scale = min(1, max_norm / (norm + 1e-6))
 *   v  = momentum v + g'               (v starts as zeros)
 *   p -= lr (nesterov ? g' + momentum v : momentum ? v : g')
 *
 * norm is that of all gradients together, and scale 1 without max_norm; the
 * semantics of PyTorch's SGD and clip_grad_norm_. Operands: p+, g, v+ for each
 * parameter (v's data is NULL without momentum), then norm[1] when wanted.
 */
#include <math.h>
#include "walk.h"

/* Phases: each gradient's sum of squares, their total, the update; only the
 * update where nobody needs the norm. */
static bool needs_norm(const moon_params *q) {
  return q->sgd.wants_norm || q->sgd.p.max_norm > 0;
}

REF_PLAN(plan_sgd) {
  int32_t n = call->params.sgd.n;
  double total = 0;
  for (int32_t k = 0; k < n; k++) {
    total += (double)moon_operand_numel(&call->arg[3 * k]);
  }
  if (needs_norm(&call->params)) {
    ref_phase(plan, n, total);
    ref_phase(plan, 1, (double)n);
    plan->scratch = ((size_t)n + 1) * sizeof(double);
  }
  ref_phase(plan, n, 5 * total);
  return MOON_OK;
}

static double squares(const moon_operand *g) {
  double sum = 0;
  ref_walk w = ref_begin(&g, 1, 0, moon_operand_numel(g));
  for (; w.left > 0; ref_next(&w)) {
    double v = ref_load(g, w.at[0]);
    sum += v * v;
  }
  return sum;
}

static void update(const moon_call *call, int64_t k, double scale) {
  const moon_sgd_params *q = &call->params.sgd.p;
  const moon_operand *p = &call->arg[3 * k], *g = p + 1;
  const moon_operand *v = ref_optional(call, (int)(3 * k + 2));
  const moon_operand *o[] = {p, g, v ? v : p};
  ref_walk w = ref_begin(o, 3, 0, moon_operand_numel(p));
  for (; w.left > 0; ref_next(&w)) {
    double old = ref_load(p, w.at[0]);
    double step = ref_load(g, w.at[1]) * scale + q->weight_decay * old;
    if (v) {
      double speed = q->momentum * ref_load(v, w.at[2]) + step;
      ref_store(v, w.at[2], speed);
      step = q->nesterov ? step + q->momentum * speed : speed;
    }
    ref_store(p, w.at[0], old - q->lr * step);
  }
}

static void store_norm(const moon_call *call, double *square) {
  int32_t n = call->params.sgd.n;
  double total = 0;
  for (int32_t k = 0; k < n; k++) total += square[k];
  square[n] = sqrt(total);
  if (call->params.sgd.wants_norm) {
    ref_store(&call->arg[3 * n], 0, square[n]);
  }
}

REF_RUN(run_sgd) {
  int32_t n = call->params.sgd.n;
  double *square = scratch;  /* per gradient; then the norm */
  bool clips = call->params.sgd.p.max_norm > 0;
  int64_t lo, hi;
  ref_share(plan, phase, part, n, &lo, &hi);
  if (phase == plan->phases - 1) {
    double scale = 1;
    if (clips) scale = call->params.sgd.p.max_norm / (square[n] + 1e-6);
    if (scale > 1) scale = 1;  /* NaN stays */
    for (int64_t k = lo; k < hi; k++) update(call, k, scale);
  } else if (phase == 0) {
    for (int64_t k = lo; k < hi; k++) {
      square[k] = squares(&call->arg[3 * k + 1]);
    }
  } else {
    store_norm(call, square);
  }
  return MOON_OK;
}

const moon_kernel moon_ref_sgd = {"sgd", plan_sgd, run_sgd};
