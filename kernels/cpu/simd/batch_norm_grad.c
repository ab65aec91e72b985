/* The gradient of a batch norm of channels-last memory; see
 * ref/batch_norm.c. With h = (x - m) r,
 *
 *   dx = w r (dy - mean dy - h mean(dy h)) = scale dy + (low (x - m) + shift)
 *
 * Where a ReLU came after, dy counts where y > 0, which both passes see from x:
 * that costs less than to read y.
 */
#include "batch_norm.h"

enum { DY, X, W, M, R, DX, DW, DB, K };

CPU_COVERS(batch_norm_grad) {
  const moon_operand *dx = &call->arg[DX];
  return norm_is_image(dx) && norm_is_image(&call->arg[DY]) &&
         norm_is_image(&call->arg[X]) &&
         norm_are_vectors(call, W, R, dx->shape[1]) &&
         norm_are_vectors(call, DW, DB, dx->shape[1]) &&
         norm_is_rows(call, K);
}

CPU_CUT(batch_norm_grad) {
  const moon_operand *dx = &call->arg[DX];
  norm_phase(dx, plan, 0.5);
  int parts = plan->parts[0];
  cpu_phase(plan, 1, (double)dx->shape[1] * (2 * parts + 16), 0.5);
  norm_phase(dx, plan, 0.5);
  plan->scratch = norm_scratch_size(dx, parts);
}

#define WHOLE(i) dy[i]
#define MASKED(i) simd_where(sign[i] * x[i] > above[i], dy[i])

/* --- the sums --------------------------------------------------------- */
#define ADD_ROW(name, grad)                                               \
  static void name(int64_t n, const float *restrict dy,                   \
                   const float *restrict x, const norm_sums *to) {        \
    const float *restrict around = to->around;                            \
    CPU_UNUSED const float *restrict sign = to->sign;                     \
    CPU_UNUSED const float *restrict above = to->above;                   \
    float *restrict sum = to->few_sum, *restrict dot = to->few_other;     \
    SIMD_COLUMNS(n, float d = grad(c);                                    \
                    sum[c] += d;                                          \
                    dot[c] = SIMD_MADD(d, x[c] - around[c], dot[c]);)     \
  }
ADD_ROW(add_row, WHOLE)
ADD_ROW(add_masked_row, MASKED)

/* What tells where a ReLU's y is above 0, for all columns. */
static void fetch(const moon_call *call, const norm *v, const norm_sums *to) {
  const float *k = call->arg[K].data;
  size_t nbytes = (size_t)v->c.n * sizeof *k;
  memcpy(to->sign, k, nbytes);
  memcpy(to->above, k + v->c.n, nbytes);
  simd_repeat(&v->c, to->sign);
  simd_repeat(&v->c, to->above);
}

/* Sums of dy and dy (x - m) over elements lo to hi. */
static void add_up(const moon_call *call, const norm *v, int part, int64_t lo,
                   int64_t hi) {
  const float *dy = call->arg[DY].data, *x = call->arg[X].data;
  norm_sums to = norm_sums_of(v, part);
  memcpy(to.around, call->arg[M].data, (size_t)v->c.n * sizeof *x);
  simd_repeat(&v->c, to.around);
  if (cpu_optional(call, K)) {
    fetch(call, v, &to);
    NORM_ADD_UP(v, &to, lo, hi, add_masked_row(m, dy + i, x + i, &to))
  } else {
    NORM_ADD_UP(v, &to, lo, hi, add_row(m, dy + i, x + i, &to))
  }
}

/* dw, db and what dx needs. */
static void conclude(const moon_call *call, const norm *v, int parts) {
  const moon_operand *w = cpu_optional(call, W);
  const moon_operand *dw = cpu_optional(call, DW);
  const moon_operand *db = cpu_optional(call, DB);
  norm_sums s = norm_total(v, parts);
  double n = (double)(moon_operand_numel(&call->arg[DX]) / v->c.n);
  for (int64_t i = 0; i < v->c.n; i++) {
    double r = norm_at_or(&call->arg[R], i, 1);
    double scale = r * norm_at_or(w, i, 1);
    v->mean[i] = (float)norm_at_or(&call->arg[M], i, 0);
    v->scale[i] = (float)scale;
    v->low[i] = (float)(-scale * r * (s.other[i] * r / n));
    v->shift[i] = (float)(-scale * (s.sum[i] / n));
    if (dw) ((float *)dw->data)[i] = (float)(s.other[i] * r);
    if (db) ((float *)db->data)[i] = (float)s.sum[i];
  }
  norm_repeat(v);
}

/* --- dx --------------------------------------------------------------- */
typedef void row_fn(int64_t n, const float *restrict dy,
                    const float *restrict x, const norm *v, norm_sums at,
                    float *restrict dx, bool past);

#define GRAD_ROW(name, grad)                                               \
  static void name(int64_t n, const float *restrict dy,                    \
                   const float *restrict x, const norm *v, norm_sums at,   \
                   float *restrict dx, bool past) {                        \
    const float *restrict mean = v->mean, *restrict low = v->low;          \
    const float *restrict scale = v->scale, *restrict shift = v->shift;    \
    CPU_UNUSED const float *restrict sign = at.sign;                       \
    CPU_UNUSED const float *restrict above = at.above;                     \
    SIMD_EACH(n, dx, past,                                                 \
              SIMD_MADD(scale[i], grad(i),                                 \
                        SIMD_MADD(low[i], x[i] - mean[i], shift[i])))      \
  }
GRAD_ROW(grad_row, WHOLE)
GRAD_ROW(grad_masked_row, MASKED)

static void grad(const moon_call *call, const norm *v, int64_t lo,
                 int64_t hi) {
  const float *dy = call->arg[DY].data, *x = call->arg[X].data;
  float *dx = call->arg[DX].data;
  bool past = simd_is_past(&call->arg[DX]);
  row_fn *row = cpu_optional(call, K) ? grad_masked_row : grad_row;
  for (int64_t i = lo; i < hi; i += v->c.width) {
    row(simd_row_at(i, hi, v->c.width), dy + i, x + i, v, norm_sums_of(v, 0),
        dx + i, past);
  }
  simd_store_end(past);
}

CPU_RUN(batch_norm_grad) {
  const moon_operand *dx = &call->arg[DX];
  norm v = norm_in(scratch, dx);
  int64_t lo, hi;
  cpu_share(plan, phase, part, moon_operand_numel(dx), v.c.width, &lo, &hi);
  if (phase == 0) {
    add_up(call, &v, part, lo, hi);
  } else if (phase == 1) {
    conclude(call, &v, plan->parts[0]);
  } else {
    grad(call, &v, lo, hi);
  }
  return MOON_OK;
}

SIMD_KERNEL(batch_norm_grad)
