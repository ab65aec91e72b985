/* x as it is; but a gradient that comes back with an error arrives as zero.
 *
 *   y = x          dx = dy, or 0 where dy carries an error
 *
 * Between a host and a branch that may fail without it. A view. */
#include "shared.h"

static moon_tensor *scalar(moon__calc *c, const moon_tensor *like,
                           double value) {
  moon_tensor *t = NULL;
  int status = c->status;
  if (status >= 0) status = moon_full(c->ctx, like->dtype, 0, NULL, value, &t);
  return moon__calc_own(c, status, &t);
}

static int backward(moon__back *b) {
  moon__calc c = {.ctx = b->ctx};
  moon__shape s = moon__shape_of(b->dy);
  moon_tensor *zero = scalar(&c, b->dy, 0), *one = scalar(&c, b->dy, 1);
  moon_tensor *dx = moon__c_like(&c, b->dy, b->dy->dtype);
  moon_params params = {.blend = {MOON_BLEND_ADD}};
  moon__arg args[] = {{zero, MOON__READ, &s}, {b->dy, MOON__OPTIONAL, NULL},
                      {one, MOON__READ, &s},  {NULL, MOON__READ, NULL},
                      {dx, MOON__WRITE, NULL}};
  moon__c_run(&c, "shield backward", MOON_K_blend, &params, args, 5);
  moon__calc_give(&c, b, 0, dx);
  return moon__calc_end(&c);
}

static const moon__rule rule = {"shield", backward};

int moon_shield(moon_ctx *ctx, moon_tensor *x, moon_tensor **out) {
  int status = moon__check_live("shield", x);
  if (status < 0) return status;
  moon__seen seen = {.shape = moon__shape_of(x), .offset = x->offset};
  for (int d = 0; d < x->ndim; d++) seen.stride[d] = x->stride[d];
  return moon__view_as(ctx, &rule, x, &seen, NULL, out);
}
