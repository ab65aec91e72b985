/* Which elements of y = max(0, x) are > 0, a bit each, for the gradient of a
 * convolution with ReLU: 1/32 of the bytes of y.
 *
 * Element i in the order of channels-last memory is bit i % 8 of byte i / 8. A
 * pixel is whole bytes, so that parts which have pixels or whole vectors of
 * channels write no byte together.
 */
#ifndef MOON_CPU_MASK_H
#define MOON_CPU_MASK_H
#include "cpu.h"

/* dy of a convolution with ReLU: elements from image to image, row to row and
 * pixel to pixel (0 where one stands for many); mask NULL: dy counts as it is,
 * and has no gaps. */
typedef struct cpu_masked {
  const float *data;
  const uint8_t *mask;
  int64_t stride[3];
  int64_t channels, rows, columns;
} cpu_masked;

/* Operand k, with the mask of operand m, if there is one. */
cpu_masked moon_cpu_masked(const moon_call *call, int k, int m);

/* What simd/mask.c gives. */
typedef struct cpu_mask_simd {
  /* In place; NaN stays. mask may be NULL. n elements from a byte's first on */
  void (*relu)(int64_t n, float *y, uint8_t *mask);
  /* Elements lo to hi of dy to y, 0 where the mask says so; whole pixels. */
  void (*apply)(const cpu_masked *dy, int64_t lo, int64_t hi, float *y);
} cpu_mask_simd;

#endif
