/* y = a op b, elementwise; comparisons and what combines conditions give bool.
 * And y += alpha x.
 *
 * All operands have y's shape (broadcasting is stride 0); a and b have one
 * dtype. Integers are exact modulo 2^64 and have no division or power.
 */
#include <math.h>
#include "compare.h"
#include "walk.h"

REF_PLAN(plan_binary) {
  int kind = call->params.binary.kind;
  bool needs_float = kind == MOON_B_DIV || kind == MOON_B_POW;
  if (needs_float && !ref_is_float(&call->arg[0])) {
    snprintf(fail->text, sizeof fail->text, "kind %d is for floats", kind);
    return MOON_E_DTYPE;
  }
  int64_t n = moon_operand_numel(&call->arg[2]);
  ref_phase(plan, n, (kind == MOON_B_POW ? 12 : 3) * (double)n);
  return MOON_OK;
}

/* NaN wins. */
static double extreme(double a, double b, bool is_max) {
  if (isnan(a) || isnan(b)) return NAN;
  return is_max ? (a > b ? a : b) : (a < b ? a : b);
}

/* The kinds from MOON_B_AND on. */
static bool combine(int kind, bool a, bool b) {
  if (kind == MOON_B_AND) return a && b;
  return kind == MOON_B_OR ? a || b : a != b;
}

static double apply(int kind, double a, double b) {
  switch (kind) {
    case MOON_B_MIN:
    case MOON_B_MAX: return extreme(a, b, kind == MOON_B_MAX);
    case MOON_B_ADD: return a + b;
    case MOON_B_SUB: return a - b;
    case MOON_B_MUL: return a * b;
    case MOON_B_DIV: return a / b;
    case MOON_B_POW: return pow(a, b);
    default: break;
  }
  if (kind >= MOON_B_AND) return combine(kind, a != 0, b != 0);
  return ref_compare(kind - MOON_B_EQ, a, b);
}

static int64_t apply_int(int kind, int64_t a, int64_t b) {
  uint64_t p = (uint64_t)a, q = (uint64_t)b;  /* wrap instead of overflow */
  switch (kind) {
    case MOON_B_ADD: return (int64_t)(p + q);
    case MOON_B_SUB: return (int64_t)(p - q);
    case MOON_B_MUL: return (int64_t)(p * q);
    case MOON_B_MIN: return a < b ? a : b;
    case MOON_B_MAX: return a > b ? a : b;
    default: break;
  }
  if (kind >= MOON_B_AND) return combine(kind, a != 0, b != 0);
  return ref_compare_int(kind - MOON_B_EQ, a, b);
}

REF_RUN(run_binary) {
  const moon_operand *a = &call->arg[0], *b = &call->arg[1];
  const moon_operand *y = &call->arg[2], *o[] = {y, a, b};
  int kind = call->params.binary.kind;
  bool is_float = ref_is_float(a);
  ref_walk w = ref_walk_part(o, 3, plan, phase, part);
  for (; w.left > 0; ref_next(&w)) {
    if (is_float) {
      double v = apply(kind, ref_load(a, w.at[1]), ref_load(b, w.at[2]));
      ref_store(y, w.at[0], v);
    } else {
      int64_t p = ref_load_int(a, w.at[1]), q = ref_load_int(b, w.at[2]);
      ref_store_int(y, w.at[0], apply_int(kind, p, q));
    }
  }
  return MOON_OK;
}

REF_PLAN(plan_add_into) {
  int64_t n = moon_operand_numel(&call->arg[1]);
  ref_phase(plan, n, 3 * (double)n);
  return MOON_OK;
}

REF_RUN(run_add_into) {
  const moon_operand *x = &call->arg[0], *y = &call->arg[1];
  const moon_operand *o[] = {y, x};
  double alpha = ref_scalar(y, call->params.scale.alpha);
  uint64_t whole = (uint64_t)ref_truncate(alpha);
  bool is_float = ref_is_float(y);
  ref_walk w = ref_walk_part(o, 2, plan, phase, part);
  for (; w.left > 0; ref_next(&w)) {
    if (is_float) {
      double v = ref_load(y, w.at[0]) + alpha * ref_load(x, w.at[1]);
      ref_store(y, w.at[0], v);
    } else {
      uint64_t p = (uint64_t)ref_load_int(y, w.at[0]);
      uint64_t q = (uint64_t)ref_load_int(x, w.at[1]);
      ref_store_int(y, w.at[0], (int64_t)(p + whole * q));
    }
  }
  return MOON_OK;
}

const moon_kernel moon_ref_binary = {"binary", plan_binary, run_binary};
const moon_kernel moon_ref_add_into = {"add_into", plan_add_into,
                                       run_add_into};
