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

/* y[j, i] = x[i, j] for i, j < 16; rows `xs` and `ys` apart. */
static inline void simd_transpose_block(const uint32_t *x, int64_t xs,
                                        uint32_t *y, int64_t ys) {
  simd_u16 a[SIMD_BLOCK];
  for (int i = 0; i < SIMD_BLOCK; i++) a[i] = *(const simd_u16 *)(x + i * xs);
  simd_transpose(a);
  for (int i = 0; i < SIMD_BLOCK; i++) *(simd_u16 *)(y + i * ys) = a[i];
}

/* y[j, i] = x[i, j] for i < n, j < m; elements of four bytes. */
static inline void simd_transpose_any(const void *from, int64_t xs, void *to,
                                      int64_t ys, int64_t n, int64_t m) {
  enum { B = SIMD_BLOCK };
  const uint32_t *x = from;
  uint32_t *y = to;
  for (int64_t i = 0; i < n; i += B) {
    for (int64_t j = 0; j < m; j += B) {
      if (i + B <= n && j + B <= m) {
        simd_transpose_block(x + i * xs + j, xs, y + j * ys + i, ys);
        continue;
      }
      for (int64_t k = i; k < n && k < i + B; k++) {
        for (int64_t l = j; l < m && l < j + B; l++) {
          y[l * ys + k] = x[k * xs + l];
        }
      }
    }
  }
}

#endif
