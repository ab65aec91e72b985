/* Colours of images (ref's jitter.c, which has the equations). A pixel goes
 * through all changes at once. Only contrast wants the image's mean luma, after
 * the changes that come before it: a block finds it first, into scratch. What
 * ref keeps in y between two changes is rounded as there.
 */
#include "../draw.h"
#include "block.h"
#include "images.h"

namespace {

enum { X, Y };

template <typename A> MOON_DEVICE A clip(A v) {
  return v < 0 ? (A)0 : v > 1 ? (A)1 : v;
}

template <typename A> MOON_DEVICE void turn_hue(A v[3], A by) {
  A most = fmax(v[0], fmax(v[1], v[2]));
  A span = most - fmin(v[0], fmin(v[1], v[2]));
  if (span == 0) return;
  A hue = most == v[0]   ? (v[1] - v[2]) / span
          : most == v[1] ? 2 + (v[2] - v[0]) / span
                         : 4 + (v[0] - v[1]) / span;
  hue /= 6;
  A h = 6 * (hue - floor(hue) + by);
  for (int c = 0; c < 3; c++) {
    /* how far from where the channel is least */
    A k = fmod(5 - 2 * c + h + 12, (A)6), far = fmin(k, 4 - k);
    v[c] = clip(most - span * fmax((A)0, fmin(far, (A)1)));
  }
}

struct changes {
  moon_jitter_params p;
  moon_place at;
  moon_pixels s;
};

template <typename T> struct pixel {
  typedef moon_computed<T> A;
  A v[3];
  int64_t channels;

  MOON_DEVICE pixel(const T *x, const moon_pixels &s, int64_t image,
                    int64_t row, int64_t column)
      : channels(s.channels) {
    int64_t at = s.at_x(image, row, column);
    for (int64_t c = 0; c < 3; c++) {
      v[c] = moon_load(x[at + c % channels * s.x[1]]);
    }
  }

  MOON_DEVICE A luma() const {
    return channels == 1 ? v[0]
                         : (A)0.2989 * v[0] + (A)0.587 * v[1] +
                               (A)0.114 * v[2];
  }

  MOON_DEVICE void change(int what, A by, A mean) {
    if (what == MOON_HUE) {
      turn_hue(v, by);
    } else {
      A grey = what == MOON_SATURATION ? luma()
               : what == MOON_CONTRAST ? mean : (A)0;
      for (int c = 0; c < 3; c++) v[c] = clip(by * v[c] + (1 - by) * grey);
    }
    for (int c = 0; c < 3; c++) {
      T kept;
      moon_store(&kept, v[c]);
      v[c] = moon_load(kept);
    }
  }

  /* In the drawn order, up to `end`. */
  MOON_DEVICE void change_all(const changes &q, const moon_jitter_draw &d,
                              int end, A mean) {
    for (int i = 0; i < MOON_JITTERS && d.order[i] != end; i++) {
      int what = d.order[i];
      bool colour = what == MOON_SATURATION || what == MOON_HUE;
      if (moon_jitter_is_off(&q.p, what) || (colour && channels == 1)) continue;
      change(what, (A)d.by[what], mean);
    }
  }
};

MOON_DEVICE moon_jitter_draw draw_of(const changes &q, int64_t image) {
  return moon_draw_jitter(&q.p, q.at.key, (uint64_t)(q.at.position + image));
}

template <typename T>
__global__ void find_means(const T *x, changes q, int64_t images,
                           double *mean) {
  int64_t size = q.s.height * q.s.width;
  for (int64_t j = blockIdx.x; j < images; j += gridDim.x) {
    moon_jitter_draw d = draw_of(q, j);
    double sum = 0;
    for (int64_t i = threadIdx.x; i < size; i += blockDim.x) {
      pixel<T> p(x, q.s, j, i / q.s.width, i % q.s.width);
      p.change_all(q, d, MOON_CONTRAST, 0);
      sum += (double)p.luma();
    }
    sum = moon_block_sum(sum);
    if (threadIdx.x == 0) mean[j] = sum / (double)size;
  }
}

template <typename T>
__global__ void change_pixels(const T *x, T *y, changes q, const double *mean) {
  typedef moon_computed<T> A;
  MOON_EACH(i, q.s.n) {
    int64_t j, row, column;
    q.s.find(i, &j, &row, &column);
    pixel<T> p(x, q.s, j, row, column);
    p.change_all(q, draw_of(q, j), MOON_JITTERS, mean ? (A)mean[j] : (A)0);
    int64_t to = q.s.at_y(j, row, column);
    for (int64_t c = 0; c < q.s.channels; c++) {
      moon_store(&y[to + c * q.s.y[1]], p.v[c]);
    }
  }
}

template <typename T>
int run_of(const moon_call *call, double *mean, moon_fail *fail) {
  const moon_operand *x = &call->arg[X], *y = &call->arg[Y];
  changes q = {call->params.jitter.p, call->params.jitter.at,
               moon_pixels_of(x, y)};
  int64_t images = y->shape[0];
  if (q.s.n == 0) return MOON_OK;
  if (moon_jitter_is_off(&q.p, MOON_CONTRAST)) {
    mean = NULL;
  } else {
    int64_t blocks = images < MOON_MOST_BLOCKS ? images
                                               : (int64_t)MOON_MOST_BLOCKS;
    MOON_LAUNCH_TOGETHER(find_means<T>, (unsigned)blocks, MOON_THREADS,
                         call->queue, (const T *)x->data, q, images, mean);
  }
  MOON_LAUNCH(change_pixels<T>, moon_blocks(q.s.n, 1), MOON_THREADS,
              call->queue, (const T *)x->data, (T *)y->data, q,
              (const double *)mean);
  return moon_launched(fail);
}

}  // namespace

CUDA_PLAN(plan_jitter) {
  size_t images = (size_t)call->arg[Y].shape[0];
  plan->scratch = (images * sizeof(double) + 63) / 64 * 64;
  return moon_plan_once(call, plan, may_create, fail);
}

CUDA_RUN(run_jitter) {
  return MOON_FLOATS(call->arg[X].dtype, run_of, call, (double *)scratch,
                     fail);
}

extern "C" const moon_kernel moon_cuda_jitter = {"jitter", plan_jitter,
                                                 run_jitter};
