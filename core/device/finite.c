/* moon.debug{ nan = true }: every output of every op is looked at, and the
 * first op that gives NaN or infinity fails, with the element. */
#include <math.h>
#include <stdio.h>
#include "../../kernels/half.h"
#include "device.h"

/* Of other dtypes 0: they are always finite. */
static double value(const moon_operand *o, int64_t at) {
  switch (o->dtype) {
    case MOON_F32: return ((const float *)o->data)[at];
    case MOON_F64: return ((const double *)o->data)[at];
    case MOON_BF16: return moon_bf16_to_f32(((const uint16_t *)o->data)[at]);
    case MOON_F16: return moon_f16_to_f32(((const uint16_t *)o->data)[at]);
    default: return 0;
  }
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
    bool fine = o->dtype == MOON_F32 || o->dtype == MOON_F64;
    if (op->touch[i].mode < MOON__WRITE) continue;
    if (!fine && !moon_dtype_is_half(o->dtype)) continue;
    int64_t at = first_bad(o, &bad);
    if (at < 0) continue;
    moon_fail fail;
    snprintf(fail.text, sizeof fail.text, "gave %g at element %lld", bad,
             (long long)at);
    moon__op_fail(op, MOON_E_NONFINITE, 0, fail.text);
    return;
  }
}
