/* The largest element of each window and its place; see ref/max_pool2d.c.
 * Memory is channels-last: all channels of a pixel go at once.
 */
#include "max_pool2d.h"

enum { X, Y, I };

CPU_COVERS(max_pool2d) {
  return pool_is_operand(&call->arg[X], MOON_F32) &&
         pool_is_operand(&call->arg[Y], MOON_F32) &&
         pool_is_operand(&call->arg[I], MOON_I32);
}

CPU_CUT(max_pool2d) {
  const moon_operand *y = &call->arg[Y];
  double n = pool_work(call, &call->arg[X], y);
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

/* Pixel (i, j) of image n. */
static void pool_pixel(const moon_call *call, int64_t n, int64_t i, int64_t j,
                       float *y, int32_t *at) {
  const moon_operand *x = &call->arg[X], *all = &call->arg[Y];
  moon_windows down = pool_axis(call, x, all, 0);
  moon_windows along = pool_axis(call, x, all, 1);
  int64_t channels = x->shape[1], width = x->shape[3], h, h_end, w_lo, w_end;
  moon_window_at(&down, i, &h, &h_end);
  moon_window_at(&along, j, &w_lo, &w_end);
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
  if (lo == hi || h < 0 || h + q->kernel[0] > x->shape[2]) return false;
  int64_t from = ((n * x->shape[2] + h) * width + w) * channels;
  int64_t to = (row * y->shape[3] + lo) * channels;
  whole r = {.x = (const float *)x->data + from, .n = hi - lo,
             .place = (int32_t)(h * width + w), .next = (int32_t)q->stride[1],
             .channels = channels, .width = width,
             .ahead = (const float *)x->data + from +
                      (q->kernel[0] * width - w) * channels,
             .share = q->stride[0] * width * channels / (hi - lo),
             .y = (float *)y->data + to,
             .at = (int32_t *)call->arg[I].data + to};
  r.past = simd_is_past(y) && channels % SIMD_RUN == 0 &&
           simd_may_store_past(r.y) && simd_may_store_past(r.at);
  return !(q->kernel[0] == 2 ? take_2x2 : take_3x3)(&r);
}

/* The windows along W that lie on the image as a whole, if the kernel is one of
 * those. */
static void whole_windows(const moon_call *call, int64_t *lo, int64_t *hi) {
  const moon_pool2d_params *q = &call->params.pool;
  int64_t kernel = q->kernel[1], stride = q->stride[1];
  int64_t places = call->arg[Y].shape[3];
  int64_t room = call->arg[X].shape[3] + q->padding[1] - kernel;
  *lo = *hi = 0;
  if (kernel != q->kernel[0] || kernel < 2 || kernel > 3 || room < 0) return;
  *lo = (q->padding[1] + stride - 1) / stride;
  *hi = room / stride + 1 < places ? room / stride + 1 : places;
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

SIMD_KERNEL(max_pool2d)
