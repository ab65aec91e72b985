/* A host's features h with a seed's output s:
 *
 *   ADD       y = (1 - a) h + a s
 *   MULTIPLY  y = h (1 + a t)        t = tanh(s - x)
 *
 * and their gradients, the terms e of that of a among them:
 *
 *   ADD       dh = (1 - a) dy      ds = a dy               e = (s - h) dy
 *   MULTIPLY  dh = (1 + a t) dy    ds = h a (1 - t^2) dy   e = h t dy
 *             dx = -ds
 *
 * Where a is 0, y is h whatever s is, dh is dy, ds and dx are 0, and an s that
 * is not finite (in MULTIPLY: a t that is NaN) gives e = 0. An s without data
 * means a = 0 everywhere; then e is 0. p is the a that counted.
 */
#include <math.h>
#include "walk.h"

enum { H, S, A, X, Y, P };
enum { G_DY, G_A, G_H, G_S, G_X, G_DH, G_DS, G_E, G_DX, G_COUNT };

static bool multiplies(const moon_call *call) {
  return call->params.blend.kind == MOON_BLEND_MULTIPLY;
}

/* Operand k, or where it is absent `like`, of which only strides are used. */
static const moon_operand *or_like(const moon_call *call, int k,
                                   const moon_operand *like) {
  const moon_operand *o = ref_optional(call, k);
  return o ? o : like;
}

static double load_or_zero(const moon_call *call, int k, int64_t at) {
  const moon_operand *o = ref_optional(call, k);
  return o ? ref_load(o, at) : 0;
}

/* --- forward ---------------------------------------------------------- */
REF_PLAN(plan_blend) {
  int64_t n = moon_operand_numel(&call->arg[Y]);
  ref_phase(plan, n, (multiplies(call) ? 12 : 4) * (double)n);
  return MOON_OK;
}

/* a is one for all, or one for each place along the first dimension. */
static void store_counted(const moon_call *call) {
  const moon_operand *a = &call->arg[A], *p = ref_optional(call, P);
  if (!p) return;
  bool each = p->ndim > 0 && p->stride[0] != 0;
  int64_t n = each ? p->shape[0] : 1;
  for (int64_t i = 0; i < n; i++) {
    double v = call->arg[S].data ? ref_load(a, each ? i * a->stride[0] : 0)
                                 : 0;
    ref_store(p, each ? i * p->stride[0] : 0, v);
  }
}

REF_RUN(run_blend) {
  const moon_operand *y = &call->arg[Y], *h = &call->arg[H];
  const moon_operand *a = &call->arg[A];
  const moon_operand *o[] = {y, h, a, or_like(call, S, y), or_like(call, X, y)};
  bool has_s = call->arg[S].data, multiply = multiplies(call);
  if (part == 0) store_counted(call);
  ref_walk w = ref_walk_part(o, 5, plan, phase, part);
  for (; w.left > 0; ref_next(&w)) {
    double alpha = has_s ? ref_load(a, w.at[2]) : 0;
    double v = ref_load(h, w.at[1]);
    double s = load_or_zero(call, S, w.at[3]);
    if (alpha == 0) {
      ref_store(y, w.at[0], v);
    } else if (multiply) {
      double t = tanh(s - load_or_zero(call, X, w.at[4]));
      ref_store(y, w.at[0], v * (1 + alpha * t));
    } else {
      ref_store(y, w.at[0], alpha == 1 ? s : (1 - alpha) * v + alpha * s);
    }
  }
  return MOON_OK;
}

/* --- gradient --------------------------------------------------------- */
REF_PLAN(plan_blend_grad) {
  int64_t n = moon_operand_numel(&call->arg[G_DY]);
  ref_phase(plan, n, (multiplies(call) ? 16 : 8) * (double)n);
  return MOON_OK;
}

typedef struct given { double dy, a, h, s, x; } given;
typedef struct found { double dh, ds, e; } found;

static found add_gradient(given g) {
  found f = {(1 - g.a) * g.dy, g.a * g.dy, (g.s - g.h) * g.dy};
  if (g.a != 0) return f;
  return (found){g.dy, 0, isfinite(g.s) ? f.e : 0};
}

static found multiply_gradient(given g) {
  double t = tanh(g.s - g.x);
  found f = {(1 + g.a * t) * g.dy, g.h * g.a * (1 - t * t) * g.dy,
             g.h * t * g.dy};
  if (g.a != 0) return f;
  return (found){g.dy, 0, isnan(t) ? 0 : f.e};
}

static void store_if(const moon_call *call, int k, int64_t at, double v) {
  const moon_operand *o = ref_optional(call, k);
  if (o) ref_store(o, at, v);
}

REF_RUN(run_blend_grad) {
  const moon_operand *o[G_COUNT], *dy = &call->arg[G_DY];
  bool has_s = call->arg[G_S].data, multiply = multiplies(call);
  for (int k = 0; k < G_COUNT; k++) o[k] = or_like(call, k, dy);
  ref_walk w = ref_walk_part(o, G_COUNT, plan, phase, part);
  for (; w.left > 0; ref_next(&w)) {
    given g = {ref_load(dy, w.at[G_DY]), ref_load(o[G_A], w.at[G_A]),
               load_or_zero(call, G_H, w.at[G_H]),
               load_or_zero(call, G_S, w.at[G_S]),
               load_or_zero(call, G_X, w.at[G_X])};
    if (multiply && !has_s) g.a = 0;
    found f = multiply ? multiply_gradient(g) : add_gradient(g);
    store_if(call, G_DH, w.at[G_DH], f.dh);
    store_if(call, G_DS, w.at[G_DS], f.ds);
    store_if(call, G_E, w.at[G_E], has_s ? f.e : 0);
    store_if(call, G_DX, w.at[G_DX], -f.ds);
  }
  return MOON_OK;
}

const moon_kernel moon_ref_blend = {"blend", plan_blend, run_blend};
const moon_kernel moon_ref_blend_grad = {"blend_grad", plan_blend_grad,
                                         run_blend_grad};
