/* dx = dy f'(x), told by x or, for sigmoid and tanh, by y (ref's
 * unary_grad.c). */
#include "each.h"
#include "functions.h"

namespace {

enum { DY, V_, DX };

template <typename V> MOON_DEVICE V slope_gelu_tanh(V x) {
  V s = moon_sigmoid(moon_gelu_inner(x));
  return s + x * s * (1 - s) * moon_gelu_inner_slope(x);
}

template <typename V> MOON_DEVICE V slope_silu(V x) {
  V s = moon_sigmoid(x);
  return s + x * s * (1 - s);
}

template <typename V> MOON_DEVICE V slope_gelu(V x) {
  return moon_normal(x) + x * moon_density(x);
}

#define EACH(expression)                       \
  for (int j = 0; j < N; j++) {                \
    V v = x[j], dy = d[j];                     \
    d[j] = (V)(expression);                    \
  }                                            \
  return

/* Where the slope is 0 on a whole range, dx is 0 whatever dy is. */
template <int N, typename V>
MOON_DEVICE void apply(int kind, V (&d)[N], const V (&x)[N], V s, V t) {
  switch (kind) {
    case MOON_U_ABS: EACH(v > 0 ? dy : v < 0 ? -dy : (V)0);
    case MOON_U_CLAMP: EACH(v >= s && v <= t ? dy : (V)0);
    case MOON_U_SIN: EACH(dy * cos(v));
    case MOON_U_COS: EACH(-dy * sin(v));
    case MOON_U_ERF: EACH(dy * (V)M_2_SQRTPI * exp(-v * v));
    case MOON_U_SIGMOID: EACH(dy * (v * (1 - v)));
    case MOON_U_TANH: EACH(dy * (1 - v * v));
    case MOON_U_SILU: EACH(dy * slope_silu(v));
    case MOON_U_GELU: EACH(dy * slope_gelu(v));
    case MOON_U_GELU_TANH: EACH(dy * slope_gelu_tanh(v));
    case MOON_U_LEAKY_RELU: EACH(v > 0 ? dy : s * dy);
    case MOON_U_ELU: EACH(v > 0 ? dy : dy * (s * exp(v)));
    default: EACH(s * v > t ? dy : dy * moon_sigmoid(s * v));  /* softplus */
  }
}

template <typename T> struct slope {
  enum { most = 16 / sizeof(T) };
  const T *dy, *v;
  T *dx;
  moon_computed<T> s, t;
  int kind;
  template <int N> MOON_DEVICE void run(const moon_here<3> &here) const {
    moon_computed<T> d[N], x[N];
    moon_take<N>(dy, here, 1, d);
    moon_take<N>(v, here, 2, x);
    apply(kind, d, x, s, t);
    moon_give<N>(dx, here, 0, d);
  }
};

template <typename T> int run_of(const moon_call *call, moon_fail *fail) {
  const moon_operand *dy = &call->arg[DY], *v = &call->arg[V_];
  const moon_operand *dx = &call->arg[DX], *o[] = {dx, dy, v};
  slope<T> f = {(const T *)dy->data, (const T *)v->data, (T *)dx->data,
                (moon_computed<T>)call->params.unary.s,
                (moon_computed<T>)call->params.unary.t,
                call->params.unary.kind};
  return moon_each(f, o, call, fail);
}

}  // namespace

CUDA_RUN(run_unary_grad) {
  return MOON_FLOATS(call->arg[DX].dtype, run_of, call, fail);
}

extern "C" const moon_kernel moon_cuda_unary_grad = {
    "unary_grad", moon_plan_once, run_unary_grad};
