/* What the threads of a block do together: sums and maxima in a fixed order,
 * so that the same call gives the same bits. For kernels that are launched by
 * MOON_LAUNCH_TOGETHER with whole warps; every thread of the block calls.
 */
#ifndef MOON_CUDA_BLOCK_H
#define MOON_CUDA_BLOCK_H
#include "types.h"

enum { MOON_WARP = 32, MOON_MOST_WARPS = 32 };

#ifndef MOON_EMULATED
template <typename V> MOON_DEVICE V moon_shuffle_xor(V v, int mask) {
  return __shfl_xor_sync(0xffffffffu, v, mask);
}
#endif

struct moon_plus {
  template <typename V> MOON_DEVICE V operator()(V a, V b) const {
    return a + b;
  }
};
/* NaN wins. */
struct moon_larger {
  template <typename V> MOON_DEVICE V operator()(V a, V b) const {
    return a != a || a > b ? a : b;
  }
};
struct moon_smaller {
  template <typename V> MOON_DEVICE V operator()(V a, V b) const {
    return a != a || a < b ? a : b;
  }
};

/* Over the 32 threads of a warp; all get it. `f` is commutative. */
template <typename V, typename F> MOON_DEVICE V moon_warp_fold(V v, F f) {
  for (int mask = MOON_WARP / 2; mask > 0; mask /= 2) {
    v = f(v, moon_shuffle_xor(v, mask));
  }
  return v;
}

/* Over all threads of a block (x alone); all get it. `none` changes nothing. */
template <typename V, typename F>
MOON_DEVICE V moon_block_fold(V v, V none, F f) {
  __shared__ V part[MOON_MOST_WARPS];
  int lane = threadIdx.x % MOON_WARP, warp = threadIdx.x / MOON_WARP;
  v = moon_warp_fold(v, f);
  __syncthreads();  /* a call before this one may still read */
  if (lane == 0) part[warp] = v;
  __syncthreads();
  v = lane < (int)(blockDim.x / MOON_WARP) ? part[lane] : none;
  return moon_warp_fold(v, f);
}

template <typename V> MOON_DEVICE V moon_block_sum(V v) {
  return moon_block_fold(v, (V)0, moon_plus());
}

#endif
