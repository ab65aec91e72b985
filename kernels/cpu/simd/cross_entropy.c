/* Softmax and the negative logarithm of the label's share, over rows of
 * logits, and the gradient; see ref/cross_entropy.c. Labels are checked in a
 * phase of their own, or first thing where one part does everything.
 */
#include "lines.h"

enum { X, L, LOSS, S };
enum { G_DLOSS, G_X, G_L, G_S, G_DX };

static bool covers(const moon_operand *x, const moon_operand *l,
                   const moon_operand *s) {
  return cpu_is_f32(x) && cpu_is_rows(x) && moon_operand_numel(x) > 0 &&
         l->dtype == MOON_I64 && cpu_is_f32(s) && cpu_is_rows(s);
}

static int check(const moon_operand *x, const moon_operand *l,
                 moon_fail *fail) {
  return moon_cpu_check_index(l, "label", x->shape[1], fail);
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
  cpu_phase(plan, 1, (double)n, 1);
  cpu_phase(plan, n, (double)(n * c) + 8 * (double)n, 2);
  cpu_phase(plan, 1, (double)n, 2);
  plan->scratch = cpu_align64((size_t)n * sizeof(double));
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

/* Rows lo to hi: maxima and sums, and each row's loss in `row`. */
static void run_rows(const moon_call *call, int64_t lo, int64_t hi,
                     double *row) {
  const moon_operand *l = &call->arg[L];
  const float *x = call->arg[X].data;
  int64_t n = call->arg[X].shape[1], tile = simd_lines_per_tile(n);
  float *max = call->arg[S].data, *sum = max + call->arg[X].shape[0];
  float room[SIMD_STAGE];
  for (int64_t from = lo; from < hi; from += tile) {
    int64_t lines = from + tile < hi ? tile : hi - from;
    const float *first = x + from * n;
    for (int64_t k = 0; k < lines; k++) {
      max[from + k] = simd_line_max(n, first + k * n);
    }
    if (n <= SIMD_STAGE) simd_exp_lines(lines, n, first, max + from, room);
    for (int64_t k = 0; k < lines; k++) {
      const float *line = first + k * n;
      float top = max[from + k];
      double v = sum_of(n, line, top, n <= SIMD_STAGE ? room + k * n : room);
      row[from + k] =
          (double)top - (double)line[label(l, from + k)] + log(v);
      sum[from + k] = (float)v;
    }
  }
}

CPU_RUN(cross_entropy) {
  const moon_operand *x = &call->arg[X];
  double *row = scratch, sum = 0;
  int64_t lo, hi, n = x->shape[0];
  if (phase == CHECK) return check(x, &call->arg[L], fail);
  if (phase == ROWS) {
    cpu_share(plan, phase, part, n, 1, &lo, &hi);
    run_rows(call, lo, hi, row);
    return MOON_OK;
  }
  for (int64_t i = 0; i < n; i++) sum += row[i];
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
  cpu_phase(plan, 1, (double)n, 1);
  cpu_phase(plan, n, (double)(n * c), 2);
}

static void scale(int64_t n, float by, float *y) {
  for (int64_t i = 0; i < n; i++) y[i] *= by;
}

CPU_RUN(cross_entropy_grad) {
  const moon_operand *x = &call->arg[G_X], *l = &call->arg[G_L];
  const float *max = call->arg[G_S].data, *sum = max + x->shape[0];
  if (phase == CHECK) return check(x, l, fail);
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
