/* The gradient of a batch norm of channels-last memory; see
 * ref/batch_norm.c. With h = (x - m) r,
 *
 *   dx = w r (dy - mean dy - h mean(dy h)) = scale dy + (low (x - m) + shift)
 */
#include "batch_norm.h"

enum { DY, X, W, M, R, DX, DW, DB };
enum { SUM, DOT, MEAN };  /* rows */

CPU_COVERS(batch_norm_grad) {
  const moon_operand *dx = &call->arg[DX];
  return norm_is_image(dx) && norm_is_image(&call->arg[DY]) &&
         norm_is_image(&call->arg[X]) &&
         norm_are_vectors(call, W, R, dx->shape[1]) &&
         norm_are_vectors(call, DW, DB, dx->shape[1]);
}

CPU_CUT(batch_norm_grad) {
  const moon_operand *dx = &call->arg[DX];
  norm_phase(dx, plan, 0.5);
  int parts = plan->parts[0];
  cpu_phase(plan, 1, (double)dx->shape[1] * (2 * parts + 16), 0.5);
  norm_phase(dx, plan, 0.5);
  plan->scratch = norm_scratch_size(dx, parts);
}

static void dot_row(int64_t n, const float *restrict dy,
                    const float *restrict x, const double *restrict mean,
                    double *restrict sum, double *restrict dot) {
  for (int64_t c = 0; c < n; c++) {
    sum[c] += (double)dy[c];
    dot[c] += (double)dy[c] * ((double)x[c] - mean[c]);
  }
}

/* Sums of dy and dy (x - m) over elements lo to hi. */
static void add_up(const moon_call *call, const norm *v, int part, int64_t lo,
                   int64_t hi) {
  const float *dy = call->arg[DY].data, *x = call->arg[X].data;
  const float *m = call->arg[M].data;
  double *sum = norm_zeros(v, part, SUM), *dot = norm_zeros(v, part, DOT);
  double *mean = norm_zeros(v, part, MEAN);
  for (int64_t i = 0; i < v->c.width; i++) mean[i] = (double)m[i % v->c.n];
  for (int64_t i = lo; i < hi; i += v->c.width) {
    dot_row(simd_row_at(i, hi, v->c.width), dy + i, x + i, mean, sum, dot);
  }
  simd_fold_sums(&v->c, sum);
  simd_fold_sums(&v->c, dot);
}

/* dw, db and what dx needs. */
static void conclude(const moon_call *call, const norm *v, int parts) {
  const moon_operand *w = cpu_optional(call, W);
  const moon_operand *dw = cpu_optional(call, DW);
  const moon_operand *db = cpu_optional(call, DB);
  const double *sum = norm_total(v, parts, SUM);
  const double *dot = norm_total(v, parts, DOT);
  double n = (double)(moon_operand_numel(&call->arg[DX]) / v->c.n);
  for (int64_t i = 0; i < v->c.n; i++) {
    double r = norm_at_or(&call->arg[R], i, 1);
    double scale = r * norm_at_or(w, i, 1);
    v->mean[i] = (float)norm_at_or(&call->arg[M], i, 0);
    v->scale[i] = (float)scale;
    v->low[i] = (float)(-scale * r * (dot[i] * r / n));
    v->shift[i] = (float)(-scale * (sum[i] / n));
    if (dw) ((float *)dw->data)[i] = (float)(dot[i] * r);
    if (db) ((float *)db->data)[i] = (float)sum[i];
  }
  norm_repeat(v);
}

static void grad_row(int64_t n, const float *restrict dy,
                     const float *restrict x, const norm *v,
                     float *restrict dx) {
  const float *restrict mean = v->mean, *restrict low = v->low;
  const float *restrict scale = v->scale, *restrict shift = v->shift;
  for (int64_t c = 0; c < n; c++) {
    float t = SIMD_MADD(low[c], x[c] - mean[c], shift[c]);
    dx[c] = SIMD_MADD(scale[c], dy[c], t);
  }
}

CPU_RUN(batch_norm_grad) {
  const moon_operand *dx = &call->arg[DX];
  const float *dy = call->arg[DY].data, *x = call->arg[X].data;
  norm v = norm_in(scratch, dx);
  int64_t lo, hi;
  cpu_share(plan, phase, part, moon_operand_numel(dx), v.c.width, &lo, &hi);
  if (phase == 0) {
    add_up(call, &v, part, lo, hi);
  } else if (phase == 1) {
    conclude(call, &v, plan->parts[0]);
  } else {
    for (int64_t i = lo; i < hi; i += v.c.width) {
      grad_row(simd_row_at(i, hi, v.c.width), dy + i, x + i, &v,
               (float *)dx->data + i);
    }
  }
  return MOON_OK;
}

SIMD_KERNEL(batch_norm_grad)
