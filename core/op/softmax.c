/* softmax along one dimension, and its logarithm:
 *
 *   y_i = exp(x_i - m) / sum_j exp(x_j - m)       m = max_j x_j
 *   dx_i = y_i (dy_i - sum_j dy_j y_j)
 *
 *   y_i = x_i - m - log sum_j exp(x_j - m)
 *   dx_i = dy_i - exp(y_i) sum_j dy_j */
#include "shared.h"

static int to_x(moon__back *b, const char *name, int kernel) {
  moon_tensor *y = moon__saved_at(b, 0);
  moon__calc c = {.ctx = b->ctx};
  moon_tensor *dx = moon__c_like(&c, y, y->dtype);
  moon__arg args[] = {{b->dy, MOON__READ, NULL},
                      {y, MOON__READ, NULL},
                      {dx, MOON__WRITE, NULL}};
  moon__c_run(&c, name, kernel, &b->node->params, args, 3);
  moon__calc_give(&c, b, 0, dx);
  return moon__calc_end(&c);
}

static int backward(moon__back *b) {
  return to_x(b, "softmax backward", MOON_K_softmax_grad);
}

static int backward_log(moon__back *b) {
  return to_x(b, "log_softmax backward", MOON_K_log_softmax_grad);
}

static const moon__rule plain = {"softmax", backward};
static const moon__rule logarithm = {"log_softmax", backward_log};

static int run(moon_ctx *ctx, const moon__rule *rule, int kernel,
               moon_tensor *x, int dim, moon_tensor **out) {
  int status = moon__check_float(rule->name, x);
  if (status >= 0) status = moon__check_dim(rule->name, x, dim);
  if (status < 0) return status;
  moon_tensor *y;
  status = moon__tensor_like(ctx, x, x->dtype, &y);
  if (status < 0) return status;
  moon_params params = {.dim = {dim}};
  moon__arg args[] = {{x, MOON__READ, NULL}, {y, MOON__WRITE, NULL}};
  status = moon__run(ctx, rule->name, kernel, &params, args, 2);
  moon__node *node = moon__record(ctx, rule, status, y, &x, 1);
  if (node) {
    node->params = params;
    moon__save(node, y);
  }
  return moon__finish(status, y, out);
}

static int along(moon_ctx *ctx, const moon__rule *rule, int kernel,
                 moon_tensor *x, int dim, moon_tensor **out) {
  moon__calc c = {.ctx = ctx};
  if (moon__c_lift(&c, &x, 1) >= 0) {
    c.status = run(ctx, rule, kernel, x, dim, out);
  }
  return moon__calc_end(&c);
}

int moon_softmax(moon_ctx *ctx, moon_tensor *x, int dim, moon_tensor **out) {
  return along(ctx, &plain, MOON_K_softmax, x, dim, out);
}

int moon_log_softmax(moon_ctx *ctx, moon_tensor *x, int dim,
                     moon_tensor **out) {
  return along(ctx, &logarithm, MOON_K_log_softmax, x, dim, out);
}
