/* y = f(x), f(x, s) or f(x, s, t), elementwise; some give bool.
 *
 * The numbers s and t are taken as x's dtype would hold them. Integers are
 * exact modulo 2^64 and have what stands before MOON_U_EXP, and what gives
 * bool; compared with a number that is not whole they are compared as numbers.
 */
#include <math.h>
#include "compare.h"
#include "functions.h"
#include "walk.h"

static bool needs_float(int kind) {
  return kind >= MOON_U_EXP && kind < MOON_U_EQ;
}

REF_PLAN(plan_unary) {
  const moon_operand *x = &call->arg[0];
  int kind = call->params.unary.kind;
  if (needs_float(kind) && !ref_is_float(x)) {
    snprintf(fail->text, sizeof fail->text, "kind %d is for floats", kind);
    return MOON_E_DTYPE;
  }
  int64_t n = moon_operand_numel(x);
  ref_phase(plan, n, (needs_float(kind) ? 6 : 2) * (double)n);
  return MOON_OK;
}

static double softplus(double x, double beta, double threshold) {
  double z = beta * x;
  if (z > threshold) return x;
  return (fmax(z, 0) + log1p(exp(-fabs(z)))) / beta;
}

/* NaN stays. */
static double clamp(double x, double low, double high) {
  double y = x < low ? low : x;
  return y > high ? high : y;
}

static double apply_activation(int kind, double x, double s, double t) {
  switch (kind) {
    case MOON_U_RELU: return x < 0 ? 0 : x;  /* NaN stays */
    case MOON_U_SIGMOID: return ref_sigmoid(x);
    case MOON_U_TANH: return tanh(x);
    case MOON_U_SILU: return x * ref_sigmoid(x);
    case MOON_U_GELU: return x * ref_normal(x);
    case MOON_U_GELU_TANH: return x * ref_sigmoid(ref_gelu_inner(x));
    case MOON_U_LEAKY_RELU: return x > 0 ? x : s * x;
    case MOON_U_ELU: return x > 0 ? x : s * expm1(x);
    default: return softplus(x, s, t);
  }
}

static double apply(int kind, double x, double s, double t) {
  switch (kind) {
    case MOON_U_NEG: return -x;
    case MOON_U_ABS: return fabs(x);
    case MOON_U_SIGN: return (x > 0) - (x < 0);  /* of NaN: 0 */
    case MOON_U_FLOOR: return floor(x);
    case MOON_U_CEIL: return ceil(x);
    case MOON_U_ROUND: return rint(x);  /* halves to even */
    case MOON_U_ADD: return x + s;
    case MOON_U_MUL: return x * s;
    case MOON_U_RSUB: return s - x;
    case MOON_U_CLAMP: return clamp(x, s, t);
    case MOON_U_EXP: return exp(x);
    case MOON_U_LOG: return log(x);
    case MOON_U_SQRT: return sqrt(x);
    case MOON_U_SIN: return sin(x);
    case MOON_U_COS: return cos(x);
    case MOON_U_ERF: return erf(x);
    case MOON_U_RDIV: return s / x;
    case MOON_U_POW: return pow(x, s);
    case MOON_U_ISNAN: return isnan(x);
    case MOON_U_ISINF: return isinf(x) != 0;
    case MOON_U_ISFINITE: return isfinite(x) != 0;
    default: break;
  }
  if (kind >= MOON_U_EQ) return ref_compare(kind - MOON_U_EQ, x, s);
  return apply_activation(kind, x, s, t);
}

static int64_t clamp_int(int64_t x, int64_t low, int64_t high) {
  int64_t y = x < low ? low : x;
  return y > high ? high : y;
}

static int64_t apply_int(int kind, int64_t x, double number, double other) {
  int64_t s = ref_truncate(number);
  uint64_t a = (uint64_t)x, b = (uint64_t)s;  /* wrap instead of overflow */
  switch (kind) {
    case MOON_U_NEG: return (int64_t)(0 - a);
    case MOON_U_RELU: return x < 0 ? 0 : x;
    case MOON_U_ABS: return x < 0 ? (int64_t)(0 - a) : x;
    case MOON_U_SIGN: return (x > 0) - (x < 0);
    case MOON_U_FLOOR:
    case MOON_U_CEIL:
    case MOON_U_ROUND: return x;
    case MOON_U_ADD: return (int64_t)(a + b);
    case MOON_U_MUL: return (int64_t)(a * b);
    case MOON_U_RSUB: return (int64_t)(b - a);
    case MOON_U_CLAMP: return clamp_int(x, s, ref_truncate(other));
    case MOON_U_ISNAN:
    case MOON_U_ISINF: return 0;
    case MOON_U_ISFINITE: return 1;
    default: break;
  }
  if ((double)s == number) return ref_compare_int(kind - MOON_U_EQ, x, s);
  return ref_compare(kind - MOON_U_EQ, (double)x, number);
}

REF_RUN(run_unary) {
  const moon_operand *x = &call->arg[0], *y = &call->arg[1];
  const moon_operand *o[] = {y, x};
  int kind = call->params.unary.kind;
  double s = ref_scalar(x, call->params.unary.s);
  double t = ref_scalar(x, call->params.unary.t);
  bool is_float = ref_is_float(x);
  ref_walk w = ref_walk_part(o, 2, plan, phase, part);
  for (; w.left > 0; ref_next(&w)) {
    if (is_float) {
      ref_store(y, w.at[0], apply(kind, ref_load(x, w.at[1]), s, t));
    } else {
      ref_store_int(y, w.at[0],
                    apply_int(kind, ref_load_int(x, w.at[1]), s, t));
    }
  }
  return MOON_OK;
}

const moon_kernel moon_ref_unary = {"unary", plan_unary, run_unary};
