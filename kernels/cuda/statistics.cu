/* Norm, share of zeros and count of non-finite values, in two stages (ref's
 * statistics.c). */
#include "block.h"
#include "line.h"
#include "walk.h"

enum { SQUARES, ZEROS, WILD, COUNTS };
enum { MOST = 512 };  /* blocks */

template <typename T>
__global__ void look(const T *x, moon_places<1> places, double *partial) {
  typedef moon_computed<T> A;
  double sum[COUNTS] = {};
  MOON_EACH(i, places.n) {
    int64_t at[1];
    places.find(i, at);
    A v = (A)moon_load(x[at[0]]);
    sum[SQUARES] += (double)v * (double)v;
    sum[ZEROS] += v == 0;
    sum[WILD] += !(v - v == 0);
  }
  for (int k = 0; k < COUNTS; k++) {
    double all = moon_block_sum(sum[k]);
    if (threadIdx.x == 0) partial[blockIdx.x * COUNTS + k] = all;
  }
}

__global__ void add_up(const double *partial, int blocks, int64_t n,
                       moon_line y) {
  double sum[COUNTS] = {};
  for (int i = threadIdx.x; i < blocks; i += blockDim.x) {
    for (int k = 0; k < COUNTS; k++) sum[k] += partial[i * COUNTS + k];
  }
  for (int k = 0; k < COUNTS; k++) sum[k] = moon_block_sum(sum[k]);
  if (threadIdx.x > 0) return;
  y.store(0, sqrt(sum[SQUARES]));
  y.store(1, sum[ZEROS] / (double)n);
  y.store(2, sum[WILD]);
}

template <typename T>
static int run_of(const moon_call *call, double *partial, moon_fail *fail) {
  const moon_operand *x = &call->arg[0], *o[] = {x};
  moon_places<1> places = moon_places_of(o);
  unsigned blocks = moon_blocks(places.n, 8);
  if (blocks > MOST) blocks = MOST;
  MOON_LAUNCH_TOGETHER(look<T>, blocks, MOON_THREADS, call->queue,
                       (const T *)x->data, places, partial);
  MOON_LAUNCH_TOGETHER(add_up, 1, MOON_THREADS, call->queue, partial,
                       (int)blocks, places.n, moon_line_of(&call->arg[1]));
  return moon_launched(fail);
}

CUDA_PLAN(plan_statistics) {
  plan->scratch = MOST * COUNTS * sizeof(double);
  return moon_plan_once(call, plan, may_create, fail);
}

CUDA_RUN(run_statistics) {
  return MOON_ALL_TYPES(call->arg[0].dtype, run_of, call, (double *)scratch,
                        fail);
}

extern "C" const moon_kernel moon_cuda_statistics = {
    "statistics", plan_statistics, run_statistics};
