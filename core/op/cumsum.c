/* cumsum: sums up to each element along one dimension; of integers and bool in
 * i64.
 *
 *   y_i = x_1 + ... + x_i        dx_i = dy_i + ... + dy_n */
#include "shared.h"

static int run(moon_ctx *ctx, const char *name, moon_tensor *x, int dim,
               int reverse, moon_tensor **out) {
  moon_tensor *y;
  int dtype = moon__dtype_is_float(x->dtype) ? x->dtype : MOON_I64;
  int status = moon__tensor_like(ctx, x, dtype, &y);
  if (status < 0) return status;
  moon_params params = {.scan = {dim, reverse}};
  moon__arg args[] = {{x, MOON__READ, NULL}, {y, MOON__WRITE, NULL}};
  status = moon__run(ctx, name, MOON_K_cumsum, &params, args, 2);
  return moon__finish(status, y, out);
}

static int backward(moon__back *b) {
  moon_tensor *dx;
  int status = run(b->ctx, "cumsum backward", b->dy, b->node->params.scan.dim,
                   1, &dx);
  if (status >= 0) moon__give(b, 0, dx);
  return status;
}

static const moon__rule rule = {"cumsum", backward};

static int forward(moon_ctx *ctx, moon_tensor *x, int dim,
                   moon_tensor **out) {
  moon_tensor *y = NULL;
  int status = moon__check_dim("cumsum", x, dim);
  if (status >= 0) status = run(ctx, "cumsum", x, dim, 0, &y);
  if (status < 0) return status;
  moon__node *node = moon__record(ctx, &rule, status, y, &x, 1);
  if (node) node->params = (moon_params){.scan = {dim, 0}};
  *out = y;
  return status;
}

int moon_cumsum(moon_ctx *ctx, moon_tensor *x, int dim, moon_tensor **out) {
  moon__calc c = {.ctx = ctx};
  if (moon__c_lift(&c, &x, 1) >= 0) c.status = forward(ctx, x, dim, out);
  return moon__calc_end(&c);
}
