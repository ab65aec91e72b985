/* Group normalisation (Wu and He 2018): each image's channels in groups of
 * neighbours, a group over all its values:
 *
 *   y = w h + b     h = (x - m) r     r = 1 / sqrt(var + eps)
 *
 *   x [N,C,...], w and b [C] (or NULL: 1 and 0); m, r and the biased var
 *   [N,groups]
 *
 *   dw = sum dy h    db = sum dy         over all but C
 *   dx = r (w dy - mean(w dy) - h mean(w dy h))     means over the group
 *
 * Memory is channels-last in four dimensions, else row-major: another x is
 * copied first. */
#include <math.h>
#include "shared.h"

enum { X, W, M, R };  /* saved */

static moon_tensor *in_order(moon__calc *c, moon_tensor *x) {
  if (c->status < 0) return NULL;
  return x->ndim == 4 ? moon__c_channels_last(c, x) : moon__c_rows(c, x);
}

static int backward(moon__back *b) {
  moon_tensor *x = moon__saved_at(b, X), *d[2] = {NULL};
  moon__calc c = {.ctx = b->ctx};
  moon__shape channels = {1, {x->shape[1]}};
  moon_tensor *dy = in_order(&c, b->dy);
  moon_tensor *dx = moon__c_like(&c, x, x->dtype);
  for (int i = 0; i < 2; i++) {
    if (!moon__wants(b, 1 + i)) continue;
    d[i] = moon__c_new(&c, x, b->node->input_dtype[1 + i], channels,
                       MOON__ROWS);
  }
  moon__arg args[] = {{dy, MOON__READ, NULL},
                      {x, MOON__READ, NULL},
                      {moon__saved_at(b, W), MOON__READ, NULL},
                      {moon__saved_at(b, M), MOON__READ, NULL},
                      {moon__saved_at(b, R), MOON__READ, NULL},
                      {dx, MOON__WRITE, NULL},
                      {d[0], MOON__WRITE, NULL},
                      {d[1], MOON__WRITE, NULL}};
  moon__c_run(&c, "group_norm backward", MOON_K_group_norm_grad,
              &b->node->params, args, 8);
  if (moon__wants(b, 0)) moon__calc_give(&c, b, 0, dx);
  if (d[0]) moon__calc_give(&c, b, 1, d[0]);
  if (d[1]) moon__calc_give(&c, b, 2, d[1]);
  return moon__calc_end(&c);
}

static const moon__rule rule = {"group_norm", backward};

static int check(const moon_tensor *x, const moon_tensor *weight,
                 const moon_tensor *bias, const moon_group_norm_params *p) {
  const char *op = "group_norm";
  int status = moon__check_float(op, x);
  if (status < 0) return status;
  if (x->ndim < 2) {
    return moon__fail(MOON_E_SHAPE, "%s: x has %d dimensions (%s), 2 or more "
                      "needed", op, x->ndim, moon__text(x));
  }
  if (p->groups < 1 || x->shape[1] % p->groups) {
    return moon__fail(MOON_E_VALUE, "%s: %lld groups do not divide %lld "
                      "channels (x %s)", op, (long long)p->groups,
                      (long long)x->shape[1], moon__text(x));
  }
  if (!(p->eps >= 0) || !isfinite(p->eps)) {
    return moon__fail(MOON_E_VALUE, "%s: eps %g", op, p->eps);
  }
  if (weight) {
    status = moon__check_parameter(op, "weight", weight, x->shape[1], x);
  }
  if (bias && status >= 0) {
    status = moon__check_parameter(op, "bias", bias, x->shape[1], x);
  }
  return status;
}

int moon_group_norm(moon_ctx *ctx, moon_tensor *x, moon_tensor *weight,
                    moon_tensor *bias, const moon_group_norm_params *p,
                    moon_tensor **out) {
  int status = check(x, weight, bias, p);
  if (status < 0) return status;
  moon_ctx quiet = moon__quiet(ctx);
  moon__calc c = {.ctx = &quiet};
  moon_tensor *inputs[] = {x, weight, bias};
  moon__shape each = {2, {x->shape[0], p->groups}};
  moon__layout layout = x->ndim == 4 ? MOON__CHANNELS_LAST : MOON__ROWS;
  moon_params params = {.group = *p};
  moon_tensor *y = moon__c_new(&c, x, x->dtype, moon__shape_of(x), layout);
  moon_tensor *m = moon__c_new(&c, x, moon__wide(x->dtype), each, MOON__ROWS);
  moon_tensor *r = moon__c_new(&c, x, moon__wide(x->dtype), each, MOON__ROWS);
  x = in_order(&c, x);
  moon__arg args[] = {{x, MOON__READ, NULL},
                      {weight, MOON__READ, NULL},
                      {bias, MOON__READ, NULL},
                      {y, MOON__WRITE, NULL},
                      {m, MOON__WRITE, NULL},
                      {r, MOON__WRITE, NULL}};
  moon__c_run(&c, "group_norm", MOON_K_group_norm, &params, args, 6);
  moon__node *node = moon__record(ctx, &rule, c.status, y, inputs, 3);
  if (node) {
    node->params = params;
    moon__save(node, x);
    moon__save(node, weight);
    moon__save(node, m);
    moon__save(node, r);
  }
  return moon__calc_finish(&c, y, out);
}
