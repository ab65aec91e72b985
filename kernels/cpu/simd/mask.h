/* Bits of whole vectors; see ../mask.h. */
#ifndef MOON_SIMD_MASK_H
#define MOON_SIMD_MASK_H
#include <string.h>
#include "../mask.h"
#include "wide.h"

/* The lanes that are > 0, as bits. */
static inline __attribute__((always_inline)) uint32_t wide_positive(wide v) {
#if defined(__AVX512F__)
  return _mm512_cmp_ps_mask((__m512)v, _mm512_setzero_ps(), _CMP_GT_OQ);
#elif defined(__AVX__)
  return (uint32_t)_mm256_movemask_ps(
      _mm256_cmp_ps((__m256)v, _mm256_setzero_ps(), _CMP_GT_OQ));
#else
  wide_bits positive = v > 0;
  uint32_t bits = 0;
  for (int i = 0; i < WIDE; i++) bits |= (uint32_t)(positive[i] & 1) << i;
  return bits;
#endif
}

/* v in the lanes whose bits are set, else 0. */
static inline __attribute__((always_inline)) wide wide_keep(wide v,
                                                            uint32_t bits) {
#if defined(__AVX512F__)
  return (wide)_mm512_maskz_mov_ps((__mmask16)bits, (__m512)v);
#elif defined(__AVX2__)
  const __m256i lane = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
  __m256i some = _mm256_and_si256(_mm256_set1_epi32((int)bits), lane);
  return (wide)_mm256_and_ps((__m256)v,
                             (__m256)_mm256_cmpeq_epi32(some, lane));
#else
  for (int i = 0; i < WIDE; i++) v[i] = bits >> i & 1 ? v[i] : 0;
  return v;
#endif
}

/* The bits of elements i to i + WIDE, i a multiple of WIDE. A narrow vector's
 * are half of a byte, whose first half comes first. */
static inline __attribute__((always_inline)) void mask_put(uint8_t *mask,
                                                           int64_t i,
                                                           uint32_t bits) {
  uint8_t *at = mask + i / 8;
  if (WIDE == 16) memcpy(at, &(uint16_t){(uint16_t)bits}, 2);
  else if (i % 8) *at = (uint8_t)(*at | bits << 4);
  else *at = (uint8_t)bits;
}

static inline __attribute__((always_inline)) uint32_t mask_get(
    const uint8_t *mask, int64_t i) {
  const uint8_t *at = mask + i / 8;
  if (WIDE != 16) return (uint32_t)*at >> i % 8;
  uint16_t bits;
  memcpy(&bits, at, sizeof bits);
  return bits;
}

#endif
