/* y = exp(x - max) / sum, and dx = y (dy - sum y dy); the same of y's
 * logarithm. See ref/softmax.c. Lines lie in one piece of memory, a tile of
 * short ones at a time, or beside each other (softmax_columns.h).
 */
#include "lines.h"
#include "softmax_columns.h"

static cpu_loop loop_of(const moon_call *call) {
  const moon_operand *o[3] = {0};
  for (int k = 0; k < call->n; k++) o[k] = &call->arg[k];
  return cpu_loop_of(o, call->n);
}

/* All operands are dense in one order with the lines innermost. */
static bool is_lines(const moon_call *call) {
  const moon_operand *x = &call->arg[0];
  int dim = call->params.dim.dim;
  cpu_loop l = loop_of(call);
  return cpu_loop_is_flat(&l) && (x->shape[dim] == 1 || x->stride[dim] == 1);
}

/* Where the lines begin, by the last operand's strides. */
static cpu_loop heads_of(const moon_call *call) {
  moon_operand head[3] = {{0}};
  const moon_operand *o[3] = {0};
  for (int k = 0; k < call->n; k++) {
    int from = (k + call->n - 1) % call->n;
    head[k] = call->arg[from];
    head[k].shape[call->params.dim.dim] = 1;
    o[k] = &head[k];
  }
  return cpu_loop_of(o, call->n);
}

/* In all operands the lines are neighbours. */
static bool is_columns(const cpu_loop *heads) {
  for (int k = 0; k < heads->n; k++) {
    if (cpu_inner(heads, k) != 1) return false;
  }
  return heads->shape[heads->ndim - 1] > 1;
}

static bool covers(const moon_call *call) {
  const moon_operand *x = &call->arg[0];
  if (!cpu_is_f32(x) || moon_operand_numel(x) == 0) return false;
  cpu_loop heads = heads_of(call);
  return is_lines(call) || is_columns(&heads);
}

static int64_t tiles_of(const cpu_loop *heads) {
  int64_t width = heads->shape[heads->ndim - 1];
  return heads->numel / width * ((width + SIMD_TILE - 1) / SIMD_TILE);
}

static void cut(const moon_call *call, moon_plan *plan, double ns) {
  const moon_operand *x = &call->arg[0];
  int64_t n = moon_operand_numel(x);
  cpu_loop heads = heads_of(call);
  int64_t units = is_lines(call) ? heads.numel : tiles_of(&heads);
  cpu_phase(plan, units, (double)n, ns);
}

/* The part's lines, and how many elements each has. */
static int64_t share(const moon_call *call, const moon_plan *plan, int part,
                     int64_t *lo, int64_t *hi) {
  const moon_operand *x = &call->arg[0];
  int64_t n = x->shape[call->params.dim.dim];
  cpu_share(plan, 0, part, moon_operand_numel(x) / n, 1, lo, hi);
  return n;
}

/* The part's tiles; operands: one or two inputs, then the output. */
static void run_tiles(const moon_call *call, const moon_plan *plan, int part,
                      void (*run)(const simd_tile *t)) {
  int dim = call->params.dim.dim, last = call->n - 1;
  cpu_loop heads = heads_of(call);
  int64_t width = heads.shape[heads.ndim - 1], lo, hi;
  int64_t tiles = (width + SIMD_TILE - 1) / SIMD_TILE;
  cpu_share(plan, 0, part, tiles_of(&heads), 1, &lo, &hi);
  for (int64_t u = lo; u < hi; u++) {
    int64_t column = u % tiles * SIMD_TILE, left = width - column;
    int64_t first = u / tiles * width + column;
    cpu_walk w = cpu_walk_from(&heads, first, first + 1, 1);
    simd_tile t = {.n = call->arg[0].shape[dim],
                   .lines = left < SIMD_TILE ? left : SIMD_TILE,
                   .out = (float *)call->arg[last].data + w.at[0]};
    for (int k = 0; k < call->n; k++) {
      t.step[k] = call->arg[k].stride[dim];
      if (k == last) break;
      t.in[k] = (const float *)call->arg[k].data + w.at[k + 1];
    }
    run(&t);
  }
}

/* --- softmax ---------------------------------------------------------- */
CPU_COVERS(softmax) { return covers(call); }

CPU_CUT(softmax) { cut(call, plan, 2); }

static void scale(int64_t n, float by, float *y) {
  for (int64_t i = 0; i < n; i++) y[i] *= by;
}

