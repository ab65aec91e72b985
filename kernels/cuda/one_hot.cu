/* y[n, k] = 1 where k = i[n], else 0 (ref's one_hot.c). */
#include "check.h"

enum { I, Y };

template <typename T>
__global__ void mark(const int64_t *index, int64_t step, T *y, int64_t n,
                     int64_t columns, int64_t row_step, int64_t column_step) {
  MOON_EACH(i, n) {
    int64_t row = i / columns, column = i % columns;
    moon_store(&y[row * row_step + column * column_step],
               (int64_t)(index[row * step] == column));
  }
}

template <typename T>
static int run_of(const moon_call *call, moon_fail *fail) {
  const moon_operand *i = &call->arg[I], *y = &call->arg[Y];
  int64_t n = moon_operand_numel(y);
  if (n == 0) return MOON_OK;
  MOON_LAUNCH(mark<T>, moon_blocks(n, 1), MOON_THREADS, call->queue,
              (const int64_t *)i->data, i->stride[0], (T *)y->data, n,
              y->shape[1], y->stride[0], y->stride[1]);
  return moon_launched(fail);
}

CUDA_RUN(run_one_hot) {
  const moon_operand *i = &call->arg[I], *y = &call->arg[Y];
  if (phase == 0) {
    return moon_check_values(call, i, moon_range{y->shape[1], 0}, fail);
  }
  int status = moon_check_notice(call, "index", y->shape[1], fail);
  if (status < 0) return status;
  return MOON_ALL_TYPES(y->dtype, run_of, call, fail);
}

extern "C" const moon_kernel moon_cuda_one_hot = {
    "one_hot", moon_plan_checked, run_one_hot};
