/* Calculations: several ops in a row whose intermediate tensors nobody has to
 * name or release. Gradient rules are written with them. */
#include <assert.h>
#include "shared.h"

moon_ctx moon__quiet(const moon_ctx *ctx) {
  moon_ctx quiet = *ctx;
  quiet.grad_mode = MOON__QUIET;
  quiet.autocast = 0;
  return quiet;
}

moon_tensor *moon__calc_own(moon__calc *c, int status, moon_tensor *const *t) {
  if (status < 0) {
    c->status = status;
    return NULL;
  }
  assert(c->n < MOON_CALC_STEPS);
  c->owned[c->n++] = *t;
  return *t;
}

void moon__calc_give(moon__calc *c, moon__back *b, int input,
                     moon_tensor *t) {
  if (c->status >= 0) moon__give(b, input, moon_tensor_retain(t));
}

int moon__calc_finish(moon__calc *c, moon_tensor *t, moon_tensor **out) {
  if (c->status >= 0) *out = moon_tensor_retain(t);
  return moon__calc_end(c);
}

int moon__calc_end(moon__calc *c) {
  while (c->n > 0) moon__unref(c->owned[--c->n]);
  return c->status;
}

moon_tensor *moon__c_new(moon__calc *c, const moon_tensor *x, int dtype,
                         moon__shape s, moon__layout layout) {
  moon_tensor *y = NULL;
  if (c->status < 0) return NULL;
  int status =
      moon__tensor_new(c->ctx, x->storage->device, dtype, s, layout, &y);
  return moon__calc_own(c, status, &y);
}

moon_tensor *moon__c_like(moon__calc *c, const moon_tensor *x, int dtype) {
  moon_tensor *y = NULL;
  if (c->status < 0) return NULL;
  return moon__calc_own(c, moon__tensor_like(c->ctx, x, dtype, &y), &y);
}

moon_tensor *moon__c_zeros(moon__calc *c, const moon_tensor *x, int dtype,
                           moon__shape s) {
  moon_tensor *y = moon__c_new(c, x, dtype, s, MOON__ROWS);
  moon__arg args[] = {{y, MOON__WRITE, NULL}};
  moon__c_run(c, "fill", MOON_K_fill, &(moon_params){.fill = {0}}, args, 1);
  return c->status < 0 ? NULL : y;
}

void moon__c_run(moon__calc *c, const char *name, int kernel,
                 const moon_params *params, const moon__arg *args, int n) {
  if (c->status < 0) return;
  int status = moon__run(c->ctx, name, kernel, params, args, n);
  if (status < 0) c->status = status;
}

static moon_tensor *copy_to(moon__calc *c, moon_tensor *x, moon_tensor *y) {
  moon__arg args[] = {{x, MOON__READ, NULL}, {y, MOON__WRITE, NULL}};
  moon__c_run(c, "copy", MOON_K_copy, NULL, args, 2);
  return c->status < 0 ? NULL : y;
}

moon_tensor *moon__c_copy(moon__calc *c, moon_tensor *x) {
  if (c->status < 0) return NULL;
  return copy_to(c, x, moon__c_like(c, x, x->dtype));
}

moon_tensor *moon__c_rows(moon__calc *c, moon_tensor *x) {
  if (c->status < 0 || moon__is_contiguous(x)) return x;
  moon__shape s = moon__shape_of(x);
  return copy_to(c, x, moon__c_new(c, x, x->dtype, s, MOON__ROWS));
}

moon_tensor *moon__c_channels_last(moon__calc *c, moon_tensor *x) {
  if (c->status < 0 || moon__is_channels_last(x)) return x;
  moon__shape s = moon__shape_of(x);
  return copy_to(c, x, moon__c_new(c, x, x->dtype, s, MOON__CHANNELS_LAST));
}

moon_tensor *moon__c_unary(moon__calc *c, int kind, moon_tensor *x,
                           double s) {
  moon_tensor *y = NULL;
  if (c->status < 0) return NULL;
  return moon__calc_own(c, moon_unary(c->ctx, kind, x, s, &y), &y);
}

moon_tensor *moon__c_binary(moon__calc *c, int kind, moon_tensor *a,
                            moon_tensor *b) {
  moon_tensor *y = NULL;
  if (c->status < 0) return NULL;
  return moon__calc_own(c, moon_binary(c->ctx, kind, a, b, &y), &y);
}

