/* Normalisation of rows and its gradient; see ref/layer_norm.c. A row is in the
 * cache after its first sum, so it is read again for the next: the variance is
 * that of two passes, in float.
 */
#include "rows.h"

enum { X, W, B, Y, M, R };
enum { G_DY, G_X, G_W, G_M, G_R, G_DX, G_DW, G_DB };

static bool is_rows(const moon_operand *o) {
  return cpu_is_f32(o) && cpu_is_rows(o) && moon_operand_numel(o) > 0;
}

/* An absent vector is given a row of `otherwise` in `room`. */
static const float *row_or(const moon_operand *v, int64_t n, float otherwise,
                           float *room) {
  if (v) return v->data;
  for (int64_t c = 0; c < n; c++) room[c] = otherwise;
  return room;
}

/* --- sums of a row -------------------------------------------------------- */
/* Of x - shift. */
#define STEP(s, at, m) \
  s += wide_first(wide_load_or(x + (at), m, s0) - wide_all(shift), m);
SIMD_ROW_SUM(sum_less, (int64_t n, const float *x, float shift), STEP)
#undef STEP

/* Of its square. */
#define STEP(s, at, m)                                                      \
  {                                                                         \
    wide d = wide_load_or(x + (at), m, s0) - wide_all(shift);               \
    d = wide_first(d, m);                                                   \
    s = wide_madd(d, d, s);                                                 \
  }
SIMD_ROW_SUM(sum_squares, (int64_t n, const float *x, float shift), STEP)
#undef STEP

/* Of a b (x - shift). */
typedef struct factors { const float *a, *b, *x; float shift; } factors;
#define STEP(s, at, m)                                                      \
  {                                                                         \
    wide d = wide_load_or(f->x + (at), m, s0) - wide_all(f->shift);         \
    wide w = wide_load_or(f->b + (at), m, s0);                              \
    d = wide_first(wide_load_or(f->a + (at), m, s0) * w * d, m);            \
    s += d;                                                                 \
  }
SIMD_ROW_SUM(sum_spread, (int64_t n, const factors *f), STEP)
#undef STEP

/* --- forward -------------------------------------------------------------- */
CPU_COVERS(layer_norm) {
  const moon_operand *x = &call->arg[X];
  const moon_operand *w = cpu_optional(call, W), *b = cpu_optional(call, B);
  return is_rows(x) && is_rows(&call->arg[Y]) && is_rows(&call->arg[M]) &&
         is_rows(&call->arg[R]) && (!w || cpu_is_vector(w, x->shape[1])) &&
         (!b || cpu_is_vector(b, x->shape[1]));
}

CPU_CUT(layer_norm) {
  const moon_operand *x = &call->arg[X];
  double visits = (double)moon_operand_numel(x) + 16 * (double)x->shape[0];
  cpu_phase(plan, x->shape[0], visits, 0.3);
  plan->scratch = cpu_align64((size_t)(plan->parts[0] * 2 * x->shape[1]) *
                              sizeof(float));
}

/* The mean in two parts, so that x - mean keeps its digits, and 1 / sqrt(var +
 * eps). */
typedef struct measured { float mean, low, scale; } measured;

static measured measure(int64_t n, const float *x, double eps) {
  float shift = isfinite(x[0]) ? x[0] : 0;
  double length = (double)n;
  double mean = (double)shift + (double)sum_less(n, x, shift) / length;
  float high = (float)mean;
  double low = (double)sum_less(n, x, high) / length;
  double var = (double)sum_squares(n, x, high) / length - low * low;
  var = var < 0 ? 0 : var;  /* NaN stays */
  return (measured){high, isfinite(low) ? (float)low : 0,
                    (float)(1 / sqrt(var + eps))};
}

static void normalise(int64_t n, const float *restrict x, measured m,
                      const float *restrict w, const float *restrict b,
                      float *restrict y) {
  for (int64_t c = 0; c < n; c++) {
    float h = ((x[c] - m.mean) - m.low) * m.scale;
    y[c] = SIMD_MADD(h, w[c], b[c]);
  }
}

CPU_RUN(layer_norm) {
  const moon_operand *x = &call->arg[X];
  int64_t lo, hi, n = x->shape[1];
  float *room = (float *)scratch + part * 2 * n;
  const float *w = row_or(cpu_optional(call, W), n, 1, room);
  const float *b = row_or(cpu_optional(call, B), n, 0, room + n);
  cpu_share(plan, phase, part, x->shape[0], 1, &lo, &hi);
  for (int64_t row = lo; row < hi; row++) {
    const float *from = (const float *)x->data + row * n;
    measured m = measure(n, from, call->params.norm.eps);
    normalise(n, from, m, w, b, (float *)call->arg[Y].data + row * n);
    ((float *)call->arg[M].data)[row] = m.mean + m.low;
    ((float *)call->arg[R].data)[row] = m.scale;
  }
  return MOON_OK;
}

SIMD_KERNEL(layer_norm)

