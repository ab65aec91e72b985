/* erf, the normal distribution, e^x - 1, softplus, sine, cosine and powers of
 * one f32, as elementary.h has its functions. Polynomials of which no source is
 * named were fitted to the least relative error (Lawson's iteration).
 *
 * Relative errors are below 2^-21, of sine, cosine and powers 2^-23, of the
 * normal distribution 2^-20 and, below 0, x^2 2^-24 more.
 */
#ifndef MOON_SIMD_SPECIAL_H
#define MOON_SIMD_SPECIAL_H
#include "elementary.h"

/* e^x - 1 for x <= 0, else some number: x = n ln 2 + r, |r| <= ln 2 / 2, and
 * 2^n (e^r - 1) + (2^n - 1). */
static inline float simd_expm1(float x) {
  x = x < -30.0f ? -30.0f : x;
  float shifted = x * 0x1.715476p+0f + 0x1.8p23f;
  float n = shifted - 0x1.8p23f;
  float r = SIMD_MADD(n, -SIMD_LN2_HIGH, x);
  r = SIMD_MADD(n, -SIMD_LN2_LOW, r);
  float p = 0x1.6c14dcp-10f;
  p = SIMD_MADD(p, r, 0x1.123d0cp-7f);
  p = SIMD_MADD(p, r, 0x1.555654p-5f);
  p = SIMD_MADD(p, r, 0x1.55547ep-3f);
  p = SIMD_MADD(p, r, 0x1.fffffep-2f);
  p = SIMD_MADD(p * r, r, r);
  float scale = simd_power(simd_bits(shifted) - 0x4B400000);
  return SIMD_MADD(p, scale, scale - 1.0f);
}

/* log(1 + u), u in [0, 1]: 2 artanh(s), s = u / (2 + u) <= 1/3. */
static inline float simd_log1p_unit(float u) {
  float s = u / (2.0f + u), z = s * s;
  float p = 0x1.208da6p-2f;
  p = SIMD_MADD(p, z, 0x1.1e50b0p-2f);
  p = SIMD_MADD(p, z, 0x1.99daecp-2f);
  p = SIMD_MADD(p, z, 0x1.5554e0p-1f);
  p = SIMD_MADD(p, z, 2.0f);
  return p * s;
}

/* log(1 + e^z) */
static inline float simd_softplus(float z) {
  float up = z > 0.0f ? z : 0.0f;
  return up + simd_log1p_unit(simd_exp(-fabsf(z)));
}

/* erfc(a) e^(a^2) for a >= 0, in t = 1 / (1 + 0.3 a). */
static inline float simd_erfcx(float a) {
  float t = 1.0f / SIMD_MADD(0.3f, a, 1.0f);
  float p = -0x1.094fd2p-3f;
  p = SIMD_MADD(p, t, 0x1.f15858p-2f);
  p = SIMD_MADD(p, t, -0x1.066e50p-1f);
  p = SIMD_MADD(p, t, 0x1.189d56p-1f);
  p = SIMD_MADD(p, t, -0x1.84cee4p-4f);
  p = SIMD_MADD(p, t, 0x1.b86fdcp-3f);
  p = SIMD_MADD(p, t, 0x1.2fb862p-3f);
  p = SIMD_MADD(p, t, 0x1.5da334p-3f);
  p = SIMD_MADD(p, t, 0x1.5a7f04p-3f);
  return p * t;
}

static inline float simd_erf(float x) {
  float a = fabsf(x), z = x * x;
  float far = 1.0f - simd_exp(-z) * simd_erfcx(a);
  float p = 0x1.349248p-8f;
  p = SIMD_MADD(p, z, -0x1.b651f6p-6f);
  p = SIMD_MADD(p, z, 0x1.ce245ep-4f);
  p = SIMD_MADD(p, z, -0x1.812730p-2f);
  p = SIMD_MADD(p, z, 0x1.20dd74p+0f);
  return copysignf(a < 0.5f ? p * a : far, x);
}

/* P(X <= x) of the normal distribution, with e = e^(-x^2 / 2). */
static inline float simd_normal(float x, float e) {
  float tail = 0.5f * e * simd_erfcx(fabsf(x) * 0x1.6a09e6p-1f);
  return x < 0.0f ? tail : 1.0f - tail;
}

/* See kernels/ref/functions.h. */
static inline float simd_gelu_inner(float x) {
  return x * SIMD_MADD(x * x, 0x1.2444f2p-4f, 0x1.988454p+0f);
}

static inline float simd_gelu_inner_slope(float x) {
  float square = x * x < 1e4f ? x * x : 1e4f;
  return SIMD_MADD(square, 0x1.b6676cp-3f, 0x1.988454p+0f);
}

/* sin(x + quarter pi / 2), |x| < 2^28: x = n pi / 2 + r in double, where the
 * first part of pi / 2 has 25 bits; the polynomials, |r| <= pi / 4, too, are
 * from FreeBSD's msun (e_rem_pio2f.c, k_sinf.c, k_cosf.c). */
