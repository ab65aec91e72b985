/* The largest element of each window, its place, and the gradient; see
 * ref/max_pool2d.c. Memory is channels-last: all channels of a pixel go at
 * once.
 */
#include "columns.h"

enum { X, Y, I };
enum { G_DY, G_I, G_DX };

static bool is_pool_operand(const moon_operand *o, int dtype) {
  return o->dtype == dtype && o->ndim == 4 && cpu_is_channels_last(o) &&
         moon_operand_numel(o) > 0;
}

/* --- forward ---------------------------------------------------------- */
CPU_COVERS(max_pool2d) {
  return is_pool_operand(&call->arg[X], MOON_F32) &&
         is_pool_operand(&call->arg[Y], MOON_F32) &&
         is_pool_operand(&call->arg[I], MOON_I32);
}

CPU_CUT(max_pool2d) {
  const moon_operand *y = &call->arg[Y];
  const int64_t *k = call->params.pool.kernel;
  double n = (double)moon_operand_numel(y) * (double)(k[0] * k[1]);
  cpu_phase(plan, y->shape[0] * y->shape[2], n, 0.25);
}

/* Pixels of a window, h W + w and where their channels begin. */
typedef struct pixels {
  int n;
  bool first;  /* nothing of this window is in y yet */
  int32_t place[4];
  const float *x[4];
} pixels;

/* NaN wins over numbers, the first over its equals: what is not at most the
 * best wins, unless that is NaN. (Choices become vectors; bool algebra does
 * not.) */
#define TAKE(k)                                          \
  {                                                      \
    float a = x##k[c], best_of = a <= best ? best : a;   \
    int32_t place_of = a <= best ? place : p##k;         \
    place = best != best ? place : place_of;             \
    best = best != best ? best : best_of;                \
  }

#define TAKE_FOUR(name, old_best, old_place, more)                         \
  static void name(int64_t channels, const pixels *p, float *restrict y,   \
                   int32_t *restrict at) {                                 \
    const float *x0 = p->x[0], *x1 = p->x[1];                              \
    const float *x2 = p->x[2], *x3 = p->x[3];                              \
    int32_t p0 = p->place[0], p1 = p->place[1];                            \
    int32_t p2 = p->place[2], p3 = p->place[3];                            \
    for (int64_t c = 0; c < channels; c++) {                               \
      float best = old_best;                                               \
      int32_t place = old_place;                                           \
      more TAKE(1) TAKE(2) TAKE(3)                                         \
      y[c] = best;                                                         \
      at[c] = place;                                                       \
    }                                                                      \
  }
TAKE_FOUR(take_first, x0[c], p0, )
TAKE_FOUR(take_more, y[c], at[c], TAKE(0))

/* Puts the pixels in hand, if any, into the window's maximum. */
static void flush(pixels *p, int64_t channels, float *y, int32_t *at) {
  if (p->n == 0) return;
  for (int k = p->n; k < 4; k++) {  /* the same pixel again changes nothing */
    p->x[k] = p->x[0];
    p->place[k] = p->place[0];
  }
  (p->first ? take_first : take_more)(channels, p, y, at);
  p->first = false;
  p->n = 0;
}

/* The part of a window that lies on the image. */
static void window(int64_t at, int64_t kernel, int64_t size, int64_t *lo,
                   int64_t *hi) {
  *lo = at < 0 ? 0 : at;
  *hi = at + kernel < size ? at + kernel : size;
}

/* Pixel (i, j) of image n. */
static void pool_pixel(const moon_call *call, int64_t n, int64_t i, int64_t j,
                       float *y, int32_t *at) {
  const moon_operand *x = &call->arg[X];
  const moon_pool2d_params *q = &call->params.pool;
  int64_t channels = x->shape[1], width = x->shape[3], h, h_end, w_lo, w_end;
  window(i * q->stride[0] - q->padding[0], q->kernel[0], x->shape[2], &h,
         &h_end);
  window(j * q->stride[1] - q->padding[1], q->kernel[1], width, &w_lo,
         &w_end);
  const float *image = (const float *)x->data + n * x->shape[2] * width
                       * channels;
  pixels p = {.first = true};
  for (; h < h_end; h++) {
    for (int64_t w = w_lo; w < w_end; w++) {
      p.x[p.n] = image + (h * width + w) * channels;
      p.place[p.n++] = (int32_t)(h * width + w);
      if (p.n == 4) flush(&p, channels, y, at);
    }
  }
  flush(&p, channels, y, at);
  if (!p.first) return;
  for (int64_t c = 0; c < channels; c++) {  /* all padding */
    y[c] = -INFINITY;
    at[c] = -1;
  }
}

/* --- rows of whole windows -------------------------------------------- */
/* Windows next to each other that lie on the image, of a kernel that is worth
 * code of its own. Each also fetches a share of what the next row of windows
 * reads anew: memory likes to be read in its order, which windows do not. */
