/* Batches of images that lie one after another in memory without holes, x and y
 * in the same order: row-major or channels-last.
 */
#ifndef MOON_SIMD_IMAGES_H
#define MOON_SIMD_IMAGES_H
#include "simd.h"

/* Two operands of one shape [B,...] of f32; `*size` is the elements of an
 * image. */
static inline bool simd_same_images(const moon_operand *x,
                                    const moon_operand *y, int64_t *size) {
  *size = moon_operand_numel(x) / (x->shape[0] ? x->shape[0] : 1);
  if (!cpu_is_f32(x) || !cpu_is_f32(y) || *size == 0) return false;
  return (cpu_is_rows(x) && cpu_is_rows(y)) ||
         (cpu_is_channels_last(x) && cpu_is_channels_last(y));
}

#endif
