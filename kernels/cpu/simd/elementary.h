/* exp, log, sigmoid and tanh of one f32, without branches, so that loops over
 * them become vectors. Relative error below 2^-22, of sigmoid 2^-21; NaN,
 * infinities, zeros and subnormal numbers as in C's library.
 */
#ifndef MOON_SIMD_ELEMENTARY_H
#define MOON_SIMD_ELEMENTARY_H
#include "simd.h"

static inline float simd_from_bits(int32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

static inline int32_t simd_bits(float x) {
  int32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

/* ln 2 = LN2_HIGH + LN2_LOW; the high part has few bits, so whole multiples
 * of it are exact. */
#define SIMD_LN2_HIGH 0x1.62e4p-1f
#define SIMD_LN2_LOW 0x1.7f7d1cp-20f

/* 2^n for n in [-126, 127]; of other n (there are none but for NaN) some
 * number. */
static inline float simd_power(int32_t n) {
  return simd_from_bits((int32_t)((uint32_t)(n + 127) << 23));
}

/* x = n ln 2 + r, |r| <= ln 2 / 2; exp(r) by 1 + r and the polynomial to r^6
 * that is nearest beyond, to 2^-28. 2^n is multiplied in two steps, which reach
 * infinity and the subnormal numbers. */
#define SIMD_EXP_SERIES(TERM)                                           \
  TERM(0x1.1239d6p-7f) TERM(0x1.5558f2p-5f) TERM(0x1.555492p-3f)        \
  TERM(0x1.fffffcp-2f) TERM(1.0f) TERM(1.0f)
static inline float simd_exp(float x) {
  x = x > 89.0f ? 89.0f : x;
  x = x < -104.0f ? -104.0f : x;
  float shifted = x * 0x1.715476p+0f + 0x1.8p23f;  /* rounds x / ln 2 */
  float n = shifted - 0x1.8p23f;
  float r = SIMD_MADD(n, -SIMD_LN2_HIGH, x);
  r = SIMD_MADD(n, -SIMD_LN2_LOW, r);
  float p = 0x1.6a2448p-10f;
#define TERM(c) p = SIMD_MADD(p, r, c);
  SIMD_EXP_SERIES(TERM)
#undef TERM
  int32_t whole = simd_bits(shifted) - 0x4B400000;
  int32_t half = whole >> 1;
  return p * simd_power(half) * simd_power(whole - half);
}

/* The same bits of each lane. AVX-512 has the clamps, the rounding and the two
 * multiplications as instructions, of which no compiler thinks: half the time.
 * Without it a loop is a vector as a whole. */
static inline __attribute__((always_inline)) wide wide_exp(wide x) {
#ifdef __AVX512F__
  __m512 v = _mm512_min_ps(_mm512_set1_ps(89.0f), (__m512)x);
  v = _mm512_max_ps(_mm512_set1_ps(-104.0f), v);
  __m512 n = _mm512_roundscale_ps(v * _mm512_set1_ps(0x1.715476p+0f), 0);
  wide r = wide_madd((wide)n, wide_all(-SIMD_LN2_HIGH), (wide)v);
  r = wide_madd((wide)n, wide_all(-SIMD_LN2_LOW), r);
  wide p = wide_all(0x1.6a2448p-10f);
#define TERM(c) p = wide_madd(p, r, wide_all(c));
  SIMD_EXP_SERIES(TERM)
#undef TERM
  return (wide)_mm512_scalef_ps((__m512)p, n);
#else
  float v[WIDE];
  wide_store(v, x);
  for (int i = 0; i < WIDE; i++) v[i] = simd_exp(v[i]);
  return wide_load(v);
#endif
}

/* y = exp(x - less) for n elements; y may be x. */
static inline void simd_exp_less(int64_t n, const float *x, float less,
                                 float *y) {
  wide all = wide_all(less);
  int64_t i = 0;
  for (; i + WIDE <= n; i += WIDE) {
    wide_store(y + i, wide_exp(wide_load(x + i) - all));
  }
  if (i == n) return;
  wide last = wide_exp(wide_load_some(x + i, n - i) - all);
  wide_store_some(y + i, last, (int)(n - i));
}

/* x = 2^n m, m in [sqrt(1/2), sqrt(2)) (0x3F3504F3 is sqrt(1/2) in bits);
 * log m = 2 artanh(s), s = (m - 1) / (m + 1), by its series to s^9. */
static inline float simd_log(float x) {
  bool tiny = x < 0x1p-126f;
  int32_t bits = simd_bits(x * (tiny ? 0x1p23f : 1.0f)) - 0x3F3504F3;
  int32_t n = (bits >> 23) - (tiny ? 23 : 0);
  float m = simd_from_bits((bits & 0x7FFFFF) + 0x3F3504F3);
  float s = (m - 1.0f) / (m + 1.0f), z = s * s;
  float p = 2.0f / 9;
  p = SIMD_MADD(p, z, 2.0f / 7);
  p = SIMD_MADD(p, z, 2.0f / 5);
  p = SIMD_MADD(p, z, 2.0f / 3);
  p = p * z * s;
  float y = SIMD_MADD((float)n, SIMD_LN2_LOW, p);
  y = SIMD_MADD((float)n, SIMD_LN2_HIGH, y + 2.0f * s);
  y = x == INFINITY ? x : y;
  y = x == 0.0f ? -INFINITY : y;
  return x >= 0.0f ? y : NAN;
}

/* 1 / (1 + e^-x), from the side where e = exp(-|x|) is at most 1, so that
 * results below 2^-126 keep what digits they have. */
static inline float simd_sigmoid_by(float x, float e) {
  return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

static inline float simd_sigmoid(float x) {
  return simd_sigmoid_by(x, simd_exp(-fabsf(x)));
}

/* 1 - 2 / (e + 1) with the sign of x, e = exp(2 |x|); near 0, where that loses
 * digits, an odd polynomial (Cephes, tanhf; Moshier 1989). */
static inline float simd_tanh_by(float x, float e) {
  float far = 1.0f - 2.0f / (e + 1.0f);
  float z = x * x;
  float p = -5.70498872745e-3f;
  p = SIMD_MADD(p, z, 2.06390887954e-2f);
  p = SIMD_MADD(p, z, -5.37397155531e-2f);
  p = SIMD_MADD(p, z, 1.33314422036e-1f);
  p = SIMD_MADD(p, z, -3.33332819422e-1f);
  float near = SIMD_MADD(p * z, x, x);
  return copysignf(fabsf(x) < 0.625f ? near : far, x);  /* -0 too */
}

static inline float simd_tanh(float x) {
  return simd_tanh_by(x, simd_exp(2.0f * fabsf(x)));
}

#endif
