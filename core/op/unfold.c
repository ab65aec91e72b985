/* unfold: the windows that a convolution sees, as columns; fold: their sum back
 * into images (im2col and col2im; PyTorch's unfold and fold).
 *
 *   y[n, (c kH + u) kW + v, i oW + j] = x[n, c, i s_h - p_h + u d_h,
 *                                               j s_w - p_w + v d_w]
 *
 *   x [N,C,H,W] -> y [N, C kH kW, oH oW], zero beyond x; fold is its gradient,
 *   and the other way round
 *
 * Windows are a view of the padded x that shows elements several times:
 * unfolding copies it, folding adds each place of the window to its part. */
#include "shared.h"

/* Geometry of one call. */
typedef struct windows {
  const moon_unfold_params *p;
  moon__shape image;   /* [N,C,H,W] */
  int64_t places[2];   /* oH, oW */
} windows;

static int check_params(const char *op, const moon_unfold_params *p) {
  int status = moon__check_pair(op, "kernel", p->kernel, 1);
  if (status >= 0) status = moon__check_pair(op, "stride", p->stride, 1);
  if (status >= 0) status = moon__check_pair(op, "padding", p->padding, 0);
  if (status >= 0) status = moon__check_pair(op, "dilation", p->dilation, 1);
  return status;
}

static int measure(const char *op, windows *w) {
  int status = check_params(op, w->p);
  for (int i = 0; i < 2 && status >= 0; i++) {
    moon__window one = {w->image.dim[2 + i], w->p->kernel[i], w->p->stride[i],
                        w->p->padding[i], w->p->dilation[i], 0};
    status = moon__check_window(op, i, one, &w->places[i]);
  }
  return status;
}

/* [N, C kH kW, oH oW], and the same taken apart: [N,C,kH,kW,oH,oW]. */
static moon__shape columns_of(const windows *w) {
  const int64_t *k = w->p->kernel, *image = w->image.dim;
  return (moon__shape){3, {image[0], image[1] * k[0] * k[1],
                           w->places[0] * w->places[1]}};
}

static moon__shape apart(const windows *w) {
  const int64_t *k = w->p->kernel, *image = w->image.dim;
  return (moon__shape){6, {image[0], image[1], k[0], k[1], w->places[0],
                           w->places[1]}};
}

static moon__shape padded_of(const windows *w) {
  moon__shape s = w->image;
  for (int i = 0; i < 2; i++) s.dim[2 + i] += 2 * w->p->padding[i];
  return s;
}

/* The windows of a padded image. */
static moon_tensor *seen(moon__calc *c, const windows *w,
                         const moon_tensor *t) {
  if (c->status < 0) return NULL;
  const moon_unfold_params *p = w->p;
  int64_t stride[] = {t->stride[0], t->stride[1],
                      p->dilation[0] * t->stride[2],
                      p->dilation[1] * t->stride[3],
                      p->stride[0] * t->stride[2],
                      p->stride[1] * t->stride[3]};
  moon_tensor *v = moon__tensor_view(t, apart(w), stride, t->offset);
  return moon__calc_own(c, MOON_OK, &v);
}

static moon_tensor *pad(moon__calc *c, const windows *w, moon_tensor *x) {
  const int64_t *p = w->p->padding;
  moon_pad_params q = {.before = {0, 0, p[0], p[1]},
                       .after = {0, 0, p[0], p[1]}};
  moon_tensor *y = NULL;
  if (c->status < 0 || (p[0] == 0 && p[1] == 0)) return x;
  return moon__calc_own(c, moon_pad(c->ctx, x, &q, &y), &y);
}

static moon_tensor *unfold(moon__calc *c, const windows *w, moon_tensor *x) {
  moon_tensor *y = moon__c_new(c, x, x->dtype, columns_of(w), MOON__ROWS);
  moon__arg args[] = {{seen(c, w, pad(c, w, x)), MOON__READ, NULL},
                      {moon__c_reshape(c, y, apart(w)), MOON__WRITE, NULL}};
  moon__c_run(c, "unfold", MOON_K_copy, NULL, args, 2);
  return y;
}

/* Place (u, v) of all windows in t [N,C,kH,kW,oH,oW]. */
static moon_tensor *place_of(moon__calc *c, const moon_tensor *t, int64_t u,
                             int64_t v) {
  if (c->status < 0) return NULL;
  const int64_t *s = t->stride;
  moon__shape part = {4, {t->shape[0], t->shape[1], t->shape[4], t->shape[5]}};
  int64_t stride[] = {s[0], s[1], s[4], s[5]};
  moon_tensor *one = moon__tensor_view(t, part, stride,
                                       t->offset + u * s[2] + v * s[3]);
  return moon__calc_own(c, MOON_OK, &one);
}

