/* The gradient of a group norm; see ref/group_norm.c. With h = (x - m) r and
 * means over the group,
 *
 *   dx = r (w dy - mean(w dy) - h mean(w dy h))
 *      = scale dy + (low (x - m) + bias)
 *
 * Each image leaves its channels' sums of dy h and dy for dw and db, which are
 * added in the order of images.
 */
#include "group_norm.h"

enum { DY, X, W, M, R, DX, DW, DB };

CPU_COVERS(group_norm_grad) {
  const moon_operand *dx = &call->arg[DX];
  bool last = cpu_is_channels_last(dx);
  return group_is_image(dx, last) && group_is_image(&call->arg[DY], last) &&
         group_is_image(&call->arg[X], last) && cpu_is_rows(&call->arg[M]) &&
         cpu_is_rows(&call->arg[R]) &&
         group_are_vectors(call, W, W, dx->shape[1]) &&
         group_are_vectors(call, DW, DB, dx->shape[1]);
}

CPU_CUT(group_norm_grad) {
  const moon_operand *dx = &call->arg[DX];
  int64_t images = dx->shape[0], channels = dx->shape[1];
  cpu_phase(plan, images, 2 * (double)moon_operand_numel(dx), 0.5);
  cpu_phase(plan, channels, 2 * (double)(images * channels), 0.5);
  size_t sums = (size_t)(2 * images * channels) * sizeof(double);
  size_t rooms = (size_t)plan->parts[0] * group_room_size(channels);
  plan->scratch = rooms + cpu_align64(sums);
}

/* Sums of dy and dy (x - m) down `width` columns. */
static void dots(int64_t n, int64_t width, const float *restrict dy,
                 const float *restrict x, group_room r) {
  double *restrict sum = r.sum, *restrict dot = r.other;
  const double *restrict mean = r.shift;
  for (int64_t k = 0; k < width; k++) sum[k] = dot[k] = 0;
  for (int64_t i = 0; i < n; i += width) {
    int64_t m = simd_row_at(i, n, width);
    for (int64_t c = 0; c < m; c++) {
      sum[c] += (double)dy[i + c];
      dot[c] += (double)dy[i + c] * ((double)x[i + c] - mean[c]);
    }
  }
}

/* Each channel's sums; m are the means of the image's groups. */
static void add_up(const group_image *i, const float *dy, const float *x,
                   const float *m, group_room *r) {
  simd_columns c = group_columns(i);
  int64_t each = i->channels / i->groups;
  double one[3][2 * SIMD_WIDTH];
  if (i->last) {
    for (int64_t k = 0; k < c.width; k++) {
      r->shift[k] = (double)m[k % c.n / each];
    }
    dots(i->channels * i->inner, c.width, dy, x, *r);
    simd_fold_sums(&c, r->sum);
    simd_fold_sums(&c, r->other);
    return;
  }
  for (int64_t k = 0; k < i->channels; k++) {
    for (int64_t j = 0; j < c.width; j++) one[2][j] = (double)m[k / each];
    dots(i->inner, c.width, dy + k * i->inner, x + k * i->inner,
         (group_room){.sum = one[0], .other = one[1], .shift = one[2]});
    simd_fold_sums(&c, one[0]);
    simd_fold_sums(&c, one[1]);
    r->sum[k] = one[0][0];
    r->other[k] = one[1][0];
  }
}

/* What dx needs in channels `from` to `to`, group `at` of all. */
static void conclude(const moon_call *call, const group_image *i,
                     group_room *r, int64_t from, int64_t at) {
  const moon_operand *w = cpu_optional(call, W);
  double m = group_at_or(&call->arg[M], at, 0);
  double scale = group_at_or(&call->arg[R], at, 1), sum = 0, dot = 0;
  int64_t each = i->channels / i->groups;
  double n = (double)(each * i->inner);
  for (int64_t k = from; k < from + each; k++) {
    r->other[k] *= scale;
    sum += group_at_or(w, k, 1) * r->sum[k];
    dot += group_at_or(w, k, 1) * r->other[k];
  }
  for (int64_t k = from; k < from + each; k++) {
    r->mean[k] = (float)m;
    r->scale[k] = (float)(scale * group_at_or(w, k, 1));
    r->low[k] = (float)(-scale * scale * (dot / n));
    r->bias[k] = (float)(-scale * (sum / n));
  }
}

