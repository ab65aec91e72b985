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
  double n = (double)moon_operand_numel(dx) + pool_work(call, dx, dy);
  cpu_phase(plan, dx->shape[0] * dx->shape[2], n, 0.15);
}

/* What a row of dx is made of, where at most two windows each way hold a pixel:
 * one or two rows of windows. */
typedef struct band {
  const float *dy[2];
  const int32_t *at[2];
  int64_t channels, ahead; /* elements to the row of windows that comes next */
  moon_windows along;
  bool past;
} band;

/* Fetches what window j's successor in the next row of windows is given: the
 * hardware looks ahead, but not beyond a page. */
SIMD_INLINE void fetch(const band *b, int64_t j) {
  int64_t from = b->ahead + j * b->channels;
  for (int64_t c = 0; c < b->channels; c += SIMD_LINE) {
    __builtin_prefetch(b->dy[0] + from + c, 0, 2);
    __builtin_prefetch(b->at[0] + from + c, 0, 2);
  }
}

/* dy where a window picked this place, else 0. */
SIMD_INLINE float picked(const float *dy, const int32_t *at, int32_t place) {
  return simd_where(*at == place, *dy);
}

SIMD_INLINE wide wide_picked(const float *dy, const int32_t *at,
                             int32_t place) {
  wide_bits i;
  memcpy(&i, at, sizeof i);
  return (wide)((wide_bits)wide_load(dy) & (i == place));
}

/* The channels from c on of a pixel that `columns` windows of each row hold,
 * `step` at a time. The windows are added row by row. */
#define SET_PIXEL(type, pick, step, store)                               \
  for (; c + (step) <= n; c += (step)) {                                 \
    type sum = pick(dy0 + c, at0 + c, place);                            \
    if (columns > 1) sum += pick(dy0 + c + n, at0 + c + n, place);       \
    if (rows > 1) sum += pick(dy1 + c, at1 + c, place);                  \
    if (rows > 1 && columns > 1) {                                       \
      sum += pick(dy1 + c + n, at1 + c + n, place);                      \
    }                                                                    \
    store;                                                               \
  }

SIMD_INLINE void set_pixel(int rows, int columns, const band *b, int64_t j,
                           int32_t place, float *dx) {
  int64_t n = b->channels, c = 0;
  const float *dy0 = b->dy[0] + j * n, *dy1 = b->dy[rows - 1] + j * n;
  const int32_t *at0 = b->at[0] + j * n, *at1 = b->at[rows - 1] + j * n;
  if (b->past) {
    SET_PIXEL(wide, wide_picked, WIDE, wide_stream(dx + c, sum))
  } else {
    SET_PIXEL(wide, wide_picked, WIDE, wide_store(dx + c, sum))
  }
  SET_PIXEL(float, picked, 1, dx[c] = sum)
}

/* Two pixels that window j holds, and the second its neighbour, too, if it is
 * shared. */
#define SET_TWO(type, pick, step, store)                                 \
  for (; c + (step) <= n; c += (step)) {                                 \
    type one = pick(dy0 + c, at0 + c, place);                            \
    type two = pick(dy0 + c, at0 + c, place + 1);                        \
    if (shared) two += pick(dy0 + c + n, at0 + c + n, place + 1);        \
    if (rows > 1) {                                                      \
      one += pick(dy1 + c, at1 + c, place);                              \
      two += pick(dy1 + c, at1 + c, place + 1);                          \
    }                                                                    \
    if (rows > 1 && shared) {                                            \
      two += pick(dy1 + c + n, at1 + c + n, place + 1);                  \
    }                                                                    \
    store(dx + c, one);                                                  \
    store(dx + n + c, two);                                              \
  }
#define SET_ONE(to, value) *(to) = value

SIMD_INLINE void set_two(int rows, int shared, const band *b, int64_t j,
                         int32_t place, float *dx) {
  int64_t n = b->channels, c = 0;
  const float *dy0 = b->dy[0] + j * n, *dy1 = b->dy[rows - 1] + j * n;
  const int32_t *at0 = b->at[0] + j * n, *at1 = b->at[rows - 1] + j * n;
  fetch(b, j);
  if (b->past) {
    SET_TWO(wide, wide_picked, WIDE, wide_stream)
  } else {
    SET_TWO(wide, wide_picked, WIDE, wide_store)
  }
  SET_TWO(float, picked, 1, SET_ONE)
}

/* Windows of 2 without padding or of 3, every second pixel. */
SIMD_INLINE void set_twos(int rows, const band *b, int32_t place,
                          int64_t pixels, float *dx) {
  int64_t n = b->channels, places = b->along.places, w = 0;
  bool overlap = b->along.kernel == 3;
  if (overlap && b->along.padding == 0) {
    set_pixel(rows, 1, b, 0, place, dx);
    w = 1;
  }
  for (int64_t j = 0; j < places && w < pixels; j++, w += 2) {
    int32_t at = place + (int32_t)w;
    bool shared = overlap && j + 1 < places;
    if (w + 1 == pixels) set_pixel(rows, 1, b, j, at, dx + w * n);
    else if (shared) set_two(rows, 1, b, j, at, dx + w * n);
    else set_two(rows, 0, b, j, at, dx + w * n);
  }
  if (w >= pixels) return;
  memset(dx + w * n, 0, (size_t)((pixels - w) * n) * sizeof *dx);
}

SIMD_INLINE void set_row(int rows, const band *b, int32_t place,
                         int64_t pixels, float *dx) {
  int64_t stride = b->along.stride, padding = b->along.padding;
  int64_t kernel = b->along.kernel, places = b->along.places, j = 0, end = 0;
  if (stride == 2 && (kernel == 3 || (kernel == 2 && padding == 0))) {
    set_twos(rows, b, place, pixels, dx);
    return;
  }
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
            .past = simd_is_past(all) && channels % SIMD_LINE == 0 &&
                    simd_may_store_past(dx)};
  moon_windows_over(&down, h, &lo, &hi);
  b.ahead = (hi - lo) * size;
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
