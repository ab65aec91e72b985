/* y = c ? a : b, elementwise: bits are moved (ref's where.c). */
#include "each.h"

namespace {

enum { C, A, B, Y };

template <int N, typename T>
MOON_DEVICE void take_bits(const T *from, const moon_here<4> &here, int k,
                           T (&v)[N]) {
  from += here.at[k];
  if (N == 1 || here.repeats[k]) {
    for (int j = 0; j < N; j++) v[j] = *from;
  } else {
    moon_vector<T, N> all = *(const moon_vector<T, N> *)from;
    for (int j = 0; j < N; j++) v[j] = all.at[j];
  }
}

template <typename T> struct choice {
  enum { most = 16 / sizeof(T) };
  const moon_bool *c;
  const T *a, *b;
  T *y;
  template <int N> MOON_DEVICE void run(const moon_here<4> &here) const {
    int64_t is_a[N];
    T v[N], w[N];
    moon_vector<T, N> all;
    moon_take<N>(c, here, 1, is_a);
    take_bits(a, here, 2, v);
    take_bits(b, here, 3, w);
    for (int j = 0; j < N; j++) all.at[j] = is_a[j] ? v[j] : w[j];
    *(moon_vector<T, N> *)(y + here.at[0]) = all;
  }
};

template <typename T> int run_of(const moon_call *call, moon_fail *fail) {
  const moon_operand *c = &call->arg[C], *a = &call->arg[A];
  const moon_operand *b = &call->arg[B], *y = &call->arg[Y];
  const moon_operand *o[] = {y, c, a, b};
  choice<T> f = {(const moon_bool *)c->data, (const T *)a->data,
                 (const T *)b->data, (T *)y->data};
  return moon_each(f, o, call, fail);
}

}  // namespace

CUDA_RUN(run_where) {
  return MOON_SIZES(moon_dtype_size(call->arg[Y].dtype), run_of, call, fail);
}

extern "C" const moon_kernel moon_cuda_where = {"where", moon_plan_once,
                                                run_where};
