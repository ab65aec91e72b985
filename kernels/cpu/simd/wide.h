/* Vectors of f32 as wide as this instruction set's registers, for kernels
 * that keep many of them in registers at once. A multiply-add is rounded once
 * where the processor can. */
#ifndef MOON_SIMD_WIDE_H
#define MOON_SIMD_WIDE_H
#include "../cpu.h"
#ifdef __FMA__
#include <immintrin.h>
#endif

#ifdef __AVX512F__
enum { WIDE = 16 };
#elif defined(__AVX__)
enum { WIDE = 8 };
#else
enum { WIDE = 4 };
#endif

typedef float wide
    __attribute__((vector_size(4 * WIDE), aligned(4), may_alias));
typedef int32_t wide_bits __attribute__((vector_size(4 * WIDE)));

/* a b + c */
static inline __attribute__((always_inline)) wide wide_madd(wide a, wide b,
                                                            wide c) {
#if defined(__AVX512F__)
  return (wide)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
  return (wide)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
  return a * b + c;
#endif
}

/* Not 0 + v, which is an addition because of -0. */
static inline __attribute__((always_inline)) wide wide_all(float v) {
#if defined(__AVX512F__)
  return (wide)_mm512_set1_ps(v);
#elif defined(__AVX__)
  return (wide)_mm256_set1_ps(v);
#else
  return (wide){v, v, v, v};
#endif
}

/* NaN stays. */
static inline __attribute__((always_inline)) wide wide_relu(wide v) {
  return (wide)((wide_bits)v & ~(wide_bits)(v < 0));
}

static inline __attribute__((always_inline)) wide wide_load(const float *x) {
  return *(const wide *)x;
}

static inline __attribute__((always_inline)) void wide_store(float *y,
                                                             wide v) {
  *(wide *)y = v;
}

#if defined(__AVX__) && !defined(__AVX512F__)
/* All bits of the first n lanes. */
static inline __attribute__((always_inline)) __m256i wide_mask(int n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n),
                            _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
#endif

static inline __attribute__((always_inline)) void wide_store_some(float *y,
                                                                  wide v,
                                                                  int n) {
  if (n == WIDE) {
    wide_store(y, v);
    return;
  }
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(y, (__mmask16)((1u << n) - 1), (__m512)v);
#elif defined(__AVX__)
  _mm256_maskstore_ps(y, wide_mask(n), (__m256)v);
#else
  for (int i = 0; i < n; i++) y[i] = v[i];
#endif
}

/* x[0] to x[n - 1], 1 to WIDE, then lanes of `otherwise`; x may end there. */
static inline __attribute__((always_inline)) wide wide_load_or(
    const float *x, int64_t n, wide otherwise) {
  if (n == WIDE) return wide_load(x);
#if defined(__AVX512F__)
  __mmask16 some = (__mmask16)((1u << n) - 1);
  return (wide)_mm512_mask_loadu_ps((__m512)otherwise, some, x);
#elif defined(__AVX__)
  __m256i some = wide_mask((int)n);
  return (wide)_mm256_blendv_ps((__m256)otherwise, _mm256_maskload_ps(x, some),
                                (__m256)some);
#else
  for (int64_t i = 0; i < n; i++) otherwise[i] = x[i];
  return otherwise;
#endif
}

static inline __attribute__((always_inline)) wide wide_load_some(
    const float *x, int64_t n) {
  return wide_load_or(x, n, (wide){0});
}

/* v's first n lanes, then zeros. */
static inline __attribute__((always_inline)) wide wide_first(wide v,
                                                             int64_t n) {
  if (n == WIDE) return v;
#if defined(__AVX512F__)
  return (wide)_mm512_maskz_mov_ps((__mmask16)((1u << n) - 1), (__m512)v);
#elif defined(__AVX__)
  return (wide)_mm256_and_ps((__m256)v, (__m256)wide_mask((int)n));
#else
  for (int64_t i = n; i < WIDE; i++) v[i] = 0;
  return v;
#endif
}

/* x > y ? x : y, so y where one is NaN. */
static inline __attribute__((always_inline)) wide wide_max(wide x, wide y) {
#if defined(__AVX512F__)
  return (wide)_mm512_max_ps((__m512)x, (__m512)y);
#elif defined(__AVX__)
  return (wide)_mm256_max_ps((__m256)x, (__m256)y);
#else
  wide_bits larger = x > y;
  return (wide)(((wide_bits)x & larger) | ((wide_bits)y & ~larger));
#endif
}

/* The lanes where a equals b, as bits. */
static inline __attribute__((always_inline)) uint32_t wide_equal(wide a,
                                                                 wide b) {
#if defined(__AVX512F__)
  return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_EQ_OQ);
#elif defined(__AVX__)
  return (uint32_t)_mm256_movemask_ps(
      _mm256_cmp_ps((__m256)a, (__m256)b, _CMP_EQ_OQ));
#else
  wide_bits equal = a == b;
  uint32_t bits = 0;
  for (int i = 0; i < WIDE; i++) bits |= (uint32_t)(equal[i] & 1) << i;
  return bits;
#endif
}

/* All lanes joined by join(lower half, upper half), again and again: the order
 * is the instruction set's. */
typedef float wide_four __attribute__((vector_size(16)));
typedef int32_t wide_four_bits __attribute__((vector_size(16)));
#define WIDE_JOIN(name, join)                                              \
  static inline __attribute__((always_inline)) float name(wide v) {        \
    wide_four four[WIDE / 4];                                              \
    memcpy(four, &v, sizeof four);                                         \
    for (int n = WIDE / 8; n > 0; n /= 2) {                                \
      for (int i = 0; i < n; i++) four[i] = join(four[i], four[i + n]);    \
    }                                                                      \
    wide_four a = four[0];                                                 \
    a = join(a, __builtin_shuffle(a, (wide_four_bits){2, 3, 0, 1}));       \
    a = join(a, __builtin_shuffle(a, (wide_four_bits){1, 0, 3, 2}));       \
    return a[0];                                                           \
  }
#define WIDE_ADD(a, b) ((a) + (b))
static inline __attribute__((always_inline)) wide_four wide_four_max(
    wide_four x, wide_four y) {
  wide_four_bits larger = x > y;
  return (wide_four)(((wide_four_bits)x & larger) |
                     ((wide_four_bits)y & ~larger));
}
WIDE_JOIN(wide_sum, WIDE_ADD)
WIDE_JOIN(wide_most, wide_four_max)

/* Past the caches; y is a whole number of vectors from a 64-byte border. */
static inline __attribute__((always_inline)) void wide_stream(float *y,
                                                              wide v) {
#if defined(__AVX512F__)
  _mm512_stream_ps(y, (__m512)v);
#elif defined(__AVX__)
  _mm256_stream_ps(y, (__m256)v);
#else
  wide_store(y, v);
#endif
}

/* Other threads see what was streamed before what is written after this. */
static inline void wide_fence(void) {
#if defined(__AVX__)
  _mm_sfence();
#endif
}

#endif
