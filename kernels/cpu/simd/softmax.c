/* y = exp(x - max) / sum along lines that lie in one piece of memory, and
 * dx = y (dy - sum y dy); see ref/softmax.c.
 */
#include "lines.h"

static cpu_loop loop_of(const moon_call *call) {
  const moon_operand *o[3] = {0};
  for (int k = 0; k < call->n; k++) o[k] = &call->arg[k];
  return cpu_loop_of(o, call->n);
}

/* All operands are dense in one order with the lines innermost. */
static bool covers(const moon_call *call) {
  const moon_operand *x = &call->arg[0];
  int dim = call->params.dim.dim;
  if (!cpu_is_f32(x) || moon_operand_numel(x) == 0) return false;
  cpu_loop l = loop_of(call);
  return cpu_loop_is_flat(&l) && (x->shape[dim] == 1 || x->stride[dim] == 1);
}

static void cut(const moon_call *call, moon_plan *plan, double ns) {
  const moon_operand *x = &call->arg[0];
  int64_t n = moon_operand_numel(x);
  cpu_phase(plan, n / x->shape[call->params.dim.dim], (double)n, ns);
}

/* The part's lines, and how many elements each has. */
static int64_t share(const moon_call *call, const moon_plan *plan, int part,
                     int64_t *lo, int64_t *hi) {
  const moon_operand *x = &call->arg[0];
  int64_t n = x->shape[call->params.dim.dim];
  cpu_share(plan, 0, part, moon_operand_numel(x) / n, 1, lo, hi);
  return n;
}

static void scale(int64_t n, float by, float *y) {
  for (int64_t i = 0; i < n; i++) y[i] *= by;
}

CPU_COVERS(softmax) { return covers(call); }

CPU_CUT(softmax) { cut(call, plan, 2); }

CPU_RUN(softmax) {
  float max[SIMD_STAGE];
  int64_t lo, hi, n = share(call, plan, part, &lo, &hi);
  int64_t tile = simd_lines_per_tile(n);
  for (int64_t i = lo; i < hi; i += tile) {
    const float *x = (const float *)call->arg[0].data + i * n;
    float *y = (float *)call->arg[1].data + i * n;
    int64_t lines = i + tile < hi ? tile : hi - i;
    for (int64_t k = 0; k < lines; k++) max[k] = simd_line_max(n, x + k * n);
    simd_exp_lines(lines, n, x, max, y);
    for (int64_t k = 0; k < lines; k++) {
      scale(n, (float)(1 / simd_line_sum(n, y + k * n)), y + k * n);
    }
  }
  return MOON_OK;
}

/* --- gradient --------------------------------------------------------- */
CPU_COVERS(softmax_grad) { return covers(call); }

CPU_CUT(softmax_grad) { cut(call, plan, 1); }

static double dot(int64_t n, const float *restrict y,
                  const float *restrict dy) {
  enum { LANES = 16 };
  double lane[LANES] = {0}, sum = 0;
  int64_t i = 0;
  for (; i + LANES <= n; i += LANES) {
    for (int k = 0; k < LANES; k++) {
      lane[k] += (double)y[i + k] * (double)dy[i + k];
    }
  }
  for (; i < n; i++) sum += (double)y[i] * (double)dy[i];
  for (int k = 0; k < LANES; k++) sum += lane[k];
  return sum;
}

static void grad_line(int64_t n, const float *restrict dy,
                      const float *restrict y, float *restrict dx) {
  float all = (float)dot(n, y, dy);
  for (int64_t i = 0; i < n; i++) dx[i] = y[i] * (dy[i] - all);
}

CPU_RUN(softmax_grad) {
  int64_t lo, hi, n = share(call, plan, part, &lo, &hi);
  for (int64_t i = lo; i < hi; i++) {
    grad_line(n, (const float *)call->arg[0].data + i * n,
              (const float *)call->arg[1].data + i * n,
              (float *)call->arg[2].data + i * n);
  }
  return MOON_OK;
}

SIMD_KERNEL(softmax)
SIMD_KERNEL(softmax_grad)
