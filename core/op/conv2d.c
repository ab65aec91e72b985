/* Convolution (cross-correlation, as everywhere in the field), with bias and
 * ReLU in the same kernel:
 *
 *   y[n,k,i,j] = b[k] + sum over c, u, v of
 *                w[k,c,u,v] x[n, g C/G + c, i s_h - p_h + u d_h,
 *                                           j s_w - p_w + v d_w]
 *
 *   x [N,C,H,W], w [K,C/G,kH,kW], b [K] -> y [N,K,oH,oW]     g = k G / K
 *   oH = floor((H + 2 p_h - d_h (kH - 1) - 1) / s_h) + 1     oW likewise
 *
 * (PyTorch's documentation of Conv2d). A tensor z like y may be added before
 * the ReLU: by the kernel, where it can, or by an op after it. Kernels get x,
 * y, z, dy and dx in channels-last memory, w and dw in rows: others are copied
 * first. */
#include "shared.h"

enum { X, W, Y, M };  /* saved; with ReLU y or its mask */

/* As the kernel has dw: of halves in channels-last memory. A leaf's gradient
 * lies in rows, as what is made of it likes it. */
static moon__layout layout_of_dw(const moon__back *b) {
  const moon__node *from = b->node->input[1];
  bool is_cast = from && from->rule && moon_dtype_is_half(b->node->dtype);
  return is_cast ? MOON__CHANNELS_LAST : MOON__ROWS;
}

/* dw and db come from one kernel: either both are added to what the leaves
 * have, or both are fresh. */
static void give_weight_gradients(moon__calc *c, moon__back *b,
                                  moon_tensor *dz) {
  bool wants_db = moon__wants(b, 2);
  moon_params params = b->node->params;
  moon_tensor *dw = moon__accumulate_into(b, 1);
  moon_tensor *db = wants_db ? moon__accumulate_into(b, 2) : NULL;
  bool add = dw && moon__is_contiguous(dw) && (db || !wants_db);
  if (!add) {
    const moon__shape *s = b->node->input_shape;
    int dtype = b->node->dtype;
    dw = moon__c_new(c, b->dy, dtype, s[1], layout_of_dw(b));
    db = wants_db ? moon__c_new(c, b->dy, dtype, s[2], MOON__ROWS) : NULL;
  }
  params.conv.accumulate = add;
  moon__mode mode = add ? MOON__UPDATE : MOON__WRITE;
  moon__arg args[] = {{dz, MOON__READ, NULL},
                      {moon__saved_at(b, X), MOON__READ, NULL},
                      {dw, mode, NULL},
                      {db, mode, NULL},
                      {moon__saved_at(b, M), MOON__READ, NULL}};
  moon__c_run(c, "conv2d backward (w)", MOON_K_conv2d_grad_w, &params, args,
              5);
  moon__calc_give(c, b, 1, dw);
  if (wants_db) moon__calc_give(c, b, 2, db);
}

static int backward(moon__back *b) {
  moon_tensor *y = moon__saved_at(b, Y), *m = moon__saved_at(b, M);
  moon__calc c = {.ctx = b->ctx, .trains = moon__wants(b, 1)};
  moon_tensor *dz = y ? moon__c_relu_grad(&c, b->dy, y, NULL)
                    : m ? moon__c_any_pixels(&c, b->dy)
                        : moon__c_channels_last(&c, b->dy);
  if (moon__wants(b, 3)) moon__calc_give(&c, b, 3, dz);
  if (moon__wants(b, 0)) {
    moon_tensor *dx =
        moon__c_new(&c, b->dy, b->node->dtype, b->node->input_shape[0],
                    MOON__CHANNELS_LAST);
    moon__arg args[] = {{dz, MOON__READ, NULL},
                        {moon__saved_at(b, W), MOON__READ, NULL},
                        {dx, MOON__WRITE, NULL},
                        {NULL, MOON__OPTIONAL, NULL},
                        {m, MOON__READ, NULL}};
    args[3].t = moon__c_packed(&c, MOON_K_conv2d_grad_x, &b->node->params,
                               args, 5, args[1].t);
    moon__c_run(&c, "conv2d backward (x)", MOON_K_conv2d_grad_x,
                &b->node->params, args, 5);
    moon__calc_give(&c, b, 0, dx);
  }
  if (moon__wants(b, 1)) {
    give_weight_gradients(&c, b, dz);
  } else if (moon__wants(b, 2)) {
    moon_tensor *db = moon__c_reduce(&c, MOON_R_SUM, dz, 1 | 4 | 8);
    moon__shape s = b->node->input_shape[2];
    moon__calc_give(&c, b, 2, moon__c_reshape(&c, db, s));
  }
  return moon__calc_end(&c);
}

