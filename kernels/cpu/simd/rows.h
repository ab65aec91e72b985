/* Sums and maxima along a row, in whole registers: four at a time, then one,
 * then a part of one.
 */
#ifndef MOON_SIMD_ROWS_H
#define MOON_SIMD_ROWS_H
#include "simd.h"
#include "wide.h"

/* A function of these params, n among them. step(s, at, m) adds what the m
 * elements from `at` on give to a vector s, zeros to its other lanes. In f32:
 * for rows that are not longer than SIMD_STAGE, or that need no more digits. */
#define SIMD_ROW_SUM(name, params, step)                                    \
  static inline float name params {                                         \
    enum { V = WIDE };                                                      \
    wide s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};                            \
    int64_t i = 0;                                                          \
    for (; i + 4 * V <= n; i += 4 * V) {                                    \
      step(s0, i, V)                                                        \
      step(s1, i + V, V)                                                    \
      step(s2, i + 2 * V, V)                                                \
      step(s3, i + 3 * V, V)                                                \
    }                                                                       \
    for (; i + V <= n; i += V) {                                            \
      step(s0, i, V)                                                        \
    }                                                                       \
    if (i < n) {                                                            \
      step(s0, i, n - i)                                                    \
    }                                                                       \
    return wide_sum((s0 + s1) + (s2 + s3));                                 \
  }

#define SIMD_STEP(s, at, m) s += wide_load_some(x + (at), m);
SIMD_ROW_SUM(simd_row_sum, (int64_t n, const float *x), SIMD_STEP)
#undef SIMD_STEP

#define SIMD_STEP(s, at, m) \
  s = wide_madd(wide_load_some(a + (at), m), wide_load_some(b + (at), m), s);
SIMD_ROW_SUM(simd_row_dot, (int64_t n, const float *a, const float *b),
             SIMD_STEP)
#undef SIMD_STEP

/* The largest number, NaN aside; minus infinity where there is none. Equals
 * count as one, so that the order does not matter. */
static inline float simd_row_max(int64_t n, const float *x) {
  wide none = wide_all(-INFINITY), a = none, b = none;
  int64_t i = 0;
  for (; i + 2 * WIDE <= n; i += 2 * WIDE) {
    a = wide_max(wide_load(x + i), a);
    b = wide_max(wide_load(x + i + WIDE), b);
  }
  for (; i < n; i += WIDE) {
    int64_t m = n - i < WIDE ? n - i : WIDE;
    a = wide_max(wide_load_or(x + i, m, none), a);
  }
  return wide_most(wide_max(a, b));
}

#endif
