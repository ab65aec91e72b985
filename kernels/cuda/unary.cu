/* y = f(x), f(x, s) or f(x, s, t), elementwise; some give bool. What each kind
 * is, ref's unary.c says. A kind is told apart once for all the elements that
 * a thread loads together.
 */
#include "each.h"
#include "functions.h"

namespace {

bool needs_float(int kind) { return kind >= MOON_U_EXP && kind < MOON_U_EQ; }

/* --- floats ----------------------------------------------------------- */
template <typename V> MOON_DEVICE V softplus(V x, V beta, V threshold) {
  V z = beta * x;
  if (z > threshold) return x;
  return ((z > 0 ? z : (V)0) + log1p(exp(-fabs(z)))) / beta;
}

template <typename V> MOON_DEVICE V clamp(V x, V low, V high) {
  V y = x < low ? low : x;
  return y > high ? high : y;
}

template <typename V> MOON_DEVICE V power(V x, V s) {
  return s == 2 ? x * x : pow(x, s);
}

#define EACH(expression)                       \
  for (int j = 0; j < N; j++) {                \
    V x = v[j];                                \
    v[j] = (V)(expression);                    \
  }                                            \
  return

template <int N, typename V>
MOON_DEVICE void activate(int kind, V (&v)[N], V s, V t) {
  switch (kind) {
    case MOON_U_SIGMOID: EACH(moon_sigmoid(x));
    case MOON_U_TANH: EACH(tanh(x));
    case MOON_U_SILU: EACH(x * moon_sigmoid(x));
    case MOON_U_GELU: EACH(x * moon_normal(x));
    case MOON_U_GELU_TANH: EACH(x * moon_sigmoid(moon_gelu_inner(x)));
    case MOON_U_LEAKY_RELU: EACH(x > 0 ? x : s * x);
    case MOON_U_ELU: EACH(x > 0 ? x : s * expm1(x));
    default: EACH(softplus(x, s, t));
  }
}

template <int N, typename V>
MOON_DEVICE void apply(int kind, V (&v)[N], V s, V t) {
  switch (kind) {
    case MOON_U_NEG: EACH(-x);
    case MOON_U_RELU: EACH(x < 0 ? 0 : x);
    case MOON_U_ABS: EACH(fabs(x));
    case MOON_U_SIGN: EACH((x > 0) - (x < 0));
    case MOON_U_FLOOR: EACH(floor(x));
    case MOON_U_CEIL: EACH(ceil(x));
    case MOON_U_ROUND: EACH(rint(x));
    case MOON_U_ADD: EACH(x + s);
    case MOON_U_MUL: EACH(x * s);
    case MOON_U_RSUB: EACH(s - x);
    case MOON_U_CLAMP: EACH(clamp(x, s, t));
    case MOON_U_EXP: EACH(exp(x));
    case MOON_U_LOG: EACH(log(x));
    case MOON_U_SQRT: EACH(sqrt(x));
    case MOON_U_SIN: EACH(sin(x));
    case MOON_U_COS: EACH(cos(x));
    case MOON_U_ERF: EACH(erf(x));
    case MOON_U_RDIV: EACH(s / x);
    case MOON_U_POW: EACH(power(x, s));
    default: activate(kind, v, s, t);
  }
}

template <typename V> MOON_DEVICE bool holds(int kind, V x, V s) {
  switch (kind) {
    case MOON_U_ISNAN: return x != x;
    case MOON_U_ISINF: return fabs(x) == (V)INFINITY;
    case MOON_U_ISFINITE: return fabs(x) < (V)INFINITY;
    default: return moon_compare(kind - MOON_U_EQ, x, s);
  }
}

/* --- integers: exact modulo 2^64 -------------------------------------- */
template <int N>
MOON_DEVICE void apply(int kind, int64_t (&v)[N], double number,
                       double other) {
  typedef int64_t V;
  int64_t s = moon_truncate(number);
  uint64_t b = (uint64_t)s;
  switch (kind) {
    case MOON_U_NEG: EACH(0 - (uint64_t)x);
    case MOON_U_RELU: EACH(x < 0 ? 0 : x);
    case MOON_U_ABS: EACH(x < 0 ? 0 - (uint64_t)x : (uint64_t)x);
    case MOON_U_SIGN: EACH((x > 0) - (x < 0));
    case MOON_U_ADD: EACH((uint64_t)x + b);
    case MOON_U_MUL: EACH((uint64_t)x * b);
    case MOON_U_RSUB: EACH(b - (uint64_t)x);
    case MOON_U_CLAMP: EACH(clamp(x, s, moon_truncate(other)));
    default: return;  /* what rounds */
  }
}

/* Compared as numbers where s is not whole. */
MOON_DEVICE bool holds(int kind, int64_t x, double number) {
  if (kind == MOON_U_ISNAN || kind == MOON_U_ISINF) return false;
  if (kind == MOON_U_ISFINITE) return true;
  int64_t s = moon_truncate(number);
  if ((double)s == number) return moon_compare(kind - MOON_U_EQ, x, s);
  return moon_compare(kind - MOON_U_EQ, (double)x, number);
}

/* --- the kernel ------------------------------------------------------- */
/* What s and t are held in: for integers in double. */
template <typename V> struct scalar { typedef V type; };
template <> struct scalar<int64_t> { typedef double type; };
template <typename T>
using scalar_of = typename scalar<moon_computed<T>>::type;

template <typename T> struct map {
  enum { most = 16 / sizeof(T) };
  const T *x;
  T *y;
  scalar_of<T> s, t;
  int kind;
  template <int N> MOON_DEVICE void run(const moon_here<2> &here) const {
    moon_computed<T> v[N];
    moon_take<N>(x, here, 1, v);
    apply(kind, v, s, t);
    moon_give<N>(y, here, 0, v);
  }
};

template <typename T> struct test {
  enum { most = 16 / sizeof(T) };
  const T *x;
  moon_bool *y;
  scalar_of<T> s;
  int kind;
  template <int N> MOON_DEVICE void run(const moon_here<2> &here) const {
    moon_computed<T> v[N];
    int64_t is[N];
    moon_take<N>(x, here, 1, v);
    for (int j = 0; j < N; j++) is[j] = holds(kind, v[j], s);
    moon_give<N>(y, here, 0, is);
  }
};

template <typename T> int run_of(const moon_call *call, moon_fail *fail) {
  const moon_operand *x = &call->arg[0], *y = &call->arg[1], *o[] = {y, x};
  scalar_of<T> s = (scalar_of<T>)call->params.unary.s;
  scalar_of<T> t = (scalar_of<T>)call->params.unary.t;
  int kind = call->params.unary.kind;
  const T *from = (const T *)x->data;
  if (kind >= MOON_U_EQ) {
    return moon_each(test<T>{from, (moon_bool *)y->data, s, kind}, o, call,
                     fail);
  }
  return moon_each(map<T>{from, (T *)y->data, s, t, kind}, o, call, fail);
}

}  // namespace

CUDA_PLAN(plan_unary) {
  int dtype = call->arg[0].dtype, kind = call->params.unary.kind;
  bool is_float = dtype == MOON_F32 || dtype == MOON_F64 ||
                  moon_dtype_is_half(dtype);
  if (needs_float(kind) && !is_float) {
    snprintf(fail->text, sizeof fail->text, "kind %d is for floats", kind);
    return MOON_E_DTYPE;
  }
  return moon_plan_once(call, plan, may_create, fail);
}

CUDA_RUN(run_unary) {
  return MOON_ALL_TYPES(call->arg[0].dtype, run_of, call, fail);
}

extern "C" const moon_kernel moon_cuda_unary = {"unary", plan_unary,
                                                run_unary};
