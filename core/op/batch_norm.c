/* Batch normalisation of each channel (Ioffe and Szegedy 2015):
 *
 *   y = w h + b     h = (x - m) r     r = 1 / sqrt(var + eps)
 *
 *   x [N,C,H,W], w and b [C] (or neither: 1 and 0), running mean and var [C]
 *
 * In training m and var (biased) are the batch's, and the running ones move:
 * running = (1 - momentum) running + momentum batch, with the unbiased var
 * (running.c). Otherwise the running ones are used, as constants.
 *
 *   dw = sum dy h    db = sum dy         over N, H, W
 *   training:  dx = w r (dy - mean dy - h mean(dy h))
 *   else:      dx = w r dy
 *
 * With ReLU as the epilogue y = max(0, w h + b), and dy counts where y > 0: in
 * training the forward keeps what tells that from x. A max_pool2d of 2x2 after
 * that is done in the same kernel where the device has one for it, so that what
 * it is of is never in memory, nor its gradient.
 *
 * Memory is channels-last: another x is copied first. */
#include <math.h>
#include "shared.h"

enum { X, W };                    /* saved */
enum { M = 2, R, K, I, KEPT = 4 };  /* in training */
enum { MEAN = 2, VAR, Y };        /* else */
enum { NHW = 1 | 4 | 8 };         /* all dimensions but C */

static int training_backward(moon__back *b) {
  moon_tensor *x = moon__saved_at(b, X), *w = moon__saved_at(b, W);
  moon_tensor *dw = NULL, *db = NULL;
  moon__calc c = {.ctx = b->ctx};
  moon__shape channels = {1, {x->shape[1]}};
  moon_tensor *dy = moon__c_channels_last(&c, b->dy);
  moon_tensor *dx = moon__c_like(&c, x, x->dtype);
  const int *dtype = b->node->input_dtype;
  if (moon__wants(b, 1)) {
    dw = moon__c_new(&c, x, dtype[1], channels, MOON__ROWS);
  }
  if (moon__wants(b, 2)) {
    db = moon__c_new(&c, x, dtype[2], channels, MOON__ROWS);
  }
  moon__arg args[] = {{dy, MOON__READ, NULL},
                      {x, MOON__READ, NULL},
                      {w, MOON__READ, NULL},
                      {moon__saved_at(b, M), MOON__READ, NULL},
                      {moon__saved_at(b, R), MOON__READ, NULL},
                      {dx, MOON__WRITE, NULL},
                      {dw, MOON__WRITE, NULL},
                      {db, MOON__WRITE, NULL},
                      {moon__saved_at(b, K), MOON__READ, NULL},
                      {moon__saved_at(b, I), MOON__READ, NULL}};
  moon__c_run(&c, "batch_norm backward", MOON_K_batch_norm_grad,
              &b->node->params, args, 10);
  if (moon__wants(b, 0)) moon__calc_give(&c, b, 0, dx);
  if (dw) moon__calc_give(&c, b, 1, dw);
  if (db) moon__calc_give(&c, b, 2, db);
  return moon__calc_end(&c);
}

/* Composed, in f32 if x is a half. */
static int eval_backward(moon__back *b) {
  moon_tensor *y = moon__saved_at(b, Y), *g[3] = {NULL};
  moon__calc c = {.ctx = b->ctx};
  int dtype = moon__wide(b->node->dtype);
  moon_tensor *x = moon__c_cast(&c, moon__saved_at(b, X), dtype);
  moon_tensor *w = moon__saved_at(b, W);
  moon_tensor *dy = y ? moon__c_relu_grad(&c, b->dy, y, NULL) : b->dy;
  dy = moon__c_cast(&c, dy, dtype);
  if (c.status < 0) return moon__calc_end(&c);
  moon__shape row = {4, {1, x->shape[1], 1, 1}}, channels = {1, {row.dim[1]}};
  moon_tensor *var = moon__c_reshape(&c, moon__saved_at(b, VAR), row);
  moon_tensor *mean = moon__c_reshape(&c, moon__saved_at(b, MEAN), row);
  var = moon__c_cast(&c, var, dtype);
  moon_tensor *r =
      moon__c_unary(&c, MOON_U_POW,
                    moon__c_shift(&c, var, b->node->params.norm.eps), -0.5);
  if (moon__wants(b, 0)) {
    moon_tensor *scale = r;
    if (w) w = moon__c_cast(&c, moon__c_reshape(&c, w, row), dtype);
    if (w) scale = moon__c_mul(&c, r, w);
    g[0] = moon__c_mul(&c, dy, scale);
  }
  if (moon__wants(b, 1)) {
    mean = moon__c_cast(&c, mean, dtype);
    moon_tensor *h = moon__c_mul(&c, moon__c_sub(&c, x, mean), r);
    h = moon__c_reduce(&c, MOON_R_SUM, moon__c_mul(&c, dy, h), NHW);
    g[1] = moon__c_reshape(&c, h, channels);
  }
  if (moon__wants(b, 2)) {
    moon_tensor *db = moon__c_reduce(&c, MOON_R_SUM, dy, NHW);
    g[2] = moon__c_reshape(&c, db, channels);
  }
  for (int i = 0; i < 3; i++) {
    if (!g[i]) continue;
    g[i] = moon__c_cast(&c, g[i], b->node->input_dtype[i]);
    moon__calc_give(&c, b, i, g[i]);
  }
  return moon__calc_end(&c);
}

