/* The largest element of each window and where it was, and the gradient: each
 * place of dx looks at the windows over it, so that nothing is added by two
 * threads (ref's max_pool2d.c). */
#include "pool.h"

namespace {

enum { X, Y, I };
enum { G_DY, G_I, G_DX };

/* Places of N channels, 16 bytes at a time: with more than one channel they lie
 * side by side (moon_pool_is_wide). */
template <int N> struct places {
  enum { each = N % 4 == 0 ? 4 : 1 };
  typedef moon_vector<int32_t, each> piece;
  int32_t at[N];

  MOON_DEVICE void load(const int32_t *from) {
    for (int j = 0; j < N; j += each) {
      piece p = *(const piece *)&from[j];
      for (int k = 0; k < each; k++) at[j + k] = p.at[k];
    }
  }
  MOON_DEVICE void store(int32_t *to) const {
    for (int j = 0; j < N; j += each) {
      piece p;
      for (int k = 0; k < each; k++) p.at[k] = at[j + k];
      *(piece *)&to[j] = p;
    }
  }
};

template <typename T> struct largest {
  enum { most = 16 / sizeof(T) };
  const T *x;
  T *y;
  int32_t *index;
  moon_four of_x, of_y, of_i;

  template <int N>
  MOON_DEVICE void run(const moon_pooling &s, const int64_t at[4]) const {
    typedef moon_computed<T> A;
    int64_t lo[2], hi[2];
    moon_window_at(&s.axis[0], at[2], &lo[0], &hi[0]);
    moon_window_at(&s.axis[1], at[3], &lo[1], &hi[1]);
    moon_vector<T, N> best;
    places<N> where;
    for (int j = 0; j < N; j++) {
      moon_store(&best.at[j], (A)-INFINITY);
      where.at[j] = -1;
    }
    for (int64_t h = lo[0]; h < hi[0]; h++) {
      for (int64_t w = lo[1]; w < hi[1]; w++) {
        moon_vector<T, N> v =
            *(const moon_vector<T, N> *)&x[moon_at4(of_x, at, h, w)];
        for (int j = 0; j < N; j++) {
          A a = moon_load(v.at[j]), b = moon_load(best.at[j]);
          bool wins = where.at[j] < 0 || a > b || (a != a && b == b);
          if (wins) best.at[j] = v.at[j];
          if (wins) where.at[j] = (int32_t)(h * s.axis[1].size + w);
        }
      }
    }
    *(moon_vector<T, N> *)&y[moon_at4(of_y, at, at[2], at[3])] = best;
    where.store(&index[moon_at4(of_i, at, at[2], at[3])]);
  }
};

template <typename T> struct gradient {
  enum { most = 16 / sizeof(T) };
  const T *dy;
  const int32_t *index;
  T *dx;
  moon_four of_dy, of_i, of_dx;

  template <int N>
  MOON_DEVICE void run(const moon_pooling &s, const int64_t at[4]) const {
    typedef moon_computed<T> A;
    int64_t lo[2], hi[2];
    moon_windows_over(&s.axis[0], at[2], &lo[0], &hi[0]);
    moon_windows_over(&s.axis[1], at[3], &lo[1], &hi[1]);
    int32_t self = (int32_t)(at[2] * s.axis[1].size + at[3]);
    A sum[N] = {};
    for (int64_t h = lo[0]; h < hi[0]; h++) {
      for (int64_t w = lo[1]; w < hi[1]; w++) {
        places<N> where;
        where.load(&index[moon_at4(of_i, at, h, w)]);
        moon_vector<T, N> d =
            *(const moon_vector<T, N> *)&dy[moon_at4(of_dy, at, h, w)];
        for (int j = 0; j < N; j++) {
          if (where.at[j] == self) sum[j] += moon_load(d.at[j]);
        }
      }
    }
    moon_vector<T, N> out;
    for (int j = 0; j < N; j++) moon_store(&out.at[j], sum[j]);
    *(moon_vector<T, N> *)&dx[moon_at4(of_dx, at, at[2], at[3])] = out;
  }
};

template <typename T> int run_pool_of(const moon_call *call, moon_fail *fail) {
  const moon_operand *x = &call->arg[X], *y = &call->arg[Y];
  const moon_operand *i = &call->arg[I], *o[] = {x, y, i};
  largest<T> f = {(const T *)x->data, (T *)y->data, (int32_t *)i->data,
                  moon_four_of(x), moon_four_of(y), moon_four_of(i)};
  return moon_pool(f, moon_pool_sides{&call->params.pool, x, y, y}, o, call,
                   fail);
}

template <typename T> int run_grad_of(const moon_call *call, moon_fail *fail) {
  const moon_operand *dy = &call->arg[G_DY], *i = &call->arg[G_I];
  const moon_operand *dx = &call->arg[G_DX], *o[] = {dx, dy, i};
  gradient<T> f = {(const T *)dy->data, (const int32_t *)i->data,
                   (T *)dx->data, moon_four_of(dy), moon_four_of(i),
                   moon_four_of(dx)};
  return moon_pool(f, moon_pool_sides{&call->params.pool, dx, dy, dx}, o, call,
                   fail);
}

}  // namespace

CUDA_RUN(run_pool) {
  return MOON_FLOATS(call->arg[X].dtype, run_pool_of, call, fail);
}

CUDA_RUN(run_grad) {
  return MOON_FLOATS(call->arg[G_DY].dtype, run_grad_of, call, fail);
}

extern "C" const moon_kernel moon_cuda_max_pool2d = {
    "max_pool2d", moon_plan_once, run_pool};
extern "C" const moon_kernel moon_cuda_max_pool2d_grad = {
    "max_pool2d_grad", moon_plan_once, run_grad};
