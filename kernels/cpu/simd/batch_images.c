/* A batch out of a set of images, mirrored and shifted on the way; see
 * ref/batch_images.c. The batch is channels-last, the set may lie in any way.
 */
#include "../../philox.h"
#include "simd.h"

enum { X, I, Y };

CPU_COVERS(batch_images) {
  const moon_operand *x = &call->arg[X], *y = &call->arg[Y];
  return (x->dtype == MOON_F32 || x->dtype == MOON_U8) && cpu_is_f32(y) &&
         cpu_is_channels_last(y) && moon_operand_numel(y) > 0 &&
         call->arg[I].dtype == MOON_I64;
}

CPU_CUT(batch_images) {
  const moon_operand *y = &call->arg[Y];
  cpu_phase(plan, 1, (double)y->shape[0], 1);
  cpu_phase(plan, y->shape[0], (double)moon_operand_numel(y), 1);
}

/* n elements, xs apart, to y, ys apart. The rules for one division by 255
 * and for two, by way of double, agree on all 256 values. */
#define MOVE(name, type, value)                                            \
  static void name(int64_t n, const type *restrict x, int64_t xs,          \
                   float *restrict y, int64_t ys) {                        \
    if (xs == 1 && ys == 1) {                                              \
      for (int64_t i = 0; i < n; i++) y[i] = (value(x[i]));                \
    } else {                                                               \
      for (int64_t i = 0; i < n; i++) y[i * ys] = (value(x[i * xs]));      \
    }                                                                      \
  }
#define SAME(v) (v)
#define SHARE(v) ((float)(v) / 255.0f)
MOVE(move_f32, float, SAME)
MOVE(move_u8, uint8_t, SHARE)

/* Channel c of row h of the image at element `image` of x: to every C-th
 * element of y, from w = lo to hi; zero elsewhere. */
typedef struct line { int64_t from, step, lo, hi; } line;

static void move_line(const moon_operand *x, const moon_operand *y, line l,
                      float *to) {
  int64_t channels = y->shape[1], width = y->shape[3];
  for (int64_t w = 0; w < l.lo; w++) to[w * channels] = 0;
  for (int64_t w = l.hi; w < width; w++) to[w * channels] = 0;
  int64_t n = l.hi - l.lo;
  to += l.lo * channels;
  if (x->dtype == MOON_F32) {
    move_f32(n, (const float *)x->data + l.from, l.step, to, channels);
  } else {
    move_u8(n, (const uint8_t *)x->data + l.from, l.step, to, channels);
  }
}

/* Row h of image n goes to `to`, C after C. */
static void move_row(const moon_call *call, const moon_image_draw *draw,
                     int64_t n, int64_t h, float *to) {
  const moon_operand *x = &call->arg[X], *y = &call->arg[Y];
  int64_t channels = y->shape[1], width = y->shape[3], from = h + draw->dy;
  if (from < 0 || from >= x->shape[2]) {
    memset(to, 0, (size_t)(width * channels) * sizeof *to);
    return;
  }
  /* w reads column first + w (or first - w), which exists from lo to hi */
  int64_t first = draw->flip ? width - 1 + draw->dx : draw->dx;
  int64_t lo = draw->flip ? first - width + 1 : -first;
  int64_t hi = draw->flip ? first + 1 : width - first;
  line l = {.lo = lo < 0 ? 0 : lo > width ? width : lo,
            .hi = hi > width ? width : hi < 0 ? 0 : hi,
            .step = draw->flip ? -x->stride[3] : x->stride[3]};
  int64_t column = draw->flip ? first - l.lo : first + l.lo;
  for (int64_t c = 0; c < channels; c++) {
    l.from = n * x->stride[0] + c * x->stride[1] + from * x->stride[2] +
             column * x->stride[3];
    move_line(x, y, l, to + c);
  }
}

CPU_RUN(batch_images) {
  const moon_operand *x = &call->arg[X], *i = &call->arg[I];
  const moon_operand *y = &call->arg[Y];
  const moon_batch_params *q = &call->params.batch.p;
  int64_t height = y->shape[2], row = y->shape[3] * y->shape[1], lo, hi;
  if (phase == 0) return moon_cpu_check_index(i, "index", x->shape[0], fail);
  cpu_share(plan, phase, part, y->shape[0], 1, &lo, &hi);
  for (int64_t j = lo; j < hi; j++) {
    uint64_t place = (uint64_t)(call->params.batch.position + j);
    moon_image_draw draw = moon_philox_image(q->key, place, q->flip, q->crop);
    int64_t n = ((const int64_t *)i->data)[j * i->stride[0]];
    for (int64_t h = 0; h < height; h++) {
      move_row(call, &draw, n, h, (float *)y->data + (j * height + h) * row);
    }
  }
  return MOON_OK;
}

SIMD_KERNEL(batch_images)