static const moon__rule training_rule = {"batch_norm", training_backward};
static const moon__rule eval_rule = {"batch_norm", eval_backward};

static int check_device(const moon_ctx *ctx, const moon_tensor *x,
                        const char *name, const moon_tensor *t) {
  int device = t->storage->device;
  if (device == x->storage->device) return MOON_OK;
  return moon__fail(MOON_E_DEVICE, "batch_norm: %s is on %s, x on %s", name,
                    moon_device_name(ctx->rt, device),
                    moon_device_name(ctx->rt, x->storage->device));
}

static int check_state(moon_ctx *ctx, const moon_tensor *x,
                       const moon_batch_norm_state *s, bool training) {
  const char *op = "batch_norm";
  if (!s->weight != !s->bias) {
    return moon__fail(MOON_E_VALUE, "%s: weight and bias, or neither", op);
  }
  const struct { const char *name; moon_tensor *t; } vector[] = {
      {"weight", s->weight}, {"bias", s->bias},
      {"running mean", s->mean}, {"running var", s->var}};
  for (int i = 0; i < 4; i++) {
    if (!vector[i].t) continue;
    int status = moon__check_parameter(op, vector[i].name, vector[i].t,
                                       x->shape[1], x);
    if (status >= 0) status = moon__check_live(op, vector[i].t);
    if (status >= 0) status = check_device(ctx, x, vector[i].name,
                                           vector[i].t);
    if (status >= 0 && training && i >= 2) {
      status = moon__check_inplace(ctx, op, vector[i].t);
    }
    if (status < 0) return status;
  }
  return MOON_OK;
}

static int check(moon_ctx *ctx, const moon_tensor *x,
                 const moon_batch_norm_state *s,
                 const moon_batch_norm_params *p) {
  const char *op = "batch_norm";
  int status = moon__check_ndim(op, "x", x, 4);
  if (status >= 0) status = moon__check_float(op, x);
  if (status >= 0) status = check_state(ctx, x, s, p->training);
  if (status < 0) return status;
  if (!(p->eps >= 0) || !isfinite(p->eps)) {
    return moon__fail(MOON_E_VALUE, "%s: eps %g", op, p->eps);
  }
  if (!(p->momentum >= 0 && p->momentum <= 1)) {
    return moon__fail(MOON_E_VALUE, "%s: momentum %g is outside [0, 1]", op,
                      p->momentum);
  }
  bool pools = p->epilogue == MOON_EPILOGUE_RELU_POOL;
  status = pools ? MOON_OK : moon__check_epilogue(op, p->epilogue);
  if (status < 0) return status;
  int64_t n = x->shape[1] ? x->numel / x->shape[1] : 2;
  if (n > 1 || !p->training) return MOON_OK;
  return moon__fail(MOON_E_SHAPE, "%s: %lld values per channel, training "
                    "needs 2 or more (x %s)", op, (long long)n,
                    moon__text(x));
}

static bool is_pooled(const moon_tensor *x, const moon_tensor *y) {
  return x->shape[2] != y->shape[2];
}

