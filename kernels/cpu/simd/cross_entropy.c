/* Softmax and the negative logarithm of the label's share, over rows of
 * logits, and the gradient; see ref/cross_entropy.c. Labels are checked in a
 * phase of their own.
 */
#include "lines.h"

enum { X, L, LOSS, S };
enum { G_DLOSS, G_X, G_L, G_S, G_DX };

static bool covers(const moon_operand *x, const moon_operand *l,
                   const moon_operand *s) {
  return cpu_is_f32(x) && cpu_is_rows(x) && moon_operand_numel(x) > 0 &&
         l->dtype == MOON_I64 && cpu_is_f32(s) && cpu_is_rows(s);
}

static int check(const moon_call *call, const moon_plan *plan, int part,
                 int labels, moon_fail *fail) {
  const moon_operand *l = &call->arg[labels];
  cpu_range rows;
  cpu_share(plan, 0, part, l->shape[0], CPU_GRAIN, &rows.lo, &rows.hi);
  return moon_cpu_check_index(l, rows, "label", call->arg[labels - 1].shape[1],
                              fail);
}

static int64_t label(const moon_operand *l, int64_t row) {
  return ((const int64_t *)l->data)[row * l->stride[0]];
}

/* --- forward ---------------------------------------------------------- */
enum { CHECK, ROWS, MEAN };

CPU_COVERS(cross_entropy) {
  return covers(&call->arg[X], &call->arg[L], &call->arg[S]);
}

CPU_CUT(cross_entropy) {
  int64_t n = call->arg[X].shape[0], c = call->arg[X].shape[1];
  cpu_phase(plan, n, (double)n, 1);
  cpu_phase(plan, n, (double)(n * c) + 8 * (double)n, 2);
  cpu_phase(plan, 1, plan->parts[ROWS], 2);
  plan->scratch = cpu_align64((size_t)plan->parts[ROWS] * sizeof(double));
}

/* The sum of exp(x - max) over one line; in `room` if they fit there. */
static double sum_of(int64_t n, const float *x, float max, float *room) {
  if (n <= SIMD_STAGE) return simd_line_sum(n, room);
  double sum = 0;
  for (int64_t i = 0; i < n; i += SIMD_STAGE) {
    int64_t m = simd_row_at(i, n, SIMD_STAGE);
    simd_exp_less(m, x + i, max, room);
    sum += simd_line_sum(m, room);
  }
  return sum;
}

/* Rows lo to hi: maxima and sums; the sum of their losses. A few rows' sums are
 * multiplied (each is at least 1, or not finite), so that they share a
 * logarithm. */
static double run_rows(const moon_call *call, int64_t lo, int64_t hi) {
  enum { FEW = 8 };
  const moon_operand *l = &call->arg[L];
  const float *x = call->arg[X].data;
  int64_t n = call->arg[X].shape[1], tile = simd_lines_per_tile(n);
  float *max = call->arg[S].data, *sum = max + call->arg[X].shape[0];
  float room[SIMD_STAGE];
  double loss = 0, product = 1;
  for (int64_t from = lo; from < hi; from += tile) {
    int64_t lines = from + tile < hi ? tile : hi - from;
    const float *first = x + from * n;
    for (int64_t k = 0; k < lines; k++) {
      max[from + k] = simd_line_max(n, first + k * n);
    }
    if (n <= SIMD_STAGE) simd_exp_lines(lines, n, first, max + from, room);
    for (int64_t k = 0, i = from; k < lines; k++, i++) {
      const float *line = first + k * n;
      double v = sum_of(n, line, max[i], n <= SIMD_STAGE ? room + k * n : room);
      sum[i] = (float)v;
      loss += (double)max[i] - (double)line[label(l, i)];
      product *= v;
      if ((i - lo) % FEW < FEW - 1) continue;
      loss += log(product);
      product = 1;
    }
  }
  return loss + log(product);
}

CPU_RUN(cross_entropy) {
  double *loss = scratch, sum = 0;
  int64_t lo, hi, n = call->arg[X].shape[0];
  if (phase == CHECK) return check(call, plan, part, L, fail);
  if (phase == ROWS) {
    cpu_share(plan, phase, part, n, 1, &lo, &hi);
    loss[part] = run_rows(call, lo, hi);
    return MOON_OK;
  }
  for (int k = 0; k < plan->parts[ROWS]; k++) sum += loss[k];
  *(float *)call->arg[LOSS].data = (float)(sum / (double)n);
  return MOON_OK;
}

/* --- gradient --------------------------------------------------------- */
CPU_COVERS(cross_entropy_grad) {
  return covers(&call->arg[G_X], &call->arg[G_L], &call->arg[G_S]) &&
         cpu_is_rows(&call->arg[G_DX]);
}

CPU_CUT(cross_entropy_grad) {
  int64_t n = call->arg[G_X].shape[0], c = call->arg[G_X].shape[1];
  cpu_phase(plan, n, (double)n, 1);
  cpu_phase(plan, n, (double)(n * c), 2);
}

static void scale(int64_t n, float by, float *y) {
  for (int64_t i = 0; i < n; i++) y[i] *= by;
}

CPU_RUN(cross_entropy_grad) {
  const moon_operand *x = &call->arg[G_X], *l = &call->arg[G_L];
  const float *max = call->arg[G_S].data, *sum = max + x->shape[0];
  if (phase == CHECK) return check(call, plan, part, G_L, fail);
  int64_t lo, hi, n = x->shape[1], tile = simd_lines_per_tile(n);
  float dloss = *(const float *)call->arg[G_DLOSS].data;
  float by = (float)((double)dloss / (double)x->shape[0]);
  cpu_share(plan, phase, part, x->shape[0], 1, &lo, &hi);
  for (int64_t i = lo; i < hi; i += tile) {
    int64_t lines = i + tile < hi ? tile : hi - i;
    float *dx = (float *)call->arg[G_DX].data + i * n;
    simd_exp_lines(lines, n, (const float *)x->data + i * n, max + i, dx);
    for (int64_t k = 0; k < lines; k++) {
      scale(n, by / sum[i + k], dx + k * n);
      dx[k * n + label(l, i + k)] -= by;
    }
  }
  return MOON_OK;
}

SIMD_KERNEL(cross_entropy)
SIMD_KERNEL(cross_entropy_grad)
