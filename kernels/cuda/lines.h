/* Kernels of whole lines: the elements along one dimension of several operands.
 * A line is one thread's where its neighbours' elements lie next to its own and
 * lines are many, else a warp's or a block's.
 *
 *   struct f { MOON_DEVICE void run(const int64_t *at,   // line in operands
 *                                   const moon_lines<K> &l, int lane) const; }
 */
#ifndef MOON_CUDA_LINES_H
#define MOON_CUDA_LINES_H
#include "block.h"
#include "walk.h"

/* The threads of one of `lines` lines of n elements that are `step` apart. */
static inline int moon_line_group(int64_t lines, int64_t n, int64_t step) {
  if (n <= 4 || (step != 1 && lines >= 4096)) return 1;
  return n <= 1024 ? (int)MOON_WARP : (int)MOON_THREADS;
}

static inline unsigned moon_line_blocks(int64_t lines, int group) {
  return moon_blocks(lines * group, 1);
}

/* Of `lines`, the one that this thread's group begins with, and the groups. */
MOON_DEVICE int64_t moon_line_first(int group) {
  return ((int64_t)blockIdx.x * blockDim.x + threadIdx.x) / group;
}

MOON_DEVICE int64_t moon_line_groups(int group) {
  return (int64_t)gridDim.x * blockDim.x / group;
}

/* Over the group's threads; all get it. */
template <typename V, typename F>
MOON_DEVICE V moon_group_fold(V v, V none, F f, int group) {
  if (group == 1) return v;
  return group == MOON_WARP ? moon_warp_fold(v, f)
                            : moon_block_fold(v, none, f);
}

template <typename V> MOON_DEVICE V moon_group_sum(V v, int group) {
  return moon_group_fold(v, (V)0, moon_plus(), group);
}

/* As fmax: what is no number does not count. */
struct moon_fmax {
  template <typename V> MOON_DEVICE V operator()(V a, V b) const {
    return fmax(a, b);
  }
};

/* The maximum of a line at x, and the sum of exp(x - maximum). */
template <typename T, typename V>
MOON_DEVICE void moon_measure_line(const T *x, int64_t n, int64_t step,
                                   int group, V *max, V *sum) {
  int lane = threadIdx.x % group;
  V most = -(V)INFINITY, total = 0;
  for (int64_t i = lane; i < n; i += group) {
    most = fmax(most, moon_load(x[i * step]));
  }
  most = moon_group_fold(most, -(V)INFINITY, moon_fmax(), group);
  for (int64_t i = lane; i < n; i += group) {
    total += exp(moon_load(x[i * step]) - most);
  }
  *max = most;
  *sum = moon_group_sum(total, group);
}

template <int K> struct moon_lines {
  moon_places<K> heads;
  int64_t n, step[K];
  int group;
};

template <typename F, int K>
__global__ void moon_lines_run(F f, moon_lines<K> l) {
  int64_t groups = moon_line_groups(l.group);
  for (int64_t u = moon_line_first(l.group); u < l.heads.n; u += groups) {
    int64_t at[K];
    l.heads.find(u, at);
    f.run(at, l, threadIdx.x % l.group);
  }
}

/* Runs f on all lines along `dim` of operands of one shape. */
template <typename F, int K>
static int moon_each_line(F f, const moon_operand *const (&given)[K], int dim,
                          const moon_call *call, moon_fail *fail) {
  moon_lines<K> l = {};
  moon_operand heads[K];
  const moon_operand *o[K];
  for (int k = 0; k < K; k++) {
    heads[k] = *given[k];
    heads[k].shape[dim] = 1;
    l.step[k] = given[k]->stride[dim];
    o[k] = &heads[k];
  }
  l.n = given[0]->shape[dim];
  l.heads = moon_places_of(o);
  if (l.heads.n == 0 || l.n == 0) return MOON_OK;
  l.group = moon_line_group(l.heads.n, l.n, l.step[0]);
  MOON_LAUNCH_TOGETHER((moon_lines_run<F, K>),
                       moon_line_blocks(l.heads.n, l.group), MOON_THREADS,
                       call->queue, f, l);
  return moon_launched(fail);
}

#endif
