/* Normalisation of each channel of channels-last memory; see
 * ref/batch_norm.c. The mean is used in two parts, so that x - mean keeps its
 * digits in float:
 *
 *   y = ((x - mean) - low) scale + shift
 */
#include "batch_norm.h"

enum { X, W, B, M, V, Y, R, MEAN = M, VAR = V };

/* --- y ---------------------------------------------------------------- */
static void set_channel(const moon_call *call, const norm *v, int64_t c,
                        double mean, double r) {
  v->mean[c] = (float)mean;
  v->low[c] = isfinite(mean) ? (float)(mean - (double)v->mean[c]) : 0;
  v->scale[c] = (float)(r * norm_at_or(cpu_optional(call, W), c, 1));
  v->shift[c] = (float)norm_at_or(cpu_optional(call, B), c, 0);
}

static void normalise_row(int64_t n, const float *restrict x, const norm *v,
                          float *restrict y) {
  const float *restrict mean = v->mean, *restrict low = v->low;
  const float *restrict scale = v->scale, *restrict shift = v->shift;
  for (int64_t c = 0; c < n; c++) {
    y[c] = SIMD_MADD((x[c] - mean[c]) - low[c], scale[c], shift[c]);
  }
}

static void normalise(const moon_call *call, const norm *v, int64_t lo,
                      int64_t hi) {
  const float *x = call->arg[X].data;
  float *y = call->arg[Y].data;
  for (int64_t i = lo; i < hi; i += v->c.width) {
    normalise_row(simd_row_at(i, hi, v->c.width), x + i, v, y + i);
  }
}

/* --- training --------------------------------------------------------- */
enum { SUM, SQUARE, SHIFT };  /* rows */

CPU_COVERS(batch_norm) {
  const moon_operand *x = &call->arg[X];
  return norm_is_image(x) && norm_is_image(&call->arg[Y]) &&
         moon_operand_numel(x) / x->shape[1] > 1 &&
         norm_are_vectors(call, W, V, x->shape[1]) &&
         norm_are_vectors(call, R, R, x->shape[1]);
}

CPU_CUT(batch_norm) {
  const moon_operand *x = &call->arg[X];
  double channels = (double)x->shape[1];
  norm_phase(x, plan, 0.3);
  int parts = plan->parts[0];
  cpu_phase(plan, 1, channels * (2 * parts + 16), 0.5);
  norm_phase(x, plan, 0.4);
  plan->scratch = norm_scratch_size(x, parts);
}

/* Sums of elements lo to hi around the first row of x. */
static void add_up(const moon_operand *x, const norm *v, int part, int64_t lo,
                   int64_t hi) {
  const float *first = x->data;
  simd_spread s = {norm_zeros(v, part, SUM), norm_zeros(v, part, SQUARE),
                   norm_zeros(v, part, SHIFT)};
  for (int64_t i = 0; i < v->c.width; i++) {
    s.shift[i] = simd_shift_of(first[i % v->c.n]);
  }
  simd_add_spread(hi - lo, v->c.width, first + lo, s);
  simd_fold_sums(&v->c, s.sum);
  simd_fold_sums(&v->c, s.square);
}

/* The sums become mean and variance. */
static void conclude(const moon_call *call, const norm *v, int parts) {
  const moon_operand *x = &call->arg[X];
  float *m = call->arg[M].data, *to_v = call->arg[V].data;
  float *to_r = call->arg[R].data;
  const double *sum = norm_total(v, parts, SUM);
  const double *square = norm_total(v, parts, SQUARE);
  const double *shift = v->rows + SHIFT * v->c.width;
  double n = (double)(moon_operand_numel(x) / v->c.n);
  for (int64_t i = 0; i < v->c.n; i++) {
    double var = simd_variance(n, sum[i], square[i]);
    double mean = shift[i] + sum[i] / n;
    double r = 1 / sqrt(var + call->params.norm.eps);
    m[i] = (float)mean;
    to_v[i] = (float)(var * n / (n - 1));
    to_r[i] = (float)r;
    set_channel(call, v, i, mean, r);
  }
  norm_repeat(v);
}

CPU_RUN(batch_norm) {
  const moon_operand *x = &call->arg[X];
  norm v = norm_in(scratch, x);
  int64_t lo, hi;
  cpu_share(plan, phase, part, moon_operand_numel(x), v.c.width, &lo, &hi);
  if (phase == 0) {
    add_up(x, &v, part, lo, hi);
  } else if (phase == 1) {
    conclude(call, &v, plan->parts[0]);
  } else {
    normalise(call, &v, lo, hi);
  }
  return MOON_OK;
}

/* --- evaluation ------------------------------------------------------- */
CPU_COVERS(batch_norm_eval) {
  const moon_operand *x = &call->arg[X];
  return norm_is_image(x) && norm_is_image(&call->arg[Y]) &&
         norm_are_vectors(call, W, VAR, x->shape[1]);
}

CPU_CUT(batch_norm_eval) {
  const moon_operand *x = &call->arg[X];
  cpu_phase(plan, 1, (double)x->shape[1], 5);
  norm_phase(x, plan, 0.4);
  plan->scratch = norm_scratch_size(x, 0);
}

CPU_RUN(batch_norm_eval) {
  const moon_operand *x = &call->arg[X];
  norm v = norm_in(scratch, x);
  int64_t lo, hi;
  if (phase == 1) {
    cpu_share(plan, phase, part, moon_operand_numel(x), v.c.width, &lo, &hi);
    normalise(call, &v, lo, hi);
    return MOON_OK;
  }
  for (int64_t i = 0; i < v.c.n; i++) {
    double var = norm_at_or(&call->arg[VAR], i, 1);
    set_channel(call, &v, i, norm_at_or(&call->arg[MEAN], i, 0),
                1 / sqrt(var + call->params.norm.eps));
  }
  norm_repeat(&v);
  return MOON_OK;
}

SIMD_KERNEL(batch_norm)
SIMD_KERNEL(batch_norm_eval)
