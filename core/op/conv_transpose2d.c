/* Transposed convolution: what conv2d's gradient does with dy, as a forward.
 *
 *   y[n,k,i s_h - p_h + u d_h, j s_w - p_w + v d_w] += w[c,k,u,v] x[n,c,i,j]
 *   y += b
 *
 *   x [N,C,H,W], w [C,K/G,kH,kW], b [K] -> y [N,K,oH,oW], in G groups
 *   oH = (H - 1) s_h - 2 p_h + d_h (kH - 1) + 1 + o_h       oW likewise
 *
 * o, the output padding, adds rows and columns behind that w may not reach: of
 * the sizes that conv2d makes x's of, it picks one (PyTorch's documentation of
 * ConvTranspose2d). So conv2d's kernels do all of it, dx being a convolution of
 * dy; they get channels-last memory, w in rows. */
#include "shared.h"

enum { X, W };  /* saved */
static const char *const op = "conv_transpose2d";

static void give_weight_gradient(moon__calc *c, moon__back *b,
                                 moon_tensor *dy) {
  moon_params params = b->node->params;
  moon_tensor *dw = moon__accumulate_into(b, 1);
  bool add = dw && moon__is_contiguous(dw);
  if (!add) {
    dw = moon__c_new(c, dy, b->node->dtype, b->node->input_shape[1],
                     MOON__ROWS);
  }
  params.conv.accumulate = add;
  moon__arg args[] = {{moon__saved_at(b, X), MOON__READ, NULL},
                      {dy, MOON__READ, NULL},
                      {dw, add ? MOON__UPDATE : MOON__WRITE, NULL}};
  moon__c_run(c, "conv_transpose2d backward (w)", MOON_K_conv2d_grad_w,
              &params, args, 3);
  moon__calc_give(c, b, 1, dw);
}

static int backward(moon__back *b) {
  moon__node *n = b->node;
  moon__calc c = {.ctx = b->ctx, .trains = moon__wants(b, 1)};
  moon_tensor *dy = moon__c_channels_last(&c, b->dy);
  if (moon__wants(b, 0) && dy) {
    moon_tensor *dx = moon__c_new(&c, b->dy, n->dtype, n->input_shape[0],
                                  MOON__CHANNELS_LAST);
    moon__arg args[] = {{dy, MOON__READ, NULL},
                        {moon__saved_at(b, W), MOON__READ, NULL},
                        {dx, MOON__WRITE, NULL},
                        {NULL, MOON__READ, NULL},
                        {NULL, MOON__OPTIONAL, NULL}};
    args[4].t = moon__c_packed(&c, MOON_K_conv2d, &n->params, args, 4,
                               args[1].t);
    moon__c_run(&c, "conv_transpose2d backward (x)", MOON_K_conv2d,
                &n->params, args, 5);
    moon__calc_give(&c, b, 0, dx);
  }
  if (moon__wants(b, 2)) {
    moon_tensor *db = moon__c_reduce(&c, MOON_R_SUM, dy, 1 | 4 | 8);
    moon__calc_give(&c, b, 2, moon__c_reshape(&c, db, n->input_shape[2]));
  }
  if (moon__wants(b, 1)) give_weight_gradient(&c, b, dy);
  return moon__calc_end(&c);
}

static const moon__rule rule = {"conv_transpose2d", backward};

static int check_channels(const moon_tensor *x, const moon_tensor *w,
                          int64_t groups) {
  int64_t channels = x->shape[1];
  if (channels < 1 || w->shape[1] < 1) {
    return moon__fail(MOON_E_SHAPE, "%s: no channels (x %s, w %s)", op,
                      moon__text(x), moon__text(w));
  }
  if (channels != w->shape[0]) {
    return moon__fail(MOON_E_SHAPE, "%s: w expects %lld input channels, x has "
                      "%lld (x %s, w %s)", op, (long long)w->shape[0],
                      (long long)channels, moon__text(x), moon__text(w));
  }
  if (groups > 0 && channels % groups == 0) return MOON_OK;
  return moon__fail(MOON_E_VALUE, "%s: %lld groups do not divide %lld input "
                    "channels (x %s, w %s)", op, (long long)groups,
                    (long long)channels, moon__text(x), moon__text(w));
}

