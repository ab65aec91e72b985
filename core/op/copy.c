/* Copies: clone, contiguous, to_device, and copy_into, the one in place.
 *
 *   y = x      dx = dy, cast back where copy_into changed the dtype */
#include "shared.h"

static int same_backward(moon__back *b) {
  moon__give(b, 0, moon_tensor_retain(b->dy));
  return MOON_OK;
}

static const moon__rule clone_rule = {"clone", same_backward};
static const moon__rule contiguous_rule = {"contiguous", same_backward};

/* Copies x into the new y, hands y out. */
static int copy_new(moon_ctx *ctx, const moon__rule *rule, moon_tensor *x,
                    moon_tensor *y, moon_tensor **out) {
  moon__arg args[] = {{x, MOON__READ, NULL}, {y, MOON__WRITE, NULL}};
  int status = moon__run(ctx, rule->name, MOON_K_copy, NULL, args, 2);
  moon__record(ctx, rule, status, y, &x, 1);
  return moon__finish(status, y, out);
}

int moon_clone(moon_ctx *ctx, moon_tensor *x, moon_tensor **out) {
  moon_tensor *y;
  int status = moon__tensor_like(ctx, x, x->dtype, &y);
  if (status < 0) return status;
  return copy_new(ctx, &clone_rule, x, y, out);
}

int moon_contiguous(moon_ctx *ctx, moon_tensor *x, moon_tensor **out) {
  int status = moon__check_live("contiguous", x);
  if (status < 0) return status;
  if (moon__is_contiguous(x)) {
    *out = moon_tensor_retain(x);
    return MOON_OK;
  }
  moon_tensor *y;
  status = moon__tensor_new(ctx, x->storage->device, x->dtype,
                            moon__shape_of(x), MOON__ROWS, &y);
  if (status < 0) return status;
  return copy_new(ctx, &contiguous_rule, x, y, out);
}

/* dx = dy back on the device that x was on. */
static int device_backward(moon__back *b) {
  moon_tensor *dx;
  int status = moon_to_device(b->ctx, b->dy, b->node->params.dim.dim, &dx);
  if (status >= 0) moon__give(b, 0, dx);
  return status;
}

static const moon__rule device_rule = {"to_device", device_backward};

int moon_to_device(moon_ctx *ctx, moon_tensor *x, int device,
                   moon_tensor **out) {
  int status = moon__check_live("to_device", x);
  if (status < 0) return status;
  if (device < 0 || device >= ctx->rt->n_devices) {
    return moon__fail(MOON_E_DEVICE, "to_device: there is no device %d",
                      device);
  }
  if (x->storage->device == device) {
    *out = moon_tensor_retain(x);
    return MOON_OK;
  }
  bool nhwc = moon__is_channels_last(x) && !moon__is_contiguous(x);
  if (!nhwc && !moon__is_contiguous(x)) {  /* memories are copied whole */
    moon_tensor *rows;
    status = moon_contiguous(ctx, x, &rows);
    if (status < 0) return status;
    status = moon_to_device(ctx, rows, device, out);
    moon__unref(rows);
    return status;
  }
  moon_tensor *y;
  status = moon__tensor_new(ctx, device, x->dtype, moon__shape_of(x),
                            nhwc ? MOON__CHANNELS_LAST : MOON__ROWS, &y);
  if (status < 0) return status;
  moon__arg args[] = {{x, MOON__READ, NULL}, {y, MOON__WRITE, NULL}};
  status = moon__run(ctx, "to_device", MOON_K_copy, NULL, args, 2);
  moon__node *node = moon__record(ctx, &device_rule, status, y, &x, 1);
  if (node) node->params = (moon_params){.dim = {x->storage->device}};
  return moon__finish(status, y, out);
}

/* copy_into: what y was gets zeros, x what reached y. */
static int into_backward(moon__back *b) {
  moon__calc c = {.ctx = b->ctx};
  moon__node *n = b->node;
  if (moon__wants(b, 0)) {
    moon__calc_give(&c, b, 0, moon__c_zeros(&c, b->dy, n->dtype, n->shape));
  }
  if (moon__wants(b, 1)) {
    moon_tensor *dx = moon__c_sum_to(&c, b->dy, n->input_shape[1]);
    moon__calc_give(&c, b, 1, moon__c_cast(&c, dx, n->input_dtype[1]));
  }
  return moon__calc_end(&c);
}

static const moon__rule into_rule = {"copy_", into_backward};

/* Between memories bytes are copied as they lie: first x to y's device. */
static int copy_across(moon_ctx *ctx, moon_tensor *y, moon_tensor *x) {
  moon_tensor *here;
  int status = moon_to_device(ctx, x, y->storage->device, &here);
  if (status < 0) return status;
  status = moon_copy_into(ctx, y, here);
  moon__unref(here);
  return status;
}

int moon_copy_into(moon_ctx *ctx, moon_tensor *y, moon_tensor *x) {
  moon__shape s = moon__shape_of(y), both;
  int status = moon__inplace_check(ctx, "copy_", y, x);
  if (status >= 0 && x->storage->device != y->storage->device) {
    return copy_across(ctx, y, x);
  }
  if (status >= 0) status = moon__shape_broadcast("copy_", y, x, &both);
  if (status < 0) return status;
  if (!moon__shape_equal(s, both)) {
    return moon__fail(MOON_E_SHAPE, "copy_: %s does not fit into %s",
                      moon__text(x), moon__text(y));
  }
  moon_ctx quiet = moon__quiet(ctx);
  moon__calc c = {.ctx = &quiet};
  moon_tensor *from = moon__c_apart(&c, x, y);
  moon__arg args[] = {{from, MOON__READ, &s}, {y, MOON__OVERWRITE, NULL}};
  moon__c_run(&c, "copy_", MOON_K_copy, NULL, args, 2);
  moon__inplace_record(ctx, &into_rule, false, c.status, y, x);
  return moon__calc_end(&c);
}
