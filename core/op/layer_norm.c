/* Layer normalisation (Ba et al. 2016), of each run of the last dimensions:
 *
 *   y = w h + b     h = (x - m) r     r = 1 / sqrt(var + eps)
 *
 *   x [R,D] as rows; w and b [D] (or NULL: 1 and 0); m, r and the biased var
 *   [R]
 *
 *   dw = sum dy h    db = sum dy         over the rows
 *   dx = r (w dy - mean(w dy) - h mean(w dy h))     means over the row */
#include <math.h>
#include "shared.h"

enum { X, W, M, R };  /* saved, as rows */

static moon__shape flat(int64_t rows, int64_t columns) {
  return (moon__shape){2, {rows, columns}};
}

static int backward(moon__back *b) {
  moon_tensor *x = moon__saved_at(b, X), *d[2] = {NULL};
  const moon__shape *s = b->node->input_shape;
  moon__calc c = {.ctx = b->ctx};
  moon_tensor *dy =
      moon__c_rows(&c, moon__c_reshape(&c, b->dy, moon__shape_of(x)));
  moon_tensor *dx = moon__c_like(&c, x, x->dtype);
  for (int i = 0; i < 2; i++) {
    moon__shape columns = {1, {x->shape[1]}};
    if (!moon__wants(b, 1 + i)) continue;
    d[i] = moon__c_new(&c, x, b->node->input_dtype[1 + i], columns,
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
  moon__c_run(&c, "layer_norm backward", MOON_K_layer_norm_grad,
              &b->node->params, args, 8);
  if (moon__wants(b, 0)) {
    moon__calc_give(&c, b, 0, moon__c_reshape(&c, dx, s[0]));
  }
  for (int i = 0; i < 2; i++) {
    if (!d[i]) continue;
    moon__calc_give(&c, b, 1 + i, moon__c_reshape(&c, d[i], s[1 + i]));
  }
  return moon__calc_end(&c);
}

static const moon__rule rule = {"layer_norm", backward};

/* t has the last n dimensions of x, and its dtype or f32 beside a half. */
static int check_like(const char *arg, const moon_tensor *t,
                      const moon_tensor *x, int n) {
  moon__shape s = {.ndim = n};
  for (int d = 0; d < n; d++) s.dim[d] = x->shape[x->ndim - n + d];
  if (!moon__shape_equal(s, moon__shape_of(t))) {
    return moon__fail(MOON_E_SHAPE, "layer_norm: %s is %s, %s needed", arg,
                      moon__text(t), moon__shape_text(s));
  }
  return moon__check_beside("layer_norm", arg, t, x);
}

static int check(const moon_layer_norm_inputs *in, int n, double eps) {
  const moon_tensor *x = in->x;
  int status = moon__check_float("layer_norm", x);
  if (status < 0) return status;
  if (n < 1 || n > x->ndim) {
    return moon__fail(MOON_E_SHAPE, "layer_norm: the last %d dimensions of a "
                      "tensor with %d (%s)", n, x->ndim, moon__text(x));
  }
  if (!(eps >= 0) || !isfinite(eps)) {
    return moon__fail(MOON_E_VALUE, "layer_norm: eps %g", eps);
  }
  if (in->weight) status = check_like("weight", in->weight, x, n);
  if (status >= 0 && in->bias) status = check_like("bias", in->bias, x, n);
  return status;
}

int moon_layer_norm(moon_ctx *ctx, const moon_layer_norm_inputs *in, int n,
                    double eps, moon_tensor **out) {
  int status = check(in, n, eps);
  if (status < 0) return status;
  moon_ctx quiet = moon__quiet(ctx);
  moon__calc c = {.ctx = &quiet};
  moon_tensor *inputs[] = {in->x, in->weight, in->bias}, *t[3] = {NULL};
  int64_t rows = 1, columns = 1;
  for (int d = 0; d < in->x->ndim; d++) {
    *(d < in->x->ndim - n ? &rows : &columns) *= in->x->shape[d];
  }
  moon__shape s = flat(rows, columns), each = {1, {rows}};
  moon_params params = {.norm = {.eps = eps}};
  for (int i = 0; i < 3; i++) {
    moon__shape as = i == 0 ? s : (moon__shape){1, {columns}};
    if (inputs[i]) t[i] = moon__c_reshape(&c, inputs[i], as);
    if (t[i]) t[i] = moon__c_rows(&c, t[i]);
  }
  moon_tensor *y = moon__c_new(&c, in->x, in->x->dtype,
                               moon__shape_of(in->x), MOON__ROWS);
  int dtype = moon__wide(in->x->dtype);
  moon_tensor *m = moon__c_new(&c, in->x, dtype, each, MOON__ROWS);
  moon_tensor *r = moon__c_new(&c, in->x, dtype, each, MOON__ROWS);
  moon__arg args[] = {{t[0], MOON__READ, NULL},
                      {t[1], MOON__READ, NULL},
                      {t[2], MOON__READ, NULL},
                      {moon__c_reshape(&c, y, s), MOON__WRITE, NULL},
                      {m, MOON__WRITE, NULL},
                      {r, MOON__WRITE, NULL}};
  moon__c_run(&c, "layer_norm", MOON_K_layer_norm, &params, args, 6);
  moon__node *node = moon__record(ctx, &rule, c.status, y, inputs, 3);
  if (node) {
    node->params = params;
    moon__save(node, t[0]);
    moon__save(node, t[1]);
    moon__save(node, m);
    moon__save(node, r);
  }
  return moon__calc_finish(&c, y, out);
}
