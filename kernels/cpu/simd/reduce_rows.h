/* Reductions of short rows, each in one piece of memory: sums in f32 (rows are
 * no longer than SIMD_STAGE), extremes, the logarithm of a sum of powers. The
 * general way of reduce.c costs more than such a row.
 */
#ifndef MOON_SIMD_REDUCE_ROWS_H
#define MOON_SIMD_REDUCE_ROWS_H
#include "lines.h"

static inline bool simd_row_reduces(int kind) {
  switch (kind) {
    case MOON_R_SUM: case MOON_R_MEAN: case MOON_R_MAX: case MOON_R_MIN:
    case MOON_R_LOGSUMEXP: return true;
    default: return false;
  }
}

static inline bool simd_has_nan(wide_bits found) {
  int32_t lane[WIDE], any = 0;
  memcpy(lane, &found, sizeof lane);
  for (int i = 0; i < WIDE; i++) any |= lane[i];
  return any != 0;
}

/* The largest of sign x, times sign: 1 for the maximum, -1 for the minimum; NaN
 * if there is one. */
static inline float simd_row_extreme(int64_t n, const float *x, float sign) {
  const wide by = wide_all(sign), none = wide_all(-sign * INFINITY);
  wide best = wide_all(-INFINITY);
  wide_bits nan = {0};
  for (int64_t i = 0; i < n; i += WIDE) {
    wide v = wide_load_or(x + i, n - i < WIDE ? n - i : WIDE, none) * by;
    nan |= v != v;
    best = wide_max(v, best);
  }
  return simd_has_nan(nan) ? NAN : sign * wide_most(best);
}

/* log of the sum of e^x, around the maximum if that is finite. */
static inline double simd_row_logsumexp(int64_t n, const float *x) {
  float power[SIMD_STAGE], max = simd_row_max(n, x);
  if (!isfinite(max)) max = 0;
  simd_exp_less(n, x, max, power);
  return (double)max + log(simd_line_sum(n, power));
}

/* Of n elements, 1 to SIMD_STAGE. */
static inline double simd_row_reduce(int kind, int64_t n, const float *x) {
  switch (kind) {
    case MOON_R_MAX: return (double)simd_row_extreme(n, x, 1);
    case MOON_R_MIN: return (double)simd_row_extreme(n, x, -1);
    case MOON_R_MEAN: return simd_line_sum(n, x) / (double)n;
    case MOON_R_LOGSUMEXP: return simd_row_logsumexp(n, x);
    default: return simd_line_sum(n, x);
  }
}

#endif
