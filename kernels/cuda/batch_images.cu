/* A batch out of a set of images that lies on the device; what is random, and
 * how, is philox.h's (ref's batch_images.c). One thread has one pixel. */
#include "../philox.h"
#include "check.h"
#include "images.h"

enum { X, I, Y };

struct images {
  moon_pixels of;  /* x is the set, not the batch */
  const int64_t *index;
  int64_t stride, position;
  moon_batch_params p;
};

MOON_DEVICE float unit(uint8_t v) { return (float)v / 255.0f; }
MOON_DEVICE float unit(float v) { return v; }

template <typename T, typename U>
__global__ void assemble(const T *x, U *y, images s) {
  MOON_EACH(i, s.of.n) {
    int64_t j, row, column;
    s.of.find(i, &j, &row, &column);
    moon_image_draw draw = moon_philox_image(
        s.p.key, (uint64_t)(s.position + j), s.p.flip, s.p.crop);
    int64_t h = row + draw.dy;
    int64_t w = (draw.flip ? s.of.width - 1 - column : column) + draw.dx;
    bool inside = h >= 0 && h < s.of.height && w >= 0 && w < s.of.width;
    int64_t from = s.of.at_x(s.index[j * s.stride], h, w);
    int64_t to = s.of.at_y(j, row, column);
    for (int64_t c = 0; c < s.of.channels; c++) {
      float v = inside ? unit(x[from + c * s.of.x[1]]) : 0.0f;
      moon_store(&y[to + c * s.of.y[1]], v);
    }
  }
}

template <typename U>
static int run_of(const moon_call *call, moon_fail *fail) {
  const moon_operand *x = &call->arg[X], *i = &call->arg[I];
  const moon_operand *y = &call->arg[Y];
  images s = {moon_pixels_of(x, y), (const int64_t *)i->data, i->stride[0],
              call->params.batch.position, call->params.batch.p};
  if (s.of.n == 0) return MOON_OK;
  if (x->dtype == MOON_U8) {
    MOON_LAUNCH((assemble<uint8_t, U>), moon_blocks(s.of.n, 1), MOON_THREADS,
                call->queue, (const uint8_t *)x->data, (U *)y->data, s);
  } else if (x->dtype == MOON_F32) {
    MOON_LAUNCH((assemble<float, U>), moon_blocks(s.of.n, 1), MOON_THREADS,
                call->queue, (const float *)x->data, (U *)y->data, s);
  } else {
    return moon_no_dtype(x->dtype, fail);
  }
  return moon_launched(fail);
}

CUDA_RUN(run_batch_images) {
  int64_t size = call->arg[X].shape[0];
  if (phase == 0) {
    return moon_check_values(call, &call->arg[I], moon_range{size, 0}, fail);
  }
  int status = moon_check_notice(call, "index", size, fail);
  if (status < 0) return status;
  return MOON_FLOATS(call->arg[Y].dtype, run_of, call, fail);
}

extern "C" const moon_kernel moon_cuda_batch_images = {
    "batch_images", moon_plan_checked, run_batch_images};
