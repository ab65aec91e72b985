/* A batch out of a set of images: x [N,C,H,W] f32 or u8 (divided by 255),
 * i [B] in [0, N), y [B,C,H,W]. Image j of the batch has place position + j in
 * the epoch; that alone tells how it is mirrored and shifted (philox.h).
 */
#include "../philox.h"
#include "walk.h"

enum { X, I, Y };

REF_PLAN(plan_batch_images) {
  const moon_operand *y = &call->arg[Y];
  ref_phase(plan, 1, (double)y->shape[0]);
  ref_phase(plan, y->shape[0], 4 * (double)moon_operand_numel(y));
  return MOON_OK;
}

/* Element (c, h, w) of image n; 0 outside. */
static double pixel(const moon_operand *x, int64_t n, int64_t c, int64_t h,
                    int64_t w) {
  if (h < 0 || h >= x->shape[2] || w < 0 || w >= x->shape[3]) return 0;
  double v = ref_load(x, ref_at4(x, n, c, h, w));
  return x->dtype == MOON_U8 ? v / 255 : v;
}

static void copy_image(const moon_call *call, int64_t j) {
  const moon_operand *x = &call->arg[X], *i = &call->arg[I];
  const moon_operand *y = &call->arg[Y];
  const moon_batch_params *q = &call->params.batch.p;
  uint64_t place = (uint64_t)(call->params.batch.position + j);
  moon_image_draw draw = moon_philox_image(q->key, place, q->flip, q->crop);
  int64_t n = ref_load_int(i, j * i->stride[0]);
  int64_t size = y->shape[1] * y->shape[2] * y->shape[3];
  ref_walk w = ref_begin(&y, 1, j * size, (j + 1) * size);
  for (; w.left > 0; ref_next(&w)) {
    int64_t c = w.index[1], row = w.index[2], column = w.index[3];
    if (draw.flip) column = x->shape[3] - 1 - column;
    double v = pixel(x, n, c, row + draw.dy, column + draw.dx);
    ref_store(y, w.at[0], v);
  }
}

REF_RUN(run_batch_images) {
  const moon_operand *x = &call->arg[X], *i = &call->arg[I];
  if (phase == 0) return ref_check_index(i, "index", x->shape[0], fail);
  int64_t lo, hi;
  ref_share(plan, phase, part, call->arg[Y].shape[0], &lo, &hi);
  for (int64_t j = lo; j < hi; j++) copy_image(call, j);
  return MOON_OK;
}

const moon_kernel moon_ref_batch_images = {"batch_images", plan_batch_images,
                                           run_batch_images};