/* --- gradient ------------------------------------------------------------- */
CPU_COVERS(layer_norm_grad) {
  const moon_operand *dx = &call->arg[G_DX], *w = cpu_optional(call, G_W);
  bool fits = !w || cpu_is_vector(w, dx->shape[1]);
  for (int k = G_DW; k <= G_DB; k++) {
    const moon_operand *d = cpu_optional(call, k);
    fits = fits && (!d || cpu_is_vector(d, dx->shape[1]));
  }
  return fits && is_rows(dx) && is_rows(&call->arg[G_DY]) &&
         is_rows(&call->arg[G_X]) && is_rows(&call->arg[G_M]) &&
         is_rows(&call->arg[G_R]);
}

/* Sums down the columns are taken in float over a few rows, then in double. */
enum { FEW = 32 };

/* Of a part: sums of dy h and dy, those of a few rows, a row of ones. */
typedef struct room { double *dw, *db; float *few_w, *few_b, *ones; } room;

static size_t room_size(int64_t n) {
  return cpu_align64((size_t)n * (2 * sizeof(double) + 3 * sizeof(float)));
}

static room room_at(void *scratch, int64_t n, int part) {
  double *d = (double *)((char *)scratch + (size_t)part * room_size(n));
  float *f = (float *)(d + 2 * n);
  return (room){d, d + n, f, f + n, f + 2 * n};
}

CPU_CUT(layer_norm_grad) {
  const moon_operand *x = &call->arg[G_X];
  int64_t n = x->shape[1];
  double visits = (double)moon_operand_numel(x) + 16 * (double)x->shape[0];
  cpu_phase(plan, x->shape[0], 2 * visits, 0.3);
  cpu_phase(plan, n, 2 * (double)(n * plan->parts[0]), 0.5);
  plan->scratch = (size_t)plan->parts[0] * room_size(n);
}

/* dx = r w dy - (shift + slope (x - mean)), and the row's part in dw and db. */
typedef struct pull { float mean, r, shift, slope; } pull;

static void grad_row(int64_t n, const factors *f, pull p, const room *r,
                     float *restrict dx) {
  const float *restrict dy = f->a, *restrict w = f->b, *restrict x = f->x;
  float *restrict dw = r->few_w, *restrict db = r->few_b;
  for (int64_t c = 0; c < n; c++) {
    float d = x[c] - p.mean;
    float back = SIMD_MADD(p.slope, d, p.shift);
    dx[c] = SIMD_MADD(p.r * w[c], dy[c], -back);
    dw[c] = SIMD_MADD(dy[c], d * p.r, dw[c]);
    db[c] += dy[c];
  }
}

static void flush(int64_t n, const room *r) {
  for (int64_t c = 0; c < n; c++) {
    r->dw[c] += (double)r->few_w[c];
    r->db[c] += (double)r->few_b[c];
    r->few_w[c] = r->few_b[c] = 0;
  }
}

static void run_rows(const moon_call *call, const moon_plan *plan, int part,
                     const room *r) {
  const moon_operand *x = &call->arg[G_X];
  int64_t lo, hi, n = x->shape[1];
  factors f = {.b = row_or(cpu_optional(call, G_W), n, 1, r->ones)};
  for (int64_t c = 0; c < n; c++) {
    r->dw[c] = r->db[c] = 0;
    r->few_w[c] = r->few_b[c] = 0;
  }
  cpu_share(plan, 0, part, x->shape[0], 1, &lo, &hi);
  for (int64_t row = lo; row < hi; row++) {
    float m = ((const float *)call->arg[G_M].data)[row];
    float scale = ((const float *)call->arg[G_R].data)[row];
    f.a = (const float *)call->arg[G_DY].data + row * n;
    f.x = (const float *)x->data + row * n;
    f.shift = m;
    float sum = simd_row_dot(n, f.a, f.b) / (float)n;
    float dot = sum_spread(n, &f) / (float)n * scale * scale;
    pull p = {m, scale, scale * sum, scale * dot};
    grad_row(n, &f, p, r, (float *)call->arg[G_DX].data + row * n);
    if ((row - lo) % FEW == FEW - 1) flush(n, r);
  }
  flush(n, r);
}

CPU_RUN(layer_norm_grad) {
  int64_t lo, hi, n = call->arg[G_X].shape[1];
  if (phase == 0) {
    room r = room_at(scratch, n, part);
    run_rows(call, plan, part, &r);
    return MOON_OK;
  }
  const moon_operand *dw = cpu_optional(call, G_DW);
  const moon_operand *db = cpu_optional(call, G_DB);
  cpu_share(plan, phase, part, n, CPU_GRAIN, &lo, &hi);
  for (int64_t c = lo; c < hi; c++) {
    double dot = 0, sum = 0;
    for (int p = 0; p < plan->parts[0]; p++) {
      room r = room_at(scratch, n, p);
      dot += r.dw[c];
      sum += r.db[c];
    }
    if (dw) ((float *)dw->data)[c] = (float)dot;
    if (db) ((float *)db->data)[c] = (float)sum;
  }
  return MOON_OK;
}

SIMD_KERNEL(layer_norm_grad)