static moon_tensor *fold(moon__calc *c, const windows *w, moon_tensor *y) {
  moon_tensor *sum = moon__c_zeros(c, y, y->dtype, padded_of(w));
  moon_tensor *to = seen(c, w, sum);
  moon_tensor *from = moon__c_reshape(c, y, apart(w));
  for (int64_t k = 0; k < w->p->kernel[0] * w->p->kernel[1]; k++) {
    int64_t u = k / w->p->kernel[1], v = k % w->p->kernel[1];
    moon__calc one = {.ctx = c->ctx, .status = c->status};
    moon__arg args[] = {{place_of(&one, from, u, v), MOON__READ, NULL},
                        {place_of(&one, to, u, v), MOON__UPDATE, NULL}};
    moon__c_run(&one, "fold", MOON_K_add_into, &(moon_params){.scale = {1}},
                args, 2);
    c->status = moon__calc_end(&one);
  }
  for (int i = 0; i < 2; i++) {
    if (w->p->padding[i] == 0) continue;
    sum = moon__c_narrow(c, sum, 2 + i, w->p->padding[i], w->image.dim[2 + i]);
  }
  return moon__c_rows(c, sum);
}

/* --- gradients: each is the other ------------------------------------- */
static int unfold_backward(moon__back *b) {
  windows w = {.p = &b->node->params.unfold, .image = b->node->input_shape[0]};
  moon__calc c = {.ctx = b->ctx, .status = measure("unfold", &w)};
  moon__calc_give(&c, b, 0, fold(&c, &w, b->dy));
  return moon__calc_end(&c);
}

static int fold_backward(moon__back *b) {
  windows w = {.p = &b->node->params.unfold, .image = b->node->shape};
  moon__calc c = {.ctx = b->ctx, .status = measure("fold", &w)};
  moon__calc_give(&c, b, 0, unfold(&c, &w, b->dy));
  return moon__calc_end(&c);
}

static const moon__rule unfold_rule = {"unfold", unfold_backward};
static const moon__rule fold_rule = {"fold", fold_backward};

/* --- the two ---------------------------------------------------------- */
int moon_unfold(moon_ctx *ctx, moon_tensor *x, const moon_unfold_params *p,
                moon_tensor **out) {
  windows w = {.p = p, .image = moon__shape_of(x)};
  int status = moon__check_ndim("unfold", "x", x, 4);
  if (status >= 0) status = moon__check_float("unfold", x);
  if (status >= 0) status = measure("unfold", &w);
  if (status >= 0) status = moon__check_size("unfold", apart(&w));
  if (status < 0) return status;
  moon_ctx quiet = moon__quiet(ctx);
  moon__calc c = {.ctx = &quiet};
  moon_tensor *y = unfold(&c, &w, x);
  moon__node *node = moon__record(ctx, &unfold_rule, c.status, y, &x, 1);
  if (node) node->params = (moon_params){.unfold = *p};
  return moon__calc_finish(&c, y, out);
}

/* x's shape out of the columns. */
static int check_fold(const moon_tensor *x, const int64_t size[2],
                      windows *w) {
  int status = moon__check_ndim("fold", "x", x, 3);
  if (status >= 0) status = moon__check_float("fold", x);
  if (status >= 0) status = moon__check_pair("fold", "size", size, 1);
  if (status >= 0) status = check_params("fold", w->p);
  if (status < 0) return status;
  int64_t k = w->p->kernel[0] * w->p->kernel[1];
  w->image = (moon__shape){4, {x->shape[0], x->shape[1] / k, size[0],
                               size[1]}};
  status = measure("fold", w);
  if (status < 0) return status;
  if (x->shape[1] % k == 0 && moon__shape_equal(columns_of(w),
                                                moon__shape_of(x))) {
    return moon__check_size("fold", padded_of(w));
  }
  return moon__fail(MOON_E_SHAPE, "fold: x is %s, %lldx[channels]x%lldx%lld "
                    "(kernel, places) needed", moon__text(x),
                    (long long)x->shape[0], (long long)k,
                    (long long)(w->places[0] * w->places[1]));
}

int moon_fold(moon_ctx *ctx, moon_tensor *x, const int64_t size[2],
              const moon_unfold_params *p, moon_tensor **out) {
  windows w = {.p = p};
  int status = check_fold(x, size, &w);
  if (status < 0) return status;
  moon_ctx quiet = moon__quiet(ctx);
  moon__calc c = {.ctx = &quiet};
  moon_tensor *y = fold(&c, &w, x);
  moon__node *node = moon__record(ctx, &fold_rule, c.status, y, &x, 1);
  if (node) node->params = (moon_params){.unfold = *p};
  return moon__calc_finish(&c, y, out);
}
