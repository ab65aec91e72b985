/* view and reshape: the same elements, in logical order, under another shape.
 *
 *   y[...] = x[...]       dx = dy seen with x's shape
 *
 * view never copies; reshape does when it must. Also here: how every op that
 * gives a view makes and records its output. */
#include <stdio.h>
#include <string.h>
#include "shared.h"

int moon__view_as(moon_ctx *ctx, const moon__rule *rule, moon_tensor *x,
                  const moon__seen *seen, const moon_params *params,
                  moon_tensor **out) {
  if (atomic_load_explicit(&ctx->rt->interrupted, memory_order_relaxed)) {
    int stopped = moon__interrupted(ctx);
    if (stopped < 0) return stopped;
  }
  moon_tensor *y =
      moon__tensor_view(x, seen->shape, seen->stride, seen->offset);
  moon__node *node = moon__record(ctx, rule, MOON_OK, y, &x, 1);
  if (node && params) node->params = *params;
  if (ctx->grad_mode != MOON__QUIET && moon__dtype_is_float(y->dtype)) {
    bool inside = x->base && !x->requires_grad;  /* else x has its own graph */
    y->base = moon_tensor_retain(inside ? x->base : x);
    y->base_version = y->base->base_version;
    y->unrecorded = ctx->grad_mode == 0 || (inside && x->unrecorded);
  }
  return moon__finish(MOON_OK, y, out);
}

/* Extents and strides of x without dimensions of size 1, neighbours that lie
 * behind each other merged; returns how many are left. */
static int merge(const moon_tensor *x, int64_t *size, int64_t *stride) {
  int n = 0;
  for (int d = 0; d < x->ndim; d++) {
    if (x->shape[d] == 1) continue;
    if (n > 0 && stride[n - 1] == x->stride[d] * x->shape[d]) {
      size[n - 1] *= x->shape[d];
      stride[n - 1] = x->stride[d];
    } else {
      size[n] = x->shape[d];
      stride[n++] = x->stride[d];
    }
  }
  return n;
}

/* Strides of shape `s` over x's elements, from the last dimension on: each
 * merged block must be used up by whole dimensions. False: they need a copy. */
static bool strides_for(const moon_tensor *x, moon__shape s,
                        int64_t *strides) {
  int64_t size[MOON_MAX_DIMS], stride[MOON_MAX_DIMS], step = 1;
  if (x->numel == 0) {
    for (int d = s.ndim - 1; d >= 0; d--) {
      strides[d] = step;
      step *= s.dim[d] > 1 ? s.dim[d] : 1;
    }
    return true;
  }
  int block = merge(x, size, stride) - 1;
  int64_t left = block >= 0 ? size[block] : 1;
  step = block >= 0 ? stride[block] : 1;
  for (int d = s.ndim - 1; d >= 0; d--) {
    if (s.dim[d] > 1 && left == 1 && block > 0) {
      left = size[--block];
      step = stride[block];
    }
    if (left % s.dim[d] != 0) return false;
    strides[d] = step;
    step *= s.dim[d];
    left /= s.dim[d];
  }
  return true;
}

static int backward(moon__back *b) {
  moon__calc c = {.ctx = b->ctx};
  moon__shape s = b->node->input_shape[0];
  moon__calc_give(&c, b, 0, moon__c_reshape(&c, b->dy, s));
  return moon__calc_end(&c);
}

static const moon__rule view_rule = {"view", backward};
static const moon__rule reshape_rule = {"reshape", backward};

static int fail_strides(const moon_tensor *x, moon__shape s) {
  char text[200] = "";
  size_t n = 0;
  for (int d = 0; d < x->ndim; d++) {
    n += (size_t)snprintf(text + n, sizeof text - n, " %lld",
                          (long long)x->stride[d]);
  }
  return moon__fail(MOON_E_SHAPE,
                    "view: %s (strides%s) as %s needs a copy; reshape copies",
                    moon__text(x), text, moon__shape_text(s));
}

int moon_view(moon_ctx *ctx, moon_tensor *x, int ndim, const int64_t *shape,
              moon_tensor **out) {
  moon__seen seen = {.offset = x->offset};
  int status = moon__check_reshape("view", x, ndim, shape, &seen.shape);
  if (status >= 0) status = moon__check_live("view", x);
  if (status < 0) return status;
  if (!strides_for(x, seen.shape, seen.stride)) {
    return fail_strides(x, seen.shape);
  }
  return moon__view_as(ctx, &view_rule, x, &seen, NULL, out);
}

int moon_reshape(moon_ctx *ctx, moon_tensor *x, int ndim,
                 const int64_t *shape, moon_tensor **out) {
  moon__seen seen = {.offset = x->offset};
  int status = moon__check_reshape("reshape", x, ndim, shape, &seen.shape);
  if (status >= 0) status = moon__check_live("reshape", x);
  if (status < 0) return status;
  if (strides_for(x, seen.shape, seen.stride)) {
    return moon__view_as(ctx, &reshape_rule, x, &seen, NULL, out);
  }
  moon_ctx quiet = moon__quiet(ctx);
  moon__calc c = {.ctx = &quiet};
  moon_tensor *rows = moon__c_rows(&c, x), *y = NULL;
  if (rows) {
    strides_for(rows, seen.shape, seen.stride);
    y = moon__tensor_view(rows, seen.shape, seen.stride, 0);
    moon__calc_own(&c, MOON_OK, &y);
    moon__record(ctx, &reshape_rule, MOON_OK, y, &x, 1);
  }
  return moon__calc_finish(&c, y, out);
}
