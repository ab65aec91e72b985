/* The largest element of each window, and of windows that a size of the output
 * asks for (adaptive: those of avg_pool2d.c):
 *
 *   y[n,c,i,j] = max over u, v of x[n,c, i s_h - p_h + u, j s_w - p_w + v]
 *
 *   x [N,C,H,W] -> y [N,C,oH,oW]    oH = floor((H + 2 p_h - k_h) / s_h) + 1
 *            ceil_mode: ceil, where the last window begins before the end of x
 *   dx = 0, but dy added where each window's maximum was picked
 *
 * Padding never wins. Memory is channels-last: another x is copied first. */
#include "shared.h"

static int backward(moon__back *b) {
  moon_tensor *index = moon__saved_at(b, 0);
  moon__calc c = {.ctx = b->ctx};
  moon_tensor *dx = moon__c_new(&c, b->dy, b->node->dtype,
                                b->node->input_shape[0], MOON__CHANNELS_LAST);
  moon__arg args[] = {{moon__c_channels_last(&c, b->dy), MOON__READ, NULL},
                      {index, MOON__READ, NULL},
                      {dx, MOON__WRITE, NULL}};
  moon__c_run(&c, "max_pool2d backward", MOON_K_max_pool2d_grad,
              &b->node->params, args, 3);
  moon__calc_give(&c, b, 0, dx);
  return moon__calc_end(&c);
}

static const moon__rule rule = {"max_pool2d", backward};

/* y of shape s. */
static int pool(moon_ctx *ctx, const char *op, moon_tensor *x,
                const moon_params *params, moon__shape s, moon_tensor **out) {
  moon_ctx quiet = moon__quiet(ctx);
  moon__calc c = {.ctx = &quiet};
  moon_tensor *y = moon__c_new(&c, x, x->dtype, s, MOON__CHANNELS_LAST);
  moon_tensor *i = moon__c_new(&c, x, MOON_I32, s, MOON__CHANNELS_LAST);
  moon__arg args[] = {{moon__c_channels_last(&c, x), MOON__READ, NULL},
                      {y, MOON__WRITE, NULL},
                      {i, MOON__WRITE, NULL}};
  moon__c_run(&c, op, MOON_K_max_pool2d, params, args, 3);
  moon__node *node = moon__record(ctx, &rule, c.status, y, &x, 1);
  if (node) {
    node->params = *params;
    moon__save(node, i);
  }
  return moon__calc_finish(&c, y, out);
}

int moon_max_pool2d(moon_ctx *ctx, moon_tensor *x,
                    const moon_pool2d_params *p, moon_tensor **out) {
  moon__shape s;
  int status = moon__check_pool2d("max_pool2d", x, p, &s);
  if (status < 0) return status;
  moon_params params = {.pool = *p};
  return pool(ctx, "max_pool2d", x, &params, s, out);
}

int moon_adaptive_max_pool2d(moon_ctx *ctx, moon_tensor *x,
                             const int64_t size[2], moon_tensor **out) {
  moon__shape s;
  int status = moon__check_adaptive2d("adaptive_max_pool2d", x, size, &s);
  if (status < 0) return status;
  moon_params params = {.pool = {.kernel = {0}}};
  return pool(ctx, "adaptive_max_pool2d", x, &params, s, out);
}
