/* softmax, its logarithm and their gradients along lines that are neighbours in
 * memory: n elements each, element i of all lines in one row. A tile is up to
 * SIMD_TILE lines; rows are `step` elements apart in each operand.
 */
#ifndef MOON_SIMD_SOFTMAX_COLUMNS_H
#define MOON_SIMD_SOFTMAX_COLUMNS_H
#include "elementary.h"

enum { SIMD_TILE = 512 };

/* What one tile needs: its operands in the kernel's order, where they begin. */
typedef struct simd_tile {
  int64_t n, lines;
  const float *in[2];
  float *out;
  int64_t step[3];    /* in[0], in[1], out; with one input out is [1] */
} simd_tile;

/* The lines' maxima, NaN aside, as simd_row_max has them. */
static inline void simd_column_max(const simd_tile *t, float *restrict max) {
  for (int64_t k = 0; k < t->lines; k++) max[k] = -INFINITY;
  for (int64_t i = 0; i < t->n; i++) {
    const float *restrict x = t->in[0] + i * t->step[0];
    for (int64_t k = 0; k < t->lines; k++) {
      max[k] = x[k] > max[k] ? x[k] : max[k];
    }
  }
}

/* y = exp(x - max), and the lines' sums of it. */
static inline void simd_column_exp(const simd_tile *t,
                                   const float *restrict max,
                                   double *restrict sum) {
  for (int64_t k = 0; k < t->lines; k++) sum[k] = 0;
  for (int64_t i = 0; i < t->n; i++) {
    const float *restrict x = t->in[0] + i * t->step[0];
    float *restrict y = t->out + i * t->step[1];
    for (int64_t k = 0; k < t->lines; k++) {
      float e = simd_exp(x[k] - max[k]);
      y[k] = e;
      sum[k] += (double)e;
    }
  }
}

static inline void simd_softmax_tile(const simd_tile *t) {
  float max[SIMD_TILE], by[SIMD_TILE];
  double sum[SIMD_TILE];
  simd_column_max(t, max);
  simd_column_exp(t, max, sum);
  for (int64_t k = 0; k < t->lines; k++) by[k] = (float)(1 / sum[k]);
  for (int64_t i = 0; i < t->n; i++) {
    float *restrict y = t->out + i * t->step[1];
    for (int64_t k = 0; k < t->lines; k++) y[k] *= by[k];
  }
}

static inline void simd_log_softmax_tile(const simd_tile *t) {
  float max[SIMD_TILE], less[SIMD_TILE];
  double sum[SIMD_TILE];
  simd_column_max(t, max);
  simd_column_exp(t, max, sum);
  for (int64_t k = 0; k < t->lines; k++) less[k] = (float)log(sum[k]);
  for (int64_t i = 0; i < t->n; i++) {
    const float *restrict x = t->in[0] + i * t->step[0];
    float *restrict y = t->out + i * t->step[1];
    for (int64_t k = 0; k < t->lines; k++) y[k] = x[k] - max[k] - less[k];
  }
}

/* in: dy, y */
static inline void simd_softmax_grad_tile(const simd_tile *t) {
  double dot[SIMD_TILE] = {0};
  for (int64_t i = 0; i < t->n; i++) {
    const float *restrict dy = t->in[0] + i * t->step[0];
    const float *restrict y = t->in[1] + i * t->step[1];
    for (int64_t k = 0; k < t->lines; k++) {
      dot[k] += (double)y[k] * (double)dy[k];
    }
  }
  for (int64_t i = 0; i < t->n; i++) {
    const float *restrict dy = t->in[0] + i * t->step[0];
    const float *restrict y = t->in[1] + i * t->step[1];
    float *restrict dx = t->out + i * t->step[2];
    for (int64_t k = 0; k < t->lines; k++) {
      dx[k] = y[k] * (dy[k] - (float)dot[k]);
    }
  }
}

static inline void simd_log_softmax_grad_tile(const simd_tile *t) {
  double sum[SIMD_TILE] = {0};
  for (int64_t i = 0; i < t->n; i++) {
    const float *restrict dy = t->in[0] + i * t->step[0];
    for (int64_t k = 0; k < t->lines; k++) sum[k] += (double)dy[k];
  }
  for (int64_t i = 0; i < t->n; i++) {
    const float *restrict dy = t->in[0] + i * t->step[0];
    const float *restrict y = t->in[1] + i * t->step[1];
    float *restrict dx = t->out + i * t->step[2];
    for (int64_t k = 0; k < t->lines; k++) {
      dx[k] = SIMD_MADD(-simd_exp(y[k]), (float)sum[k], dy[k]);
    }
  }
}

#endif