/* The training kernel; kept: m, r, k and i. */
static void run_training(moon__calc *c, moon_tensor *x, moon_tensor *y,
                         const moon_batch_norm_state *s,
                         const moon_params *params, moon_tensor *kept[KEPT]) {
  moon__shape channels = {1, {x->shape[1]}}, rows = {2, {2, x->shape[1]}};
  bool relu = params->norm.epilogue == MOON_EPILOGUE_RELU;
  int dtype = moon__wide(x->dtype);
  kept[0] = moon__c_new(c, x, dtype, channels, MOON__ROWS);
  kept[1] = moon__c_new(c, x, dtype, channels, MOON__ROWS);
  kept[2] = relu ? moon__c_new(c, x, dtype, rows, MOON__ROWS) : NULL;
  moon_tensor *v = moon__c_new(c, x, dtype, channels, MOON__ROWS);
  if (c->status >= 0 && is_pooled(x, y)) {
    kept[3] = moon__c_new(c, x, MOON_U8, moon__shape_of(y),
                          MOON__CHANNELS_LAST);
  }
  moon__arg args[] = {{x, MOON__READ, NULL},
                      {s->weight, MOON__READ, NULL},
                      {s->bias, MOON__READ, NULL},
                      {kept[0], MOON__WRITE, NULL},
                      {v, MOON__WRITE, NULL},
                      {y, MOON__WRITE, NULL},
                      {kept[1], MOON__WRITE, NULL},
                      {kept[2], MOON__WRITE, NULL},
                      {kept[3], MOON__WRITE, NULL}};
  moon__c_run(c, "batch_norm", MOON_K_batch_norm, params, args, 9);
  if (c->status >= 0 && !c->ctx->again) {
    moon__late_add(c->ctx, s, kept[0], v, params->norm.momentum);
  }
}

static void run_eval(moon__calc *c, moon_tensor *x, moon_tensor *y,
                     const moon_batch_norm_state *s,
                     const moon_params *params, moon_tensor *kept[KEPT]) {
  kept[0] = s->mean;
  kept[1] = s->var;
  kept[2] = params->norm.epilogue == MOON_EPILOGUE_RELU ? y : NULL;
  moon__arg args[] = {{x, MOON__READ, NULL},
                      {s->weight, MOON__READ, NULL},
                      {s->bias, MOON__READ, NULL},
                      {s->mean, MOON__READ, NULL},
                      {s->var, MOON__READ, NULL},
                      {y, MOON__WRITE, NULL}};
  moon__c_run(c, "batch_norm", MOON_K_batch_norm_eval, params, args, 6);
}

static bool pools_in_kernel(const moon_ctx *ctx, const moon_tensor *x,
                            const moon_batch_norm_params *p) {
  bool is_even = x->shape[2] % 2 == 0 && x->shape[3] % 2 == 0;
  return p->training && is_even && x->numel > 0 &&
         ctx->rt->device[x->storage->device].table->pools_batch_norm;
}

static int normalise(moon_ctx *ctx, moon_tensor *x,
                     const moon_batch_norm_state *s,
                     const moon_batch_norm_params *p, moon_tensor **out) {
  moon_ctx quiet = moon__quiet(ctx);
  moon__calc c = {.ctx = &quiet};
  bool pools = p->epilogue == MOON_EPILOGUE_RELU_POOL;
  moon_params params = {.norm = {p->eps, p->momentum, p->epilogue}};
  if (pools) params.norm.epilogue = MOON_EPILOGUE_RELU;
  moon_tensor *inputs[] = {x, s->weight, s->bias}, *kept[KEPT] = {NULL};
  moon__shape shape = moon__shape_of(x);
  for (int d = 2; d < 4 && pools; d++) shape.dim[d] /= 2;
  moon_tensor *y = moon__c_new(&c, x, x->dtype, shape, MOON__CHANNELS_LAST);
  x = moon__c_channels_last(&c, x);
  if (c.status >= 0) {
    (p->training ? run_training : run_eval)(&c, x, y, s, &params, kept);
  }
  moon__node *node =
      moon__record(ctx, p->training ? &training_rule : &eval_rule, c.status,
                   y, inputs, 3);
  if (node) {
    node->params = params;
    moon__save(node, x);
    moon__save(node, s->weight);
    for (int i = 0; i < KEPT; i++) moon__save(node, kept[i]);
  }
  return moon__calc_finish(&c, y, out);
}

int moon_batch_norm(moon_ctx *ctx, moon_tensor *x,
                    const moon_batch_norm_state *s,
                    const moon_batch_norm_params *p, moon_tensor **out) {
  int status = check(ctx, x, s, p);
  if (status < 0) return status;
  bool pools = p->epilogue == MOON_EPILOGUE_RELU_POOL;
  if (!pools || pools_in_kernel(ctx, x, p)) {
    return normalise(ctx, x, s, p, out);
  }
  static const moon_pool2d_params two = {.kernel = {2, 2}, .stride = {2, 2}};
  moon_batch_norm_params plain = *p;
  plain.epilogue = MOON_EPILOGUE_RELU;
  moon__calc c = {.ctx = ctx};
  moon_tensor *y = NULL, *pooled = NULL;
  moon__calc_own(&c, normalise(ctx, x, s, &plain, &y), &y);
  if (c.status >= 0) {
    moon__calc_own(&c, moon_max_pool2d(ctx, y, &two, &pooled), &pooled);
  }
  return moon__calc_finish(&c, pooled, out);
}
