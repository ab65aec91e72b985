/* y = x / (1 - p) where the draw keeps an element, else 0 (ref's dropout.c). */
#include "draws.h"

namespace {

template <typename T> struct dropout {
  enum { most = 16 / sizeof(T) };
  const T *x;
  T *y;
  uint64_t key, counter;
  uint32_t threshold;
  moon_computed<T> keeps;  /* the share that is kept */
  template <int N> MOON_DEVICE void run(const moon_here<3> &here) const {
    moon_computed<T> v[N];
    uint32_t word[N];
    moon_take<N>(x, here, 1, v);
    moon_words(key, counter, (uint64_t)here.at[2], word);
    for (int j = 0; j < N; j++) {
      v[j] = word[j] >> 8 >= threshold ? v[j] / keeps : 0;
    }
    moon_give<N>(y, here, 0, v);
  }
};

template <typename T> int run_of(const moon_call *call, moon_fail *fail) {
  const moon_operand *x = &call->arg[0], *y = &call->arg[1];
  moon_operand numbers = moon_numbers_of(y);
  const moon_operand *o[] = {y, x, &numbers};
  double p = call->params.random.p;
  dropout<T> f = {(const T *)x->data, (T *)y->data, call->params.random.key,
                  call->params.random.counter, moon_philox_threshold(p),
                  (moon_computed<T>)(1 - p)};
  return moon_each(f, o, call, fail);
}

}  // namespace

CUDA_RUN(run_dropout) {
  return MOON_FLOATS(call->arg[1].dtype, run_of, call, fail);
}

extern "C" const moon_kernel moon_cuda_dropout = {"dropout", moon_plan_once,
                                                  run_dropout};
