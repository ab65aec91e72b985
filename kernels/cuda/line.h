/* A vector beside a tensor, such as a weight for each channel: of any float
 * dtype, read and written as double, so that kernels need no copy of
 * themselves for each dtype of each vector. */
#ifndef MOON_CUDA_LINE_H
#define MOON_CUDA_LINE_H
#include "types.h"

struct moon_line {
  void *data;  /* NULL: absent */
  int64_t stride;
  int dtype;

  MOON_DEVICE double load(int64_t i, double otherwise = 0) const {
    if (!data) return otherwise;
    i *= stride;
    switch (dtype) {
      case MOON_F32: return (double)((const float *)data)[i];
      case MOON_F64: return ((const double *)data)[i];
      case MOON_BF16: return (double)moon_load(((const moon_bf16 *)data)[i]);
      default: return (double)moon_load(((const moon_f16 *)data)[i]);
    }
  }

  MOON_DEVICE void store(int64_t i, double v) const {
    if (!data) return;
    i *= stride;
    switch (dtype) {
      case MOON_F32: moon_store((float *)data + i, v); break;
      case MOON_F64: moon_store((double *)data + i, v); break;
      case MOON_BF16: moon_store((moon_bf16 *)data + i, v); break;
      default: moon_store((moon_f16 *)data + i, v);
    }
  }
};

/* Of `o` (may be NULL), from `offset` elements on, along dimension d. */
static inline moon_line moon_line_of(const moon_operand *o, int d = 0,
                                     int64_t offset = 0) {
  if (!o) return moon_line{NULL, 0, MOON_F32};
  char *data = (char *)o->data + offset * (int64_t)moon_dtype_size(o->dtype);
  return moon_line{data, o->ndim > d ? o->stride[d] : 0, o->dtype};
}

#endif
