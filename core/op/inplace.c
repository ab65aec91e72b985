/* What the ops that write in place (copy_, fill_, add_) share.
 *
 * The graph follows: y, or the base that y is a view of, gets a new node whose
 * inputs are the node that it had and x's. Values that the graph keeps may be
 * overwritten; a backward that needs them finds another version and raises. */
#include "shared.h"

static moon_tensor *base_of(moon_tensor *y) { return y->base ? y->base : y; }

static bool graph_follows(const moon_ctx *ctx, moon_tensor *y,
                          const moon_tensor *x) {
  return ctx->grad_mode > 0 && moon__dtype_is_float(y->dtype) &&
         (moon_tensor_needs_grad(base_of(y)) ||
          (x && moon_tensor_needs_grad(x)));
}

static int check_view(moon_ctx *ctx, const char *op, const moon_tensor *y) {
  if (y->base->requires_grad) {
    return moon__fail(MOON_E_GRAD, "%s: a view of a leaf that requires grad "
                      "is changed in place; use no_grad or detach", op);
  }
  if (y->unrecorded) {
    return moon__fail(MOON_E_GRAD, "%s: the target (%s) is a view made under "
                      "no_grad; make it again where the graph can follow", op,
                      moon__text(y));
  }
  return moon__check_inplace(ctx, op, y->base);  /* has no repeated elements */
}

int moon__inplace_check(moon_ctx *ctx, const char *op, moon_tensor *y,
                        moon_tensor *x) {
  moon__release_list_drain(ctx->rt);
  int status = moon__check_live(op, y);
  if (status >= 0 && x) status = moon__check_live(op, x);
  if (status >= 0) status = moon__check_inplace(ctx, op, y);
  if (status < 0 || !y->base || !graph_follows(ctx, y, x)) return status;
  return check_view(ctx, op, y);
}

moon__node *moon__inplace_record(moon_ctx *ctx, const moon__rule *rule,
                                 bool adds, int status, moon_tensor *y,
                                 moon_tensor *x) {
  if (status < 0 || !graph_follows(ctx, y, x)) return NULL;
  moon_tensor *base = base_of(y), *was = moon__tensor_alias(base);
  if (x) moon__view_renew(ctx, x);
  was->node = base->node;
  base->node = NULL;
  moon_tensor *inputs[] = {was, x == base ? was : x};
  moon__node *node =
      base == y ? moon__record(ctx, rule, status, y, inputs, x ? 2 : 1)
                : moon__slice_record(ctx, adds, y, base, inputs);
  base->base_version++;
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
