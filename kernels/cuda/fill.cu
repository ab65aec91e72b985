/* y = value, and y[i] = start + i step (ref's fill.c). */
#include "walk.h"

template <typename T>
__global__ void fill(T *y, moon_places<1> walk, double value) {
  MOON_EACH(i, walk.n) {
    int64_t at[1];
    walk.find(i, at);
    moon_store(&y[at[0]], value);
  }
}

template <typename T>
__global__ void count(T *y, int64_t n, int64_t stride, double start,
                      double step) {
  MOON_EACH(i, n) moon_store(&y[i * stride], start + (double)i * step);
}

template <typename T> static int run_fill_of(const moon_call *call,
                                             moon_fail *fail) {
  const moon_operand *y = &call->arg[0], *o[] = {y};
  moon_places<1> walk = moon_places_of(o);
  if (walk.n == 0) return MOON_OK;
  double value = call->params.fill.value;
  if (walk.dense && value == 0 && !signbit(value)) {
    return moon_device_zero(y->data, (size_t)walk.n * sizeof(T), call->queue,
                            fail);
  }
  MOON_LAUNCH(fill<T>, moon_blocks(walk.n, 1), MOON_THREADS, call->queue,
              (T *)y->data, walk, value);
  return moon_launched(fail);
}

template <typename T> static int run_arange_of(const moon_call *call,
                                               moon_fail *fail) {
  const moon_operand *y = &call->arg[0];
  int64_t n = moon_operand_numel(y);
  if (n == 0) return MOON_OK;
  MOON_LAUNCH(count<T>, moon_blocks(n, 1), MOON_THREADS, call->queue,
              (T *)y->data, n, y->stride[0], call->params.arange.start,
              call->params.arange.step);
  return moon_launched(fail);
}

CUDA_RUN(run_fill) {
  return MOON_ALL_TYPES(call->arg[0].dtype, run_fill_of, call, fail);
}

CUDA_RUN(run_arange) {
  return MOON_ALL_TYPES(call->arg[0].dtype, run_arange_of, call, fail);
}

extern "C" const moon_kernel moon_cuda_fill = {"fill", moon_plan_once,
                                               run_fill};
extern "C" const moon_kernel moon_cuda_arange = {"arange", moon_plan_once,
                                                 run_arange};
