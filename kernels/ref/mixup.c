/* y[j] = l x[j] + (1 - l) x[j + 1], the last with the first: x and y [B,...];
 * draw.h says what l is.
 */
#include "../draw.h"
#include "walk.h"

enum { X, Y };

REF_PLAN(plan_mixup) {
  const moon_operand *y = &call->arg[Y];
  ref_phase(plan, y->shape[0], 3 * (double)moon_operand_numel(y));
  return MOON_OK;
}

REF_RUN(run_mixup) {
  const moon_operand *x = &call->arg[X], *y = &call->arg[Y];
  const moon_place *at = &call->params.mixup.at;
  int64_t n = y->shape[0], lo, hi;
  int64_t size = n ? moon_operand_numel(y) / n : 0;
  ref_share(plan, phase, part, n, &lo, &hi);
  for (int64_t j = lo; j < hi; j++) {
    double l = moon_draw_mixup(call->params.mixup.alpha, at->key,
                               (uint64_t)(at->position + j));
    const moon_operand *o[] = {y, x};
    int64_t other = ((j + 1) % n - j) * x->stride[0];
    ref_walk w = ref_begin(o, 2, j * size, (j + 1) * size);
    for (; w.left > 0; ref_next(&w)) {
      double a = ref_load(x, w.at[1]), b = ref_load(x, w.at[1] + other);
      ref_store(y, w.at[0], l * a + (1 - l) * b);
    }
  }
  return MOON_OK;
}

const moon_kernel moon_ref_mixup = {"mixup", plan_mixup, run_mixup};
