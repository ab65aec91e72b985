/* The mean of each window, and of windows that a size of the output asks for:
 *
 *   y[n,c,i,j] = 1/D sum over h, w in window (i, j) of x[n,c,h,w]
 *
 *   x [N,C,H,W] -> y [N,C,oH,oW]    oH = floor((H + 2 p_h - k_h) / s_h) + 1
 *                                   ceil_mode: see max_pool2d.c
 *   dx[n,c,h,w] = sum of dy[n,c,i,j] / D over the windows that hold h, w
 *
 * D counts what lies on x, or on x and its padding, zeros. adaptive: window
 * i has rows floor(i H / oH) to ceil((i + 1) H / oH), not included. Memory is
 * channels-last: another x is copied first. */
#include "shared.h"

static int backward(moon__back *b) {
  moon__calc c = {.ctx = b->ctx};
  moon_tensor *dx = moon__c_new(&c, b->dy, b->node->dtype,
                                b->node->input_shape[0], MOON__CHANNELS_LAST);
  moon__arg args[] = {{moon__c_channels_last(&c, b->dy), MOON__READ, NULL},
                      {dx, MOON__WRITE, NULL}};
  moon__c_run(&c, "avg_pool2d backward", MOON_K_avg_pool2d_grad,
              &b->node->params, args, 2);
  moon__calc_give(&c, b, 0, dx);
  return moon__calc_end(&c);
}

static const moon__rule rule = {"avg_pool2d", backward};

/* y of shape s. */
static int pool(moon_ctx *ctx, const char *op, moon_tensor *x,
                const moon_params *params, moon__shape s, moon_tensor **out) {
  moon_ctx quiet = moon__quiet(ctx);
  moon__calc c = {.ctx = &quiet};
  moon_tensor *y = moon__c_new(&c, x, x->dtype, s, MOON__CHANNELS_LAST);
  moon__arg args[] = {{moon__c_channels_last(&c, x), MOON__READ, NULL},
                      {y, MOON__WRITE, NULL}};
  moon__c_run(&c, op, MOON_K_avg_pool2d, params, args, 2);
  moon__node *node = moon__record(ctx, &rule, c.status, y, &x, 1);
  if (node) node->params = *params;
  return moon__calc_finish(&c, y, out);
}

int moon_avg_pool2d(moon_ctx *ctx, moon_tensor *x,
                    const moon_avg_pool2d_params *p, moon_tensor **out) {
  moon__shape s;
  int status = moon__check_pool2d("avg_pool2d", x, &p->window, &s);
  if (status < 0) return status;
  moon_params params = {.avg_pool = *p};
  return pool(ctx, "avg_pool2d", x, &params, s, out);
}

int moon_adaptive_avg_pool2d(moon_ctx *ctx, moon_tensor *x,
                             const int64_t size[2], moon_tensor **out) {
  const char *op = "adaptive_avg_pool2d";
  moon__shape s;
  int status = moon__check_adaptive2d(op, x, size, &s);
  if (status < 0) return status;
  moon_params params = {.avg_pool = {.window = {.kernel = {0}}}};
  return pool(ctx, op, x, &params, s, out);
}
