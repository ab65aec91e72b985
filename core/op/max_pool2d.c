/* The largest element of each window:
 *
 *   y[n,c,i,j] = max over u, v of x[n,c, i s_h - p_h + u, j s_w - p_w + v]
 *
 *   x [N,C,H,W] -> y [N,C,oH,oW]    oH = floor((H + 2 p_h - k_h) / s_h) + 1
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

int moon_max_pool2d(moon_ctx *ctx, moon_tensor *x,
                    const moon_pool2d_params *p, moon_tensor **out) {
  moon__shape s;
  int status = moon__check_pool2d("max_pool2d", x, p, &s);
  if (status < 0) return status;
  moon_ctx quiet = moon__quiet(ctx);
  moon__calc c = {.ctx = &quiet};
  moon_params params = {.pool = *p};
  moon_tensor *y = moon__c_new(&c, x, x->dtype, s, MOON__CHANNELS_LAST);
  moon_tensor *i = moon__c_new(&c, x, MOON_I32, s, MOON__CHANNELS_LAST);
  moon__arg args[] = {{moon__c_channels_last(&c, x), MOON__READ, NULL},
                      {y, MOON__WRITE, NULL},
                      {i, MOON__WRITE, NULL}};
  moon__c_run(&c, "max_pool2d", MOON_K_max_pool2d, &params, args, 3);
  moon__node *node = moon__record(ctx, &rule, c.status, y, &x, 1);
  if (node) {
    node->params = params;
    moon__save(node, i);
  }
  return moon__calc_finish(&c, y, out);
}