#define SIMD_WAVE_LIMIT 0x1p28f

static inline bool simd_wave_is_far(int64_t n, const float *x) {
  int32_t far = 0;
  for (int64_t i = 0; i < n; i++) far |= fabsf(x[i]) >= SIMD_WAVE_LIMIT;
  return far;
}

static inline float simd_wave(float x, int quarter) {
  double shifted = (double)x * 0x1.45f306dc9c883p-1 + 0x1.8p52;
  double n = shifted - 0x1.8p52;
  double r = (double)x - n * 0x1.921fb5p+0 - n * 0x1.110b4611a6263p-26;
  double z = r * r;
  double s = 0x1.6cd878c3b46a7p-19;
  s = s * z - 0x1.a00f9e2cae774p-13;
  s = s * z + 0x1.11110896efbb2p-7;
  s = s * z - 0x1.5555554cbac77p-3;
  s = (s * z + 1.0) * r;  /* -0 too */
  double c = 0x1.99342e0ee5069p-16;
  c = c * z - 0x1.6c087e80f1e27p-10;
  c = c * z + 0x1.55553e1053a42p-5;
  c = c * z - 0x1.ffffffd0c5e81p-2;
  c = c * z + 1.0;
  int64_t bits;
  memcpy(&bits, &shifted, sizeof bits);
  int64_t quadrant = bits + quarter;
  double y = quadrant & 1 ? c : s;
  return (float)(quadrant & 2 ? -y : y);
}

/* log a in double for a > 0: a = 2^n m, as simd_log's; its series to s^11,
 * which leaves 2^-34. */
static inline double simd_log_double(float a) {
  bool tiny = a < 0x1p-126f;
  int32_t bits = simd_bits(a * (tiny ? 0x1p23f : 1.0f)) - 0x3F3504F3;
  int32_t n = (bits >> 23) - (tiny ? 23 : 0);
  double m = (double)simd_from_bits((bits & 0x7FFFFF) + 0x3F3504F3);
  double s = (m - 1.0) / (m + 1.0), z = s * s, p = 2.0 / 11;
  p = SIMD_MADD_DOUBLE(p, z, 2.0 / 9);
  p = SIMD_MADD_DOUBLE(p, z, 2.0 / 7);
  p = SIMD_MADD_DOUBLE(p, z, 2.0 / 5);
  p = SIMD_MADD_DOUBLE(p, z, 2.0 / 3);
  p = SIMD_MADD_DOUBLE(p, z, 2.0);
  return SIMD_MADD_DOUBLE((double)n, 0x1.62e42fefa39efp-1, p * s);
}

/* exp(x) in double, to 2^-27, for |x| up to 700: Taylor's series to r^7. */
static inline double simd_exp_double(double x) {
  double shifted = SIMD_MADD_DOUBLE(x, 0x1.71547652b82fep+0, 0x1.8p52);
  double n = shifted - 0x1.8p52, p = 1.0 / 5040;
  double r = SIMD_MADD_DOUBLE(n, -0x1.62e42fefa39efp-1, x);
  p = SIMD_MADD_DOUBLE(p, r, 1.0 / 720);
  p = SIMD_MADD_DOUBLE(p, r, 1.0 / 120);
  p = SIMD_MADD_DOUBLE(p, r, 1.0 / 24);
  p = SIMD_MADD_DOUBLE(p, r, 1.0 / 6);
  p = SIMD_MADD_DOUBLE(p, r, 0.5);
  p = SIMD_MADD_DOUBLE(p, r, 1.0);
  p = SIMD_MADD_DOUBLE(p, r, 1.0);
  int64_t bits;
  memcpy(&bits, &shifted, sizeof bits);
  bits = (int64_t)((uint64_t)(bits + 1023) << 52);  /* 2^n */
  double scale;
  memcpy(&scale, &bits, sizeof scale);
  return p * scale;
}

/* x^y as C's pow has it. */
static inline float simd_pow(float x, float y) {
  float a = fabsf(x), floor_of = floorf(y);
  double log = simd_log_double(a);
  log = a == 0.0f ? -INFINITY : log;
  log = a == INFINITY ? INFINITY : log;
  double t = (double)y * log;
  t = t > 200.0 ? 200.0 : t;
  t = t < -200.0 ? -200.0 : t;
  float v = (float)simd_exp_double(t);
  v = a == 1.0f ? 1.0f : v;
  float odd = 2.0f * floorf(0.5f * y) != y ? copysignf(v, x) : v;
  v = floor_of == y ? odd : v;
  float below = floor_of == y ? v : NAN;
  below = a == INFINITY ? v : below;
  v = x < 0.0f ? below : v;
  v = x != x ? x : v;
  v = y != y ? y : v;
  v = x == 1.0f ? 1.0f : v;
  return y == 0.0f ? 1.0f : v;
}

#endif
