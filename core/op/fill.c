/* full and fill_into: one value everywhere.
 *
 *   y[...] = value */
#include "shared.h"

int moon_full(moon_ctx *ctx, int dtype, int ndim, const int64_t *shape,
              double value, moon_tensor **out) {
  moon__shape s;
  int status = moon__check_creation(ctx, "full", dtype, ndim);
  if (status >= 0) status = moon__check_number("full", dtype, value);
  if (status >= 0) status = moon__check_shape("full", ndim, shape, &s);
  if (status < 0) return status;
  moon_tensor *y;
  status = moon__tensor_new(ctx, ctx->device, dtype, s, MOON__ROWS, &y);
  if (status < 0) return status;
  moon_params params = {.fill = {value}};
  moon__arg args[] = {{y, MOON__WRITE, NULL}};
  status = moon__run(ctx, "full", MOON_K_fill, &params, args, 1);
  return moon__finish(status, y, out);
}

/* What y was does not matter any more: zeros. */
static int backward(moon__back *b) {
  moon__calc c = {.ctx = b->ctx};
  moon__node *n = b->node;
  moon__calc_give(&c, b, 0, moon__c_zeros(&c, b->dy, n->dtype, n->shape));
  return moon__calc_end(&c);
}

static const moon__rule rule = {"fill_", backward};

int moon_fill_into(moon_ctx *ctx, moon_tensor *y, double value) {
  int status = moon__check_number("fill_", y->dtype, value);
  if (status >= 0) status = moon__inplace_check(ctx, "fill_", y, NULL);
  if (status < 0) return status;
  moon_params params = {.fill = {value}};
  moon__arg args[] = {{y, MOON__OVERWRITE, NULL}};
  status = moon__run(ctx, "fill_", MOON_K_fill, &params, args, 1);
  moon__inplace_record(ctx, &rule, false, status, y, NULL);
  return status;
}