/* The output's size along an axis. */
static int measure(const moon_tensor *x, const moon_tensor *w,
                   const moon_conv_transpose2d_params *p, int axis,
                   int64_t *size) {
  const moon_conv2d_params *q = &p->conv;
  int64_t n = x->shape[2 + axis], k = w->shape[2 + axis];
  int64_t more = p->output_padding[axis];
  int64_t most = q->stride[axis] > q->dilation[axis] ? q->stride[axis]
                                                     : q->dilation[axis];
  if (more >= most) {
    return moon__fail(MOON_E_VALUE, "%s: output padding %lld is not less than "
                      "stride %lld or dilation %lld", op, (long long)more,
                      (long long)q->stride[axis],
                      (long long)q->dilation[axis]);
  }
  if (n < 1 || k < 1 || n > INT32_MAX || k > INT32_MAX) {
    return moon__fail(MOON_E_SHAPE, "%s: no places, or too many (x %s, w %s)",
                      op, moon__text(x), moon__text(w));
  }
  *size = (n - 1) * q->stride[axis] - 2 * q->padding[axis] +
          q->dilation[axis] * (k - 1) + 1 + more;
  if (*size > 0) return MOON_OK;
  return moon__fail(MOON_E_SHAPE, "%s: padding %lld leaves nothing of the %s "
                    "(x %s, w %s)", op, (long long)q->padding[axis],
                    axis ? "width" : "height", moon__text(x), moon__text(w));
}

static int check(const moon_tensor *x, const moon_tensor *w,
                 const moon_tensor *b, const moon_conv_transpose2d_params *p,
                 moon__shape *s) {
  const moon_conv2d_params *q = &p->conv;
  int status = moon__check_ndim(op, "x", x, 4);
  if (status >= 0) status = moon__check_ndim(op, "w", w, 4);
  if (status >= 0) status = moon__check_same_dtype(op, x, w);
  if (status >= 0) status = moon__check_float(op, x);
  if (status >= 0) status = check_channels(x, w, q->groups);
  if (status < 0) return status;
  *s = (moon__shape){4, {x->shape[0], w->shape[1] * q->groups}};
  if (b) status = moon__check_vector(op, "b", b, s->dim[1], x);
  if (status >= 0) status = moon__check_pair(op, "stride", q->stride, 1);
  if (status >= 0) status = moon__check_pair(op, "padding", q->padding, 0);
  if (status >= 0) status = moon__check_pair(op, "dilation", q->dilation, 1);
  if (status >= 0) {
    status = moon__check_pair(op, "output padding", p->output_padding, 0);
  }
  for (int i = 0; i < 2 && status >= 0; i++) {
    status = measure(x, w, p, i, &s->dim[2 + i]);
  }
  return status < 0 ? status : moon__check_size(op, *s);
}

/* y += b, each channel its own. */
static void add_bias(moon__calc *c, moon_tensor *b, moon_tensor *y) {
  if (c->status < 0) return;
  moon__shape s = moon__shape_of(y);
  b = moon__c_reshape(c, b, (moon__shape){4, {1, s.dim[1], 1, 1}});
  moon__arg args[] = {{b, MOON__READ, &s}, {y, MOON__UPDATE, NULL}};
  moon__c_run(c, op, MOON_K_add_into, &(moon_params){.scale = {1}}, args, 2);
}

/* inputs: x, w, b */
static int convolve(moon_ctx *ctx, moon_tensor *const inputs[3],
                    const moon_conv_transpose2d_params *p,
                    moon_tensor **out) {
  moon_tensor *x = inputs[0], *w = inputs[1], *b = inputs[2];
  moon__shape s;
  int status = check(x, w, b, p, &s);
  if (status < 0) return status;
  const moon_conv2d_params *q = &p->conv;
  moon_ctx quiet = moon__quiet(ctx);
  moon__calc c = {.ctx = &quiet, .trains = moon__trains(ctx, w)};
  moon_params params = {
      .conv = {.stride = {q->stride[0], q->stride[1]},
               .padding = {q->padding[0], q->padding[1]},
               .dilation = {q->dilation[0], q->dilation[1]},
               .groups = q->groups}};
  moon_tensor *y = moon__c_new(&c, x, x->dtype, s, MOON__CHANNELS_LAST);
  x = moon__c_channels_last(&c, x);
  w = moon__c_weight(&c, w);
  moon__arg args[] = {{x, MOON__READ, NULL},
                      {w, MOON__READ, NULL},
                      {y, MOON__WRITE, NULL},
                      {NULL, MOON__OPTIONAL, NULL}};
  args[3].t = moon__c_packed(&c, MOON_K_conv2d_grad_x, &params, args, 3, w);
  moon__c_run(&c, op, MOON_K_conv2d_grad_x, &params, args, 4);
  if (b) add_bias(&c, b, y);
  moon__node *node = moon__record(ctx, &rule, c.status, y, inputs, 3);
  if (node) {
    node->params = params;
    moon__save(node, moon_tensor_needs_grad(inputs[1]) ? x : NULL);
    moon__save(node, moon_tensor_needs_grad(inputs[0]) ? w : NULL);
  }
  return moon__calc_finish(&c, y, out);
}

int moon_conv_transpose2d(moon_ctx *ctx, moon_tensor *x, moon_tensor *w,
                          moon_tensor *b,
                          const moon_conv_transpose2d_params *p,
                          moon_tensor **out) {
  moon__calc c = {.ctx = ctx};
  moon_tensor *in[] = {x, w, b};
  if (moon__c_lower_conv(&c, in) >= 0) c.status = convolve(ctx, in, p, out);
  return moon__calc_end(&c);
}
