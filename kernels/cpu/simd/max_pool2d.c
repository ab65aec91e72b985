/* The largest element of each window, its place, and the gradient; see
 * ref/max_pool2d.c. Memory is channels-last: all channels of a pixel go at
 * once, a window's pixels four at a time.
 */
#include "../../windows.h"
#include "simd.h"

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

static moon_windows axis_of(const moon_call *call, const moon_operand *x,
                            const moon_operand *y, int axis) {
  const moon_pool2d_params *q = &call->params.pool;
  return (moon_windows){x->shape[2 + axis], y->shape[2 + axis],
                        q->kernel[axis], q->stride[axis], q->padding[axis]};
}

/* Pixel (i, j) of image n. */
static void pool_pixel(const moon_call *call, int64_t n, int64_t i, int64_t j,
                       float *y, int32_t *at) {
  const moon_operand *x = &call->arg[X], *all = &call->arg[Y];
  moon_windows down = axis_of(call, x, all, 0);
  moon_windows along = axis_of(call, x, all, 1);
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

CPU_RUN(max_pool2d) {
  const moon_operand *y = &call->arg[Y];
  int64_t channels = y->shape[1], height = y->shape[2], width = y->shape[3];
  float *to = y->data;
  int32_t *at = call->arg[I].data;
  int64_t lo, hi;
  cpu_share(plan, phase, part, y->shape[0] * height, 1, &lo, &hi);
  for (int64_t row = lo; row < hi; row++) {
    for (int64_t j = 0; j < width; j++) {
      int64_t pixel = (row * width + j) * channels;
      pool_pixel(call, row / height, row % height, j, to + pixel, at + pixel);
    }
  }
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

static void set_where(int64_t n, const float *restrict dy,
                      const int32_t *restrict at, int32_t place,
                      float *restrict dx) {
  for (int64_t c = 0; c < n; c++) {
    float d = dy[c];
    dx[c] = at[c] == place ? d : 0;
  }
}

static void add_where(int64_t n, const float *restrict dy,
                      const int32_t *restrict at, int32_t place,
                      float *restrict dx) {
  for (int64_t c = 0; c < n; c++) {
    float d = dy[c];
    dx[c] += at[c] == place ? d : 0;
  }
}

/* A row of dx: pixels (h, 0) to (h, W - 1) of image n. */
static void grad_row(const moon_call *call, int64_t n, int64_t h, float *dx) {
  const moon_operand *dy = &call->arg[G_DY], *all = &call->arg[G_DX];
  moon_windows down = axis_of(call, all, dy, 0);
  moon_windows along = axis_of(call, all, dy, 1);
  int64_t channels = dy->shape[1], rows = dy->shape[2], width = dy->shape[3];
  int64_t in_width = all->shape[3], i_lo, i_hi, j_lo, j_hi;
  moon_windows_over(&down, h, &i_lo, &i_hi);
  for (int64_t w = 0; w < in_width; w++, dx += channels) {
    int32_t place = (int32_t)(h * in_width + w);
    moon_windows_over(&along, w, &j_lo, &j_hi);
    bool first = true;
    for (int64_t i = i_lo; i < i_hi; i++) {
      for (int64_t j = j_lo; j < j_hi; j++, first = false) {
        int64_t from = ((n * rows + i) * width + j) * channels;
        (first ? set_where : add_where)(
            channels, (const float *)dy->data + from,
            (const int32_t *)call->arg[G_I].data + from, place, dx);
      }
    }
    if (first) memset(dx, 0, (size_t)channels * sizeof *dx);
  }
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
  return MOON_OK;
}

SIMD_KERNEL(max_pool2d)
SIMD_KERNEL(max_pool2d_grad)
