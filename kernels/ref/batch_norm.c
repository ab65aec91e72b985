/* Normalisation of each channel (dimension 1) over all other dimensions:
 *
 *   y = (x - m) r w + b       r = 1 / sqrt(var + eps)
 *
 * with m and the biased var of the batch (batch_norm), or the running ones
 * (batch_norm_eval). w defaults to 1, b to 0. The batch's statistics, var as
 * the unbiased one, move the running ones in a call of its own (running):
 *
 *   running = (1 - momentum) running + momentum batch
 *
 * Gradient, with h = (x - m) r and means over the channel:
 *
 *   db = sum dy    dw = sum dy h    dx = w r (dy - mean(dy) - h mean(dy h))
 *
 * With a ReLU after it, y = max(y, 0), and dy counts where k0 x > k1.
 *
 * Ioffe and Szegedy, "Batch normalization", 2015.
 */
#include <math.h>
#include "walk.h"

/* training: x, w, b, m, v, y, r, k;  eval: x, w, b, mean, var, y */
enum { X, W, B, M, V, Y, R, K, MEAN = M, VAR = V };
enum { G_DY, G_X, G_W, G_M, G_R, G_DX, G_DW, G_DB, G_K };

/* Element c of a vector, or `otherwise` if it is absent. */
static double at_or(const moon_operand *v, int64_t c, double otherwise) {
  return v ? ref_load(v, c * v->stride[0]) : otherwise;
}

/* --- training --------------------------------------------------------- */
REF_PLAN(plan_batch_norm) {
  const moon_operand *x = &call->arg[X];
  int64_t channels = x->shape[1], n = moon_operand_numel(x);
  if (channels > 0 && n / channels < 2) {
    snprintf(fail->text, sizeof fail->text,
             "%lld values per channel; the batch's variance needs 2",
             (long long)(n / channels));
    return MOON_E_SHAPE;
  }
  ref_phase(plan, channels, 2 * (double)n);
  ref_phase(plan, channels, 2 * (double)n);
  plan->scratch = (size_t)channels * 2 * sizeof(double);
  return MOON_OK;
}

/* The channel's mean and its biased variance, in two passes. */
static void measure(const moon_operand *channel, double *mean, double *var) {
  double n = (double)moon_operand_numel(channel), sum = 0, squares = 0;
  ref_walk w = ref_begin(&channel, 1, 0, moon_operand_numel(channel));
  for (; w.left > 0; ref_next(&w)) sum += ref_load(channel, w.at[0]);
  *mean = sum / n;
  w = ref_begin(&channel, 1, 0, moon_operand_numel(channel));
  for (; w.left > 0; ref_next(&w)) {
    double d = ref_load(channel, w.at[0]) - *mean;
    squares += d * d;
  }
  *var = squares / n;
}

static bool has_relu(const moon_call *call) {
  return call->params.norm.epilogue == MOON_EPILOGUE_RELU;
}

/* y = (x - mean) scale + shift is above 0 where k0 x > k1. */
static void store_zero(const moon_operand *k, int64_t c, double mean,
                       double scale, double shift) {
  double sign = scale < 0 ? -1 : 1;
  double above = scale != 0 ? sign * (mean - shift / scale)
                            : shift > 0 ? -INFINITY : INFINITY;
  ref_store(k, c * k->stride[1], sign);
  ref_store(k, k->stride[0] + c * k->stride[1], above);
}

/* y = (x - mean) scale + shift on channel c. */
static void normalise(const moon_call *call, int64_t c, double mean,
                      double r) {
  double scale = r * at_or(ref_optional(call, W), c, 1);
  double shift = at_or(ref_optional(call, B), c, 0);
  moon_operand x = ref_channel(&call->arg[X], c);
  moon_operand y = ref_channel(&call->arg[Y], c);
  const moon_operand *o[] = {&y, &x}, *k = ref_optional(call, K);
  if (k) store_zero(k, c, mean, scale, shift);
  ref_walk w = ref_begin(o, 2, 0, moon_operand_numel(&y));
  for (; w.left > 0; ref_next(&w)) {
    double v = (ref_load(&x, w.at[1]) - mean) * scale + shift;
    ref_store(&y, w.at[0], has_relu(call) && v < 0 ? 0 : v);
  }
}

REF_RUN(run_batch_norm) {
  const moon_operand *x = &call->arg[X], *m = &call->arg[M];
  const moon_operand *v = &call->arg[V], *r = &call->arg[R];
  double *mean = scratch, *var = mean + x->shape[1];
  double eps = call->params.norm.eps;
  double n = (double)(moon_operand_numel(x) / x->shape[1]);
  int64_t lo, hi;
  ref_share(plan, phase, part, x->shape[1], &lo, &hi);
  for (int64_t c = lo; c < hi; c++) {
    if (phase == 0) {
      moon_operand channel = ref_channel(x, c);
      measure(&channel, &mean[c], &var[c]);
      ref_store(m, c * m->stride[0], mean[c]);
      ref_store(v, c * v->stride[0], var[c] * n / (n - 1));
      ref_store(r, c * r->stride[0], 1 / sqrt(var[c] + eps));
    } else {
      normalise(call, c, mean[c], 1 / sqrt(var[c] + eps));
    }
  }
  return MOON_OK;
}

