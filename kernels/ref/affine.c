/* Images turned, sheared, scaled and moved: x and y [B,C,H,W]. draw.h says
 * where in x a pixel of y comes from; between four pixels it is their bilinear
 * mean, and a pixel that is not there is `fill`.
 */
#include "../draw.h"
#include "walk.h"

enum { X, Y };

REF_PLAN(plan_affine) {
  const moon_operand *y = &call->arg[Y];
  ref_phase(plan, y->shape[0], 8 * (double)moon_operand_numel(y));
  return MOON_OK;
}

/* Where element (c, h, w) of image n is, or the fill. */
static double pixel(const moon_call *call, const int64_t index[4], double h,
                    double w) {
  const moon_operand *x = &call->arg[X];
  if (!(h >= 0 && h < (double)x->shape[2] && w >= 0 &&
        w < (double)x->shape[3])) {
    return call->params.affine.p.fill;
  }
  int64_t at = ref_at4(x, index[0], index[1], (int64_t)h, (int64_t)w);
  return ref_load(x, at);
}

static double between(const moon_call *call, const int64_t index[4], double h,
                      double w) {
  double top = floor(h), left = floor(w), down = h - top, right = w - left;
  double above = (1 - right) * pixel(call, index, top, left) +
                 right * pixel(call, index, top, left + 1);
  double below = (1 - right) * pixel(call, index, top + 1, left) +
                 right * pixel(call, index, top + 1, left + 1);
  return (1 - down) * above + down * below;
}

REF_RUN(run_affine) {
  const moon_operand *y = &call->arg[Y];
  const moon_place *at = &call->params.affine.at;
  int64_t size = y->shape[1] * y->shape[2] * y->shape[3], lo, hi;
  ref_share(plan, phase, part, y->shape[0], &lo, &hi);
  for (int64_t j = lo; j < hi; j++) {
    moon_affine_draw d =
        moon_draw_affine(&call->params.affine.p, at->key,
                         (uint64_t)(at->position + j), y->shape[2],
                         y->shape[3]);
    ref_walk w = ref_begin(&y, 1, j * size, (j + 1) * size);
    for (; w.left > 0; ref_next(&w)) {
      double row = (double)w.index[2], column = (double)w.index[3];
      ref_store(y, w.at[0],
                between(call, w.index, d.h_h * row + d.h_w * column + d.h_0,
                        d.w_h * row + d.w_w * column + d.w_0));
    }
  }
  return MOON_OK;
}

const moon_kernel moon_ref_affine = {"affine", plan_affine, run_affine};
