/* Normalisation of each channel of channels-last memory; see
 * ref/batch_norm.c. Sums go down the columns in double, in one pass around a
 * shift; the elementwise pass is in float, with the mean in two parts so that
 * x - mean keeps its digits:
 *
 *   y  = ((x - mean) - low) scale + shift
 *   dx = a dy + (b (x - mean) + c)
 */
#include "columns.h"

enum { X, W, B, MEAN, VAR, Y, M, R };
enum { G_DY, G_X, G_W, G_M, G_R, G_DX, G_DW, G_DB };

/* What the elementwise pass knows of each channel, in scratch. */
enum { COEFFICIENTS = 4 };
typedef struct coefficients { float *mean, *low, *scale, *shift; } coefficients;

static simd_columns columns_of(const moon_operand *x) {
  return simd_columns_of(x->shape[1], moon_operand_numel(x) / x->shape[1]);
}

/* Scratch: the coefficients, then `each` rows of doubles for every part. */
static size_t coefficients_size(const moon_operand *x) {
  size_t width = (size_t)columns_of(x).width;
  return cpu_align64(COEFFICIENTS * width * sizeof(float));
}

static size_t scratch_size(const moon_operand *x, int parts, int each) {
  size_t row = (size_t)columns_of(x).width * sizeof(double);
  return cpu_align64(coefficients_size(x) +
                     row * (size_t)parts * (size_t)each);
}

static coefficients coefficients_in(void *scratch, const moon_operand *x) {
  int64_t width = columns_of(x).width;
  float *v = scratch;
  return (coefficients){v, v + width, v + 2 * width, v + 3 * width};
}

static double *sums_in(void *scratch, const moon_operand *x) {
  return (double *)((char *)scratch + coefficients_size(x));
}

static void repeat(const coefficients *v, simd_columns c) {
  simd_repeat(&c, v->mean);
  simd_repeat(&c, v->low);
  simd_repeat(&c, v->scale);
  simd_repeat(&c, v->shift);
}

/* --- which calls ------------------------------------------------------ */
static bool is_image(const moon_operand *o) {
  return cpu_is_f32(o) && cpu_is_channels_last(o);
}

/* The operands from first to last, where present, are vectors. */
static bool are_vectors(const moon_call *call, int first, int last,
                        int64_t channels) {
  for (int k = first; k <= last; k++) {
    const moon_operand *v = cpu_optional(call, k);
    if (v && !cpu_is_vector(v, channels)) return false;
  }
  return true;
}

static float at_or(const moon_operand *v, int64_t c, float otherwise) {
  return v ? ((const float *)v->data)[c] : otherwise;
}

/* --- y ---------------------------------------------------------------- */
/* The coefficients of y for channel c. */
static void set_normal(const moon_call *call, const coefficients *v, int64_t c,
                       double mean, double r) {
  v->mean[c] = (float)mean;
  v->low[c] = isfinite(mean) ? (float)(mean - (double)v->mean[c]) : 0;
  v->scale[c] = (float)(r * (double)at_or(cpu_optional(call, W), c, 1));
  v->shift[c] = at_or(cpu_optional(call, B), c, 0);
}

static void normalise_row(int64_t n, const float *restrict x,
                          const coefficients *v, float *restrict y) {
  const float *restrict mean = v->mean, *restrict low = v->low;
  const float *restrict scale = v->scale, *restrict shift = v->shift;
  for (int64_t c = 0; c < n; c++) {
    y[c] = SIMD_MADD((x[c] - mean[c]) - low[c], scale[c], shift[c]);
  }
}

static void normalise(const moon_call *call, const coefficients *v, int64_t lo,
                      int64_t hi) {
  int64_t width = columns_of(&call->arg[X]).width;
  const float *x = call->arg[X].data;
  float *y = call->arg[Y].data;
  for (int64_t i = lo; i < hi; i += width) {
    normalise_row(simd_row_at(i, hi, width), x + i, v, y + i);
  }
}

/* --- training --------------------------------------------------------- */
enum { SUM, SQUARE, SHIFT, TRAINING_ROWS };

CPU_COVERS(batch_norm) {
  const moon_operand *x = &call->arg[X];
  int64_t n = moon_operand_numel(x);
  return n > 0 && is_image(x) && is_image(&call->arg[Y]) &&
         n / x->shape[1] > 1 && are_vectors(call, W, VAR, x->shape[1]) &&
         are_vectors(call, M, R, x->shape[1]);
}

CPU_CUT(batch_norm) {
  const moon_operand *x = &call->arg[X];
  simd_columns c = columns_of(x);
  int64_t n = moon_operand_numel(x), rows = n / c.width + 1;
  cpu_phase(plan, rows, (double)n, 0.4);
  int parts = plan->parts[0];
  cpu_phase(plan, 1, (double)(c.n * (2 * parts + 8)), 1);
  cpu_phase(plan, rows, (double)n, 0.5);
  cpu_phase(plan, 1, (double)c.n, 1);
  plan->scratch = scratch_size(x, parts, TRAINING_ROWS);
}

