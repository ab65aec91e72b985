/* bf16 and f16 as bits: to f32 exactly, from f32 to the nearest, of two the
 * even one; too large becomes infinite, NaN stays NaN. Without branches, so
 * that loops over them become vectors.
 */
#ifndef MOON_HALF_H
#define MOON_HALF_H
#include <stdint.h>
#include "inline.h"
#include <string.h>

MOON_INLINE uint32_t moon_float_bits(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

MOON_INLINE float moon_bits_float(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/* --- bf16: the upper half of f32 -------------------------------------- */
MOON_INLINE float moon_bf16_to_f32(uint16_t h) {
  return moon_bits_float((uint32_t)h << 16);
}

MOON_INLINE uint16_t moon_bf16_from_f32(float x) {
  uint32_t bits = moon_float_bits(x);
  uint32_t even = bits >> 16 & 1;
  uint32_t rounded = (bits + 0x7fff + even) >> 16;
  return (uint16_t)(x == x ? rounded : (bits >> 16 | 0x40));
}

/* --- f16: 5 bits of exponent, 10 of fraction -------------------------- */
/* The bits of exponent and fraction in their places mean the number times
 * 2^-112; subnormal ones, too. */
MOON_INLINE float moon_f16_to_f32(uint16_t h) {
  uint32_t sign = (uint32_t)(h & 0x8000) << 16, rest = h & 0x7fff;
  float scaled = moon_bits_float(rest << 13) * 0x1p112f;
  uint32_t special = rest << 13 | 0x7f800000;  /* infinity or NaN */
  uint32_t bits = rest >= 0x7c00 ? special : moon_float_bits(scaled);
  return moon_bits_float(bits | sign);
}

/* Numbers below 2^-14 are rounded by adding 0.5, whose last place is f16's
 * smallest number. */
MOON_INLINE uint16_t moon_f16_from_f32(float x) {
  uint32_t bits = moon_float_bits(x), sign = bits >> 16 & 0x8000;
  uint32_t rest = bits & 0x7fffffff;
  uint32_t normal = (rest + 0xfff + (rest >> 13 & 1) - (112u << 23)) >> 13;
  uint32_t tiny = moon_float_bits(moon_bits_float(rest) + 0.5f) - 0x3f000000;
  uint32_t large = rest > 0x7f800000 ? 0x7e00 | (rest >> 13 & 0x3ff) : 0x7c00;
  uint32_t h = rest < 0x38800000 ? tiny : normal;
  return (uint16_t)(sign | (rest >= 0x47800000 ? large : h));
}

#endif
