/* The gradient of max pooling: each pixel gets what came back to the windows
 * that picked it; see ref/max_pool2d.c. Memory is channels-last.
 */
#include "max_pool2d.h"

enum { DY, I, DX };

CPU_COVERS(max_pool2d_grad) {
  return pool_is_operand(&call->arg[DY], MOON_F32) &&
         pool_is_operand(&call->arg[I], MOON_I32) &&
         pool_is_operand(&call->arg[DX], MOON_F32);
}

CPU_CUT(max_pool2d_grad) {
  const moon_operand *dy = &call->arg[DY], *dx = &call->arg[DX];
  const int64_t *k = call->params.pool.kernel;
  double n = (double)moon_operand_numel(dx) +
             (double)moon_operand_numel(dy) * (double)(k[0] * k[1]);
  cpu_phase(plan, dx->shape[0] * dx->shape[2], n, 0.15);
}

/* What a row of dx is made of, where at most two windows each way hold a pixel:
 * one or two rows of windows. */
typedef struct band {
  const float *dy[2];
  const int32_t *at[2];
  int64_t channels;
  moon_windows along;
  bool past;
} band;

#define PICKED(i, j) \
  simd_where(at##i[c + j] == place, dy##i[c + j])

/* A pixel that `columns` windows of each row hold, from window j on. They are
 * added row by row. */
SIMD_INLINE void set_pixel(int rows, int columns, const band *b, int64_t j,
                           int32_t place, float *restrict dx) {
  int64_t channels = b->channels, next = channels, done = 0;
  const float *restrict dy0 = b->dy[0] + j * channels;
  const float *restrict dy1 = b->dy[rows - 1] + j * channels;
  const int32_t *restrict at0 = b->at[0] + j * channels;
  const int32_t *restrict at1 = b->at[rows - 1] + j * channels;
#define SUM(sum)                                      \
  float sum = PICKED(0, 0);                           \
  if (columns > 1) sum += PICKED(0, next);            \
  if (rows > 1) sum += PICKED(1, 0);                  \
  if (rows > 1 && columns > 1) sum += PICKED(1, next);
  for (; b->past && done + SIMD_RUN <= channels; done += SIMD_RUN) {
    float run[SIMD_RUN];
    _Pragma("GCC ivdep")
    for (int64_t c = done; c < done + SIMD_RUN; c++) {
      SUM(sum)
      run[c - done] = sum;
    }
    simd_store_past(SIMD_RUN, run, dx + done);
  }
  _Pragma("GCC ivdep")
  for (int64_t c = done; c < channels; c++) {
    SUM(sum)
    dx[c] = sum;
  }
}

SIMD_INLINE void set_row(int rows, const band *b, int32_t place,
                         int64_t pixels, float *dx) {
  int64_t stride = b->along.stride, padding = b->along.padding;
  int64_t kernel = b->along.kernel, places = b->along.places, j = 0, end = 0;
  for (int64_t w = 0; w < pixels; w++, place++, dx += b->channels) {
    while (end < places && end * stride - padding <= w) end++;
    while (j < end && j * stride - padding + kernel <= w) j++;
    if (end - j == 2) {
      set_pixel(rows, 2, b, j, place, dx);
    } else if (end > j) {
      set_pixel(rows, 1, b, j, place, dx);
    } else {
      memset(dx, 0, (size_t)b->channels * sizeof *dx);
    }
  }
}

static void add_where(int64_t n, const float *restrict dy,
                      const int32_t *restrict at, int32_t place,
                      float *restrict dx) {
  for (int64_t c = 0; c < n; c++) dx[c] += simd_where(at[c] == place, dy[c]);
}

/* Where more windows hold a pixel: one row of windows, added to a row of dx. */
static void add_row(const band *b, int32_t place, int64_t pixels, float *dx) {
  for (int64_t w = 0; w < pixels; w++, place++, dx += b->channels) {
    int64_t lo, hi;
    moon_windows_over(&b->along, w, &lo, &hi);
    for (int64_t j = lo; j < hi; j++) {
      add_where(b->channels, b->dy[0] + j * b->channels,
                b->at[0] + j * b->channels, place, dx);
    }
  }
}

/* A row of dx: pixels (h, 0) to (h, W - 1) of image n. */
static void grad_row(const moon_call *call, int64_t n, int64_t h, float *dx) {
  const moon_operand *dy = &call->arg[DY], *all = &call->arg[DX];
  moon_windows down = pool_axis(call, all, dy, 0);
  int64_t width = all->shape[3], channels = dy->shape[1], lo, hi;
  int64_t size = dy->shape[3] * channels;
  int32_t place = (int32_t)(h * width);
  band b = {.channels = channels, .along = pool_axis(call, all, dy, 1),
            .past = simd_is_past(all) && channels % SIMD_RUN == 0 &&
                    simd_may_store_past(dx)};
  moon_windows_over(&down, h, &lo, &hi);
  bool few = hi - lo <= 2 && b.along.kernel > 0 &&
             b.along.kernel <= 2 * b.along.stride;
  if (!few || hi <= lo) memset(dx, 0, (size_t)(width * channels) * sizeof *dx);
  for (int64_t i = lo; i < hi; i++) {
    int64_t from = (n * dy->shape[2] + i) * size, k = few ? i - lo : 0;
    b.dy[k] = (const float *)dy->data + from;
    b.at[k] = (const int32_t *)call->arg[I].data + from;
    if (!few) add_row(&b, place, width, dx);
  }
  if (few && hi - lo == 2) set_row(2, &b, place, width, dx);
  if (few && hi - lo == 1) set_row(1, &b, place, width, dx);
}

CPU_RUN(max_pool2d_grad) {
  const moon_operand *dx = &call->arg[DX];
  int64_t height = dx->shape[2], size = dx->shape[3] * dx->shape[1];
  int64_t lo, hi;
  cpu_share(plan, phase, part, dx->shape[0] * height, 1, &lo, &hi);
  for (int64_t row = lo; row < hi; row++) {
    grad_row(call, row / height, row % height,
             (float *)dx->data + row * size);
  }
  simd_store_end(simd_is_past(dx));
  return MOON_OK;
}

SIMD_KERNEL(max_pool2d_grad)