/* --- running ---------------------------------------------------------- */
REF_PLAN(plan_running) {
  ref_phase(plan, 1, 2 * (double)call->arg[0].shape[0]);
  return MOON_OK;
}

REF_RUN(run_running) {
  double momentum = call->params.norm.momentum;
  for (int k = 0; k < 2; k++) {  /* the mean, the variance */
    const moon_operand *batch = &call->arg[k], *to = &call->arg[2 + k];
    for (int64_t c = 0; c < batch->shape[0]; c++) {
      double old = ref_load(to, c * to->stride[0]);
      double now = ref_load(batch, c * batch->stride[0]);
      ref_store(to, c * to->stride[0],
                (1 - momentum) * old + momentum * now);
    }
  }
  return MOON_OK;
}

/* --- evaluation ------------------------------------------------------- */
REF_PLAN(plan_eval) {
  const moon_operand *x = &call->arg[X];
  ref_phase(plan, x->shape[1], 2 * (double)moon_operand_numel(x));
  return MOON_OK;
}

REF_RUN(run_eval) {
  const moon_operand *mean = &call->arg[MEAN], *var = &call->arg[VAR];
  int64_t lo, hi;
  ref_share(plan, phase, part, call->arg[X].shape[1], &lo, &hi);
  for (int64_t c = lo; c < hi; c++) {
    double v = ref_load(var, c * var->stride[0]);
    normalise(call, c, ref_load(mean, c * mean->stride[0]),
              1 / sqrt(v + call->params.norm.eps));
  }
  return MOON_OK;
}

/* --- gradient --------------------------------------------------------- */
REF_PLAN(plan_grad) {
  const moon_operand *x = &call->arg[G_X];
  ref_phase(plan, x->shape[1], 5 * (double)moon_operand_numel(x));
  return MOON_OK;
}

/* dy where it counts, else 0. */
static double grad_at(const moon_operand *k, int64_t c, double dy, double x) {
  if (!k) return dy;
  double sign = ref_load(k, c * k->stride[1]);
  return sign * x > ref_load(k, k->stride[0] + c * k->stride[1]) ? dy : 0;
}

static void grad_channel(const moon_call *call, int64_t c) {
  const moon_operand *dw = ref_optional(call, G_DW);
  const moon_operand *db = ref_optional(call, G_DB);
  const moon_operand *k = ref_optional(call, G_K);
  double m = at_or(&call->arg[G_M], c, 0), r = at_or(&call->arg[G_R], c, 0);
  moon_operand dy = ref_channel(&call->arg[G_DY], c);
  moon_operand x = ref_channel(&call->arg[G_X], c);
  moon_operand dx = ref_channel(&call->arg[G_DX], c);
  const moon_operand *o[] = {&dx, &dy, &x};
  double n = (double)moon_operand_numel(&dx), sum = 0, dot = 0;
  ref_walk w = ref_begin(o, 3, 0, moon_operand_numel(&dx));
  for (; w.left > 0; ref_next(&w)) {
    double v = ref_load(&x, w.at[2]);
    double d = grad_at(k, c, ref_load(&dy, w.at[1]), v);
    sum += d;
    dot += d * (v - m) * r;
  }
  double scale = r * at_or(ref_optional(call, G_W), c, 1);
  w = ref_begin(o, 3, 0, moon_operand_numel(&dx));
  for (; w.left > 0; ref_next(&w)) {
    double v = ref_load(&x, w.at[2]), h = (v - m) * r;
    double d = grad_at(k, c, ref_load(&dy, w.at[1]), v);
    ref_store(&dx, w.at[0], scale * (d - sum / n - h * dot / n));
  }
  if (dw) ref_store(dw, c * dw->stride[0], dot);
  if (db) ref_store(db, c * db->stride[0], sum);
}

REF_RUN(run_grad) {
  int64_t lo, hi;
  ref_share(plan, phase, part, call->arg[G_X].shape[1], &lo, &hi);
  for (int64_t c = lo; c < hi; c++) grad_channel(call, c);
  return MOON_OK;
}

const moon_kernel moon_ref_batch_norm = {"batch_norm", plan_batch_norm,
                                         run_batch_norm};
const moon_kernel moon_ref_running = {"running", plan_running, run_running};
const moon_kernel moon_ref_batch_norm_eval = {"batch_norm_eval", plan_eval,
                                              run_eval};
const moon_kernel moon_ref_batch_norm_grad = {"batch_norm_grad", plan_grad,
                                              run_grad};
