/* Images varied at random, each by its place in the epoch (kernels/draw.h):
 *
 *   affine   turned, sheared, scaled and moved, bilinear between pixels
 *   jitter   brightness, contrast, saturation and hue, in any order
 *   cutout   a box of each filled (DeVries and Taylor 2017)
 *   mixup    y[j] = l x[j] + (1 - l) x[j + 1], l from Beta(alpha, alpha); the
 *            last with the first (Zhang et al. 2018)
 *
 * x [B,C,H,W], of mixup [B,...]; image j has place position + j. There is no
 * gradient. */
#include <math.h>
#include "shared.h"

static int check(moon_ctx *ctx, const char *op, const moon_tensor *x,
                 int least, const moon_place *at) {
  int status = moon__check_float(op, x);
  if (status < 0) return status;
  if (least == 4) status = moon__check_ndim(op, "x", x, 4);
  if (status < 0) return status;
  if (x->ndim < least) {
    return moon__fail(MOON_E_SHAPE, "%s: x is a scalar; its first dimension "
                      "counts", op);
  }
  if (at->position < 0) {
    return moon__fail(MOON_E_VALUE, "%s: position %lld", op,
                      (long long)at->position);
  }
  if (ctx->grad_mode == 1 && moon_tensor_needs_grad(x)) {
    return moon__fail(MOON_E_GRAD, "%s: x wants a gradient and there is none; "
                      "detach it", op);
  }
  return MOON_OK;
}

static int vary(moon_ctx *ctx, const char *op, int kernel,
                const moon_params *params, moon_tensor *x, moon_tensor **out) {
  moon_tensor *y;
  int status = moon__tensor_like(ctx, x, x->dtype, &y);
  if (status < 0) return status;
  moon__arg args[] = {{x, MOON__READ, NULL}, {y, MOON__WRITE, NULL}};
  status = moon__run(ctx, op, kernel, params, args, 2);
  return moon__finish(status, y, out);
}

/* A range is two numbers in their order, within [least, most]. */
static int check_range(const char *op, const char *what, const double range[2],
                       double least, double most) {
  double lo = range[0], hi = range[1];
  if (lo <= hi && lo >= least && hi <= most) return MOON_OK;
  return moon__fail(MOON_E_VALUE, "%s: %s from %g to %g; a range within [%g, "
                    "%g]", op, what, lo, hi, least, most);
}

int moon_affine(moon_ctx *ctx, moon_tensor *x, const moon_place *at,
                const moon_affine_params *p, moon_tensor **out) {
  const char *op = "affine";
  int status = check(ctx, op, x, 4, at);
  if (status >= 0) status = check_range(op, "rotate", p->rotate, -360, 360);
  if (status >= 0) status = check_range(op, "shear", p->shear, -89, 89);
  if (status >= 0) status = check_range(op, "scale", p->scale, 1e-3, 1e3);
  for (int i = 0; i < 2 && status >= 0; i++) {
    const double most[2] = {0, p->translate[i]};
    status = check_range(op, "translate", most, 0, 1);
  }
  if (status < 0) return status;
  if (!isfinite(p->fill)) {
    return moon__fail(MOON_E_VALUE, "affine: fill %g", p->fill);
  }
  moon_params params = {.affine = {*p, *at}};
  return vary(ctx, op, MOON_K_affine, &params, x, out);
}

int moon_jitter(moon_ctx *ctx, moon_tensor *x, const moon_place *at,
                const moon_jitter_params *p, moon_tensor **out) {
  const char *op = "jitter";
  const struct { const char *name; const double *range; } factors[] = {
      {"brightness", p->brightness}, {"contrast", p->contrast},
      {"saturation", p->saturation}};
  int status = check(ctx, op, x, 4, at);
  for (int i = 0; i < 3 && status >= 0; i++) {
    status = check_range(op, factors[i].name, factors[i].range, 0, 1e3);
  }
  if (status >= 0) status = check_range(op, "hue", p->hue, -0.5, 0.5);
  if (status < 0) return status;
  if (x->shape[1] != 1 && x->shape[1] != 3) {
    return moon__fail(MOON_E_SHAPE, "jitter: x is %s; 1 channel or 3 (RGB) "
                      "needed", moon__text(x));
  }
  moon_params params = {.jitter = {*p, *at}};
  return vary(ctx, op, MOON_K_jitter, &params, x, out);
}

int moon_cutout(moon_ctx *ctx, moon_tensor *x, const moon_place *at,
                const moon_cutout_params *p, moon_tensor **out) {
  int status = check(ctx, "cutout", x, 4, at);
  if (status >= 0) status = moon__check_pair("cutout", "size", p->size, 0);
  if (status < 0) return status;
  moon_params params = {.cutout = {*p, *at}};
  return vary(ctx, "cutout", MOON_K_cutout, &params, x, out);
}

int moon_mixup(moon_ctx *ctx, moon_tensor *x, const moon_place *at,
               double alpha, moon_tensor **out) {
  int status = check(ctx, "mixup", x, 1, at);
  if (status < 0) return status;
  if (!(alpha >= 1e-3 && alpha <= 1e3)) {
    return moon__fail(MOON_E_VALUE, "mixup: alpha %g is outside [0.001, 1000]",
                      alpha);
  }
  moon_params params = {.mixup = {*at, alpha}};
  return vary(ctx, "mixup", MOON_K_mixup, &params, x, out);
}