moon_tensor *moon__c_neg(moon__calc *c, moon_tensor *x) {
  return moon__c_unary(c, MOON_U_NEG, x, 0);
}

moon_tensor *moon__c_scale(moon__calc *c, moon_tensor *x, double s) {
  return moon__c_unary(c, MOON_U_MUL, x, s);
}

moon_tensor *moon__c_shift(moon__calc *c, moon_tensor *x, double s) {
  return moon__c_unary(c, MOON_U_ADD, x, s);
}

moon_tensor *moon__c_add(moon__calc *c, moon_tensor *a, moon_tensor *b) {
  return moon__c_binary(c, MOON_B_ADD, a, b);
}

moon_tensor *moon__c_sub(moon__calc *c, moon_tensor *a, moon_tensor *b) {
  return moon__c_binary(c, MOON_B_SUB, a, b);
}

moon_tensor *moon__c_mul(moon__calc *c, moon_tensor *a, moon_tensor *b) {
  return moon__c_binary(c, MOON_B_MUL, a, b);
}

moon_tensor *moon__c_div(moon__calc *c, moon_tensor *a, moon_tensor *b) {
  return moon__c_binary(c, MOON_B_DIV, a, b);
}

moon_tensor *moon__c_where(moon__calc *c, int kind, moon_tensor *x, double s,
                           int dtype) {
  return moon__c_cast(c, moon__c_unary(c, kind, x, s), dtype);
}

moon_tensor *moon__c_pick(moon__calc *c, moon_tensor *condition,
                          moon_tensor *a, moon_tensor *b) {
  moon_tensor *y = NULL;
  if (c->status < 0) return NULL;
  return moon__calc_own(c, moon_where(c->ctx, condition, a, b, &y), &y);
}

moon_tensor *moon__c_cast(moon__calc *c, moon_tensor *x, int dtype) {
  moon_tensor *y = NULL;
  if (c->status < 0) return NULL;
  return moon__calc_own(c, moon_cast(c->ctx, x, dtype, &y), &y);
}

moon_tensor *moon__c_reduce(moon__calc *c, int kind, moon_tensor *x,
                            uint32_t dims) {
  moon_tensor *y = NULL;
  int32_t list[MOON_MAX_DIMS], n = 0;
  if (c->status < 0) return NULL;
  for (int d = 0; d < x->ndim; d++) {
    if (dims >> d & 1) list[n++] = d;
  }
  return moon__calc_own(c, moon_reduce(c->ctx, kind, x, n, list, 1, &y), &y);
}

moon_tensor *moon__c_reshape(moon__calc *c, moon_tensor *x, moon__shape s) {
  moon_tensor *y = NULL;
  if (c->status < 0) return NULL;
  return moon__calc_own(c, moon_reshape(c->ctx, x, s.ndim, s.dim, &y), &y);
}

moon_tensor *moon__c_expand(moon__calc *c, moon_tensor *x, moon__shape s) {
  moon_tensor *y = NULL;
  if (c->status < 0) return NULL;
  return moon__calc_own(c, moon_expand(c->ctx, x, s.ndim, s.dim, &y), &y);
}

moon_tensor *moon__c_swap(moon__calc *c, moon_tensor *x) {
  moon_tensor *y = NULL;
  int32_t order[MOON_MAX_DIMS];
  if (c->status < 0) return NULL;
  for (int d = 0; d < x->ndim; d++) order[d] = d;
  order[x->ndim - 2] = x->ndim - 1;
  order[x->ndim - 1] = x->ndim - 2;
  return moon__calc_own(c, moon_permute(c->ctx, x, order, &y), &y);
}

moon_tensor *moon__c_narrow(moon__calc *c, moon_tensor *x, int dim,
                            int64_t start, int64_t length) {
  moon_tensor *y = NULL;
  if (c->status < 0) return NULL;
  return moon__calc_own(
      c, moon_narrow(c->ctx, x, dim, start, length, &y), &y);
}

moon_tensor *moon__c_sum_to(moon__calc *c, moon_tensor *g, moon__shape s) {
  moon_tensor *y = NULL;
  if (c->status < 0) return NULL;
  return moon__calc_own(c, moon__sum_to_shape(c->ctx, g, s, &y), &y);
}
