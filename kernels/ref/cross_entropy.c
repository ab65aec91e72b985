/* Softmax and the negative logarithm of the label's share, fused; or, of
 * logarithms, the latter alone. With lse[n] = log sum_c exp x[n,c] (of
 * logarithms 0), weights w (1 without) and e the label smoothing:
 *
 *   row[n] = (1 - e) w[l] (lse - x[n,l]) + e / C sum_c w[c] (lse - x[n,c])
 *   dx[n,c] = d[n] (((1 - e) w[l] + e / C sum w) exp(x - lse)
 *                   - (1 - e) w[l] (c == l) - e / C w[c])
 *
 * and 0 where the label is ignored; d[n] is dloss, over the sum of w[l] for a
 * mean. x [N,C], l [N] in [0, C), checked before anything is written. What the
 * gradient is given of lse is each row's maximum and the sum of
 * exp(x - maximum): large logits would leave few digits to lse itself.
 */
#include <math.h>
#include "walk.h"

/* forward: x, l, loss, [s], [w];  gradient: dloss, x, l, [s], dx, [w] */
enum { X, L, LOSS, S, W };
enum { G_DLOSS, G_X, G_L, G_S, G_DX, G_W };

static double weight(const moon_operand *w, int64_t c) {
  return w ? ref_load(w, c * w->stride[0]) : 1;
}

static bool is_ignored(const moon_call *call, int64_t label) {
  return label == call->params.loss.p.ignore_index;
}

static int check(const moon_call *call, const moon_operand *l, int64_t classes,
                 moon_fail *fail) {
  return ref_check_index_but(l, "label", classes,
                             &call->params.loss.p.ignore_index, fail);
}

/* What a mean is over: the weights of the labels that count. */
static double divisor(const moon_call *call, const moon_operand *l,
                      const moon_operand *w) {
  double sum = 0;
  if (call->params.loss.p.reduction != MOON_LOSS_MEAN) return 1;
  for (int64_t n = 0; n < l->shape[0]; n++) {
    int64_t label = ref_load_int(l, n * l->stride[0]);
    if (!is_ignored(call, label)) sum += weight(w, label);
  }
  return sum;
}

/* --- forward ---------------------------------------------------------- */
REF_PLAN(plan_forward) {
  int64_t n = call->arg[X].shape[0], c = call->arg[X].shape[1];
  ref_phase(plan, 1, (double)n);
  ref_phase(plan, n, 6 * (double)n * (double)c);
  ref_phase(plan, 1, (double)n);
  plan->scratch = (size_t)n * sizeof(double);
  return MOON_OK;
}

/* The row's maximum and the sum of exp(x - maximum). */
static double measure(const moon_operand *x, int64_t n, double *max) {
  int64_t at = n * x->stride[0], step = x->stride[1], c_end = x->shape[1];
  double sum = 0;
  *max = -INFINITY;
  for (int64_t c = 0; c < c_end; c++) {
    *max = fmax(*max, ref_load(x, at + c * step));
  }
  for (int64_t c = 0; c < c_end; c++) {
    sum += exp(ref_load(x, at + c * step) - *max);
  }
  return sum;
}

static double row_loss(const moon_call *call, int64_t n) {
  const moon_operand *x = &call->arg[X], *l = &call->arg[L];
  const moon_operand *s = ref_optional(call, S), *w = ref_optional(call, W);
  int64_t label = ref_load_int(l, n * l->stride[0]), c_end = x->shape[1];
  int64_t at = n * x->stride[0], step = x->stride[1];
  double max = 0, sum = 1, spread = 0;
  double e = call->params.loss.p.label_smoothing;
  if (s) {
    sum = measure(x, n, &max);
    ref_store(s, n * s->stride[1], max);
    ref_store(s, s->stride[0] + n * s->stride[1], sum);
  }
  if (is_ignored(call, label)) return 0;
  double own = max - ref_load(x, at + label * step) + log(sum);
  own *= weight(w, label);
  if (e == 0) return own;
  for (int64_t c = 0; c < c_end; c++) {
    spread += weight(w, c) * (max - ref_load(x, at + c * step) + log(sum));
  }
  return (1 - e) * own + e / (double)c_end * spread;
}

