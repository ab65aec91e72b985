/* Images turned, sheared, scaled and moved (ref's affine.c). What becomes of
 * each image is drawn once, into scratch; a pixel's place is found in double,
 * as there. */
#include "../draw.h"
#include "images.h"

namespace {

enum { X, Y };

__global__ void draw(moon_affine_params p, moon_place at, moon_pixels s,
                     int64_t images, moon_affine_draw *out) {
  MOON_EACH(j, images) {
    out[j] = moon_draw_affine(&p, at.key, (uint64_t)(at.position + j),
                              s.height, s.width);
  }
}

/* The four pixels about a place: where they are, and their shares. */
template <typename A> struct corners {
  int64_t at[4];
  bool is_there[4];
  A right, down;

  MOON_DEVICE corners(const moon_pixels &s, int64_t image, double h, double w) {
    double top = floor(h), left = floor(w);
    right = (A)(w - left);
    down = (A)(h - top);
    for (int k = 0; k < 4; k++) {
      double row = top + k / 2, column = left + k % 2;
      is_there[k] = row >= 0 && row < (double)s.height && column >= 0 &&
                    column < (double)s.width;
      at[k] = is_there[k] ? s.at_x(image, (int64_t)row, (int64_t)column) : 0;
    }
  }
};

template <typename T>
__global__ void transform(const T *x, T *y, const moon_affine_draw *draws,
                          moon_pixels s, double fill) {
  typedef moon_computed<T> A;
  MOON_EACH(i, s.n) {
    int64_t j, row, column;
    s.find(i, &j, &row, &column);
    moon_affine_draw d = draws[j];
    corners<A> from(s, j, d.h_h * (double)row + d.h_w * (double)column + d.h_0,
                    d.w_h * (double)row + d.w_w * (double)column + d.w_0);
    int64_t to = s.at_y(j, row, column);
    for (int64_t c = 0; c < s.channels; c++) {
      A v[4];
      for (int k = 0; k < 4; k++) {
        v[k] = from.is_there[k] ? (A)moon_load(x[from.at[k] + c * s.x[1]])
                                : (A)fill;
      }
      A above = (1 - from.right) * v[0] + from.right * v[1];
      A below = (1 - from.right) * v[2] + from.right * v[3];
      moon_store(&y[to + c * s.y[1]],
                 (1 - from.down) * above + from.down * below);
    }
  }
}

template <typename T>
int run_of(const moon_call *call, moon_affine_draw *draws, moon_fail *fail) {
  const moon_operand *x = &call->arg[X], *y = &call->arg[Y];
  const moon_affine_params *p = &call->params.affine.p;
  moon_pixels s = moon_pixels_of(x, y);
  if (s.n == 0) return MOON_OK;
  MOON_LAUNCH(draw, moon_blocks(y->shape[0], 1), MOON_THREADS, call->queue, *p,
              call->params.affine.at, s, y->shape[0], draws);
  MOON_LAUNCH(transform<T>, moon_blocks(s.n, 1), MOON_THREADS, call->queue,
              (const T *)x->data, (T *)y->data,
              (const moon_affine_draw *)draws, s, p->fill);
  return moon_launched(fail);
}

}  // namespace

CUDA_PLAN(plan_affine) {
  size_t images = (size_t)call->arg[Y].shape[0];
  plan->scratch = (images * sizeof(moon_affine_draw) + 63) / 64 * 64;
  return moon_plan_once(call, plan, may_create, fail);
}

CUDA_RUN(run_affine) {
  return MOON_FLOATS(call->arg[X].dtype, run_of, call,
                     (moon_affine_draw *)scratch, fail);
}

extern "C" const moon_kernel moon_cuda_affine = {"affine", plan_affine,
                                                 run_affine};
