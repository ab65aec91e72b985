/* Normalisation of each image's channels (dimension 1) in groups of
 * neighbours, a group over all its values:
 *
 *   y = (x - m) r w + b       r = 1 / sqrt(var + eps)
 *
 * with the biased var; w defaults to 1, b to 0. Gradient, with h = (x - m) r
 * and means over the group:
 *
 *   db = sum dy    dw = sum dy h    (over all but the channel)
 *   dx = r (w dy - mean(w dy) - h mean(w dy h))
 *
 * Wu and He, "Group normalization", 2018.
 */
#include <math.h>
#include "walk.h"

enum { X, W, B, Y, M, R };
enum { G_DY, G_X, G_W, G_M, G_R, G_DX, G_DW, G_DB };

/* Group g of image n of o. */
static moon_operand group_of(const moon_operand *o, int64_t n, int64_t g,
                             int64_t groups) {
  moon_operand one = *o;
  int64_t size = (int64_t)moon_dtype_size(o->dtype);
  one.shape[0] = 1;
  one.shape[1] = o->shape[1] / groups;
  int64_t at = n * o->stride[0] + g * one.shape[1] * o->stride[1];
  one.data = (char *)o->data + at * size;
  return one;
}

/* Element c of a vector, or `otherwise` if it is absent. */
static double at_or(const moon_operand *v, int64_t c, double otherwise) {
  return v ? ref_load(v, c * v->stride[0]) : otherwise;
}

/* The place of group g of image n in m or r. */
static int64_t place(const moon_operand *o, int64_t n, int64_t g) {
  return n * o->stride[0] + g * o->stride[1];
}

/* --- forward ---------------------------------------------------------- */
REF_PLAN(plan_group_norm) {
  const moon_operand *x = &call->arg[X];
  ref_phase(plan, x->shape[0] * call->params.group.groups,
            4 * (double)moon_operand_numel(x));
  return MOON_OK;
}

/* Mean and biased variance, in two passes. */
static void measure(const moon_operand *group, double *mean, double *var) {
  int64_t n = moon_operand_numel(group);
  double sum = 0, squares = 0;
  ref_walk w = ref_begin(&group, 1, 0, n);
  for (; w.left > 0; ref_next(&w)) sum += ref_load(group, w.at[0]);
  *mean = sum / (double)n;
  w = ref_begin(&group, 1, 0, n);
  for (; w.left > 0; ref_next(&w)) {
    double d = ref_load(group, w.at[0]) - *mean;
    squares += d * d;
  }
  *var = squares / (double)n;
}

static void norm_group(const moon_call *call, int64_t n, int64_t g) {
  const moon_operand *m = &call->arg[M], *r = &call->arg[R];
  const moon_operand *weight = ref_optional(call, W);
  const moon_operand *bias = ref_optional(call, B);
  int64_t groups = call->params.group.groups;
  moon_operand x = group_of(&call->arg[X], n, g, groups);
  moon_operand y = group_of(&call->arg[Y], n, g, groups);
  const moon_operand *o[] = {&y, &x};
  double mean, var;
  measure(&x, &mean, &var);
  double scale = 1 / sqrt(var + call->params.group.eps);
  ref_store(m, place(m, n, g), mean);
  ref_store(r, place(r, n, g), scale);
  ref_walk w = ref_begin(o, 2, 0, moon_operand_numel(&y));
  for (; w.left > 0; ref_next(&w)) {
    int64_t c = g * y.shape[1] + w.index[1];
    double h = (ref_load(&x, w.at[1]) - mean) * scale;
    ref_store(&y, w.at[0], h * at_or(weight, c, 1) + at_or(bias, c, 0));
  }
}

REF_RUN(run_group_norm) {
  int64_t lo, hi, groups = call->params.group.groups;
  ref_share(plan, phase, part, call->arg[X].shape[0] * groups, &lo, &hi);
  for (int64_t i = lo; i < hi; i++) norm_group(call, i / groups, i % groups);
  return MOON_OK;
}

