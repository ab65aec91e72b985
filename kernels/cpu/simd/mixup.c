/* Each image with the next; see ref/mixup.c. */
#include "../../draw.h"
#include "images.h"

enum { X, Y };

CPU_COVERS(mixup) {
  int64_t size;
  return moon_operand_numel(&call->arg[X]) > 0 &&
         simd_same_images(&call->arg[X], &call->arg[Y], &size);
}

CPU_CUT(mixup) {
  const moon_operand *y = &call->arg[Y];
  cpu_phase(plan, y->shape[0], (double)moon_operand_numel(y), 0.5);
}

static void mix(int64_t n, const float *a, const float *b, double share,
                float *restrict y) {
  float l = (float)share, rest = (float)(1 - share);
  for (int64_t i = 0; i < n; i++) y[i] = l * a[i] + rest * b[i];
}

CPU_RUN(mixup) {
  const moon_operand *x = &call->arg[X], *y = &call->arg[Y];
  const moon_place *at = &call->params.mixup.at;
  int64_t size, lo, hi, n = y->shape[0];
  simd_same_images(x, y, &size);
  cpu_share(plan, phase, part, n, 1, &lo, &hi);
  for (int64_t j = lo; j < hi; j++) {
    double share = moon_draw_mixup(call->params.mixup.alpha, at->key,
                                   (uint64_t)(at->position + j));
    mix(size, (const float *)x->data + j * size,
        (const float *)x->data + (j + 1) % n * size, share,
        (float *)y->data + j * size);
  }
  return MOON_OK;
}

SIMD_KERNEL(mixup)
