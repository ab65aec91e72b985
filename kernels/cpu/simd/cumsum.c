/* Sums up to each element along one dimension, f32, in double; see
 * ref/cumsum.c. Lines that are neighbours in memory are added up side by side,
 * a tile of them at a time; others one by one.
 */
#include "simd.h"

enum { TILE = 512 };

typedef struct lines {
  cpu_loop heads;        /* of y (operand 0) and x: where lines begin */
  int64_t n, step[2];    /* elements of a line; how far apart in y and x */
  int64_t width, tiles;  /* lines side by side; tiles of them */
} lines;

static lines lines_of(const moon_call *call) {
  moon_operand x = call->arg[0], y = call->arg[1];
  int dim = call->params.scan.dim;
  lines l = {.n = y.shape[dim], .step = {y.stride[dim], x.stride[dim]},
             .width = 1, .tiles = 1};
  x.shape[dim] = y.shape[dim] = 1;
  const moon_operand *o[] = {&y, &x};
  l.heads = cpu_loop_of(o, 2);
  if (cpu_inner(&l.heads, 0) == 1 && cpu_inner(&l.heads, 1) == 1) {
    l.width = l.heads.shape[l.heads.ndim - 1];
    l.tiles = (l.width + TILE - 1) / TILE;
  }
  return l;
}

CPU_COVERS(cumsum) {
  return cpu_is_f32(&call->arg[0]) && moon_operand_numel(&call->arg[0]) > 0;
}

CPU_CUT(cumsum) {
  lines l = lines_of(call);
  double n = (double)moon_operand_numel(&call->arg[0]);
  cpu_phase(plan, l.heads.numel / l.width * l.tiles, n, 1);
}

static void run_line(const lines *l, const float *x, float *y) {
  double sum = 0;
  for (int64_t i = 0; i < l->n; i++) {
    sum += (double)x[i * l->step[1]];
    y[i * l->step[0]] = (float)sum;
  }
}

static void add_row(int64_t n, const float *restrict x, double *restrict sum,
                    float *restrict y) {
  for (int64_t i = 0; i < n; i++) {
    sum[i] += (double)x[i];
    y[i] = (float)sum[i];
  }
}

static void run_tile(const lines *l, int64_t n, const float *x, float *y) {
  double sum[TILE] = {0};
  for (int64_t i = 0; i < l->n; i++) {
    add_row(n, x + i * l->step[1], sum, y + i * l->step[0]);
  }
}

CPU_RUN(cumsum) {
  lines l = lines_of(call);
  const float *x = call->arg[0].data;
  float *y = call->arg[1].data;
  int64_t lo, hi;
  if (call->params.scan.reverse) {
    for (int k = 0; k < 2; k++) l.step[k] = -l.step[k];
    y -= (l.n - 1) * l.step[0];
    x -= (l.n - 1) * l.step[1];
  }
  cpu_share(plan, phase, part, l.heads.numel / l.width * l.tiles, 1, &lo, &hi);
  for (int64_t u = lo; u < hi; u++) {
    int64_t column = u % l.tiles * TILE, left = l.width - column;
    int64_t first = u / l.tiles * l.width + column;
    cpu_walk w = cpu_walk_from(&l.heads, first, first + 1, 1);
    if (l.width == 1) {
      run_line(&l, x + w.at[1], y + w.at[0]);
    } else {
      run_tile(&l, left < TILE ? left : TILE, x + w.at[1], y + w.at[0]);
    }
  }
  return MOON_OK;
}

SIMD_KERNEL(cumsum)
