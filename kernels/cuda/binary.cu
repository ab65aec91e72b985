/* y = a op b, elementwise; comparisons and what combines conditions give bool.
 * And y += alpha x. What each kind is, ref's binary.c says; integers are exact
 * modulo 2^64.
 */
#include "each.h"
#include "functions.h"

namespace {

/* NaN wins. */
template <typename V> MOON_DEVICE V extreme(V a, V b, bool is_max) {
  if (a != a) return a;
  if (b != b) return b;
  return is_max ? (a > b ? a : b) : (a < b ? a : b);
}

#define EACH(expression)                       \
  for (int j = 0; j < N; j++) {                \
    V a = v[j], b = w[j];                      \
    v[j] = (V)(expression);                    \
  }                                            \
  return

template <int N, typename V>
MOON_DEVICE void apply(int kind, V (&v)[N], const V (&w)[N]) {
  switch (kind) {
    case MOON_B_ADD: EACH(a + b);
    case MOON_B_SUB: EACH(a - b);
    case MOON_B_MUL: EACH(a * b);
    case MOON_B_MIN: EACH(extreme(a, b, false));
    case MOON_B_MAX: EACH(extreme(a, b, true));
    case MOON_B_DIV: EACH(a / b);
    default: EACH(pow(a, b));
  }
}

template <int N>
MOON_DEVICE void apply(int kind, int64_t (&v)[N], const int64_t (&w)[N]) {
  typedef uint64_t V;  /* wraps instead of overflowing */
  switch (kind) {
    case MOON_B_ADD: EACH(a + b);
    case MOON_B_SUB: EACH(a - b);
    case MOON_B_MUL: EACH(a * b);
    default: EACH(extreme((int64_t)a, (int64_t)b, kind == MOON_B_MAX));
  }
}

template <typename V> MOON_DEVICE bool holds(int kind, V a, V b) {
  switch (kind) {
    case MOON_B_AND: return a != 0 && b != 0;
    case MOON_B_OR: return a != 0 || b != 0;
    case MOON_B_XOR: return (a != 0) != (b != 0);
    default: return moon_compare(kind - MOON_B_EQ, a, b);
  }
}

template <typename T> struct map {
  enum { most = 16 / sizeof(T) };
  const T *a, *b;
  T *y;
  int kind;
  template <int N> MOON_DEVICE void run(const moon_here<3> &here) const {
    moon_computed<T> v[N], w[N];
    moon_take<N>(a, here, 1, v);
    moon_take<N>(b, here, 2, w);
    apply(kind, v, w);
    moon_give<N>(y, here, 0, v);
  }
};

template <typename T> struct test {
  enum { most = 16 / sizeof(T) };
  const T *a, *b;
  moon_bool *y;
  int kind;
  template <int N> MOON_DEVICE void run(const moon_here<3> &here) const {
    moon_computed<T> v[N], w[N];
    int64_t is[N];
    moon_take<N>(a, here, 1, v);
    moon_take<N>(b, here, 2, w);
    for (int j = 0; j < N; j++) is[j] = holds(kind, v[j], w[j]);
    moon_give<N>(y, here, 0, is);
  }
};

template <typename T> int run_of(const moon_call *call, moon_fail *fail) {
  const moon_operand *a = &call->arg[0], *b = &call->arg[1];
  const moon_operand *y = &call->arg[2], *o[] = {y, a, b};
  const T *p = (const T *)a->data, *q = (const T *)b->data;
  int kind = call->params.binary.kind;
  if (kind >= MOON_B_EQ) {
    return moon_each(test<T>{p, q, (moon_bool *)y->data, kind}, o, call,
                     fail);
  }
  return moon_each(map<T>{p, q, (T *)y->data, kind}, o, call, fail);
}

/* --- add_into --------------------------------------------------------- */
template <typename V> MOON_DEVICE V add(V y, V x, V alpha) {
  return y + alpha * x;
}

MOON_DEVICE int64_t add(int64_t y, int64_t x, int64_t alpha) {
  return (int64_t)((uint64_t)y + (uint64_t)alpha * (uint64_t)x);
}

template <typename T> struct sum {
  enum { most = 16 / sizeof(T) };
  const T *x;
  T *y;
  moon_computed<T> alpha;
  template <int N> MOON_DEVICE void run(const moon_here<2> &here) const {
    moon_computed<T> v[N], w[N];
    moon_take<N>(y, here, 0, v);
    moon_take<N>(x, here, 1, w);
    for (int j = 0; j < N; j++) v[j] = add(v[j], w[j], alpha);
    moon_give<N>(y, here, 0, v);
  }
};

template <typename T> int run_sum_of(const moon_call *call, moon_fail *fail) {
  const moon_operand *x = &call->arg[0], *y = &call->arg[1], *o[] = {y, x};
  typedef moon_computed<T> V;
  V alpha = moon_conversion<V, double>::of(call->params.scale.alpha);
  return moon_each(sum<T>{(const T *)x->data, (T *)y->data, alpha}, o, call,
                   fail);
}

}  // namespace

CUDA_PLAN(plan_binary) {
  int dtype = call->arg[0].dtype, kind = call->params.binary.kind;
  bool is_float = dtype == MOON_F32 || dtype == MOON_F64 ||
                  moon_dtype_is_half(dtype);
  if ((kind == MOON_B_DIV || kind == MOON_B_POW) && !is_float) {
    snprintf(fail->text, sizeof fail->text, "kind %d is for floats", kind);
    return MOON_E_DTYPE;
  }
  return moon_plan_once(call, plan, may_create, fail);
}

CUDA_RUN(run_binary) {
  return MOON_ALL_TYPES(call->arg[0].dtype, run_of, call, fail);
}

CUDA_RUN(run_add_into) {
  return MOON_ALL_TYPES(call->arg[1].dtype, run_sum_of, call, fail);
}

extern "C" const moon_kernel moon_cuda_binary = {"binary", plan_binary,
                                                 run_binary};
extern "C" const moon_kernel moon_cuda_add_into = {"add_into", moon_plan_once,
                                                   run_add_into};