static void row(int64_t n, const float *restrict dy, const float *restrict x,
                const group_room *r, float *restrict dx) {
  const float *restrict mean = r->mean, *restrict low = r->low;
  const float *restrict scale = r->scale, *restrict bias = r->bias;
  for (int64_t c = 0; c < n; c++) {
    float t = SIMD_MADD(low[c], x[c] - mean[c], bias[c]);
    dx[c] = SIMD_MADD(scale[c], dy[c], t);
  }
}

static void channel(int64_t n, const float *restrict dy,
                    const float *restrict x, const group_room *r, int64_t c,
                    float *restrict dx) {
  float mean = r->mean[c], low = r->low[c];
  float scale = r->scale[c], bias = r->bias[c];
  for (int64_t k = 0; k < n; k++) {
    dx[k] = SIMD_MADD(scale, dy[k], SIMD_MADD(low, x[k] - mean, bias));
  }
}

static void grad_image(const group_image *i, const float *dy, const float *x,
                       const group_room *r, float *dx) {
  int64_t n = i->channels * i->inner, width = group_columns(i).width;
  if (!i->last) {
    for (int64_t c = 0; c < i->channels; c++) {
      int64_t at = c * i->inner;
      channel(i->inner, dy + at, x + at, r, c, dx + at);
    }
    return;
  }
  for (int64_t k = 0; k < n; k += width) {
    row(simd_row_at(k, n, width), dy + k, x + k, r, dx + k);
  }
}

/* dw and db of channels lo to hi, from each image's sums. */
static void add_images(const moon_call *call, const double *sums, int64_t lo,
                       int64_t hi) {
  const moon_operand *dw = cpu_optional(call, DW);
  const moon_operand *db = cpu_optional(call, DB);
  int64_t images = call->arg[DX].shape[0], channels = call->arg[DX].shape[1];
  for (int64_t c = lo; c < hi; c++) {
    double dot = 0, sum = 0;
    for (int64_t n = 0; n < images; n++) {
      dot += sums[2 * n * channels + c];
      sum += sums[(2 * n + 1) * channels + c];
    }
    if (dw) ((float *)dw->data)[c] = (float)dot;
    if (db) ((float *)db->data)[c] = (float)sum;
  }
}

CPU_RUN(group_norm_grad) {
  const moon_operand *dx = &call->arg[DX];
  const float *dy = call->arg[DY].data, *x = call->arg[X].data;
  group_image i = group_image_of(call, dx);
  size_t rooms = (size_t)plan->parts[0] * group_room_size(i.channels);
  double *sums = (double *)((char *)scratch + rooms);
  int64_t lo, hi, size = i.channels * i.inner;
  if (phase == 1) {
    cpu_share(plan, phase, part, i.channels, 1, &lo, &hi);
    add_images(call, sums, lo, hi);
    return MOON_OK;
  }
  group_room r = group_room_at(scratch, i.channels, part);
  cpu_share(plan, phase, part, dx->shape[0], 1, &lo, &hi);
  for (int64_t n = lo; n < hi; n++) {
    const float *m = (const float *)call->arg[M].data + n * i.groups;
    double *mine = sums + 2 * n * i.channels;
    size_t nbytes = (size_t)i.channels * sizeof *mine;
    add_up(&i, dy + n * size, x + n * size, m, &r);
    for (int64_t g = 0; g < i.groups; g++) {
      conclude(call, &i, &r, g * (i.channels / i.groups), n * i.groups + g);
    }
    memcpy(mine, r.other, nbytes);
    memcpy(mine + i.channels, r.sum, nbytes);
    group_repeat(&i, &r);
    grad_image(&i, dy + n * size, x + n * size, &r,
               (float *)dx->data + n * size);
  }
  return MOON_OK;
}

SIMD_KERNEL(group_norm_grad)
