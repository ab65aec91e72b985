/* Rows of zeros with a one; see ref/one_hot.c. */
#include "simd.h"

enum { I, Y };

CPU_COVERS(one_hot) {
  const moon_operand *y = &call->arg[Y];
  bool known = y->dtype == MOON_I64 || y->dtype == MOON_F32 ||
               y->dtype == MOON_BOOL || y->dtype == MOON_U8;
  return known && cpu_is_rows(y) && cpu_is_rows(&call->arg[I]) &&
         moon_operand_numel(y) > 0;
}

CPU_CUT(one_hot) {
  const moon_operand *y = &call->arg[Y];
  double words = (double)moon_operand_numel(y) *
                 (double)moon_dtype_size(y->dtype) / 4;
  cpu_phase(plan, 1, (double)y->shape[0], 1);
  cpu_phase(plan, y->shape[0], words + 8 * (double)y->shape[0], 0.15);
}

CPU_RUN(one_hot) {
  const moon_operand *i = &call->arg[I], *y = &call->arg[Y];
  int64_t lo, hi, classes = y->shape[1];
  if (phase == 0) return moon_cpu_check_index(i, "index", classes, fail);
  size_t row = (size_t)classes * moon_dtype_size(y->dtype);
  cpu_share(plan, phase, part, y->shape[0], 1, &lo, &hi);
  memset((char *)y->data + (size_t)lo * row, 0, (size_t)(hi - lo) * row);
  for (int64_t n = lo; n < hi; n++) {
    int64_t at = n * classes + ((const int64_t *)i->data)[n];
    if (y->dtype == MOON_I64) ((int64_t *)y->data)[at] = 1;
    else if (y->dtype == MOON_F32) ((float *)y->data)[at] = 1;
    else ((uint8_t *)y->data)[at] = 1;
  }
  return MOON_OK;
}

SIMD_KERNEL(one_hot)
