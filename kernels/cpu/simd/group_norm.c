/* Normalisation of each image's channels in groups; see ref/group_norm.c. The
 * mean is used in two parts, so that x - mean keeps its digits in float:
 *
 *   y = ((x - mean) - low) scale + bias
 */
#include "group_norm.h"

enum { X, W, B, Y, M, R };

CPU_COVERS(group_norm) {
  const moon_operand *x = &call->arg[X];
  bool last = cpu_is_channels_last(x);
  return group_is_image(x, last) && group_is_image(&call->arg[Y], last) &&
         cpu_is_rows(&call->arg[M]) && cpu_is_rows(&call->arg[R]) &&
         group_are_vectors(call, W, B, x->shape[1]);
}

CPU_CUT(group_norm) {
  const moon_operand *x = &call->arg[X];
  cpu_phase(plan, x->shape[0], 2 * (double)moon_operand_numel(x), 0.35);
  plan->scratch = (size_t)plan->parts[0] * group_room_size(x->shape[1]);
}

/* Of n elements in `width` columns: sums around one of them each. */
static void spread(const simd_columns *c, int64_t n, const float *x,
                   simd_spread s) {
  for (int64_t k = 0; k < c->width; k++) {
    s.sum[k] = s.square[k] = 0;
    s.shift[k] = simd_shift_of(x[k % c->n]);
  }
  simd_add_spread(n, c->width, x, s);
  simd_fold_sums(c, s.sum);
  simd_fold_sums(c, s.square);
}

/* Mean (in `sum`) and biased variance (in `other`) of each channel. */
static void measure(const group_image *i, const float *x, group_room *r) {
  simd_columns c = group_columns(i);
  double n = (double)i->inner, one[3][2 * SIMD_WIDTH];
  if (i->last) {
    spread(&c, i->channels * i->inner, x,
           (simd_spread){r->sum, r->other, r->shift});
  }
  for (int64_t k = 0; k < i->channels; k++) {
    if (!i->last) {
      spread(&c, i->inner, x + k * i->inner,
             (simd_spread){one[0], one[1], one[2]});
      r->sum[k] = one[0][0];
      r->other[k] = one[1][0];
      r->shift[k] = one[2][0];
    }
    r->other[k] = simd_variance(n, r->sum[k], r->other[k]);
    r->sum[k] = r->shift[k] + r->sum[k] / n;
  }
}

/* The channels of group g of an image, from `from` to `to`, become one. */
static void conclude(const moon_call *call, group_room *r, int64_t from,
                     int64_t to, int64_t at) {
  double n = (double)(to - from), mean = 0, var = 0;
  for (int64_t k = from; k < to; k++) mean += r->sum[k];
  mean /= n;
  for (int64_t k = from; k < to; k++) {
    double d = r->sum[k] - mean;
    var += r->other[k] + d * d;
  }
  double scale = 1 / sqrt(var / n + call->params.group.eps);
  ((float *)call->arg[M].data)[at] = (float)mean;
  ((float *)call->arg[R].data)[at] = (float)scale;
  for (int64_t k = from; k < to; k++) {
    r->mean[k] = (float)mean;
    r->low[k] = isfinite(mean) ? (float)(mean - (double)r->mean[k]) : 0;
    r->scale[k] = (float)(scale * group_at_or(cpu_optional(call, W), k, 1));
    r->bias[k] = (float)group_at_or(cpu_optional(call, B), k, 0);
  }
}

static void row(int64_t n, const float *restrict x, const group_room *r,
                float *restrict y) {
  const float *restrict mean = r->mean, *restrict low = r->low;
  const float *restrict scale = r->scale, *restrict bias = r->bias;
  for (int64_t c = 0; c < n; c++) {
    y[c] = SIMD_MADD((x[c] - mean[c]) - low[c], scale[c], bias[c]);
  }
}

static void channel(int64_t n, const float *restrict x, const group_room *r,
                    int64_t c, float *restrict y) {
  float mean = r->mean[c], low = r->low[c];
  float scale = r->scale[c], bias = r->bias[c];
  for (int64_t k = 0; k < n; k++) {
    y[k] = SIMD_MADD((x[k] - mean) - low, scale, bias);
  }
}

static void normalise(const group_image *i, const float *x,
                      const group_room *r, float *y) {
  int64_t n = i->channels * i->inner, width = group_columns(i).width;
  if (!i->last) {
    for (int64_t c = 0; c < i->channels; c++) {
      channel(i->inner, x + c * i->inner, r, c, y + c * i->inner);
    }
    return;
  }
  for (int64_t k = 0; k < n; k += width) {
    row(simd_row_at(k, n, width), x + k, r, y + k);
  }
}

CPU_RUN(group_norm) {
  const moon_operand *x = &call->arg[X];
  group_image i = group_image_of(call, x);
  group_room r = group_room_at(scratch, i.channels, part);
  int64_t lo, hi, size = i.channels * i.inner, each = i.channels / i.groups;
  cpu_share(plan, phase, part, x->shape[0], 1, &lo, &hi);
  for (int64_t n = lo; n < hi; n++) {
    const float *image = (const float *)x->data + n * size;
    measure(&i, image, &r);
    for (int64_t g = 0; g < i.groups; g++) {
      conclude(call, &r, g * each, (g + 1) * each, n * i.groups + g);
    }
    group_repeat(&i, &r);
    normalise(&i, image, &r, (float *)call->arg[Y].data + n * size);
  }
  return MOON_OK;
}

SIMD_KERNEL(group_norm)
