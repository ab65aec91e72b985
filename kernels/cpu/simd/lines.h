/* Lines of n elements one after another in memory, a tile of them at a time:
 * their maxima, exponentials and sums. A tile is up to SIMD_STAGE elements of
 * several lines, so that exponentials of short lines (ten classes) fill the
 * vectors; a longer line is a tile of its own, worked on in pieces.
 */
#ifndef MOON_SIMD_LINES_H
#define MOON_SIMD_LINES_H
#include "columns.h"
#include "elementary.h"
#include "rows.h"

/* Lines that go into one tile, at least 1. */
static inline int64_t simd_lines_per_tile(int64_t n) {
  return n < SIMD_STAGE ? SIMD_STAGE / n : 1;
}

/* Sums in f32 over a piece, in double over the pieces. */
enum { SIMD_PIECE = 512 };

static inline double simd_line_sum(int64_t n, const float *x) {
  double sum = 0;
  for (int64_t i = 0; i < n; i += SIMD_PIECE) {
    sum += (double)simd_row_sum(simd_row_at(i, n, SIMD_PIECE), x + i);
  }
  return sum;
}

static inline double simd_line_dot(int64_t n, const float *a, const float *b) {
  double sum = 0;
  for (int64_t i = 0; i < n; i += SIMD_PIECE) {
    int64_t m = simd_row_at(i, n, SIMD_PIECE);
    sum += (double)simd_row_dot(m, a + i, b + i);
  }
  return sum;
}

/* y = exp(x - less[line]) for `lines` lines of n elements. */
static inline void simd_exp_lines(int64_t lines, int64_t n,
                                  const float *restrict x,
                                  const float *restrict less,
                                  float *restrict y) {
  if (n >= 32) {
    for (int64_t k = 0; k < lines; k++) {
      simd_exp_less(n, x + k * n, less[k], y + k * n);
    }
    return;
  }
  for (int64_t k = 0; k < lines; k++) {
    for (int64_t i = 0; i < n; i++) y[k * n + i] = x[k * n + i] - less[k];
  }
  simd_exp_less(lines * n, y, 0, y);
}

#endif
