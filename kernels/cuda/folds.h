/* What reduce.cu makes of many elements: a fold has a state of 8-byte words,
 * takes elements one by one and joins states. Sums are in double, or i64 modulo
 * 2^64 for integers (ref's reduce.c).
 */
#ifndef MOON_CUDA_FOLDS_H
#define MOON_CUDA_FOLDS_H
#include "block.h"

/* Sum, mean and norm; `first` is the output's first element (see var). */
struct moon_fold_sum {
  enum { has_place = 0 };
  typedef double out;
  struct state { double sum; };
  int kind;
  MOON_DEVICE state none() const { return state{0}; }
  template <typename V>
  MOON_DEVICE void take(state &s, V x, V, int64_t) const {
    double v = (double)x;
    s.sum += kind == MOON_R_NORM ? v * v : v;
  }
  MOON_DEVICE void join(state &a, const state &b) const { a.sum += b.sum; }
  MOON_DEVICE double finish(const state &s, int64_t n) const {
    if (kind == MOON_R_NORM) return sqrt(s.sum);
    return kind == MOON_R_MEAN ? s.sum / (double)n : s.sum;
  }
};

struct moon_fold_product {
  enum { has_place = 0 };
  typedef double out;
  struct state { double product; };
  int kind;
  MOON_DEVICE state none() const { return state{1}; }
  template <typename V>
  MOON_DEVICE void take(state &s, V x, V, int64_t) const {
    s.product *= (double)x;
  }
  MOON_DEVICE void join(state &a, const state &b) const {
    a.product *= b.product;
  }
  MOON_DEVICE double finish(const state &s, int64_t) const {
    return s.product;
  }
};

/* Sum or product of integers; of conditions the count of those that hold. */
struct moon_fold_whole {
  enum { has_place = 0 };
  typedef int64_t out;
  struct state { uint64_t v; };
  int kind;
  MOON_DEVICE state none() const { return state{kind == MOON_R_PROD}; }
  template <typename V>
  MOON_DEVICE void take(state &s, V x, V, int64_t) const {
    join(s, state{(uint64_t)x});
  }
  MOON_DEVICE void join(state &a, const state &b) const {
    a.v = kind == MOON_R_PROD ? a.v * b.v : a.v + b.v;
  }
  MOON_DEVICE int64_t finish(const state &s, int64_t n) const {
    if (kind == MOON_R_ANY) return s.v > 0;
    return kind == MOON_R_ALL ? s.v == (uint64_t)n : (int64_t)s.v;
  }
};

/* Of x less the output's first element, whose distance from the mean is of the
 * size of the deviation: double has the digits that the difference costs. */
struct moon_fold_spread {
  enum { has_place = 0 };
  typedef double out;
  struct state { double sum, square; };
  int kind;
  MOON_DEVICE state none() const { return state{0, 0}; }
  template <typename V>
  MOON_DEVICE void take(state &s, V x, V first, int64_t) const {
    double d = (double)x - (double)first;
    s.sum += d;
    s.square += d * d;
  }
  MOON_DEVICE void join(state &a, const state &b) const {
    a.sum += b.sum;
    a.square += b.square;
  }
  MOON_DEVICE double finish(const state &s, int64_t n) const {
    if (n < 2) return NAN;
    double var = (s.square - s.sum * s.sum / (double)n) / (double)(n - 1);
    if (var < 0) var = 0;
    return kind == MOON_R_STD ? sqrt(var) : var;
  }
};

/* The maximum is kept finite, so that no infinity is taken from another. */
template <typename V> struct moon_fold_logsumexp {
  enum { has_place = 0 };
  typedef double out;
  struct state { double max, sum; };
  int kind;
  static MOON_DEVICE double most() { return sizeof(V) == 4 ? 3e38 : 1e308; }
  MOON_DEVICE state none() const { return state{-most(), 0}; }
  MOON_DEVICE void take(state &s, V x, V, int64_t) const {
    if ((double)x > s.max) {
      double max = (double)x < most() ? (double)x : most();
      s.sum *= (double)exp((V)(s.max - max));
      s.max = max;
    }
    s.sum += (double)exp((V)((double)x - s.max));
  }
  MOON_DEVICE void join(state &a, const state &b) const {
    double max = a.max > b.max ? a.max : b.max;
    a.sum = a.sum * exp(a.max - max) + b.sum * exp(b.max - max);
    a.max = max;
  }
  MOON_DEVICE double finish(const state &s, int64_t) const {
    return s.max + log(s.sum);
  }
};

/* NaN wins; of equals, and of NaNs, the first. */
template <typename V> struct moon_fold_extreme {
  enum { has_place = 1 };
  typedef V out;
  struct state { V value; int64_t place; };
  int kind;
  MOON_DEVICE state none() const { return state{0, INT64_MAX}; }
  MOON_DEVICE void take(state &s, V x, V, int64_t i) const {
    join(s, state{x, i});
  }
  MOON_DEVICE void join(state &a, const state &b) const {
    if (b.place == INT64_MAX) return;
    bool first = b.place < a.place, wins;
    if (a.place == INT64_MAX) {
      wins = true;
    } else if (a.value != a.value || b.value != b.value) {
      wins = b.value != b.value && (first || a.value == a.value);
    } else {
      wins = kind == MOON_R_MAX ? b.value > a.value : b.value < a.value;
      wins = wins || (b.value == a.value && first);
    }
    if (wins) a = b;
  }
  MOON_DEVICE V finish(const state &s, int64_t) const { return s.value; }
};

/* --- states of several threads ---------------------------------------- */
template <typename S> MOON_DEVICE S moon_shuffle_state(const S &s, int mask) {
  static_assert(sizeof(S) % 4 == 0, "words");
  uint32_t word[sizeof(S) / 4];
  S other;
  memcpy(word, &s, sizeof s);
  for (unsigned i = 0; i < sizeof(S) / 4; i++) {
    word[i] = moon_shuffle_xor(word[i], mask);
  }
  memcpy(&other, word, sizeof other);
  return other;
}

/* Over `group` threads, 1, a warp or the block: the first of them has it. */
template <typename F>
MOON_DEVICE void moon_join_group(const F &f, typename F::state &s, int group) {
  typedef typename F::state state;
  if (group == 1) return;
  for (int mask = MOON_WARP / 2; mask > 0; mask /= 2) {
    f.join(s, moon_shuffle_state(s, mask));
  }
  if (group == MOON_WARP) return;
  __shared__ uint64_t kept[MOON_MOST_WARPS * sizeof(state) / 8];
  state *part = (state *)kept;
  __syncthreads();  /* a call before this one may still read */
  if (threadIdx.x % MOON_WARP == 0) part[threadIdx.x / MOON_WARP] = s;
  __syncthreads();
  for (int w = 1; threadIdx.x == 0 && w < group / MOON_WARP; w++) {
    f.join(s, part[w]);
  }
}

#endif
