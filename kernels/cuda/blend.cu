/* A host's features with a seed's output, and the gradients: ref's blend.c says
 * what they are. alpha is read on the device, one for all or one for each place
 * along the first dimension; its dtype, ALPHA, is f32 where T is a half, or T.
 */
#include "each.h"

namespace {

enum { H, S, A, X, Y, P };
enum { G_DY, G_A, G_H, G_S, G_X, G_DH, G_DS, G_E, G_DX, G_COUNT };

/* Operand k, or where it is absent `like`, of which only strides are used. */
const moon_operand *or_like(const moon_call *call, int k,
                            const moon_operand *like) {
  const moon_operand *o = moon_optional(call, k);
  return o ? o : like;
}

template <typename T> T *data_of(const moon_call *call, int k) {
  const moon_operand *o = moon_optional(call, k);
  return o ? (T *)o->data : NULL;
}

/* The operand's numbers, 0 where it is absent. */
template <int N, int K, typename T, typename V>
MOON_DEVICE void take_or_zero(const T *from, const moon_here<K> &here, int k,
                              V (&v)[N]) {
  if (from) {
    moon_take<N>(from, here, k, v);
    return;
  }
  for (int j = 0; j < N; j++) v[j] = 0;
}

template <int N, int K, typename T, typename V>
MOON_DEVICE void give_if(T *to, const moon_here<K> &here, int k,
                         const V (&v)[N]) {
  if (to) moon_give<N>(to, here, k, v);
}

/* --- forward ---------------------------------------------------------- */
template <typename V>
MOON_DEVICE V blend(bool multiplies, V h, V a, V s, V x) {
  if (a == 0) return h;
  if (multiplies) return h * (1 + a * tanh(s - x));
  return a == 1 ? s : (1 - a) * h + a * s;
}

template <typename T, typename ALPHA> struct forward {
  enum { most = 16 / sizeof(T) };
  const T *h;
  const ALPHA *a;
  const T *s, *x;  /* s and a: NULL without s */
  T *y;
  bool multiplies;
  template <int N> MOON_DEVICE void run(const moon_here<5> &here) const {
    moon_computed<T> v[N], alpha[N], from[N], less[N];
    moon_take<N>(h, here, 1, v);
    take_or_zero(a, here, 2, alpha);
    take_or_zero(s, here, 3, from);
    take_or_zero(x, here, 4, less);
    for (int j = 0; j < N; j++) {
      v[j] = blend(multiplies, v[j], alpha[j], from[j], less[j]);
    }
    moon_give<N>(y, here, 0, v);
  }
};

/* p, the alpha that counted; a is NULL without s. */
template <typename T>
__global__ void store_counted(const T *a, int64_t a_step, T *p, int64_t p_step,
                              int64_t n) {
  MOON_EACH(i, n) {
    moon_store(&p[i * p_step], a ? moon_load(a[i * a_step]) : 0);
  }
}

template <typename T, typename ALPHA>
int forward_of(const moon_call *call, moon_fail *fail) {
  const moon_operand *y = &call->arg[Y], *h = &call->arg[H];
  const moon_operand *a = &call->arg[A], *p = moon_optional(call, P);
  const moon_operand *o[] = {y, h, a, or_like(call, S, y), or_like(call, X, y)};
  const T *s = data_of<T>(call, S);
  const ALPHA *alpha = s ? (const ALPHA *)a->data : NULL;
  forward<T, ALPHA> f = {(const T *)h->data, alpha, s, data_of<T>(call, X),
                  (T *)y->data, call->params.blend.kind == MOON_BLEND_MULTIPLY};
  if (p) {
    bool each = p->ndim > 0 && p->stride[0] != 0;
    int64_t n = each ? p->shape[0] : 1;
    if (n > 0) {
      MOON_LAUNCH(store_counted<ALPHA>, moon_blocks(n, 1), MOON_THREADS,
                  call->queue, alpha, each ? a->stride[0] : 0, (ALPHA *)p->data,
                  each ? p->stride[0] : 0, n);
    }
  }
  return moon_each(f, o, call, fail);
}

template <typename T> int run_forward(const moon_call *call, moon_fail *fail) {
  return call->arg[A].dtype == MOON_F32 ? forward_of<T, float>(call, fail)
                                        : forward_of<T, T>(call, fail);
}

/* --- gradient --------------------------------------------------------- */
template <typename V> struct given { V dy, a, h, s, x; };
template <typename V> struct found { V dh, ds, e; };

template <typename V> MOON_DEVICE found<V> add_gradient(given<V> g) {
  found<V> f = {(1 - g.a) * g.dy, g.a * g.dy, (g.s - g.h) * g.dy};
  if (g.a != 0) return f;
  bool is_finite = fabs(g.s) < (V)INFINITY;
  return found<V>{g.dy, 0, is_finite ? f.e : (V)0};
}

template <typename V> MOON_DEVICE found<V> multiply_gradient(given<V> g) {
  V t = tanh(g.s - g.x);
  found<V> f = {(1 + g.a * t) * g.dy, g.h * g.a * (1 - t * t) * g.dy,
                g.h * t * g.dy};
  if (g.a != 0) return f;
  return found<V>{g.dy, 0, t != t ? (V)0 : f.e};
}

/* Operands in the order of the call. */
template <typename T, typename ALPHA> struct gradient {
  enum { most = 16 / sizeof(T) };
  const T *dy;
  const ALPHA *a;
  const T *h, *s, *x;
  T *dh, *ds;
  ALPHA *e;
  T *dx;
  bool multiplies;
  template <int N>
  MOON_DEVICE void run(const moon_here<G_COUNT> &here) const {
    typedef moon_computed<T> V;
    V d[N], p[N], v[N], from[N], less[N], dv[N], df[N], de[N];
    moon_take<N>(dy, here, G_DY, d);
    moon_take<N>(a, here, G_A, p);
    take_or_zero(h, here, G_H, v);
    take_or_zero(s, here, G_S, from);
    take_or_zero(x, here, G_X, less);
    for (int j = 0; j < N; j++) {
      given<V> g = {d[j], p[j], v[j], from[j], less[j]};
      if (multiplies && !s) g.a = 0;
      found<V> r = multiplies ? multiply_gradient(g) : add_gradient(g);
      dv[j] = r.dh;
      df[j] = r.ds;
      de[j] = s ? r.e : (V)0;
      less[j] = -r.ds;
    }
    give_if(dh, here, G_DH, dv);
    give_if(ds, here, G_DS, df);
    give_if(e, here, G_E, de);
    give_if(dx, here, G_DX, less);
  }
};

template <typename T, typename ALPHA>
int gradient_of(const moon_call *call, moon_fail *fail) {
  const moon_operand *o[G_COUNT], *dy = &call->arg[G_DY];
  for (int k = 0; k < G_COUNT; k++) o[k] = or_like(call, k, dy);
  gradient<T, ALPHA> f = {
      (const T *)dy->data, data_of<ALPHA>(call, G_A), data_of<T>(call, G_H),
      data_of<T>(call, G_S), data_of<T>(call, G_X), data_of<T>(call, G_DH),
      data_of<T>(call, G_DS), data_of<ALPHA>(call, G_E), data_of<T>(call, G_DX),
      call->params.blend.kind == MOON_BLEND_MULTIPLY};
  return moon_each(f, o, call, fail);
}

template <typename T>
int run_gradient(const moon_call *call, moon_fail *fail) {
  return call->arg[G_A].dtype == MOON_F32 ? gradient_of<T, float>(call, fail)
                                          : gradient_of<T, T>(call, fail);
}

}  // namespace

CUDA_RUN(run_blend) {
  return MOON_FLOATS(call->arg[Y].dtype, run_forward, call, fail);
}

CUDA_RUN(run_blend_grad) {
  return MOON_FLOATS(call->arg[G_DY].dtype, run_gradient, call, fail);
}

extern "C" const moon_kernel moon_cuda_blend = {"blend", moon_plan_once,
                                                run_blend};
extern "C" const moon_kernel moon_cuda_blend_grad = {
    "blend_grad", moon_plan_once, run_blend_grad};
