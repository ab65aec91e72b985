/* Where the elements of several strided operands lie, for one index over all
 * of them. Dimensions that lie behind one another in every operand are made
 * one, so most calls walk one or two.
 */
#ifndef MOON_CUDA_WALK_H
#define MOON_CUDA_WALK_H
#include "types.h"

template <int N> struct moon_places {
  int64_t n;                          /* elements */
  int ndim;
  int dense;                          /* every operand's elements in turn */
  int64_t shape[MOON_MAX_DIMS];       /* the last dimension first */
  int64_t stride[N][MOON_MAX_DIMS];

  /* at[k]: element i's place in operand k. */
  MOON_DEVICE void find(int64_t i, int64_t at[N]) const {
    for (int k = 0; k < N; k++) at[k] = dense ? i : 0;
    if (dense) return;
    if (n <= INT32_MAX) {
      uint32_t rest = (uint32_t)i;
      for (int d = 0; d < ndim; d++) {
        uint32_t next = rest / (uint32_t)shape[d];
        step(d, rest - next * (uint32_t)shape[d], at);
        rest = next;
      }
      return;
    }
    for (int d = 0; d < ndim; d++) {
      step(d, i % shape[d], at);
      i /= shape[d];
    }
  }

  MOON_DEVICE void step(int d, int64_t index, int64_t at[N]) const {
    for (int k = 0; k < N; k++) at[k] += index * stride[k][d];
  }
};

/* Over operands of one shape; a stride of 0 repeats. Any order will do: when
 * the first operand is dense in another order of dimensions (channels-last),
 * that order is walked. */
template <int N>
static moon_places<N> moon_places_of(const moon_operand *const (&given)[N]) {
  moon_places<N> w = {};
  moon_operand sorted[N];
  const moon_operand *o[N];
  for (int k = 0; k < N; k++) {
    sorted[k] = *given[k];
    o[k] = &sorted[k];
  }
  int ndim = sorted[0].ndim;
  for (int i = 1; i < ndim; i++) {  /* by the first operand's strides */
    for (int d = i; d > 0; d--) {
      if (sorted[0].stride[d - 1] >= sorted[0].stride[d]) break;
      for (int k = 0; k < N; k++) {
        moon_operand *p = &sorted[k];
        int64_t shape = p->shape[d], stride = p->stride[d];
        p->shape[d] = p->shape[d - 1];
        p->stride[d] = p->stride[d - 1];
        p->shape[d - 1] = shape;
        p->stride[d - 1] = stride;
      }
    }
  }
  w.n = moon_operand_numel(o[0]);
  for (int d = ndim - 1; d >= 0; d--) {
    int64_t size = o[0]->shape[d];
    if (size == 1) continue;
    bool joins = w.ndim > 0;
    for (int k = 0; k < N && joins; k++) {
      joins = o[k]->stride[d] ==
              w.stride[k][w.ndim - 1] * w.shape[w.ndim - 1];
    }
    if (joins) {
      w.shape[w.ndim - 1] *= size;
      continue;
    }
    for (int k = 0; k < N; k++) w.stride[k][w.ndim] = o[k]->stride[d];
    w.shape[w.ndim++] = size;
  }
  w.dense = w.ndim <= 1;
  for (int k = 0; k < N && w.ndim == 1; k++) w.dense &= w.stride[k][0] == 1;
  return w;
}

#endif
