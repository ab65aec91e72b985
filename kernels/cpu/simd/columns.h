/* Sums down the columns of a matrix, in double: the bias gradient of
 * channels-last memory, the statistics of a batch norm, and any reduction once
 * its elements are laid out in columns.
 *
 * Where a matrix is narrow, `fold` of its rows are taken as one, so that the
 * inner loops stay long: element i of a run goes to column i % width, and the
 * folded columns are added at the end. Which element meets which is told by
 * the shape alone.
 */
#ifndef MOON_SIMD_COLUMNS_H
#define MOON_SIMD_COLUMNS_H
#include "simd.h"
#include "wide.h"

#define SIMD_INLINE static inline __attribute__((always_inline))
enum { SIMD_WIDTH = 128 };  /* columns that are worth a loop */

typedef struct simd_columns {
  int64_t n;            /* columns of the matrix */
  int64_t fold, width;  /* width = n fold: at most n, or 2 SIMD_WIDTH */
} simd_columns;

/* For a matrix of n columns; fold is a power of two. */
static inline simd_columns simd_columns_of(int64_t n, int64_t rows) {
  int64_t fold = 1;
  while (fold * n < SIMD_WIDTH && fold < rows) fold *= 2;
  return (simd_columns){n, fold, n * fold};
}

/* The piece of a run of n elements that begins at element i and lies in one
 * folded row. */
static inline int64_t simd_row_at(int64_t i, int64_t n, int64_t width) {
  return n - i < width ? n - i : width;
}

/* `step`, a statement in c, for c < n: a tile at a time, so that the compiler
 * knows how often. */
enum { SIMD_UNROLL = 64 };
#define SIMD_COLUMNS(n, step)                                         \
  {                                                                   \
    int64_t at_ = 0;                                                  \
    for (; at_ + SIMD_UNROLL <= (n); at_ += SIMD_UNROLL) {            \
      _Pragma("GCC ivdep")                                            \
      for (int64_t c = at_; c < at_ + SIMD_UNROLL; c++) { step }      \
    }                                                                 \
    _Pragma("GCC ivdep")                                              \
    for (int64_t c = at_; c < (n); c++) { step }                      \
  }

/* sum[c] += the sum of column c over SIMD_ROWS rows, which is taken in float:
 * twice as fast, for a few roundings. Goes through x in its order. */
enum { SIMD_ROWS = 8, SIMD_ROW = 8 * WIDE };
static inline void simd_add_rows(int64_t width, const float *restrict x,
                                 double *restrict sum) {
  for (int64_t at = 0; at < width; at += SIMD_ROW) {
    int64_t n = width - at < SIMD_ROW ? width - at : SIMD_ROW;
    float own[SIMD_ROW];
    if (n == SIMD_ROW) {
      wide s[8];
#pragma GCC unroll 8
      for (int j = 0; j < 8; j++) s[j] = wide_load(x + at + WIDE * j);
      for (int64_t r = 1; r < SIMD_ROWS; r++) {
#pragma GCC unroll 8
        for (int j = 0; j < 8; j++) {
          s[j] += wide_load(x + r * width + at + WIDE * j);
        }
      }
#pragma GCC unroll 8
      for (int j = 0; j < 8; j++) wide_store(own + WIDE * j, s[j]);
    } else {
      memcpy(own, x + at, (size_t)n * sizeof *own);
      for (int64_t r = 1; r < SIMD_ROWS; r++) {
        for (int64_t c = 0; c < n; c++) own[c] += x[r * width + at + c];
      }
    }
    SIMD_COLUMNS(n, sum[at + c] += (double)own[c];)
  }
}

/* sum[i % width] += x[i] for i < n. */
static inline void simd_add_sums(int64_t n, int64_t width,
                                 const float *restrict x,
                                 double *restrict sum) {
  int64_t i = 0, rows = SIMD_ROWS * width;
  for (; i + rows <= n; i += rows) simd_add_rows(width, x + i, sum);
  for (; i < n; i += width) {
    SIMD_COLUMNS(simd_row_at(i, n, width), sum[c] += (double)x[i + c];)
  }
}

static inline void simd_add_squares(int64_t n, int64_t width,
                                    const float *restrict x,
                                    double *restrict sum) {
  for (int64_t i = 0; i < n; i += width) {
    SIMD_COLUMNS(simd_row_at(i, n, width),
                 sum[c] += (double)x[i + c] * (double)x[i + c];)
  }
}

/* What a variance in one pass needs: sums of x - shift and of its square.
 * With one of the column's elements as its shift, the rounding errors of n
 * elements stay below n times those of two passes. */
typedef struct simd_spread { double *sum, *square, *shift; } simd_spread;

static inline void simd_add_spread(int64_t n, int64_t width,
                                   const float *restrict x, simd_spread s) {
  double *restrict sum = s.sum, *restrict square = s.square;
  const double *restrict shift = s.shift;
  for (int64_t i = 0; i < n; i += width) {
    SIMD_COLUMNS(simd_row_at(i, n, width),
                 double d = (double)x[i + c] - shift[c];
                 sum[c] += d;
                 square[c] += d * d;)
  }
}

/* A shift from x; a value that is not finite would swallow the sums. */
static inline double simd_shift_of(float x) {
  return isfinite(x) ? (double)x : 0;
}

/* The biased variance of n elements out of their sums around a shift. */
static inline double simd_variance(double n, double sum, double square) {
  double v = (square - sum * (sum / n)) / n;
  return v < 0 ? 0 : v;  /* NaN stays */
}

/* Adds the folded columns: the results are the first c->n. */
static inline void simd_fold_sums(const simd_columns *c, double *sum) {
  for (int64_t half = c->width / 2; half >= c->n; half /= 2) {
    for (int64_t i = 0; i < half; i++) sum[i] += sum[half + i];
  }
}

/* Adds what parts 1, 2, ... left to part 0: n sums each, `pitch` apart. */
static inline void simd_add_parts(int parts, int64_t pitch, int64_t n,
                                  double *sum) {
  for (int k = 1; k < parts; k++) {
    const double *more = sum + k * pitch;
    for (int64_t i = 0; i < n; i++) sum[i] += more[i];
  }
}

/* One value per column, repeated for the folded ones. */
static inline void simd_repeat(const simd_columns *c, float *v) {
  for (int64_t i = c->n; i < c->width; i++) v[i] = v[i - c->n];
}

#endif
