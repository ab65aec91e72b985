/* A box of each image filled: x and y [B,C,H,W]; draw.h says where it lies. */
#include "../draw.h"
#include "walk.h"

enum { X, Y };

REF_PLAN(plan_cutout) {
  const moon_operand *y = &call->arg[Y];
  ref_phase(plan, y->shape[0], 2 * (double)moon_operand_numel(y));
  return MOON_OK;
}

REF_RUN(run_cutout) {
  const moon_operand *o[] = {&call->arg[Y], &call->arg[X]};
  const int64_t *shape = o[0]->shape;
  const moon_place *at = &call->params.cutout.at;
  const moon_cutout_params *q = &call->params.cutout.p;
  int64_t size = shape[1] * shape[2] * shape[3], lo, hi;
  ref_share(plan, phase, part, shape[0], &lo, &hi);
  for (int64_t j = lo; j < hi; j++) {
    moon_box b = moon_draw_cutout(q, at->key, (uint64_t)(at->position + j),
                                  shape[2], shape[3]);
    ref_walk w = ref_begin(o, 2, j * size, (j + 1) * size);
    for (; w.left > 0; ref_next(&w)) {
      int64_t row = w.index[2], column = w.index[3];
      bool cut = row >= b.top && row < b.bottom && column >= b.left &&
                 column < b.right;
      ref_store(o[0], w.at[0],
                cut ? q->fill : ref_load(o[1], w.at[1]));
    }
  }
  return MOON_OK;
}

const moon_kernel moon_ref_cutout = {"cutout", plan_cutout, run_cutout};
