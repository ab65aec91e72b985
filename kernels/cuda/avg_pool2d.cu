/* The mean of each window, and its gradient, in which each place of dx looks
 * at the windows over it (ref's avg_pool2d.c). */
#include "pool.h"

namespace {

enum { X, Y };
enum { DY, DX };

/* What the sum of window (i, j) is divided by. */
MOON_DEVICE int64_t places_of(const moon_pooling &s, int64_t i, int64_t j,
                              int count_padding) {
  if (count_padding) {
    return moon_window_padded(&s.axis[0], i) *
           moon_window_padded(&s.axis[1], j);
  }
  int64_t lo[2], hi[2];
  moon_window_at(&s.axis[0], i, &lo[0], &hi[0]);
  moon_window_at(&s.axis[1], j, &lo[1], &hi[1]);
  return (hi[0] - lo[0]) * (hi[1] - lo[1]);
}

template <typename T> struct means {
  enum { most = 16 / sizeof(T) };
  const T *x;
  T *y;
  moon_four of_x, of_y;
  int count_padding;

  template <int N>
  MOON_DEVICE void run(const moon_pooling &s, const int64_t at[4]) const {
    typedef moon_computed<T> A;
    int64_t lo[2], hi[2];
    moon_window_at(&s.axis[0], at[2], &lo[0], &hi[0]);
    moon_window_at(&s.axis[1], at[3], &lo[1], &hi[1]);
    A sum[N] = {};
    for (int64_t h = lo[0]; h < hi[0]; h++) {
      for (int64_t w = lo[1]; w < hi[1]; w++) {
        moon_vector<T, N> v =
            *(const moon_vector<T, N> *)&x[moon_at4(of_x, at, h, w)];
        for (int j = 0; j < N; j++) sum[j] += moon_load(v.at[j]);
      }
    }
    int64_t count = places_of(s, at[2], at[3], count_padding);
    moon_vector<T, N> out;
    for (int j = 0; j < N; j++) {
      moon_store(&out.at[j], count > 0 ? sum[j] / (A)count : (A)0);
    }
    *(moon_vector<T, N> *)&y[moon_at4(of_y, at, at[2], at[3])] = out;
  }
};

template <typename T> struct gradient {
  enum { most = 16 / sizeof(T) };
  const T *dy;
  T *dx;
  moon_four of_dy, of_dx;
  int count_padding;

  template <int N>
  MOON_DEVICE void run(const moon_pooling &s, const int64_t at[4]) const {
    typedef moon_computed<T> A;
    int64_t lo[2], hi[2];
    moon_windows_over(&s.axis[0], at[2], &lo[0], &hi[0]);
    moon_windows_over(&s.axis[1], at[3], &lo[1], &hi[1]);
    A sum[N] = {};
    for (int64_t h = lo[0]; h < hi[0]; h++) {
      for (int64_t w = lo[1]; w < hi[1]; w++) {
        A count = (A)places_of(s, h, w, count_padding);
        moon_vector<T, N> d =
            *(const moon_vector<T, N> *)&dy[moon_at4(of_dy, at, h, w)];
        for (int j = 0; j < N; j++) sum[j] += moon_load(d.at[j]) / count;
      }
    }
    moon_vector<T, N> out;
    for (int j = 0; j < N; j++) moon_store(&out.at[j], sum[j]);
    *(moon_vector<T, N> *)&dx[moon_at4(of_dx, at, at[2], at[3])] = out;
  }
};

template <typename T> int run_pool_of(const moon_call *call, moon_fail *fail) {
  const moon_avg_pool2d_params *p = &call->params.avg_pool;
  const moon_operand *x = &call->arg[X], *y = &call->arg[Y], *o[] = {x, y};
  means<T> f = {(const T *)x->data, (T *)y->data, moon_four_of(x),
                moon_four_of(y), p->count_padding};
  return moon_pool(f, moon_pool_sides{&p->window, x, y, y}, o, call, fail);
}

template <typename T> int run_grad_of(const moon_call *call, moon_fail *fail) {
  const moon_avg_pool2d_params *p = &call->params.avg_pool;
  const moon_operand *dy = &call->arg[DY], *dx = &call->arg[DX];
  const moon_operand *o[] = {dy, dx};
  gradient<T> f = {(const T *)dy->data, (T *)dx->data, moon_four_of(dy),
                   moon_four_of(dx), p->count_padding};
  return moon_pool(f, moon_pool_sides{&p->window, dx, dy, dx}, o, call, fail);
}

}  // namespace

CUDA_RUN(run_pool) {
  return MOON_FLOATS(call->arg[X].dtype, run_pool_of, call, fail);
}

CUDA_RUN(run_grad) {
  return MOON_FLOATS(call->arg[DY].dtype, run_grad_of, call, fail);
}

extern "C" const moon_kernel moon_cuda_avg_pool2d = {
    "avg_pool2d", moon_plan_once, run_pool};
extern "C" const moon_kernel moon_cuda_avg_pool2d_grad = {
    "avg_pool2d_grad", moon_plan_once, run_grad};
