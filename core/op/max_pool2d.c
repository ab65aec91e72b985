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

static int check(const moon_tensor *x, const moon_pool2d_params *p,
                 moon__shape *s) {
  const char *op = "max_pool2d";
  int status = moon__check_ndim(op, "x", x, 4);
  if (status >= 0) status = moon__check_float(op, x);
  if (status >= 0) status = moon__check_pair(op, "kernel", p->kernel, 1);
  if (status >= 0) status = moon__check_pair(op, "stride", p->stride, 1);
  if (status >= 0) status = moon__check_pair(op, "padding", p->padding, 0);
  if (status < 0) return status;
  if (x->shape[2] > 0 && x->shape[3] > INT32_MAX / x->shape[2]) {
    return moon__fail(MOON_E_SHAPE, "%s: more than 2^31 places in a plane "
                      "(x %s)", op, moon__text(x));
  }
  *s = moon__shape_of(x);
  for (int i = 0; i < 2 && status >= 0; i++) {
    if (p->padding[i] > p->kernel[i] / 2) {
      return moon__fail(MOON_E_VALUE, "%s: padding %lld is more than half of "
                        "the kernel %lld", op, (long long)p->padding[i],
                        (long long)p->kernel[i]);
    }
    moon__window w = {x->shape[2 + i], p->kernel[i], p->stride[i],
                      p->padding[i], 1};
    status = moon__check_window(op, i, w, &s->dim[2 + i]);
  }
  return status;
}

int moon_max_pool2d(moon_ctx *ctx, moon_tensor *x,
                    const moon_pool2d_params *p, moon_tensor **out) {
  moon__shape s;
  int status = check(x, p, &s);
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
