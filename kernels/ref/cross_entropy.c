/* Softmax and the negative logarithm of the label's share, fused:
 *
 *   lse[n] = log sum_c exp(x[n,c])       loss = mean_n (lse[n] - x[n, l[n]])
 *   dx[n,c] = dloss / N (exp(x[n,c] - lse[n]) - (c == l[n]))
 *
 * x [N,C], l [N] in [0, C), checked before anything is written. What the
 * gradient is given of lse is each row's maximum and the sum of
 * exp(x - maximum): large logits would leave few digits to lse itself.
 */
#include <math.h>
#include "walk.h"

/* forward: x, l, loss, s;  gradient: dloss, x, l, s, dx */
enum { X, L, LOSS, S };
enum { G_DLOSS, G_X, G_L, G_S, G_DX };

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

static void store_mean(const moon_operand *loss, const double *row,
                       int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += row[i];
  ref_store(loss, 0, sum / (double)n);
}

REF_RUN(run_forward) {
  const moon_operand *x = &call->arg[X], *l = &call->arg[L];
  const moon_operand *s = &call->arg[S];
  double *row = scratch;  /* each row's loss */
  if (phase == 0) return ref_check_index(l, "label", x->shape[1], fail);
  if (phase == 2) {
    store_mean(&call->arg[LOSS], row, x->shape[0]);
    return MOON_OK;
  }
  int64_t lo, hi;
  ref_share(plan, phase, part, x->shape[0], &lo, &hi);
  for (int64_t n = lo; n < hi; n++) {
    double max, sum = measure(x, n, &max);
    int64_t label = ref_load_int(l, n * l->stride[0]);
    row[n] = max - ref_load(x, n * x->stride[0] + label * x->stride[1]) +
             log(sum);
    ref_store(s, n * s->stride[1], max);
    ref_store(s, s->stride[0] + n * s->stride[1], sum);
  }
  return MOON_OK;
}

REF_PLAN(plan_gradient) {
  int64_t n = call->arg[G_X].shape[0], c = call->arg[G_X].shape[1];
  ref_phase(plan, 1, (double)n);
  ref_phase(plan, n, 4 * (double)n * (double)c);
  return MOON_OK;
}

REF_RUN(run_gradient) {
  const moon_operand *x = &call->arg[G_X], *l = &call->arg[G_L];
  const moon_operand *s = &call->arg[G_S], *dx = &call->arg[G_DX];
  if (phase == 0) return ref_check_index(l, "label", x->shape[1], fail);
  double scale = ref_load(&call->arg[G_DLOSS], 0) / (double)x->shape[0];
  const moon_operand *o[] = {dx, x};
  int64_t lo, hi, c_end = x->shape[1];
  ref_share(plan, phase, part, x->shape[0], &lo, &hi);
  ref_walk w = ref_begin(o, 2, lo * c_end, hi * c_end);
  for (; w.left > 0; ref_next(&w)) {
    int64_t n = w.index[0], c = w.index[1];
    double max = ref_load(s, n * s->stride[1]);
    double sum = ref_load(s, s->stride[0] + n * s->stride[1]);
    double share = exp(ref_load(x, w.at[1]) - max) / sum;
    bool is_label = c == ref_load_int(l, n * l->stride[0]);
    ref_store(dx, w.at[0], scale * (share - is_label));
  }
  return MOON_OK;
}

const moon_kernel moon_ref_cross_entropy = {"cross_entropy", plan_forward,
                                            run_forward};
const moon_kernel moon_ref_cross_entropy_grad = {
    "cross_entropy_grad", plan_gradient, run_gradient};
