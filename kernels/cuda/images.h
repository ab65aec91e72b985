/* Images, one thread a pixel with all its channels: x and y [B,C,H,W] of any
 * strides, counted along the rows of y. */
#ifndef MOON_CUDA_IMAGES_H
#define MOON_CUDA_IMAGES_H
#include "types.h"

struct moon_pixels {
  int64_t n, channels, height, width;  /* n: pixels of all images */
  int64_t x[4], y[4];                  /* strides */

  MOON_DEVICE void find(int64_t i, int64_t *image, int64_t *row,
                        int64_t *column) const {
    *column = i % width;
    i /= width;
    *row = i % height;
    *image = i / height;
  }
  MOON_DEVICE int64_t at_x(int64_t image, int64_t row, int64_t column) const {
    return image * x[0] + row * x[2] + column * x[3];
  }
  MOON_DEVICE int64_t at_y(int64_t image, int64_t row, int64_t column) const {
    return image * y[0] + row * y[2] + column * y[3];
  }
};

static inline moon_pixels moon_pixels_of(const moon_operand *x,
                                         const moon_operand *y) {
  moon_pixels p = {y->shape[0] * y->shape[2] * y->shape[3], y->shape[1],
                   y->shape[2], y->shape[3], {}, {}};
  for (int d = 0; d < 4; d++) {
    p.x[d] = x->stride[d];
    p.y[d] = y->stride[d];
  }
  return p;
}

#endif
