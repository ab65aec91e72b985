/* Elementwise kernels over any strided operands: 16 bytes at a time where the
 * innermost elements of every operand lie side by side or repeat.
 *
 *   template <typename T> struct square {
 *     enum { most = 16 / sizeof(T) };      // elements at a time, at most
 *     const T *x; T *y;
 *     template <int N> MOON_DEVICE void run(const moon_here<2> &at) const {
 *       moon_computed<T> v[N];
 *       moon_take<N>(x, at, 1, v);
 *       for (int j = 0; j < N; j++) v[j] *= v[j];
 *       moon_give<N>(y, at, 0, v);
 *     }
 *   };
 *   ...
 *   const moon_operand *o[] = {y, x};      // what is written comes first
 *   return moon_each(square<float>{...}, o, call, fail);
 */
#ifndef MOON_CUDA_EACH_H
#define MOON_CUDA_EACH_H
#include "walk.h"

/* Where N neighbours begin in each operand, and which operands repeat one. */
template <int K> struct moon_here {
  int64_t at[K];
  const uint8_t *repeats;
};

template <int N, int K, typename T, typename V>
MOON_DEVICE void moon_take(const T *from, const moon_here<K> &here, int k,
                           V (&v)[N]) {
  from += here.at[k];
  if (N == 1 || here.repeats[k]) {
    V one = moon_load(*from);
    for (int j = 0; j < N; j++) v[j] = one;
    return;
  }
  moon_vector<T, N> all = *(const moon_vector<T, N> *)from;
  for (int j = 0; j < N; j++) v[j] = moon_load(all.at[j]);
}

template <int N, int K, typename T, typename V>
MOON_DEVICE void moon_give(T *to, const moon_here<K> &here, int k,
                           const V (&v)[N]) {
  moon_vector<T, N> all;
  for (int j = 0; j < N; j++) moon_store(&all.at[j], v[j]);
  if (N == 1) {
    to[here.at[k]] = all.at[0];
  } else {
    *(moon_vector<T, N> *)(to + here.at[k]) = all;
  }
}

/* `walk` counts vectors; the last `tail` elements come one by one. */
template <int K> struct moon_strip {
  moon_places<K> walk;
  int64_t tail, first;          /* where the tail begins */
  int64_t step[K];              /* of the innermost elements */
  uint8_t repeats[K];
};

template <typename F, int N, int K>
__global__ void moon_each_run(F f, moon_strip<K> strip) {
  moon_here<K> here;
  here.repeats = strip.repeats;
  MOON_EACH(i, strip.walk.n) {
    if (strip.walk.ndim <= 1) {
      for (int k = 0; k < K; k++) here.at[k] = i * strip.walk.stride[k][0];
    } else {
      strip.walk.find(i, here.at);
    }
    f.template run<N>(here);
  }
  if constexpr (N > 1) {
    MOON_EACH(i, strip.tail) {
      for (int k = 0; k < K; k++) {
        here.at[k] = (strip.first + i) * strip.step[k];
      }
      f.template run<1>(here);
    }
  }
}

/* Whether the walk can go n elements at a time. */
template <int K>
static bool moon_goes_by(const moon_places<K> &w, int64_t n,
                         const moon_operand *const (&o)[K]) {
  if (w.ndim == 0 || (w.ndim > 1 && w.shape[0] % n)) return false;
  for (int k = 0; k < K; k++) {
    size_t nbytes = (size_t)n * moon_dtype_size(o[k]->dtype);
    if (w.stride[k][0] == 0 && k > 0) continue;
    if (w.stride[k][0] != 1 || (uintptr_t)o[k]->data % nbytes) return false;
    for (int d = 1; d < w.ndim; d++) {
      if (w.stride[k][d] % n) return false;
    }
  }
  return true;
}

/* Runs f on all elements. Operands are of one shape. */
template <typename F, int K>
static int moon_each(F f, const moon_operand *const (&o)[K],
                     const moon_call *call, moon_fail *fail) {
  moon_strip<K> s = {};
  s.walk = moon_places_of(o);
  if (s.walk.n == 0) return MOON_OK;
  if (!moon_goes_by(s.walk, F::most, o)) {
    MOON_LAUNCH((moon_each_run<F, 1, K>), moon_blocks(s.walk.n, 1),
                MOON_THREADS, call->queue, f, s);
    return moon_launched(fail);
  }
  int64_t n = s.walk.n;
  s.tail = n % F::most;
  s.first = n - s.tail;
  s.walk.n = n / F::most;
  s.walk.shape[0] /= F::most;
  s.walk.dense = 0;
  for (int k = 0; k < K; k++) {
    s.step[k] = s.walk.stride[k][0];
    s.repeats[k] = s.step[k] == 0;
    s.walk.stride[k][0] *= F::most;
  }
  MOON_LAUNCH((moon_each_run<F, F::most, K>), moon_blocks(s.walk.n, 1),
              MOON_THREADS, call->queue, f, s);
  return moon_launched(fail);
}

#endif