/* Elements lo to hi: sums around the first row, in the part's rows. */
static void add_up(const moon_operand *x, int64_t lo, int64_t hi,
                   double *rows) {
  simd_columns c = columns_of(x);
  const float *from = x->data;
  simd_spread s = {rows + SUM * c.width, rows + SQUARE * c.width,
                   rows + SHIFT * c.width};
  memset(s.sum, 0, (size_t)c.width * sizeof(double));
  memset(s.square, 0, (size_t)c.width * sizeof(double));
  for (int64_t i = 0; i < c.width; i++) {
    s.shift[i] = simd_shift_of(from[i % c.n]);
  }
  simd_add_spread(hi - lo, c.width, from + lo, s);
  simd_fold_sums(&c, s.sum);
  simd_fold_sums(&c, s.square);
}

/* The sums become mean and variance, in the rows of part 0. */
static void conclude(const moon_call *call, int parts, void *scratch) {
  const moon_operand *x = &call->arg[X];
  simd_columns c = columns_of(x);
  coefficients v = coefficients_in(scratch, x);
  double *sum = sums_in(scratch, x), *square = sum + SQUARE * c.width;
  const double *shift = sum + SHIFT * c.width;
  double n = (double)(moon_operand_numel(x) / c.n);
  simd_add_parts(parts, TRAINING_ROWS * c.width, c.n, sum);
  simd_add_parts(parts, TRAINING_ROWS * c.width, c.n, square);
  for (int64_t i = 0; i < c.n; i++) {
    double var = simd_variance(n, sum[i], square[i]);
    double mean = shift[i] + sum[i] / n;
    double r = 1 / sqrt(var + call->params.norm.eps);
    sum[i] = mean;
    square[i] = var;
    ((float *)call->arg[M].data)[i] = (float)mean;
    ((float *)call->arg[R].data)[i] = (float)r;
    set_normal(call, &v, i, mean, r);
  }
  repeat(&v, c);
}

static void move_running(const moon_call *call, void *scratch) {
  const moon_operand *x = &call->arg[X];
  simd_columns c = columns_of(x);
  const double *mean = sums_in(scratch, x), *var = mean + SQUARE * c.width;
  double n = (double)(moon_operand_numel(x) / c.n);
  double momentum = call->params.norm.momentum;
  float *to_mean = call->arg[MEAN].data, *to_var = call->arg[VAR].data;
  for (int64_t i = 0; i < c.n; i++) {
    double unbiased = var[i] * n / (n - 1);
    to_mean[i] = (float)((1 - momentum) * (double)to_mean[i] +
                         momentum * mean[i]);
    to_var[i] = (float)((1 - momentum) * (double)to_var[i] +
                        momentum * unbiased);
  }
}

CPU_RUN(batch_norm) {
  const moon_operand *x = &call->arg[X];
  simd_columns c = columns_of(x);
  coefficients v = coefficients_in(scratch, x);
  int64_t lo, hi;
  cpu_share(plan, phase, part, moon_operand_numel(x), c.width, &lo, &hi);
  if (phase == 0) {
    add_up(x, lo, hi,
           sums_in(scratch, x) + part * TRAINING_ROWS * c.width);
  } else if (phase == 1) {
    conclude(call, plan->parts[0], scratch);
  } else if (phase == 2) {
    normalise(call, &v, lo, hi);
  } else {
    move_running(call, scratch);
  }
  return MOON_OK;
}

/* --- evaluation ------------------------------------------------------- */
CPU_COVERS(batch_norm_eval) {
  const moon_operand *x = &call->arg[X];
  return moon_operand_numel(x) > 0 && is_image(x) && is_image(&call->arg[Y]) &&
         are_vectors(call, W, VAR, x->shape[1]);
}

CPU_CUT(batch_norm_eval) {
  const moon_operand *x = &call->arg[X];
  int64_t n = moon_operand_numel(x);
  cpu_phase(plan, 1, (double)x->shape[1], 5);
  cpu_phase(plan, n / columns_of(x).width + 1, (double)n, 0.5);
  plan->scratch = coefficients_size(x);
}

CPU_RUN(batch_norm_eval) {
  const moon_operand *x = &call->arg[X];
  simd_columns c = columns_of(x);
  coefficients v = coefficients_in(scratch, x);
  int64_t lo, hi;
  if (phase == 1) {
    cpu_share(plan, phase, part, moon_operand_numel(x), c.width, &lo, &hi);
    normalise(call, &v, lo, hi);
    return MOON_OK;
  }
  for (int64_t i = 0; i < c.n; i++) {
    double var = (double)at_or(&call->arg[VAR], i, 1);
    set_normal(call, &v, i, (double)at_or(&call->arg[MEAN], i, 0),
               1 / sqrt(var + call->params.norm.eps));
  }
  repeat(&v, c);
  return MOON_OK;
}

/* --- gradient --------------------------------------------------------- */
enum { SUM_DY, DOT, MEAN_OF, GRAD_ROWS };

CPU_COVERS(batch_norm_grad) {
  const moon_operand *dx = &call->arg[G_DX];
  return moon_operand_numel(dx) > 0 && is_image(dx) &&
         is_image(&call->arg[G_DY]) && is_image(&call->arg[G_X]) &&
         are_vectors(call, G_W, G_R, dx->shape[1]) &&
         are_vectors(call, G_DW, G_DB, dx->shape[1]);
}

