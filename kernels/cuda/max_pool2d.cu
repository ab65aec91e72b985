/* The largest element of each window and where it was, and the gradient: each
 * place of dx looks at the windows over it, so that nothing is added by two
 * threads (ref's max_pool2d.c). */
#include "pool.h"

enum { X, Y, I };
enum { G_DY, G_I, G_DX };

template <typename T, int N>
__global__ void pool(const T *x, T *y, int32_t *index, moon_pooling s,
                     moon_four of_x, moon_four of_y, moon_four of_i) {
  typedef moon_computed<T> A;
  MOON_EACH(i, s.n) {
    int64_t at[4], lo[2], hi[2];
    s.place<N>(i, at);
    moon_window_at(&s.axis[0], at[2], &lo[0], &hi[0]);
    moon_window_at(&s.axis[1], at[3], &lo[1], &hi[1]);
    moon_vector<T, N> best;
    moon_vector<int32_t, N> where;
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
    int32_t *to = &index[moon_at4(of_i, at, at[2], at[3])];
    for (int j = 0; j < N; j++) to[j] = where.at[j];
  }
}

template <typename T, int N>
__global__ void pull_back(const T *dy, const int32_t *index, T *dx,
                          moon_pooling s, moon_four of_dy, moon_four of_i,
                          moon_four of_dx) {
  typedef moon_computed<T> A;
  MOON_EACH(i, s.n) {
    int64_t at[4], lo[2], hi[2];
    s.place<N>(i, at);
    moon_windows_over(&s.axis[0], at[2], &lo[0], &hi[0]);
    moon_windows_over(&s.axis[1], at[3], &lo[1], &hi[1]);
    int32_t self = (int32_t)(at[2] * s.axis[1].size + at[3]);
    A sum[N] = {};
    for (int64_t h = lo[0]; h < hi[0]; h++) {
      for (int64_t w = lo[1]; w < hi[1]; w++) {
        const int32_t *from = &index[moon_at4(of_i, at, h, w)];
        moon_vector<T, N> d =
            *(const moon_vector<T, N> *)&dy[moon_at4(of_dy, at, h, w)];
        for (int j = 0; j < N; j++) {
          if (from[j] == self) sum[j] += moon_load(d.at[j]);
        }
      }
    }
    moon_vector<T, N> out;
    for (int j = 0; j < N; j++) moon_store(&out.at[j], sum[j]);
    *(moon_vector<T, N> *)&dx[moon_at4(of_dx, at, at[2], at[3])] = out;
  }
}

template <typename T, int N>
static int queue_pool(const moon_call *call, moon_fail *fail) {
  const moon_operand *x = &call->arg[X], *y = &call->arg[Y], *i = &call->arg[I];
  moon_pooling s = moon_pooling_of(&call->params.pool, x, y, y, N);
  if (s.n == 0) return MOON_OK;
  MOON_LAUNCH((pool<T, N>), moon_blocks(s.n, 1), MOON_THREADS, call->queue,
              (const T *)x->data, (T *)y->data, (int32_t *)i->data, s,
              moon_four_of(x), moon_four_of(y), moon_four_of(i));
  return moon_launched(fail);
}

template <typename T>
static int run_pool_of(const moon_call *call, moon_fail *fail) {
  const moon_operand *o[] = {&call->arg[X], &call->arg[Y], &call->arg[I]};
  return moon_pool_is_wide(o, 16 / sizeof(T))
             ? queue_pool<T, 16 / sizeof(T)>(call, fail)
             : queue_pool<T, 1>(call, fail);
}

template <typename T, int N>
static int queue_grad(const moon_call *call, moon_fail *fail) {
  const moon_operand *dy = &call->arg[G_DY], *i = &call->arg[G_I];
  const moon_operand *dx = &call->arg[G_DX];
  moon_pooling s = moon_pooling_of(&call->params.pool, dx, dy, dx, N);
  if (s.n == 0) return MOON_OK;
  MOON_LAUNCH((pull_back<T, N>), moon_blocks(s.n, 1), MOON_THREADS,
              call->queue, (const T *)dy->data, (const int32_t *)i->data,
              (T *)dx->data, s, moon_four_of(dy), moon_four_of(i),
              moon_four_of(dx));
  return moon_launched(fail);
}

template <typename T>
static int run_grad_of(const moon_call *call, moon_fail *fail) {
  const moon_operand *o[] = {&call->arg[G_DX], &call->arg[G_DY],
                             &call->arg[G_I]};
  return moon_pool_is_wide(o, 16 / sizeof(T))
             ? queue_grad<T, 16 / sizeof(T)>(call, fail)
             : queue_grad<T, 1>(call, fail);
}

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
