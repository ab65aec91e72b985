/* A box of each image filled (ref's cutout.c). */
#include "../draw.h"
#include "images.h"

namespace {

enum { X, Y };

template <typename T>
__global__ void cut(const T *x, T *y, moon_cutout_params p, moon_place at,
                    moon_pixels s) {
  MOON_EACH(i, s.n) {
    int64_t j, row, column;
    s.find(i, &j, &row, &column);
    moon_box b = moon_draw_cutout(&p, at.key, (uint64_t)(at.position + j),
                                  s.height, s.width);
    bool inside = row >= b.top && row < b.bottom && column >= b.left &&
                  column < b.right;
    int64_t from = s.at_x(j, row, column), to = s.at_y(j, row, column);
    for (int64_t c = 0; c < s.channels; c++, from += s.x[1], to += s.y[1]) {
      if (inside) moon_store(&y[to], p.fill);
      else y[to] = x[from];
    }
  }
}

template <typename T> int run_of(const moon_call *call, moon_fail *fail) {
  const moon_operand *x = &call->arg[X], *y = &call->arg[Y];
  moon_pixels s = moon_pixels_of(x, y);
  if (s.n == 0) return MOON_OK;
  MOON_LAUNCH(cut<T>, moon_blocks(s.n, 1), MOON_THREADS, call->queue,
              (const T *)x->data, (T *)y->data, call->params.cutout.p,
              call->params.cutout.at, s);
  return moon_launched(fail);
}

}  // namespace

CUDA_RUN(run_cutout) {
  return MOON_FLOATS(call->arg[X].dtype, run_of, call, fail);
}

extern "C" const moon_kernel moon_cuda_cutout = {"cutout", moon_plan_once,
                                                 run_cutout};