/* The rows' losses, or their sum or mean, to loss. */
static void store(const moon_call *call, const double *row, int64_t n) {
  const moon_operand *loss = &call->arg[LOSS];
  double sum = 0;
  for (int64_t i = 0; i < n; i++) {
    if (call->params.loss.p.reduction == MOON_LOSS_NONE) {
      ref_store(loss, i * loss->stride[0], row[i]);
    }
    sum += row[i];
  }
  if (call->params.loss.p.reduction == MOON_LOSS_NONE) return;
  ref_store(loss, 0,
            sum / divisor(call, &call->arg[L], ref_optional(call, W)));
}

REF_RUN(run_forward) {
  const moon_operand *x = &call->arg[X];
  double *row = scratch;  /* each row's loss */
  if (phase == 0) return check(call, &call->arg[L], x->shape[1], fail);
  if (phase == 2) {
    store(call, row, x->shape[0]);
    return MOON_OK;
  }
  int64_t lo, hi;
  ref_share(plan, phase, part, x->shape[0], &lo, &hi);
  for (int64_t n = lo; n < hi; n++) row[n] = row_loss(call, n);
  return MOON_OK;
}

/* --- gradient --------------------------------------------------------- */
REF_PLAN(plan_gradient) {
  int64_t n = call->arg[G_X].shape[0], c = call->arg[G_X].shape[1];
  ref_phase(plan, 1, (double)n + (double)c);
  ref_phase(plan, n, 4 * (double)n * (double)c);
  plan->scratch = 2 * sizeof(double);
  return MOON_OK;
}

/* total: a mean's divisor, and the sum of w. */
static void measure_weights(const moon_call *call, double total[2]) {
  const moon_operand *w = ref_optional(call, G_W);
  int64_t c_end = call->arg[G_X].shape[1];
  total[0] = divisor(call, &call->arg[G_L], w);
  total[1] = 0;
  for (int64_t c = 0; c < c_end; c++) total[1] += weight(w, c);
}

/* The derivative of row n's loss by x[n,c]. */
static double slope(const moon_call *call, int64_t n, int64_t c, double x,
                    double all) {
  const moon_operand *l = &call->arg[G_L], *s = ref_optional(call, G_S);
  const moon_operand *w = ref_optional(call, G_W);
  int64_t label = ref_load_int(l, n * l->stride[0]);
  double e = call->params.loss.p.label_smoothing;
  if (is_ignored(call, label)) return 0;
  double own = (1 - e) * weight(w, label);
  double even = e / (double)call->arg[G_X].shape[1];
  double mine = (c == label ? own : 0) + even * weight(w, c);
  if (!s) return -mine;
  double max = ref_load(s, n * s->stride[1]);
  double sum = ref_load(s, s->stride[0] + n * s->stride[1]);
  return (own + even * all) * (exp(x - max) / sum) - mine;
}

REF_RUN(run_gradient) {
  const moon_operand *dloss = &call->arg[G_DLOSS], *x = &call->arg[G_X];
  const moon_operand *dx = &call->arg[G_DX], *o[] = {dx, x};
  double *total = scratch;
  if (phase == 0) {
    int status = check(call, &call->arg[G_L], x->shape[1], fail);
    if (status >= 0) measure_weights(call, total);
    return status;
  }
  int64_t lo, hi, c_end = x->shape[1];
  int64_t step = dloss->ndim > 0 ? dloss->stride[0] : 0;
  ref_share(plan, phase, part, x->shape[0], &lo, &hi);
  ref_walk w = ref_begin(o, 2, lo * c_end, hi * c_end);
  for (; w.left > 0; ref_next(&w)) {
    int64_t n = w.index[0], c = w.index[1];
    double d = slope(call, n, c, ref_load(x, w.at[1]), total[1]);
    double dy = ref_load(dloss, n * step) / total[0];
    ref_store(dx, w.at[0], d == 0 ? 0 : dy * d);
  }
  return MOON_OK;
}

const moon_kernel moon_ref_cross_entropy = {"cross_entropy", plan_forward,
                                            run_forward};
const moon_kernel moon_ref_cross_entropy_grad = {
    "cross_entropy_grad", plan_gradient, run_gradient};