static const moon__rule rule = {"conv2d", backward};

static int check_channels(const moon_tensor *x, const moon_tensor *w,
                          int64_t groups) {
  int64_t channels = x->shape[1], filters = w->shape[0];
  if (groups < 1 || channels % groups || filters % groups) {
    return moon__fail(MOON_E_VALUE, "conv2d: %lld groups do not divide %lld "
                      "input and %lld output channels (x %s, w %s)",
                      (long long)groups, (long long)channels,
                      (long long)filters, moon__text(x), moon__text(w));
  }
  if (channels < 1 || filters < 1) {
    return moon__fail(MOON_E_SHAPE, "conv2d: no channels (x %s, w %s)",
                      moon__text(x), moon__text(w));
  }
  if (channels / groups == w->shape[1]) return MOON_OK;
  if (groups == 1) {
    return moon__fail(MOON_E_SHAPE, "conv2d: w expects %lld input channels, "
                      "x has %lld (x %s, w %s)", (long long)w->shape[1],
                      (long long)channels, moon__text(x), moon__text(w));
  }
  return moon__fail(MOON_E_SHAPE, "conv2d: w expects %lld input channels in "
                    "each of %lld groups, x has %lld (x %s, w %s)",
                    (long long)w->shape[1], (long long)groups,
                    (long long)(channels / groups), moon__text(x),
                    moon__text(w));
}

static int check(const moon_tensor *x, const moon_tensor *w,
                 const moon_tensor *b, const moon_conv2d_params *p,
                 moon__shape *s) {
  int status = moon__check_ndim("conv2d", "x", x, 4);
  if (status >= 0) status = moon__check_ndim("conv2d", "w", w, 4);
  if (status >= 0) status = moon__check_same_dtype("conv2d", x, w);
  if (status >= 0) status = moon__check_float("conv2d", x);
  if (status >= 0) status = check_channels(x, w, p->groups);
  if (status >= 0 && b) {
    status = moon__check_vector("conv2d", "b", b, w->shape[0], x);
  }
  if (status >= 0) status = moon__check_pair("conv2d", "stride", p->stride, 1);
  if (status >= 0) {
    status = moon__check_pair("conv2d", "padding", p->padding, 0);
  }
  if (status >= 0) {
    status = moon__check_pair("conv2d", "dilation", p->dilation, 1);
  }
  if (status >= 0) status = moon__check_epilogue("conv2d", p->epilogue);
  *s = (moon__shape){4, {x->shape[0], w->shape[0]}};
  for (int i = 0; i < 2 && status >= 0; i++) {
    moon__window window = {x->shape[2 + i], w->shape[2 + i], p->stride[i],
                           p->padding[i], p->dilation[i], 0};
    status = moon__check_window("conv2d", i, window, &s->dim[2 + i]);
  }
  return status < 0 ? status : moon__check_size("conv2d", *s);
}

static moon_params kernel_params(const moon_ctx *ctx, const moon_tensor *x,
                                 const moon_conv2d_params *p) {
  return (moon_params){
      .conv = {.stride = {p->stride[0], p->stride[1]},
               .padding = {p->padding[0], p->padding[1]},
               .dilation = {p->dilation[0], p->dilation[1]},
               .groups = p->groups, .epilogue = p->epilogue,
               .strict = ctx->rt->strict, .bf16 = moon__rounds(ctx, x)}};
}

/* Halves that begin at an odd place are copied: for them cuDNN has no engine
 * with an epilogue, and none on tensor cores. */
static moon_tensor *at_even(moon__calc *c, moon_tensor *t) {
  bool is_odd = c->status >= 0 && t && moon_dtype_is_half(t->dtype) &&
                t->offset % 2 != 0;
  return is_odd ? moon__c_copy(c, t) : t;
}

