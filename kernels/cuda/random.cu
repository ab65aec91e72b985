/* Random numbers: the same draws as ref's random.c, computed in double as
 * there. */
#include "draws.h"

namespace {

struct draw { uint64_t key, counter; double a, b; };

MOON_DEVICE double normal(const draw &q, uint64_t i) {
  moon_philox r = moon_philox_block(q.key, q.counter, i / 4);
  uint32_t first = i & 2 ? r.word[2] : r.word[0];
  uint32_t second = i & 2 ? r.word[3] : r.word[1];
  double pair[2];
  moon_philox_normal2(first, second, pair);
  return q.a + q.b * (i & 1 ? pair[1] : pair[0]);
}

MOON_DEVICE int64_t whole(const draw &q, uint64_t i) {
  int64_t lo = moon_truncate(ceil(q.a)), hi = moon_truncate(ceil(q.b));
  if (hi <= lo) return lo;
  uint64_t n = (uint64_t)hi - (uint64_t)lo;
  uint64_t word = moon_philox_word64(q.key, q.counter, i);
  return (int64_t)((uint64_t)lo + moon_philox_below64(word, n));
}

template <typename T> struct uniform {
  enum { most = 16 / sizeof(T) };
  T *y;
  draw q;
  template <int N> MOON_DEVICE void run(const moon_here<2> &here) const {
    uint64_t i = (uint64_t)here.at[1];
    double v[N];
    if constexpr ((int)moon_element<T>::dtype == (int)MOON_F64) {
      for (int j = 0; j < N; j++) {
        uint64_t word = moon_philox_word64(q.key, q.counter, i + j);
        v[j] = moon_philox_between64(q.a, q.b, moon_philox_uniform64(word));
      }
    } else {
      uint32_t word[N];
      moon_words(q.key, q.counter, i, word);
      for (int j = 0; j < N; j++) {
        v[j] = moon_philox_between(q.a, q.b, moon_philox_uniform(word[j]));
      }
    }
    moon_give<N>(y, here, 0, v);
  }
};

template <typename T> struct other {
  enum { most = 1 };
  T *y;
  draw q;
  bool is_normal;
  template <int N> MOON_DEVICE void run(const moon_here<2> &here) const {
    uint64_t i = (uint64_t)here.at[1];
    if (is_normal) {
      moon_store(&y[here.at[0]], normal(q, i));
    } else {
      moon_store(&y[here.at[0]], whole(q, i));
    }
  }
};

template <typename T> int run_of(const moon_call *call, moon_fail *fail) {
  const moon_operand *y = &call->arg[0];
  moon_operand numbers = moon_numbers_of(y);
  const moon_operand *o[] = {y, &numbers};
  int kind = call->params.random.kind;
  draw q = {call->params.random.key, call->params.random.counter,
            call->params.random.a, call->params.random.b};
  if (kind == MOON_RAND_UNIFORM) {
    return moon_each(uniform<T>{(T *)y->data, q}, o, call, fail);
  }
  return moon_each(other<T>{(T *)y->data, q, kind == MOON_RAND_NORMAL}, o,
                   call, fail);
}

}  // namespace

CUDA_RUN(run_random) {
  return MOON_ALL_TYPES(call->arg[0].dtype, run_of, call, fail);
}

extern "C" const moon_kernel moon_cuda_random = {"random", moon_plan_once,
                                                 run_random};