typedef struct whole {
  const float *x;       /* the first window's first pixel */
  int32_t place, next;  /* its place; from one window to the next */
  int64_t n, channels, width;
  const float *ahead;
  int64_t share;        /* elements */
  float *y;
  int32_t *at;
  bool past;
} whole;

/* m channels of one window; whether there may be a NaN, for which this is not
 * the code. Of equals the first wins. */
SIMD_INLINE int take(int kernel, const whole *r, const float *restrict x,
                     int64_t m, float *restrict y, int32_t *restrict at) {
  int wild = 0;
  _Pragma("GCC ivdep")
  for (int64_t c = 0; c < m; c++) {
    float best = x[c], sum = best;
    int32_t place = r->place;
    for (int k = 1; k < kernel * kernel; k++) {
      int64_t pixel = k / kernel * r->width + k % kernel;
      float a = x[pixel * r->channels + c];
      place = a > best ? r->place + (int32_t)pixel : place;
      best = a > best ? a : best;
      sum += a;
    }
    y[c] = best;
    at[c] = place;
    wild |= sum != sum;
  }
  return wild;
}

SIMD_INLINE int take_row(int kernel, whole r) {
  int wild = 0;
  for (int64_t j = 0; j < r.n; j++, r.ahead += r.share) {
    int64_t c = 0;
    for (int64_t k = 0; k < r.share; k += SIMD_LINE) {
      __builtin_prefetch(r.ahead + k, 0, 2);
    }
    for (; r.past && c + SIMD_RUN <= r.channels; c += SIMD_RUN) {
      float best[SIMD_RUN];
      int32_t place[SIMD_RUN];
      wild |= take(kernel, &r, r.x + c, SIMD_RUN, best, place);
      simd_store_past(SIMD_RUN, best, r.y + c);
      simd_store_past(SIMD_RUN, place, r.at + c);
    }
    wild |= take(kernel, &r, r.x + c, r.channels - c, r.y + c, r.at + c);
    r.x += r.next * r.channels;
    r.place += r.next;
    r.y += r.channels;
    r.at += r.channels;
  }
  return wild;
}

static int take_2x2(const whole *r) { return take_row(2, *r); }
static int take_3x3(const whole *r) { return take_row(3, *r); }

/* Windows lo to hi of row `row`; false where they need the long way. */
static bool pool_whole(const moon_call *call, int64_t row, int64_t lo,
                       int64_t hi) {
  const moon_operand *x = &call->arg[X], *y = &call->arg[Y];
  const moon_pool2d_params *q = &call->params.pool;
  int64_t n = row / y->shape[2], channels = x->shape[1], width = x->shape[3];
  int64_t h = row % y->shape[2] * q->stride[0] - q->padding[0];
  int64_t w = lo * q->stride[1] - q->padding[1];
  bool small = q->kernel[0] == q->kernel[1] &&
               (q->kernel[0] == 2 || q->kernel[0] == 3);
  if (!small || h < 0 || h + q->kernel[0] > x->shape[2]) return false;
  int64_t from = ((n * x->shape[2] + h) * width + w) * channels;
  int64_t to = (row * y->shape[3] + lo) * channels;
  whole r = {.x = (const float *)x->data + from, .n = hi - lo,
             .place = (int32_t)(h * width + w), .next = (int32_t)q->stride[1],
             .channels = channels, .width = width,
             .ahead = (const float *)x->data + from +
                      (q->kernel[0] * width - w) * channels,
             .share = hi > lo ? q->stride[0] * width * channels / (hi - lo) : 0,
             .y = (float *)y->data + to,
             .at = (int32_t *)call->arg[I].data + to};
  r.past = simd_is_past(y) && channels % SIMD_RUN == 0 &&
           simd_may_store_past(r.y) && simd_may_store_past(r.at);
  return !(q->kernel[0] == 2 ? take_2x2 : take_3x3)(&r);
}

/* The windows along W, of those that there are, that lie on the image as a
 * whole. */
static void whole_windows(const moon_call *call, int64_t *lo, int64_t *hi) {
  const moon_pool2d_params *q = &call->params.pool;
  int64_t s = q->stride[1], p = q->padding[1];
  int64_t places = call->arg[Y].shape[3], width = call->arg[X].shape[3];
  *lo = (p + s - 1) / s;
  *hi = width + p < q->kernel[1] ? 0 : (width + p - q->kernel[1]) / s + 1;
  if (*hi > places) *hi = places;
  if (*hi < *lo) *lo = *hi = 0;
}

