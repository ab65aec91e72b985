/* What the poolings share: one thread has one place of the tensor that it
 * writes, or with channels last as many channels of it as 16 bytes hold.
 *
 *   template <typename T> struct f {
 *     enum { most = 16 / sizeof(T) };
 *     template <int N> MOON_DEVICE void run(const moon_pooling &s,
 *                                           const int64_t at[4]) const;
 *   };
 */
#ifndef MOON_CUDA_POOL_H
#define MOON_CUDA_POOL_H
#include "../windows.h"
#include "types.h"

typedef struct moon_four { int64_t stride[4]; } moon_four;

struct moon_pooling {
  int64_t shape[4];      /* of the tensor that is written */
  int64_t n;             /* threads' pieces of it */
  int channels_last;     /* the order in which they are counted */
  moon_windows axis[2];

  /* The place of piece i of N channels. */
  template <int N> MOON_DEVICE void place(int64_t i, int64_t at[4]) const {
    int64_t groups = shape[1] / N;
    if (channels_last) {
      at[1] = i % groups * N, i /= groups;
      at[3] = i % shape[3], i /= shape[3];
      at[2] = i % shape[2], at[0] = i / shape[2];
    } else {
      at[3] = i % shape[3], i /= shape[3];
      at[2] = i % shape[2], i /= shape[2];
      at[1] = i % groups * N, at[0] = i / groups;
    }
  }
};

MOON_DEVICE int64_t moon_at4(const moon_four &o, const int64_t at[4],
                             int64_t h, int64_t w) {
  return at[0] * o.stride[0] + at[1] * o.stride[1] + h * o.stride[2] +
         w * o.stride[3];
}

static inline moon_four moon_four_of(const moon_operand *o) {
  return moon_four{{o->stride[0], o->stride[1], o->stride[2], o->stride[3]}};
}

/* Whether each operand's channels can be read `width` at a time. */
template <int N>
static bool moon_pool_is_wide(const moon_operand *const (&o)[N], int width) {
  bool wide = o[0]->shape[1] % width == 0;
  for (int k = 0; k < N; k++) {
    size_t bytes = moon_dtype_size(o[k]->dtype) * (size_t)width;
    wide &= o[k]->stride[1] == 1;
    wide &= (uintptr_t)o[k]->data % (bytes > 16 ? 16 : bytes) == 0;
    for (int d = 0; d < 4; d++) {
      wide &= d == 1 || o[k]->shape[d] == 1 || o[k]->stride[d] % width == 0;
    }
  }
  return wide;
}

/* x: the side that has windows over it; y: a place for each. */
struct moon_pool_sides {
  const moon_pool2d_params *p;
  const moon_operand *x, *y, *written;
};

static inline moon_pooling moon_pooling_of(const moon_pool_sides &o,
                                           int width) {
  moon_pooling s = {};
  for (int d = 0; d < 4; d++) s.shape[d] = o.written->shape[d];
  s.n = moon_operand_numel(o.written) / width;
  s.channels_last = o.written->stride[1] <= o.written->stride[3];
  for (int k = 0; k < 2; k++) {
    s.axis[k] = moon_windows{o.x->shape[2 + k], o.y->shape[2 + k],
                             o.p->kernel[k], o.p->stride[k], o.p->padding[k]};
  }
  return s;
}

template <typename F, int N>
__global__ void moon_pool_run(F f, moon_pooling s) {
  MOON_EACH(i, s.n) {
    int64_t at[4];
    s.template place<N>(i, at);
    f.template run<N>(s, at);
  }
}

/* Runs f over what is written; o: all operands. */
template <typename F, int N>
static int moon_pool(F f, const moon_pool_sides &sides,
                     const moon_operand *const (&o)[N], const moon_call *call,
                     moon_fail *fail) {
  bool wide = moon_pool_is_wide(o, F::most);
  moon_pooling s = moon_pooling_of(sides, wide ? (int)F::most : 1);
  if (s.n == 0) return MOON_OK;
  if (wide) {
    MOON_LAUNCH((moon_pool_run<F, F::most>), moon_blocks(s.n, 1), MOON_THREADS,
                call->queue, f, s);
  } else {
    MOON_LAUNCH((moon_pool_run<F, 1>), moon_blocks(s.n, 1), MOON_THREADS,
                call->queue, f, s);
  }
  return moon_launched(fail);
}

#endif