CPU_CUT(batch_norm_grad) {
  const moon_operand *dx = &call->arg[G_DX];
  simd_columns c = columns_of(dx);
  int64_t n = moon_operand_numel(dx), rows = n / c.width + 1;
  cpu_phase(plan, rows, (double)n, 0.6);
  int parts = plan->parts[0];
  cpu_phase(plan, 1, (double)(c.n * (2 * parts + 8)), 1);
  cpu_phase(plan, rows, (double)n, 0.7);
  plan->scratch = scratch_size(dx, parts, GRAD_ROWS);
}

static void dot_row(int64_t n, const float *restrict dy,
                    const float *restrict x, const double *restrict mean,
                    double *restrict sum, double *restrict dot) {
  for (int64_t c = 0; c < n; c++) {
    sum[c] += (double)dy[c];
    dot[c] += (double)dy[c] * ((double)x[c] - mean[c]);
  }
}

/* Sums of dy and dy (x - m) over elements lo to hi, in the part's rows. */
static void add_dots(const moon_call *call, int64_t lo, int64_t hi,
                     double *rows) {
  simd_columns c = columns_of(&call->arg[G_DX]);
  const float *dy = call->arg[G_DY].data, *x = call->arg[G_X].data;
  const float *m = call->arg[G_M].data;
  double *sum = rows + SUM_DY * c.width, *dot = rows + DOT * c.width;
  double *mean = rows + MEAN_OF * c.width;
  memset(sum, 0, (size_t)c.width * sizeof *sum);
  memset(dot, 0, (size_t)c.width * sizeof *dot);
  for (int64_t i = 0; i < c.width; i++) mean[i] = (double)m[i % c.n];
  for (int64_t i = lo; i < hi; i += c.width) {
    dot_row(simd_row_at(i, hi, c.width), dy + i, x + i, mean, sum, dot);
  }
  simd_fold_sums(&c, sum);
  simd_fold_sums(&c, dot);
}

/* dw, db and the coefficients of dx, with h = (x - m) r:
 * w r (dy - mean dy - h mean(dy h)); `low` is b here and `shift` c. */
static void conclude_grad(const moon_call *call, int parts, void *scratch) {
  const moon_operand *dx = &call->arg[G_DX];
  const moon_operand *dw = cpu_optional(call, G_DW);
  const moon_operand *db = cpu_optional(call, G_DB);
  simd_columns c = columns_of(dx);
  coefficients v = coefficients_in(scratch, dx);
  double *sum = sums_in(scratch, dx), *dot = sum + DOT * c.width;
  double n = (double)(moon_operand_numel(dx) / c.n);
  simd_add_parts(parts, GRAD_ROWS * c.width, c.n, sum);
  simd_add_parts(parts, GRAD_ROWS * c.width, c.n, dot);
  for (int64_t i = 0; i < c.n; i++) {
    double r = (double)at_or(&call->arg[G_R], i, 1);
    double scale = r * (double)at_or(cpu_optional(call, G_W), i, 1);
    v.mean[i] = at_or(&call->arg[G_M], i, 0);
    v.scale[i] = (float)scale;
    v.low[i] = (float)(-scale * r * (dot[i] * r / n));
    v.shift[i] = (float)(-scale * (sum[i] / n));
    if (dw) ((float *)dw->data)[i] = (float)(dot[i] * r);
    if (db) ((float *)db->data)[i] = (float)sum[i];
  }
  repeat(&v, c);
}

static void grad_row(int64_t n, const float *restrict dy,
                     const float *restrict x, const coefficients *v,
                     float *restrict dx) {
  const float *restrict mean = v->mean, *restrict b = v->low;
  const float *restrict a = v->scale, *restrict shift = v->shift;
  for (int64_t c = 0; c < n; c++) {
    float t = SIMD_MADD(b[c], x[c] - mean[c], shift[c]);
    dx[c] = SIMD_MADD(a[c], dy[c], t);
  }
}

CPU_RUN(batch_norm_grad) {
  const moon_operand *dx = &call->arg[G_DX];
  const float *dy = call->arg[G_DY].data, *x = call->arg[G_X].data;
  simd_columns c = columns_of(dx);
  coefficients v = coefficients_in(scratch, dx);
  int64_t lo, hi;
  cpu_share(plan, phase, part, moon_operand_numel(dx), c.width, &lo, &hi);
  if (phase == 0) {
    add_dots(call, lo, hi, sums_in(scratch, dx) + part * GRAD_ROWS * c.width);
  } else if (phase == 1) {
    conclude_grad(call, plan->parts[0], scratch);
  } else {
    for (int64_t i = lo; i < hi; i += c.width) {
      grad_row(simd_row_at(i, hi, c.width), dy + i, x + i, &v,
               (float *)dx->data + i);
    }
  }
  return MOON_OK;
}

SIMD_KERNEL(batch_norm)
SIMD_KERNEL(batch_norm_eval)
SIMD_KERNEL(batch_norm_grad)
