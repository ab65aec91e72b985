/* Dropout (Srivastava et al. 2014), scaled while training:
 *
 *   y[i] = keep_i ? x[i] / (1 - p) : 0       keep_i with probability 1 - p
 *   dx = the same kernel, the same random numbers, on dy
 *
 * p in [0, 1). Which elements are kept is told by the task's generator and by
 * the element's logical place. */
#include "shared.h"

static int backward(moon__back *b) {
  moon__calc c = {.ctx = b->ctx};
  moon_tensor *dx = moon__c_like(&c, b->dy, b->dy->dtype);
  moon__arg args[] = {{b->dy, MOON__READ, NULL}, {dx, MOON__WRITE, NULL}};
  moon__c_run(&c, "dropout backward", MOON_K_dropout, &b->node->params, args,
              2);
  moon__calc_give(&c, b, 0, dx);
  return moon__calc_end(&c);
}

static const moon__rule rule = {"dropout", backward};

int moon_dropout(moon_ctx *ctx, moon_tensor *x, double p, moon_tensor **out) {
  int status = moon__check_float("dropout", x);
  if (status >= 0) status = moon__check_live("dropout", x);
  if (status < 0) return status;
  if (!(p >= 0 && p < 1)) {
    return moon__fail(MOON_E_VALUE, "dropout: p %g is outside [0, 1)", p);
  }
  moon_tensor *y;
  status = moon__tensor_like(ctx, x, x->dtype, &y);
  if (status < 0) return status;
  moon_params params = {.random = {.p = p}};
  moon__task_draw(ctx->task, &params.random.key, &params.random.counter);
  moon__arg args[] = {{x, MOON__READ, NULL}, {y, MOON__WRITE, NULL}};
  status = moon__run(ctx, "dropout", MOON_K_dropout, &params, args, 2);
  moon__node *node = moon__record(ctx, &rule, status, y, &x, 1);
  if (node) node->params = params;
  return moon__finish(status, y, out);
}
