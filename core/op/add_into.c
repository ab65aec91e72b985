/* add_into: y += alpha x, x repeated to y's shape by broadcasting.
 *
 *   d(old y) = dy      dx = alpha dy, summed over what was repeated */
#include "shared.h"

static int backward(moon__back *b) {
  moon__calc c = {.ctx = b->ctx};
  double alpha = b->node->params.scale.alpha;
  if (moon__wants(b, 0)) moon__calc_give(&c, b, 0, b->dy);
  if (moon__wants(b, 1)) {
    moon_tensor *dx = moon__c_sum_to(&c, b->dy, b->node->input_shape[1]);
    if (alpha != 1) dx = moon__c_scale(&c, dx, alpha);
    moon__calc_give(&c, b, 1, dx);
  }
  return moon__calc_end(&c);
}

static const moon__rule rule = {"add_", backward};

static int check(moon_ctx *ctx, moon_tensor *y, moon_tensor *x,
                 double alpha) {
  moon__shape both;
  int status = moon__check_same_dtype("add_", y, x);
  if (status >= 0 && y->dtype == MOON_BOOL) {
    return moon__fail(MOON_E_DTYPE,
                      "add_: bool; cast both to a number dtype");
  }
  if (status >= 0) status = moon__check_number("add_", y->dtype, alpha);
  if (status >= 0) status = moon__inplace_check(ctx, "add_", y, x);
  if (status >= 0) status = moon__shape_broadcast("add_", y, x, &both);
  if (status < 0) return status;
  if (moon__shape_equal(moon__shape_of(y), both)) return MOON_OK;
  return moon__fail(MOON_E_SHAPE, "add_: %s does not fit into %s",
                    moon__text(x), moon__text(y));
}

static int add(moon_ctx *ctx, moon_tensor *y, moon_tensor *x, double alpha) {
  moon__shape s = moon__shape_of(y);
  int status = check(ctx, y, x, alpha);
  if (status < 0) return status;
  moon_ctx quiet = moon__quiet(ctx);
  moon__calc c = {.ctx = &quiet};
  moon_params params = {.scale = {alpha}};
  moon__arg args[] = {{moon__c_apart(&c, x, y), MOON__READ, &s},
                      {y, MOON__UPDATE, NULL}};
  moon__c_run(&c, "add_", MOON_K_add_into, &params, args, 2);
  moon__node *node =
      moon__inplace_record(ctx, &rule, true, c.status, y, x);
  if (node) node->params = params;
  return moon__calc_end(&c);
}

int moon_add_into(moon_ctx *ctx, moon_tensor *y, moon_tensor *x,
                  double alpha) {
  moon__calc c = {.ctx = ctx};
  if (moon__c_meet(&c, &x, y) >= 0) c.status = add(ctx, y, x, alpha);
  return moon__calc_end(&c);
}
