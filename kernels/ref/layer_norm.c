/* Normalisation of each row of x [R,D]:
 *
 *   y = (x - m) r w + b       r = 1 / sqrt(var + eps)
 *
 * with the biased var; w defaults to 1, b to 0. Gradient, with h = (x - m) r
 * and means over the row:
 *
 *   db = sum dy    dw = sum dy h    (over the rows)
 *   dx = r (w dy - mean(w dy) - h mean(w dy h))
 *
 * Ba, Kiros and Hinton, "Layer normalization", 2016.
 */
#include <math.h>
#include "walk.h"

enum { X, W, B, Y, M, R };
enum { G_DY, G_X, G_W, G_M, G_R, G_DX, G_DW, G_DB };

static double at2(const moon_operand *o, int64_t row, int64_t column) {
  return ref_load(o, row * o->stride[0] + column * o->stride[1]);
}

static double at1(const moon_operand *o, int64_t i) {
  return ref_load(o, i * o->stride[0]);
}

/* Element i of a vector, or `otherwise` if it is absent. */
static double at_or(const moon_operand *v, int64_t i, double otherwise) {
  return v ? at1(v, i) : otherwise;
}

/* --- forward ---------------------------------------------------------- */
REF_PLAN(plan_layer_norm) {
  const moon_operand *x = &call->arg[X];
  ref_phase(plan, x->shape[0], 4 * (double)moon_operand_numel(x));
  return MOON_OK;
}

REF_RUN(run_layer_norm) {
  const moon_operand *x = &call->arg[X], *w = ref_optional(call, W);
  const moon_operand *b = ref_optional(call, B), *y = &call->arg[Y];
  int64_t lo, hi, n = x->shape[1];
  ref_share(plan, phase, part, x->shape[0], &lo, &hi);
  for (int64_t row = lo; row < hi; row++) {
    double mean = 0, var = 0;
    for (int64_t c = 0; c < n; c++) mean += at2(x, row, c) / (double)n;
    for (int64_t c = 0; c < n; c++) {
      double d = at2(x, row, c) - mean;
      var += d * d / (double)n;
    }
    double r = 1 / sqrt(var + call->params.norm.eps);
    ref_store(&call->arg[M], row * call->arg[M].stride[0], mean);
    ref_store(&call->arg[R], row * call->arg[R].stride[0], r);
    for (int64_t c = 0; c < n; c++) {
      double h = (at2(x, row, c) - mean) * r;
      ref_store(y, row * y->stride[0] + c * y->stride[1],
                h * at_or(w, c, 1) + at_or(b, c, 0));
    }
  }
  return MOON_OK;
}

/* --- gradient --------------------------------------------------------- */
REF_PLAN(plan_grad) {
  const moon_operand *x = &call->arg[G_X];
  double n = (double)moon_operand_numel(x);
  ref_phase(plan, x->shape[0], 6 * n);
  ref_phase(plan, x->shape[1], 3 * n);
  return MOON_OK;
}

static double h_at(const moon_call *call, int64_t row, int64_t c) {
  return (at2(&call->arg[G_X], row, c) - at1(&call->arg[G_M], row)) *
         at1(&call->arg[G_R], row);
}

static void grad_row(const moon_call *call, int64_t row) {
  const moon_operand *dy = &call->arg[G_DY], *dx = &call->arg[G_DX];
  const moon_operand *w = ref_optional(call, G_W);
  int64_t n = dx->shape[1];
  double r = at1(&call->arg[G_R], row), sum = 0, dot = 0;
  for (int64_t c = 0; c < n; c++) {
    double d = at_or(w, c, 1) * at2(dy, row, c) / (double)n;
    sum += d;
    dot += d * h_at(call, row, c);
  }
  for (int64_t c = 0; c < n; c++) {
    double d = at_or(w, c, 1) * at2(dy, row, c);
    ref_store(dx, row * dx->stride[0] + c * dx->stride[1],
              r * (d - sum - h_at(call, row, c) * dot));
  }
}

static void grad_column(const moon_call *call, int64_t c) {
  const moon_operand *dy = &call->arg[G_DY], *dw = ref_optional(call, G_DW);
  const moon_operand *db = ref_optional(call, G_DB);
  double sum = 0, dot = 0;
  for (int64_t row = 0; row < dy->shape[0]; row++) {
    sum += at2(dy, row, c);
    dot += at2(dy, row, c) * h_at(call, row, c);
  }
  if (dw) ref_store(dw, c * dw->stride[0], dot);
  if (db) ref_store(db, c * db->stride[0], sum);
}

/* Rows of dx, then elements of dw and db. */
REF_RUN(run_grad) {
  int64_t lo, hi;
  ref_share(plan, phase, part, call->arg[G_X].shape[phase], &lo, &hi);
  for (int64_t i = lo; i < hi; i++) {
    if (phase == 0) grad_row(call, i);
    else grad_column(call, i);
  }
  return MOON_OK;
}

const moon_kernel moon_ref_layer_norm = {"layer_norm", plan_layer_norm,
                                         run_layer_norm};
const moon_kernel moon_ref_layer_norm_grad = {"layer_norm_grad", plan_grad,
                                              run_grad};
