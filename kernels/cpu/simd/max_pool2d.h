/* What a max pooling's forward and gradient share. */
#ifndef MOON_SIMD_MAX_POOL2D_H
#define MOON_SIMD_MAX_POOL2D_H
#include "../../windows.h"
#include "columns.h"

static inline bool pool_is_operand(const moon_operand *o, int dtype) {
  return o->dtype == dtype && o->ndim == 4 && cpu_is_channels_last(o) &&
         moon_operand_numel(o) > 0;
}

/* The windows of y on x along H (axis 0) or W. */
static inline moon_windows pool_axis(const moon_call *call,
                                     const moon_operand *x,
                                     const moon_operand *y, int axis) {
  const moon_pool2d_params *q = &call->params.pool;
  return (moon_windows){x->shape[2 + axis], y->shape[2 + axis],
                        q->kernel[axis], q->stride[axis], q->padding[axis]};
}

/* Places of all windows together, about. */
static inline double pool_work(const moon_call *call, const moon_operand *x,
                               const moon_operand *y) {
  moon_windows down = pool_axis(call, x, y, 0);
  moon_windows along = pool_axis(call, x, y, 1);
  return (double)moon_operand_numel(y) * moon_window_extent(&down) *
         moon_window_extent(&along);
}

#endif
