/* The mean of each window and its gradient; see ref/avg_pool2d.c. Memory is
 * channels-last: a few vectors of channels stay in registers while the window's
 * pixels go by.
 */
#include "../../windows.h"
#include "simd.h"
#include "wide.h"

enum { X, Y };
enum { DY, DX };

static bool covers(const moon_call *call) {
  for (int k = 0; k < 2; k++) {
    const moon_operand *o = &call->arg[k];
    if (!cpu_is_f32(o) || o->ndim != 4 || !cpu_is_channels_last(o) ||
        moon_operand_numel(o) == 0) {
      return false;
    }
  }
  return true;
}

/* Both axes, and whether places in the padding count. */
typedef struct pool { moon_windows axis[2]; bool padded; } pool;

static pool pool_of(const moon_call *call, const moon_operand *x,
                    const moon_operand *y) {
  const moon_pool2d_params *q = &call->params.avg_pool.window;
  pool p = {.padded = call->params.avg_pool.count_padding};
  for (int k = 0; k < 2; k++) {
    p.axis[k] = (moon_windows){x->shape[2 + k], y->shape[2 + k], q->kernel[k],
                               q->stride[k], q->padding[k]};
  }
  return p;
}

/* Window i of an axis: what of it lies on x, and how many places count. */
typedef struct span { int64_t lo, hi, count; } span;

static span span_at(const pool *p, int axis, int64_t i) {
  span s;
  moon_window_at(&p->axis[axis], i, &s.lo, &s.hi);
  s.count = p->padded ? moon_window_padded(&p->axis[axis], i) : s.hi - s.lo;
  return s;
}

/* One over what the window is divided by. */
static float share_of(span down, span along) {
  int64_t count = down.count * along.count;
  return count > 0 ? 1 / (float)count : 0;
}

/* Places of all windows together, about. */
static double work_of(const pool *p, const moon_operand *y) {
  return (double)moon_operand_numel(y) * moon_window_extent(&p->axis[0]) *
         moon_window_extent(&p->axis[1]);
}

/* --- forward ---------------------------------------------------------- */
CPU_COVERS(avg_pool2d) { return covers(call); }

CPU_CUT(avg_pool2d) {
  const moon_operand *x = &call->arg[X], *y = &call->arg[Y];
  pool p = pool_of(call, x, y);
  double n = work_of(&p, y) + (double)moon_operand_numel(y);
  cpu_phase(plan, y->shape[0] * y->shape[2], n, 0.15);
}

/* A window's pixels on x: rows [height, width] of `step` elements a pixel. */
typedef struct patch {
  const float *x;
  int64_t height, width, row, step;
} patch;

/* y = by times the sum of the pixels, for `n` vectors (a constant where this is
 * used) of channels from c on. */
static inline __attribute__((always_inline)) void mean_of(
    const patch *p, int64_t c, int n, float by, float *y) {
  enum { V = WIDE };
  wide s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
  for (int64_t h = 0; h < p->height; h++) {
    const float *x = p->x + h * p->row + c;
    for (int64_t w = 0; w < p->width; w++, x += p->step) {
      s0 += wide_load(x);
      if (n > 1) s1 += wide_load(x + V);
      if (n > 2) s2 += wide_load(x + 2 * V);
      if (n > 2) s3 += wide_load(x + 3 * V);
    }
  }
  wide_store(y + c, s0 * wide_all(by));
  if (n > 1) wide_store(y + c + V, s1 * wide_all(by));
  if (n > 2) wide_store(y + c + 2 * V, s2 * wide_all(by));
  if (n > 2) wide_store(y + c + 3 * V, s3 * wide_all(by));
}

