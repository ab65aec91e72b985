/* Lines of n elements one after another in memory, a tile of them at a time:
 * their maxima, exponentials and sums. A tile is up to SIMD_STAGE elements of
 * several lines, so that exponentials of short lines (ten classes) fill the
 * vectors; a longer line is a tile of its own, worked on in pieces.
 */
#ifndef MOON_SIMD_LINES_H
#define MOON_SIMD_LINES_H
#include "columns.h"
#include "elementary.h"

/* Lines that go into one tile, at least 1. */
static inline int64_t simd_lines_per_tile(int64_t n) {
  return n < SIMD_STAGE ? SIMD_STAGE / n : 1;
}

/* The largest number, NaN aside; minus infinity where there is none. Equals
 * count as one, so that the order does not matter. */
static inline float simd_line_max(int64_t n, const float *restrict x) {
  enum { LANES = 64, FEW = 8 };
  float lane[LANES], max = -INFINITY;
  int64_t i = 0;
  if (n >= LANES) {
    for (int k = 0; k < LANES; k++) lane[k] = -INFINITY;
    for (; i + LANES <= n; i += LANES) {
      for (int k = 0; k < LANES; k++) {
        lane[k] = x[i + k] > lane[k] ? x[i + k] : lane[k];
      }
    }
    for (int half = LANES / 2; half >= FEW; half /= 2) {
      for (int k = 0; k < half; k++) {
        lane[k] = lane[k + half] > lane[k] ? lane[k + half] : lane[k];
      }
    }
    for (int k = 0; k < FEW; k++) max = lane[k] > max ? lane[k] : max;
  }
  for (; i < n; i++) max = x[i] > max ? x[i] : max;
  return max;
}

static inline double simd_line_sum(int64_t n, const float *x) {
  simd_sum s = {.rest = 0};
  int64_t i = 0;
  for (; i + 32 <= n; i += 32) {
    for (int k = 0; k < 4; k++) {
      s.lane[k] += __builtin_convertvector(*(const simd_f8 *)(x + i + 8 * k),
                                           simd_d8);
    }
  }
  for (; i < n; i++) s.rest += (double)x[i];
  return n < 32 ? s.rest : simd_total(&s);
}

static inline double simd_line_dot(int64_t n, const float *restrict a,
                                   const float *restrict b) {
  enum { LANES = 16 };
  double lane[LANES] = {0}, sum = 0;
  int64_t i = 0;
  for (; i + LANES <= n; i += LANES) {
    for (int k = 0; k < LANES; k++) {
      lane[k] += (double)a[i + k] * (double)b[i + k];
    }
  }
  for (; i < n; i++) sum += (double)a[i] * (double)b[i];
  for (int k = 0; k < LANES; k++) sum += lane[k];
  return sum;
}

/* y = exp(x - less) for m elements of one line. */
static inline void simd_exp_less(int64_t m, const float *restrict x,
                                 float less, float *restrict y) {
  for (int64_t i = 0; i < m; i++) y[i] = simd_exp(x[i] - less);
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
  for (int64_t i = 0; i < lines * n; i++) y[i] = simd_exp(y[i]);
}

#endif
