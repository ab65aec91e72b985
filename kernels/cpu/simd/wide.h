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

/* The first n, 1 to WIDE; the others are 0, and x may end before them. */
static inline __attribute__((always_inline)) wide wide_load_some(
    const float *x, int n) {
  if (n == WIDE) return wide_load(x);
#if defined(__AVX512F__)
  return (wide)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), x);
#elif defined(__AVX__)
  return (wide)_mm256_maskload_ps(x, wide_mask(n));
#else
  wide v = {0};
  for (int i = 0; i < n; i++) v[i] = x[i];
  return v;
#endif
}

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

/* The sum of all, halves added to halves: its order is the instruction set's.
 */
static inline __attribute__((always_inline)) float wide_sum(wide v) {
  float half[WIDE];
  wide_store(half, v);
  for (int n = WIDE / 2; n > 0; n /= 2) {
    for (int i = 0; i < n; i++) half[i] += half[i + n];
  }
  return half[0];
}

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
