/* Vectors as wide as the registers of this instruction set, for loops whose
 * sums must stay in registers. The number of lanes, and with it the order of a
 * sum, is the instruction set's.
 */
#ifndef MOON_SIMD_VECTOR_H
#define MOON_SIMD_VECTOR_H
#include "simd.h"
#ifdef __FMA__
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
enum { SIMD_BYTES = 64 };
#elif defined(__FMA__)
enum { SIMD_BYTES = 32 };
#else
enum { SIMD_BYTES = 16 };
#endif
enum { SIMD_LANES = SIMD_BYTES / 4 };
typedef float simd_vector
    __attribute__((vector_size(SIMD_BYTES), aligned(4), may_alias));

static inline simd_vector simd_load(const float *x) {
  return *(const simd_vector *)x;
}

static inline void simd_store(float *x, simd_vector v) {
  *(simd_vector *)x = v;
}

static inline simd_vector simd_all(float s) {
#if defined(__AVX512F__)
  return (simd_vector)_mm512_set1_ps(s);
#elif defined(__FMA__)
  return (simd_vector)_mm256_set1_ps(s);
#else
  return (simd_vector){s, s, s, s};
#endif
}

/* a b + c. */
static inline simd_vector simd_madd(simd_vector a, simd_vector b,
                                    simd_vector c) {
#if defined(__AVX512F__)
  return (simd_vector)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
  return (simd_vector)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
  return a * b + c;
#endif
}

/* The sum of the lanes, halves added to halves. */
static inline float simd_lanes_sum(simd_vector v) {
  float half[SIMD_LANES];
  simd_store(half, v);
  for (int n = SIMD_LANES / 2; n > 0; n /= 2) {
    for (int i = 0; i < n; i++) half[i] += half[i + n];
  }
  return half[0];
}

#endif
