/* Philox 4x32-10: counter-based random numbers (Salmon, Moraes, Dror, Shaw,
 * "Parallel random numbers: as easy as 1, 2, 3", SC 2011). Any element of any
 * draw can be computed alone, so parts, threads and devices agree.
 *
 * Element i of draw `counter` under `key` uses word i % 4 of the block whose
 * counter is (i / 4, counter); both are 64 bits. Elements 2j and 2j + 1 of a
 * normal draw are the pair that their two words give.
 */
#ifndef MOON_PHILOX_H
#define MOON_PHILOX_H
#include <math.h>
#include <stdint.h>
#include "inline.h"

typedef struct moon_philox { uint32_t word[4]; } moon_philox;

MOON_INLINE moon_philox moon_philox_block(uint64_t key, uint64_t counter,
                                          uint64_t block) {
  uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
  uint32_t a = (uint32_t)block, b = (uint32_t)(block >> 32);
  uint32_t c = (uint32_t)counter, d = (uint32_t)(counter >> 32);
  for (int round = 0; round < 10; round++) {
    uint64_t p = (uint64_t)0xD2511F53u * a, q = (uint64_t)0xCD9E8D57u * c;
    uint32_t hi0 = (uint32_t)(p >> 32), lo0 = (uint32_t)p;
    uint32_t hi1 = (uint32_t)(q >> 32), lo1 = (uint32_t)q;
    a = hi1 ^ b ^ k0;
    b = lo1;
    c = hi0 ^ d ^ k1;
    d = lo0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return (moon_philox){{a, b, c, d}};
}

MOON_INLINE uint32_t moon_philox_word(uint64_t key, uint64_t counter,
                                      uint64_t i) {
  return moon_philox_block(key, counter, i / 4).word[i % 4];
}

/* In [0, 1), 24 bits: exact in f32. */
MOON_INLINE float moon_philox_uniform(uint32_t word) {
  return (float)(word >> 8) * 0x1p-24f;
}

/* A standard normal pair from two words (Box and Muller 1958), in double. */
MOON_INLINE void moon_philox_normal2(uint32_t u, uint32_t v, double out[2]) {
  double r = sqrt(-2.0 * log(((double)u + 1.0) * 0x1p-32));
  double t = 6.283185307179586477 * ((double)v * 0x1p-32);
  out[0] = r * cos(t);
  out[1] = r * sin(t);
}

/* Where one word is too little (f64, i64) the low half of element i comes from
 * the same place of the block whose number has its top bit set: an f64 draw
 * agrees with the f32 draw to 24 bits. */
MOON_INLINE uint64_t moon_philox_word64(uint64_t key, uint64_t counter,
                                        uint64_t i) {
  uint64_t high = moon_philox_word(key, counter, i);
  uint64_t far = (i / 4) | (uint64_t)1 << 63;
  return high << 32 | moon_philox_block(key, counter, far).word[i % 4];
}

/* In [0, 1), 53 bits. */
MOON_INLINE double moon_philox_uniform64(uint64_t word) {
  return (double)(word >> 11) * 0x1p-53;
}

/* a + (b - a) u in [a, b), for u in [0, 1): computed in double, rounded once.
 * What rounding lifts to b becomes the largest value below b. */
MOON_INLINE double moon_philox_between64(double a, double b, double u) {
  double y = a + (b - a) * u;
  return y >= b && a < b ? nextafter(y, a) : y;
}

MOON_INLINE float moon_philox_between(double a, double b, float u) {
  float y = (float)(a + (b - a) * (double)u);
  return (double)y >= b && a < b ? nextafterf(y, -INFINITY) : y;
}

/* A whole number in [0, n), n > 0: the high half of word times n. */
MOON_INLINE uint32_t moon_philox_below(uint32_t word, uint32_t n) {
  return (uint32_t)(((uint64_t)word * n) >> 32);
}

MOON_INLINE uint64_t moon_philox_below64(uint64_t word, uint64_t n) {
  uint64_t w0 = (uint32_t)word, w1 = word >> 32;
  uint64_t n0 = (uint32_t)n, n1 = n >> 32;
  uint64_t low = w0 * n1 + ((w0 * n0) >> 32);
  uint64_t mid = w1 * n0 + (uint32_t)low;
  return w1 * n1 + (low >> 32) + (mid >> 32);
}

/* Dropout with probability p keeps an element iff its uniform is at least p,
 * which is to say iff word >> 8 is at least this. */
MOON_INLINE uint32_t moon_philox_threshold(double p) {
  return (uint32_t)ceil(p * 0x1p24);
}

/* How the image at place `place` of an epoch is varied: pixel (h, w) of the
 * result is pixel (h + dy, f + dx) of the image, f = flip ? W - 1 - w : w, and
 * zero where that lies outside. With dy and dx in [-crop, crop]. */
typedef struct moon_image_draw { int64_t dy, dx; int flip; } moon_image_draw;

MOON_INLINE moon_image_draw moon_philox_image(uint64_t key, uint64_t place,
                                              int may_flip, int crop) {
  moon_philox r = moon_philox_block(key, place, 0);
  uint32_t n = 2 * (uint32_t)crop + 1;
  return (moon_image_draw){
      .dy = (int64_t)moon_philox_below(r.word[1], n) - crop,
      .dx = (int64_t)moon_philox_below(r.word[2], n) - crop,
      .flip = may_flip && moon_philox_uniform(r.word[0]) < 0.5f};
}

/* splitmix64's finaliser: turns related keys into unrelated ones. */
MOON_INLINE uint64_t moon_mix64(uint64_t x) {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

#endif