/* --- gradient --------------------------------------------------------- */
REF_PLAN(plan_group_norm_grad) {
  const moon_operand *x = &call->arg[G_X];
  double n = (double)moon_operand_numel(x);
  ref_phase(plan, x->shape[0] * call->params.group.groups, 6 * n);
  ref_phase(plan, x->shape[1], 3 * n);
  return MOON_OK;
}

static void grad_group(const moon_call *call, int64_t n, int64_t g) {
  const moon_operand *weight = ref_optional(call, G_W);
  int64_t groups = call->params.group.groups;
  moon_operand dy = group_of(&call->arg[G_DY], n, g, groups);
  moon_operand x = group_of(&call->arg[G_X], n, g, groups);
  moon_operand dx = group_of(&call->arg[G_DX], n, g, groups);
  const moon_operand *o[] = {&dx, &dy, &x};
  double m = ref_load(&call->arg[G_M], place(&call->arg[G_M], n, g));
  double r = ref_load(&call->arg[G_R], place(&call->arg[G_R], n, g));
  double count = (double)moon_operand_numel(&dx), sum = 0, dot = 0;
  ref_walk w = ref_begin(o, 3, 0, moon_operand_numel(&dx));
  for (; w.left > 0; ref_next(&w)) {
    double d = ref_load(&dy, w.at[1]);
    d *= at_or(weight, g * dx.shape[1] + w.index[1], 1);
    sum += d;
    dot += d * (ref_load(&x, w.at[2]) - m) * r;
  }
  w = ref_begin(o, 3, 0, moon_operand_numel(&dx));
  for (; w.left > 0; ref_next(&w)) {
    double h = (ref_load(&x, w.at[2]) - m) * r, d = ref_load(&dy, w.at[1]);
    d *= at_or(weight, g * dx.shape[1] + w.index[1], 1);
    ref_store(&dx, w.at[0], r * (d - sum / count - h * dot / count));
  }
}

static void grad_channel(const moon_call *call, int64_t c) {
  const moon_operand *dw = ref_optional(call, G_DW);
  const moon_operand *db = ref_optional(call, G_DB);
  const moon_operand *m = &call->arg[G_M], *r = &call->arg[G_R];
  moon_operand dy = ref_channel(&call->arg[G_DY], c);
  moon_operand x = ref_channel(&call->arg[G_X], c);
  const moon_operand *o[] = {&dy, &x};
  int64_t groups = call->params.group.groups;
  int64_t g = c / (call->arg[G_X].shape[1] / groups);
  double sum = 0, dot = 0;
  ref_walk w = ref_begin(o, 2, 0, moon_operand_numel(&dy));
  for (; w.left > 0; ref_next(&w)) {
    double d = ref_load(&dy, w.at[0]);
    int64_t n = w.index[0];
    sum += d;
    dot += d * (ref_load(&x, w.at[1]) - ref_load(m, place(m, n, g))) *
           ref_load(r, place(r, n, g));
  }
  if (dw) ref_store(dw, c * dw->stride[0], dot);
  if (db) ref_store(db, c * db->stride[0], sum);
}

REF_RUN(run_group_norm_grad) {
  const moon_operand *x = &call->arg[G_X];
  int64_t lo, hi, groups = call->params.group.groups;
  if (phase == 1) {
    ref_share(plan, phase, part, x->shape[1], &lo, &hi);
    for (int64_t c = lo; c < hi; c++) grad_channel(call, c);
    return MOON_OK;
  }
  ref_share(plan, phase, part, x->shape[0] * groups, &lo, &hi);
  for (int64_t i = lo; i < hi; i++) grad_group(call, i / groups, i % groups);
  return MOON_OK;
}

const moon_kernel moon_ref_group_norm = {"group_norm", plan_group_norm,
                                         run_group_norm};
const moon_kernel moon_ref_group_norm_grad = {
    "group_norm_grad", plan_group_norm_grad, run_group_norm_grad};
