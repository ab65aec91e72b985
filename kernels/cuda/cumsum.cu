/* y_i = x_1 + ... + x_i along one dimension, or, in reverse, x_i + ... + x_n: in
 * double, or i64 modulo 2^64 for integers (ref's cumsum.c).
 *
 * A line's threads take a chunk each: they add theirs up, then what the chunks
 * before it come to, then write.
 */
#include "lines.h"

namespace {

template <typename T> struct sum_of { typedef double type; };
template <> struct sum_of<int64_t> { typedef uint64_t type; };

/* y's element: x's dtype for floats, else i64. */
template <typename T> struct out_of { typedef T type; };
template <> struct out_of<int32_t> { typedef int64_t type; };
template <> struct out_of<uint8_t> { typedef int64_t type; };
template <> struct out_of<moon_bool> { typedef int64_t type; };

MOON_DEVICE double stored(double v) { return v; }
MOON_DEVICE int64_t stored(uint64_t v) { return (int64_t)v; }

/* Warps may have different numbers of lines. */
MOON_DEVICE void meet(int group) {
  if (group == MOON_WARP) {
    __syncwarp();
  } else {
    __syncthreads();
  }
}

/* What the chunks of the threads before this one come to, in order. */
template <typename W> MOON_DEVICE W before(W own, int lane, int group) {
  __shared__ W kept[MOON_THREADS];
  meet(group);  /* the line before may still read */
  kept[threadIdx.x] = own;
  meet(group);
  W sum = 0;
  for (int k = (int)threadIdx.x - lane; k < (int)threadIdx.x; k++) {
    sum += kept[k];
  }
  return sum;
}

template <typename T> struct scan {
  const T *x;
  typename out_of<T>::type *y;
  bool reverse;
  MOON_DEVICE void run(const int64_t *at, const moon_lines<2> &l,
                       int lane) const {
    typedef typename sum_of<moon_computed<T>>::type W;
    int64_t lo = l.n * lane / l.group, hi = l.n * (lane + 1) / l.group;
    W own = 0;
    for (int64_t k = lo; k < hi && l.group > 1; k++) {
      int64_t i = reverse ? l.n - 1 - k : k;
      own += (W)moon_load(x[at[1] + i * l.step[1]]);
    }
    W sum = l.group > 1 ? before(own, lane, l.group) : 0;
    for (int64_t k = lo; k < hi; k++) {
      int64_t i = reverse ? l.n - 1 - k : k;
      sum += (W)moon_load(x[at[1] + i * l.step[1]]);
      moon_store(&y[at[0] + i * l.step[0]], stored(sum));
    }
  }
};

template <typename T> int run_of(const moon_call *call, moon_fail *fail) {
  const moon_operand *x = &call->arg[0], *y = &call->arg[1], *o[] = {y, x};
  scan<T> f = {(const T *)x->data, (typename out_of<T>::type *)y->data,
               call->params.scan.reverse != 0};
  return moon_each_line(f, o, call->params.scan.dim, call, fail);
}

}  // namespace

CUDA_RUN(run_cumsum) {
  return MOON_ALL_TYPES(call->arg[0].dtype, run_of, call, fail);
}

extern "C" const moon_kernel moon_cuda_cumsum = {"cumsum", moon_plan_once,
                                                 run_cumsum};
