/* y = f(x) or f(x, s), elementwise; comparisons give bool.
 *
 * The number s is taken as x's dtype would hold it. Integers are exact modulo
 * 2^64 and have no exp, log, sqrt, sigmoid, tanh, division or power; compared
 * with a number that is not whole they are compared as numbers.
 */
#include <math.h>
#include "compare.h"
#include "walk.h"

static bool needs_float(int kind) {
  return kind == MOON_U_EXP || kind == MOON_U_LOG || kind == MOON_U_SQRT ||
         kind == MOON_U_SIGMOID || kind == MOON_U_TANH ||
         kind == MOON_U_RDIV || kind == MOON_U_POW;
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

/* 1 / (1 + e^-x), from the side where e is at most 1, so that a small result
 * keeps its digits. */
static double sigmoid(double x) {
  double e = exp(-fabs(x));
  return (x < 0 ? e : 1) / (1 + e);
}

static double apply(int kind, double x, double s) {
  switch (kind) {
    case MOON_U_NEG: return -x;
    case MOON_U_RELU: return x < 0 ? 0 : x;  /* NaN stays */
    case MOON_U_EXP: return exp(x);
    case MOON_U_LOG: return log(x);
    case MOON_U_SQRT: return sqrt(x);
    case MOON_U_ABS: return fabs(x);
    case MOON_U_SIGMOID: return sigmoid(x);
    case MOON_U_TANH: return tanh(x);
    case MOON_U_ADD: return x + s;
    case MOON_U_MUL: return x * s;
    case MOON_U_RSUB: return s - x;
    case MOON_U_RDIV: return s / x;
    case MOON_U_POW: return pow(x, s);
    default: return ref_compare(kind - MOON_U_EQ, x, s);
  }
}

static int64_t apply_int(int kind, int64_t x, double number) {
  int64_t s = ref_truncate(number);
  uint64_t a = (uint64_t)x, b = (uint64_t)s;  /* wrap instead of overflow */
  switch (kind) {
    case MOON_U_NEG: return (int64_t)(0 - a);
    case MOON_U_RELU: return x < 0 ? 0 : x;
    case MOON_U_ABS: return x < 0 ? (int64_t)(0 - a) : x;
    case MOON_U_ADD: return (int64_t)(a + b);
    case MOON_U_MUL: return (int64_t)(a * b);
    case MOON_U_RSUB: return (int64_t)(b - a);
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
  bool is_float = ref_is_float(x);
  ref_walk w = ref_walk_part(o, 2, plan, phase, part);
  for (; w.left > 0; ref_next(&w)) {
    if (is_float) {
      ref_store(y, w.at[0], apply(kind, ref_load(x, w.at[1]), s));
    } else {
      ref_store_int(y, w.at[0],
                    apply_int(kind, ref_load_int(x, w.at[1]), s));
    }
  }
  return MOON_OK;
}

const moon_kernel moon_ref_unary = {"unary", plan_unary, run_unary};
