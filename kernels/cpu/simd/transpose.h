/* Blocks of 16 x 16 elements of four bytes, transposed in registers. */
#ifndef MOON_SIMD_TRANSPOSE_H
#define MOON_SIMD_TRANSPOSE_H
#include "simd.h"

enum { SIMD_BLOCK = 16 };
typedef uint32_t simd_u16
    __attribute__((vector_size(64), aligned(4), may_alias));

/* Four rounds that each interleave rows i and i + 8. */
static inline __attribute__((always_inline)) void simd_transpose(
    simd_u16 *restrict a) {
  static const simd_u16 low = {0, 16, 1, 17, 2, 18, 3, 19,
                               4, 20, 5, 21, 6, 22, 7, 23};
  static const simd_u16 high = {8,  24, 9,  25, 10, 26, 11, 27,
                                12, 28, 13, 29, 14, 30, 15, 31};
  simd_u16 b[SIMD_BLOCK];
  for (int round = 0; round < 4; round++) {
    for (int i = 0; i < SIMD_BLOCK / 2; i++) {
      b[2 * i] = __builtin_shuffle(a[i], a[i + 8], low);
      b[2 * i + 1] = __builtin_shuffle(a[i], a[i + 8], high);
    }
    for (int i = 0; i < SIMD_BLOCK; i++) a[i] = b[i];
  }
}

#endif