CPU_RUN(softmax) {
  if (!is_lines(call)) {
    run_tiles(call, plan, part, simd_softmax_tile);
    return MOON_OK;
  }
  float max[SIMD_STAGE];
  int64_t lo, hi, n = share(call, plan, part, &lo, &hi);
  int64_t tile = simd_lines_per_tile(n);
  for (int64_t i = lo; i < hi; i += tile) {
    const float *x = (const float *)call->arg[0].data + i * n;
    float *y = (float *)call->arg[1].data + i * n;
    int64_t lines = i + tile < hi ? tile : hi - i;
    for (int64_t k = 0; k < lines; k++) max[k] = simd_row_max(n, x + k * n);
    simd_exp_lines(lines, n, x, max, y);
    for (int64_t k = 0; k < lines; k++) {
      scale(n, (float)(1 / simd_line_sum(n, y + k * n)), y + k * n);
    }
  }
  return MOON_OK;
}

/* --- logarithm -------------------------------------------------------- */
CPU_COVERS(log_softmax) { return covers(call); }

CPU_CUT(log_softmax) { cut(call, plan, 2); }

/* y = x - max - log(sum), the two subtracted one by one: their sum could lose
 * the digits of the second. */
static void log_line(int64_t n, const float *restrict x, float max, float log,
                     float *restrict y) {
  for (int64_t i = 0; i < n; i++) y[i] = x[i] - max - log;
}

/* The exponentials go to y first, to be added up there. */
CPU_RUN(log_softmax) {
  if (!is_lines(call)) {
    run_tiles(call, plan, part, simd_log_softmax_tile);
    return MOON_OK;
  }
  float max[SIMD_STAGE];
  int64_t lo, hi, n = share(call, plan, part, &lo, &hi);
  int64_t tile = simd_lines_per_tile(n);
  for (int64_t i = lo; i < hi; i += tile) {
    const float *x = (const float *)call->arg[0].data + i * n;
    float *y = (float *)call->arg[1].data + i * n;
    int64_t lines = i + tile < hi ? tile : hi - i;
    for (int64_t k = 0; k < lines; k++) max[k] = simd_row_max(n, x + k * n);
    simd_exp_lines(lines, n, x, max, y);
    for (int64_t k = 0; k < lines; k++) {
      float *line = y + k * n;
      log_line(n, x + k * n, max[k], (float)log(simd_line_sum(n, line)), line);
    }
  }
  return MOON_OK;
}

/* --- gradients -------------------------------------------------------- */
CPU_COVERS(softmax_grad) { return covers(call); }

CPU_CUT(softmax_grad) { cut(call, plan, 1); }

static void grad_line(int64_t n, const float *restrict dy,
                      const float *restrict y, float *restrict dx) {
  float all = (float)simd_line_dot(n, y, dy);
  for (int64_t i = 0; i < n; i++) dx[i] = y[i] * (dy[i] - all);
}

static void log_grad_line(int64_t n, const float *restrict dy,
                          const float *restrict y, float *restrict dx) {
  float sum = (float)simd_line_sum(n, dy);
  for (int64_t i = 0; i < n; i++) {
    dx[i] = SIMD_MADD(-simd_exp(y[i]), sum, dy[i]);
  }
}

typedef void line_fn(int64_t n, const float *dy, const float *y, float *dx);

static void run_lines(const moon_call *call, const moon_plan *plan, int part,
                      line_fn *run) {
  int64_t lo, hi, n = share(call, plan, part, &lo, &hi);
  for (int64_t i = lo; i < hi; i++) {
    run(n, (const float *)call->arg[0].data + i * n,
        (const float *)call->arg[1].data + i * n,
        (float *)call->arg[2].data + i * n);
  }
}

CPU_RUN(softmax_grad) {
  if (is_lines(call)) {
    run_lines(call, plan, part, grad_line);
  } else {
    run_tiles(call, plan, part, simd_softmax_grad_tile);
  }
  return MOON_OK;
}

CPU_COVERS(log_softmax_grad) { return covers(call); }

CPU_CUT(log_softmax_grad) { cut(call, plan, 2); }

CPU_RUN(log_softmax_grad) {
  if (is_lines(call)) {
    run_lines(call, plan, part, log_grad_line);
  } else {
    run_tiles(call, plan, part, simd_log_softmax_grad_tile);
  }
  return MOON_OK;
}

SIMD_KERNEL(softmax)
SIMD_KERNEL(log_softmax)
SIMD_KERNEL(softmax_grad)
SIMD_KERNEL(log_softmax_grad)
