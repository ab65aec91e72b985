/* cast: the same values in another dtype, as C converts them.
 *
 *   y = (dtype)x      dx = dy cast back, between floating dtypes */
#include "shared.h"

static int backward(moon__back *b) {
  moon__calc c = {.ctx = b->ctx};
  int dtype = b->node->input_dtype[0];
  moon__calc_give(&c, b, 0, moon__c_cast(&c, b->dy, dtype));
  return moon__calc_end(&c);
}

/* Of a weight that lies in rows: dx lies like it, whatever dy does. */
static int backward_in_rows(moon__back *b) {
  moon__calc c = {.ctx = b->ctx};
  moon_tensor *dx = moon__c_new(&c, b->dy, b->node->input_dtype[0],
                                b->node->input_shape[0], MOON__ROWS);
  moon__arg args[] = {{b->dy, MOON__READ, NULL}, {dx, MOON__WRITE, NULL}};
  moon__c_run(&c, "cast", MOON_K_copy, NULL, args, 2);
  moon__calc_give(&c, b, 0, dx);
  return moon__calc_end(&c);
}

static const moon__rule rule = {"cast", backward};
static const moon__rule rule_in_rows = {"cast", backward_in_rows};

/* Fills y, records and hands it out. */
static int run(moon_ctx *ctx, const moon__rule *r, moon_tensor *x,
               moon_tensor *y, moon_tensor **out) {
  moon__arg args[] = {{x, MOON__READ, NULL}, {y, MOON__WRITE, NULL}};
  int status = moon__run(ctx, "cast", MOON_K_copy, NULL, args, 2);
  moon__record(ctx, r, status, y, &x, 1);
  return moon__finish(status, y, out);
}

int moon_cast(moon_ctx *ctx, moon_tensor *x, int dtype, moon_tensor **out) {
  int status = moon__check_dtype("cast", dtype);
  if (status >= 0) status = moon__check_live("cast", x);
  if (status < 0) return status;
  if (x->dtype == dtype) {
    *out = moon_tensor_retain(x);
    return MOON_OK;
  }
  moon_tensor *y;
  status = moon__tensor_like(ctx, x, dtype, &y);
  return status < 0 ? status : run(ctx, &rule, x, y, out);
}

int moon__cast_image(moon_ctx *ctx, moon_tensor *x, int dtype,
                     moon_tensor **out) {
  moon_tensor *y;
  int status = moon__tensor_new(ctx, x->storage->device, dtype,
                                moon__shape_of(x), MOON__CHANNELS_LAST, &y);
  const moon__rule *r = moon__is_contiguous(x) ? &rule_in_rows : &rule;
  return status < 0 ? status : run(ctx, r, x, y, out);
}
