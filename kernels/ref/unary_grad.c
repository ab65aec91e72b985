/* dx = dy f'(x) of the functions in unary.c that have their gradient here, told
 * by x or, for sigmoid and tanh, by y.
 */
#include "functions.h"
#include "walk.h"

enum { DY, V, DX };

REF_PLAN(plan_unary_grad) {
  int64_t n = moon_operand_numel(&call->arg[DX]);
  ref_phase(plan, n, 8 * (double)n);
  return MOON_OK;
}

static double slope_gelu_tanh(double x) {
  double s = ref_sigmoid(ref_gelu_inner(x));
  return s + x * s * (1 - s) * ref_gelu_inner_slope(x);
}

static double slope_silu(double x) {
  double s = ref_sigmoid(x);
  return s + x * s * (1 - s);
}

/* Where the slope is 0 on a whole range, dx is 0 whatever dy is. */
static double apply(const moon_params *p, double dy, double v, double s,
                    double t) {
  switch (p->unary.kind) {
    case MOON_U_ABS: return v > 0 ? dy : v < 0 ? -dy : 0;
    case MOON_U_CLAMP: return v >= s && v <= t ? dy : 0;
    case MOON_U_SIN: return dy * cos(v);
    case MOON_U_COS: return -dy * sin(v);
    case MOON_U_ERF: return dy * M_2_SQRTPI * exp(-v * v);
    case MOON_U_SIGMOID: return dy * (v * (1 - v));
    case MOON_U_TANH: return dy * (1 - v * v);
    case MOON_U_SILU: return dy * slope_silu(v);
    case MOON_U_GELU: return dy * (ref_normal(v) + v * ref_density(v));
    case MOON_U_GELU_TANH: return dy * slope_gelu_tanh(v);
    case MOON_U_LEAKY_RELU: return v > 0 ? dy : s * dy;
    case MOON_U_ELU: return v > 0 ? dy : dy * (s * exp(v));
    default: return s * v > t ? dy : dy * ref_sigmoid(s * v);  /* softplus */
  }
}

REF_RUN(run_unary_grad) {
  const moon_operand *dy = &call->arg[DY], *v = &call->arg[V];
  const moon_operand *dx = &call->arg[DX], *o[] = {dx, dy, v};
  double s = ref_scalar(v, call->params.unary.s);
  double t = ref_scalar(v, call->params.unary.t);
  ref_walk w = ref_walk_part(o, 3, plan, phase, part);
  for (; w.left > 0; ref_next(&w)) {
    ref_store(dx, w.at[0], apply(&call->params, ref_load(dy, w.at[1]),
                                 ref_load(v, w.at[2]), s, t));
  }
  return MOON_OK;
}

const moon_kernel moon_ref_unary_grad = {"unary_grad", plan_unary_grad,
                                         run_unary_grad};