CPU_RUN(max_pool2d) {
  const moon_operand *y = &call->arg[Y];
  int64_t channels = y->shape[1], height = y->shape[2], width = y->shape[3];
  float *to = y->data;
  int32_t *at = call->arg[I].data;
  int64_t lo, hi, first, last;
  cpu_share(plan, phase, part, y->shape[0] * height, 1, &lo, &hi);
  whole_windows(call, &first, &last);
  for (int64_t row = lo; row < hi; row++) {
    bool done = pool_whole(call, row, first, last);
    for (int64_t j = 0; j < width; j++) {
      if (done && j == first) j = last;
      if (j == width) break;
      int64_t pixel = (row * width + j) * channels;
      pool_pixel(call, row / height, row % height, j, to + pixel, at + pixel);
    }
  }
  simd_store_end(simd_is_past(y));
  return MOON_OK;
}

/* --- gradient --------------------------------------------------------- */
CPU_COVERS(max_pool2d_grad) {
  return is_pool_operand(&call->arg[G_DY], MOON_F32) &&
         is_pool_operand(&call->arg[G_I], MOON_I32) &&
         is_pool_operand(&call->arg[G_DX], MOON_F32);
}

CPU_CUT(max_pool2d_grad) {
  const moon_operand *dy = &call->arg[G_DY], *dx = &call->arg[G_DX];
  const int64_t *k = call->params.pool.kernel;
  double n = (double)moon_operand_numel(dx) +
             (double)moon_operand_numel(dy) * (double)(k[0] * k[1]);
  cpu_phase(plan, dx->shape[0] * dx->shape[2], n, 0.15);
}

/* The windows along one axis that hold place h: lo to hi, not included. */
static void windows_over(const moon_pool2d_params *q, int axis, int64_t h,
                         int64_t size, int64_t *lo, int64_t *hi) {
  int32_t stride = (int32_t)q->stride[axis];
  int32_t last = (int32_t)(h + q->padding[axis]);
  int32_t first = last - (int32_t)q->kernel[axis] + 1;
  *lo = first > 0 ? (first + stride - 1) / stride : 0;
  *hi = last / stride + 1;
  if (*hi > size) *hi = size;
}

/* What a row of dx is made of, where at most two windows each way hold a pixel:
 * one or two rows of windows. */
typedef struct band {
  const float *dy[2];
  const int32_t *at[2];
  int64_t channels, windows;
  const moon_pool2d_params *q;
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
  int64_t stride = b->q->stride[1], padding = b->q->padding[1];
  int64_t kernel = b->q->kernel[1], j = 0, end = 0;
  for (int64_t w = 0; w < pixels; w++, place++, dx += b->channels) {
    while (end < b->windows && end * stride - padding <= w) end++;
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

/* Where more windows hold a pixel: row i of windows, added to a row of dx. */
static void add_row(const band *b, int i, int32_t place, int64_t pixels,
                    float *dx) {
  const moon_pool2d_params *q = b->q;
  for (int64_t w = 0; w < pixels; w++, place++, dx += b->channels) {
    int64_t lo, hi;
    windows_over(q, 1, w, b->windows, &lo, &hi);
    for (int64_t j = lo; j < hi; j++) {
      add_where(b->channels, b->dy[i] + j * b->channels,
                b->at[i] + j * b->channels, place, dx);
    }
  }
}

/* A row of dx: pixels (h, 0) to (h, W - 1) of image n. */
static void grad_row(const moon_call *call, int64_t n, int64_t h, float *dx) {
  const moon_operand *dy = &call->arg[G_DY];
  const moon_pool2d_params *q = &call->params.pool;
  int64_t width = call->arg[G_DX].shape[3], lo, hi;
  int64_t channels = dy->shape[1], size = dy->shape[3] * channels;
  int32_t place = (int32_t)(h * width);
  band b = {.channels = channels, .windows = dy->shape[3], .q = q,
            .past = simd_is_past(&call->arg[G_DX]) &&
                    channels % SIMD_RUN == 0 && simd_may_store_past(dx)};
  windows_over(q, 0, h, dy->shape[2], &lo, &hi);
  bool few = hi - lo <= 2 && q->kernel[1] <= 2 * q->stride[1];
  if (!few || hi <= lo) memset(dx, 0, (size_t)(width * channels) * sizeof *dx);
  for (int64_t i = lo; i < hi; i++) {
    int64_t from = (n * dy->shape[2] + i) * size, k = few ? i - lo : 0;
    b.dy[k] = (const float *)dy->data + from;
    b.at[k] = (const int32_t *)call->arg[G_I].data + from;
    if (!few) add_row(&b, 0, place, width, dx);
  }
  if (few && hi - lo == 2) set_row(2, &b, place, width, dx);
  if (few && hi - lo == 1) set_row(1, &b, place, width, dx);
}

CPU_RUN(max_pool2d_grad) {
  const moon_operand *dx = &call->arg[G_DX];
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

SIMD_KERNEL(max_pool2d)
SIMD_KERNEL(max_pool2d_grad)