/* in: x, w, b, z */
static int convolve(moon_ctx *ctx, moon_tensor *const in[4],
                    const moon_conv2d_params *p, moon_tensor **out) {
  moon_tensor *x = in[0], *w = in[1], *b = in[2], *z = in[3];
  moon__shape s;
  int status = check(x, w, b, p, &s);
  if (status < 0) return status;
  moon_ctx quiet = moon__quiet(ctx);
  moon__calc c = {.ctx = &quiet, .trains = moon__trains(ctx, w)};
  moon_params params = kernel_params(ctx, x, p);
  moon_tensor *y = moon__c_new(&c, x, x->dtype, s, MOON__CHANNELS_LAST);
  x = at_even(&c, moon__c_channels_last(&c, x));
  w = at_even(&c, moon__c_weight(&c, w));
  if (b) b = at_even(&c, moon__c_rows(&c, b));
  if (z) z = at_even(&c, moon__c_channels_last(&c, z));
  moon__arg args[] = {{x, MOON__READ, NULL},
                      {w, MOON__READ, NULL},
                      {y, MOON__WRITE, NULL},
                      {b, MOON__READ, NULL},
                      {NULL, MOON__OPTIONAL, NULL},
                      {NULL, MOON__WRITE, NULL},
                      {z, MOON__READ, NULL}};
  args[4].t = moon__c_packed(&c, MOON_K_conv2d, &params, args, 4, w);
  if (!z) args[5].t = moon__c_mask(&c, ctx, &params, args, in);
  moon__c_run(&c, "conv2d", MOON_K_conv2d, &params, args, 7);
  moon__node *node = moon__record(ctx, &rule, c.status, y, in, 4);
  if (node) {
    node->params = params;
    moon__save(node, moon_tensor_needs_grad(in[1]) ? x : NULL);
    moon__save(node, moon_tensor_needs_grad(in[0]) ? w : NULL);
    bool keeps_y = p->epilogue == MOON_EPILOGUE_RELU && !args[5].t;
    moon__save(node, keeps_y ? y : NULL);
    moon__save(node, args[5].t);
  }
  return moon__calc_finish(&c, y, out);
}

int moon_conv2d(moon_ctx *ctx, moon_tensor *x, moon_tensor *w, moon_tensor *b,
                const moon_conv2d_params *p, moon_tensor **out) {
  moon__calc c = {.ctx = ctx};
  moon_tensor *in[] = {x, w, b, NULL};
  if (moon__c_lower_conv(&c, in) >= 0) c.status = convolve(ctx, in, p, out);
  return moon__calc_end(&c);
}

/* Whether the device's convolution adds z, which is what y will be like. */
static bool takes(const moon_ctx *ctx, moon_tensor *const in[4],
                  const moon_conv2d_params *p) {
  const moon_tensor *x = in[0], *z = in[3];
  moon__shape s;
  return ctx->rt->device[x->storage->device].table->adds_to_conv2d &&
         z->dtype == x->dtype && check(x, in[1], in[2], p, &s) >= 0 &&
         moon__shape_equal(s, moon__shape_of(z));
}

int moon_conv2d_add(moon_ctx *ctx, const moon_conv2d_inputs *given,
                    const moon_conv2d_params *p, moon_tensor **out) {
  moon__calc c = {.ctx = ctx};
  moon_tensor *in[] = {given->x, given->w, given->b, given->z}, *y = NULL;
  if (moon__c_lower_conv(&c, in) < 0) return moon__calc_end(&c);
  if (takes(ctx, in, p)) {
    c.status = convolve(ctx, in, p, &y);
    return moon__calc_finish(&c, moon__calc_own(&c, c.status, &y), out);
  }
  moon_conv2d_params plain = *p;
  plain.epilogue = MOON_EPILOGUE_NONE;
  moon__calc_own(&c, moon_conv2d(ctx, in[0], in[1], in[2], &plain, &y), &y);
  y = moon__c_add(&c, y, in[3]);
  if (p->epilogue == MOON_EPILOGUE_RELU) {
    y = moon__c_unary(&c, MOON_U_RELU, y, 0);
  }
  return moon__calc_finish(&c, y, out);
}
