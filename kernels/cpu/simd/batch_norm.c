/* Normalisation of each channel of channels-last memory; see
 * ref/batch_norm.c.
 *
 *   y = ((x - mean) - low) scale + shift, and ReLU of it
 */
#include "batch_norm.h"
#include "elementary.h"

enum { X, W, B, M, V, Y, R, K, MEAN = M, VAR = V };

/* --- y ---------------------------------------------------------------- */
static void set_channel(const moon_call *call, const norm *v, int64_t c,
                        double mean, double r) {
  v->mean[c] = (float)mean;
  v->low[c] = isfinite(mean) ? (float)(mean - (double)v->mean[c]) : 0;
  v->scale[c] = (float)(r * norm_at_or(cpu_optional(call, W), c, 1));
  v->shift[c] = (float)norm_at_or(cpu_optional(call, B), c, 0);
}

typedef void row_fn(int64_t n, const float *restrict x, const norm *v,
                    float *restrict y, bool past);

#define ROW(name, epilogue)                                                \
  static void name(int64_t n, const float *restrict x, const norm *v,      \
                   float *restrict y, bool past) {                         \
    const float *restrict mean = v->mean, *restrict low = v->low;          \
    const float *restrict scale = v->scale, *restrict shift = v->shift;    \
    SIMD_EACH(n, y, past,                                                  \
              epilogue(NORM_Y(x[i], mean[i], low[i], scale[i], shift[i]))) \
  }
ROW(plain_row, )
ROW(relu_row, norm_relu)

static void normalise(const moon_call *call, const norm *v, int64_t lo,
                      int64_t hi) {
  const float *x = call->arg[X].data;
  float *y = call->arg[Y].data;
  bool past = simd_is_past(&call->arg[Y]);
  row_fn *row = norm_has_relu(call) ? relu_row : plain_row;
  for (int64_t i = lo; i < hi; i += v->c.width) {
    row(simd_row_at(i, hi, v->c.width), x + i, v, y + i, past);
  }
  simd_store_end(past);
}

/* --- training --------------------------------------------------------- */
CPU_COVERS(batch_norm) {
  const moon_operand *x = &call->arg[X];
  return norm_is_image(x) && norm_is_image(&call->arg[Y]) &&
         moon_operand_numel(x) / x->shape[1] > 1 &&
         norm_are_vectors(call, W, V, x->shape[1]) &&
         norm_are_vectors(call, R, R, x->shape[1]) && norm_is_rows(call, K);
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

/* The means of the columns' first elements, the same for all parts: around
 * them, sums of squares lose few digits. Leaves other numbers in to->sum. */
static void look_around(const moon_operand *x, const norm *v,
                        const norm_sums *to) {
  int64_t rows = moon_operand_numel(x) / v->c.width;
  if (rows > NORM_FEW) rows = NORM_FEW;
  norm_clear(v, to->sum, sizeof(double));
  simd_add_sums(rows * v->c.width, v->c.width, x->data, to->sum);
  simd_fold_sums(&v->c, to->sum);
  for (int64_t c = 0; c < v->c.n; c++) {
    double mean = to->sum[c] / (double)(rows * v->c.fold);
    to->around[c] = isfinite(mean) ? (float)mean : 0;
  }
  simd_repeat(&v->c, to->around);
}

static void add_row(int64_t n, const float *restrict x, const norm_sums *to) {
  const float *restrict around = to->around;
  float *restrict sum = to->few_sum, *restrict square = to->few_other;
  SIMD_COLUMNS(n, float d = x[c] - around[c];
                  sum[c] += d;
                  square[c] = SIMD_MADD(d, d, square[c]);)
}

/* Of elements lo to hi: sums of x and of its square around a value. */
static void add_up(const moon_operand *x, const norm *v, int part, int64_t lo,
                   int64_t hi) {
  const float *data = x->data;
  norm_sums to = norm_sums_of(v, part);
  look_around(x, v, &to);
  NORM_ADD_UP(v, &to, lo, hi, add_row(m, data + i, &to))
}

/* Floats in their order as whole numbers, and back. */
static inline float ordered(int32_t place) {
  return simd_from_bits(place < 0 ? INT32_MIN - place : place);
}

/* For the gradient, y > 0 exactly where sign x > above. What a channel's y
 * rounds to never falls while scale x rises, so the largest place where y is
 * not above 0 is found by halving, in all channels at once. */
static void find_zero(const norm *v, float *sign, float *above) {
  enum { HALVINGS = 32 };  /* of all the floats */
  const int32_t end = simd_bits(INFINITY);
  int64_t n = v->c.n;
  for (int64_t c = 0; c < n; c++) sign[c] = v->scale[c] < 0 ? -1.0f : 1.0f;
  for (int64_t at = 0; at < n; at += SIMD_WIDTH) {
    int64_t m = simd_row_at(at, n, SIMD_WIDTH);
    int32_t low[SIMD_WIDTH], high[SIMD_WIDTH];
    for (int64_t c = 0; c < m; c++) low[c] = -end;
    for (int64_t c = 0; c < m; c++) high[c] = end;
    for (int step = 0; step < HALVINGS; step++) {
      for (int64_t c = 0; c < m; c++) {
        int32_t middle = (low[c] >> 1) + (high[c] >> 1) +
                         (low[c] & high[c] & 1);
        float x = sign[at + c] * ordered(middle);
        float y = NORM_Y(x, v->mean[at + c], v->low[at + c], v->scale[at + c],
                         v->shift[at + c]);
        low[c] = y > 0 ? low[c] : middle;
        high[c] = y > 0 ? middle : high[c];
      }
    }
    for (int64_t c = 0; c < m; c++) above[at + c] = ordered(low[c]);
  }
}

/* The sums become mean and variance. */
static void conclude(const moon_call *call, const norm *v, int parts) {
  const moon_operand *x = &call->arg[X], *k = cpu_optional(call, K);
  float *m = call->arg[M].data, *to_v = call->arg[V].data;
  float *to_r = call->arg[R].data;
  norm_sums s = norm_total(v, parts);
  double n = (double)(moon_operand_numel(x) / v->c.n);
  for (int64_t i = 0; i < v->c.n; i++) {
    double var = simd_variance(n, s.sum[i], s.other[i]);
    double mean = (double)s.around[i] + s.sum[i] / n;
    double r = 1 / sqrt(var + call->params.norm.eps);
    m[i] = (float)mean;
    to_v[i] = (float)(var * n / (n - 1));
    to_r[i] = (float)r;
    set_channel(call, v, i, mean, r);
  }
  if (k) find_zero(v, k->data, (float *)k->data + v->c.n);
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
