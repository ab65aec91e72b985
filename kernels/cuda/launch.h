/* The CUDA dialect that our kernels are written in. nvcc compiles them for
 * GPUs; with MOON_EMULATED g++ compiles the same files for emulated.h's GPU,
 * which runs on the CPU, so that every kernel is tested where there is none.
 *
 *   template <typename T>
 *   __global__ void fill(T *y, int64_t n, T value) {
 *     MOON_EACH(i, n) y[i] = value;
 *   }
 *   ...
 *   MOON_LAUNCH(fill<float>, moon_blocks(n, 1), 256, call->queue, y, n, value);
 *   return moon_launched(fail);
 *
 * A kernel with barriers, shared memory or shuffles (block.h) is launched by
 * MOON_LAUNCH_TOGETHER.
 */
#ifndef MOON_CUDA_LAUNCH_H
#define MOON_CUDA_LAUNCH_H
#include <math.h>
#include <stdint.h>
#include <stdio.h>
extern "C" {
#include "../kernel.h"
}

#ifdef MOON_EMULATED
#include "emulated.h"
#else
#include <cuda_runtime.h>
#define MOON_LAUNCH(kernel, grid, block, queue, ...) \
  kernel<<<grid, block, 0, (cudaStream_t)(queue)>>>(__VA_ARGS__)
#define MOON_LAUNCH_TOGETHER MOON_LAUNCH

static inline int moon_launched(moon_fail *fail) {
  cudaError_t error = cudaGetLastError();
  if (error == cudaSuccess) return MOON_OK;
  snprintf(fail->text, sizeof fail->text, "the launch failed: %s",
           cudaGetErrorString(error));
  return MOON_E_BACKEND;
}

static inline int moon_device_copy(void *to, const void *from, size_t nbytes,
                                   void *queue, moon_fail *fail) {
  cudaMemcpyAsync(to, from, nbytes, cudaMemcpyDeviceToDevice,
                  (cudaStream_t)queue);
  return moon_launched(fail);
}

static inline int moon_device_zero(void *to, size_t nbytes, void *queue,
                                   moon_fail *fail) {
  cudaMemsetAsync(to, 0, nbytes, (cudaStream_t)queue);
  return moon_launched(fail);
}
#endif

enum { MOON_THREADS = 256, MOON_MOST_BLOCKS = 132 * 16 };

/* This thread's share of n elements, over all blocks of a one-dimensional
 * grid. */
#define MOON_EACH(i, n)                                              \
  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;   \
       i < (n); i += (int64_t)gridDim.x * blockDim.x)

/* Blocks of MOON_THREADS for n elements, `each` of them a thread at a time. */
static inline unsigned moon_blocks(int64_t n, int64_t each) {
  int64_t blocks = (n + MOON_THREADS * each - 1) / (MOON_THREADS * each);
  if (blocks > MOON_MOST_BLOCKS) blocks = MOON_MOST_BLOCKS;
  return blocks < 1 ? 1 : (unsigned)blocks;
}

/* --- the two functions of a kernel (see kernel.h) --------------------- */
#define MOON_UNUSED __attribute__((unused))
#define CUDA_PLAN(name)                                                  \
  static int name(MOON_UNUSED const moon_call *call, moon_plan *plan,    \
                  MOON_UNUSED int may_create, MOON_UNUSED moon_fail *fail)
#define CUDA_RUN(name)                                                   \
  static int name(const moon_call *call, MOON_UNUSED const moon_plan *plan, \
                  MOON_UNUSED void *scratch, MOON_UNUSED int phase,      \
                  MOON_UNUSED int part, moon_fail *fail)

/* Most calls: one phase, one part, no scratch. */
static inline int moon_plan_once(const moon_call *, moon_plan *plan, int,
                                 moon_fail *) {
  plan->phases = 1;
  plan->parts[0] = 1;
  return MOON_OK;
}

/* A call that looks at values before it writes: phase 0 may run ahead on
 * another queue and reports to call->notice (check.h). */
static inline int moon_plan_checked(const moon_call *, moon_plan *plan, int,
                                    moon_fail *) {
  plan->phases = 2;
  plan->parts[0] = plan->parts[1] = 1;
  return MOON_OK;
}

/* An optional operand: number k of the call, or NULL. */
static inline const moon_operand *moon_optional(const moon_call *call, int k) {
  return k < call->n && call->arg[k].data ? &call->arg[k] : NULL;
}

static inline bool moon_is_dense(const moon_operand *o) {
  int64_t step = 1;
  for (int d = o->ndim - 1; d >= 0; d--) {
    if (o->shape[d] > 1 && o->stride[d] != step) return false;
    step *= o->shape[d];
  }
  return true;
}

#endif
