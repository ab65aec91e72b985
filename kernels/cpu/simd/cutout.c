/* A box of each image filled; see ref/cutout.c. */
#include "../../draw.h"
#include "images.h"

enum { X, Y };

CPU_COVERS(cutout) {
  int64_t size;
  return moon_operand_numel(&call->arg[X]) > 0 &&
         simd_same_images(&call->arg[X], &call->arg[Y], &size);
}

CPU_CUT(cutout) {
  const moon_operand *y = &call->arg[Y];
  cpu_phase(plan, y->shape[0], (double)moon_operand_numel(y), 0.25);
}

/* Of one image. Where channels lie innermost they are part of a row. */
static void fill_box(const moon_operand *y, moon_box b, float fill,
                     float *image) {
  bool inner = !cpu_is_rows(y);
  int64_t channels = y->shape[1], each = inner ? channels : 1;
  int64_t n = (b.right - b.left) * each, width = y->shape[3] * each;
  int64_t planes = inner ? 1 : channels, plane = y->shape[2] * width;
  for (int64_t c = 0; c < planes; c++) {
    for (int64_t h = b.top; h < b.bottom; h++) {
      float *row = image + c * plane + h * width + b.left * each;
      for (int64_t i = 0; i < n; i++) row[i] = fill;
    }
  }
}

CPU_RUN(cutout) {
  const moon_operand *x = &call->arg[X], *y = &call->arg[Y];
  const moon_place *at = &call->params.cutout.at;
  const moon_cutout_params *q = &call->params.cutout.p;
  int64_t size, lo, hi;
  simd_same_images(x, y, &size);
  cpu_share(plan, phase, part, y->shape[0], 1, &lo, &hi);
  memcpy((float *)y->data + lo * size, (const float *)x->data + lo * size,
         (size_t)((hi - lo) * size) * sizeof(float));
  for (int64_t j = lo; j < hi; j++) {
    moon_box b = moon_draw_cutout(q, at->key, (uint64_t)(at->position + j),
                                  y->shape[2], y->shape[3]);
    fill_box(y, b, (float)q->fill, (float *)y->data + j * size);
  }
  return MOON_OK;
}

SIMD_KERNEL(cutout)