static void mean(int64_t channels, const patch *p, float by, float *y) {
  enum { V = WIDE };
  int64_t c = 0;
  for (; c + 4 * V <= channels; c += 4 * V) mean_of(p, c, 4, by, y);
  for (; c + 2 * V <= channels; c += 2 * V) mean_of(p, c, 2, by, y);
  for (; c + V <= channels; c += V) mean_of(p, c, 1, by, y);
  for (; c < channels; c++) {
    float sum = 0;
    for (int64_t h = 0; h < p->height; h++) {
      for (int64_t w = 0; w < p->width; w++) {
        sum += p->x[h * p->row + w * p->step + c];
      }
    }
    y[c] = by * sum;
  }
}

/* Row i of y, of an image x. */
static void pool_row(const pool *p, const float *x, int64_t channels,
                     int64_t i, float *y) {
  int64_t row = p->axis[1].size * channels;
  span down = span_at(p, 0, i);
  for (int64_t j = 0; j < p->axis[1].places; j++, y += channels) {
    span along = span_at(p, 1, j);
    patch of_x = {x + down.lo * row + along.lo * channels, down.hi - down.lo,
                  along.hi - along.lo, row, channels};
    mean(channels, &of_x, share_of(down, along), y);
  }
}

CPU_RUN(avg_pool2d) {
  const moon_operand *x = &call->arg[X], *y = &call->arg[Y];
  pool p = pool_of(call, x, y);
  int64_t channels = x->shape[1], rows = y->shape[2], lo, hi;
  int64_t image = x->shape[2] * x->shape[3] * channels;
  cpu_share(plan, phase, part, y->shape[0] * rows, 1, &lo, &hi);
  for (int64_t r = lo; r < hi; r++) {
    pool_row(&p, (const float *)x->data + r / rows * image, channels, r % rows,
             (float *)y->data + r * y->shape[3] * channels);
  }
  return MOON_OK;
}

SIMD_KERNEL(avg_pool2d)

/* --- gradient --------------------------------------------------------- */
CPU_COVERS(avg_pool2d_grad) { return covers(call); }

CPU_CUT(avg_pool2d_grad) {
  const moon_operand *dy = &call->arg[DY], *dx = &call->arg[DX];
  pool p = pool_of(call, dx, dy);
  double n = work_of(&p, dy) + (double)moon_operand_numel(dx);
  cpu_phase(plan, dx->shape[0] * dx->shape[2], n, 0.2);
}

static void add_scaled(int64_t n, const float *restrict dy, float by,
                       float *restrict dx) {
  for (int64_t c = 0; c < n; c++) dx[c] = SIMD_MADD(by, dy[c], dx[c]);
}

/* Row h of dx, of an image dy. */
static void grad_row(const pool *p, const float *dy, int64_t channels,
                     int64_t h, float *dx) {
  const moon_windows *down = &p->axis[0], *along = &p->axis[1];
  int64_t i_lo, i_hi, j_lo, j_hi;
  moon_windows_over(down, h, &i_lo, &i_hi);
  for (int64_t w = 0; w < along->size; w++, dx += channels) {
    moon_windows_over(along, w, &j_lo, &j_hi);
    memset(dx, 0, (size_t)channels * sizeof *dx);
    for (int64_t i = i_lo; i < i_hi; i++) {
      span rows = span_at(p, 0, i);
      for (int64_t j = j_lo; j < j_hi; j++) {
        add_scaled(channels, dy + (i * along->places + j) * channels,
                   share_of(rows, span_at(p, 1, j)), dx);
      }
    }
  }
}

CPU_RUN(avg_pool2d_grad) {
  const moon_operand *dy = &call->arg[DY], *dx = &call->arg[DX];
  pool p = pool_of(call, dx, dy);
  int64_t channels = dx->shape[1], rows = dx->shape[2], lo, hi;
  int64_t image = dy->shape[2] * dy->shape[3] * channels;
  cpu_share(plan, phase, part, dx->shape[0] * rows, 1, &lo, &hi);
  for (int64_t r = lo; r < hi; r++) {
    grad_row(&p, (const float *)dy->data + r / rows * image, channels, r % rows,
             (float *)dx->data + r * dx->shape[3] * channels);
  }
  return MOON_OK;
}

SIMD_KERNEL(avg_pool2d_grad)
