/* What the ops that write in place (copy_, fill_, add_) share.
 *
 * The graph follows an in-place op by giving y a new node whose inputs are
 * the node that y had and x's. That is right only while y is the one name of
 * its memory: a view, or a value that the graph keeps, would go on with the
 * old node and the new values. */
#include "shared.h"

static bool graph_follows(const moon_ctx *ctx, const moon_tensor *y,
                          const moon_tensor *x) {
  return ctx->grad_mode && moon__dtype_is_float(y->dtype) &&
         (moon_tensor_needs_grad(y) || (x && moon_tensor_needs_grad(x)));
}

int moon__inplace_check(moon_ctx *ctx, const char *op, moon_tensor *y,
                        moon_tensor *x) {
  moon__release_list_drain(ctx->rt);  /* dead views count no more */
  int status = moon__check_live(op, y);
  if (status >= 0 && x) status = moon__check_live(op, x);
  if (status >= 0) status = moon__check_inplace(ctx, op, y);
  if (status < 0) return status;
  if (graph_follows(ctx, y, x) && y->storage->refs > 1) {
    return moon__fail(MOON_E_GRAD,
                      "%s: the target (%s) shares its memory with a view or "
                      "with values the graph keeps; use detach() or no_grad",
                      op, moon__text(y));
  }
  return MOON_OK;
}

moon__node *moon__inplace_record(moon_ctx *ctx, const moon__rule *rule,
                                 int status, moon_tensor *y, moon_tensor *x) {
  if (status < 0 || !graph_follows(ctx, y, x)) return NULL;
  moon_tensor *was = moon__tensor_alias(y);
  was->node = y->node;
  y->node = NULL;
  moon_tensor *inputs[] = {was, x == y ? was : x};
  moon__node *node = moon__record(ctx, rule, status, y, inputs, x ? 2 : 1);
  moon__unref(was);
  return node;
}

/* The elements of storage between t's first and last: [lo, hi). */
static void span(const moon_tensor *t, int64_t *lo, int64_t *hi) {
  *lo = t->offset;
  *hi = t->offset + (t->numel > 0);
  for (int d = 0; t->numel > 0 && d < t->ndim; d++) {
    *hi += (t->shape[d] - 1) * t->stride[d];
  }
}

static bool same_place(const moon_tensor *x, const moon_tensor *y) {
  if (x->offset != y->offset ||
      !moon__shape_equal(moon__shape_of(x), moon__shape_of(y))) {
    return false;
  }
  for (int d = 0; d < x->ndim; d++) {
    if (x->shape[d] > 1 && x->stride[d] != y->stride[d]) return false;
  }
  return true;
}

moon_tensor *moon__c_apart(moon__calc *c, moon_tensor *x,
                           const moon_tensor *y) {
  int64_t x_lo, x_hi, y_lo, y_hi;
  if (x->storage != y->storage || same_place(x, y)) return x;
  span(x, &x_lo, &x_hi);
  span(y, &y_lo, &y_hi);
  return x_lo < y_hi && y_lo < x_hi ? moon__c_copy(c, x) : x;
}
