/* moon.debug{ nan = true }: every output of every op is looked at, and the
 * first op that gives NaN or infinity fails, with the element. */
#include <math.h>
#include <stdio.h>
#include "device.h"

static double value(const moon_operand *o, int64_t at) {
  return o->dtype == MOON_F32 ? ((const float *)o->data)[at]
                              : ((const double *)o->data)[at];
}

/* The first element (in logical order) that is not finite, or -1. */
static int64_t first_bad(const moon_operand *o, double *bad) {
  int64_t n = moon_operand_numel(o);
  for (int64_t i = 0; i < n; i++) {
    int64_t at = 0, rest = i;
    for (int d = o->ndim - 1; d >= 0; d--) {
      at += rest % o->shape[d] * o->stride[d];
      rest /= o->shape[d];
    }
    *bad = value(o, at);
    if (!isfinite(*bad)) return i;
  }
  return -1;
}

void moon__op_check_finite(moon__op *op) {
  if (op->status < 0 || op->error) return;
  for (int i = 0; i < op->n_touches; i++) {
    const moon_operand *o = &op->call.arg[op->touch[i].arg];
    double bad;
    if (op->touch[i].mode < MOON__WRITE || o->dtype > MOON_F64) continue;
    int64_t at = first_bad(o, &bad);
    if (at < 0) continue;
    moon_fail fail;
    snprintf(fail.text, sizeof fail.text, "gave %g at element %lld", bad,
             (long long)at);
    moon__op_fail(op, MOON_E_NONFINITE, 0, fail.text);
    return;
  }
}
