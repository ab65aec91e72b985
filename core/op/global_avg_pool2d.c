/* The mean of each plane:
 *
 *   y[n,c] = 1/(H W) sum over h, w of x[n,c,h,w]     dx = dy / (H W)
 *
 *   x [N,C,H,W] -> y [N,C]
 *
 * reduce.c's mean over the last two dimensions. */
#include "shared.h"

int moon_global_avg_pool2d(moon_ctx *ctx, moon_tensor *x, moon_tensor **out) {
  static const int32_t planes[] = {2, 3};
  int status = moon__check_ndim("global_avg_pool2d", "x", x, 4);
  if (status >= 0) status = moon__check_float("global_avg_pool2d", x);
  if (status < 0) return status;
  if (x->shape[2] == 0 || x->shape[3] == 0) {
    return moon__fail(MOON_E_SHAPE, "global_avg_pool2d: no elements in a "
                      "plane (x %s)", moon__text(x));
  }
  return moon_reduce(ctx, MOON_R_MEAN, x, 2, planes, 0, out);
}
