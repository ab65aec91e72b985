/* What a group norm's forward and gradient share. A part takes whole images;
 * each begins with sums of its channels, in double; then a few numbers per
 * channel tell the elementwise pass, in float, while the image is in the
 * cache, what to do.
 *
 * An image is channels-last, [inner, channels], or row-major, [channels,
 * inner].
 */
#ifndef MOON_SIMD_GROUP_NORM_H
#define MOON_SIMD_GROUP_NORM_H
#include "columns.h"

typedef struct group_image {
  int64_t channels, inner, groups;
  bool last;
} group_image;

static inline group_image group_image_of(const moon_call *call,
                                         const moon_operand *x) {
  int64_t channels = x->shape[1];
  int64_t inner = moon_operand_numel(x) / (x->shape[0] * channels);
  return (group_image){channels, inner, call->params.group.groups,
                       cpu_is_channels_last(x)};
}

/* A part's numbers per channel: sums, and what the last pass needs. */
typedef struct group_room {
  double *sum, *other, *shift;
  float *mean, *low, *scale, *bias;
} group_room;

static inline int64_t group_width(int64_t channels) {
  return channels > 2 * SIMD_WIDTH ? channels : 2 * SIMD_WIDTH;
}

static inline size_t group_room_size(int64_t channels) {
  size_t n = (size_t)group_width(channels);
  return cpu_align64(n * (3 * sizeof(double) + 4 * sizeof(float)));
}

static inline group_room group_room_at(void *scratch, int64_t channels,
                                       int part) {
  int64_t n = group_width(channels);
  void *mine = (char *)scratch + (size_t)part * group_room_size(channels);
  double *d = mine;
  float *f = (float *)(d + 3 * n);
  return (group_room){d, d + n, d + 2 * n, f, f + n, f + 2 * n, f + 3 * n};
}

/* Channels-last rows are folded to be long; a channel of a row-major image is
 * a matrix of one column. */
static inline simd_columns group_columns(const group_image *i) {
  return simd_columns_of(i->last ? i->channels : 1, i->inner);
}

static inline void group_repeat(const group_image *i, const group_room *r) {
  simd_columns c = group_columns(i);
  if (!i->last) return;
  simd_repeat(&c, r->mean);
  simd_repeat(&c, r->low);
  simd_repeat(&c, r->scale);
  simd_repeat(&c, r->bias);
}

static inline bool group_is_image(const moon_operand *o, bool last) {
  if (!cpu_is_f32(o) || moon_operand_numel(o) == 0) return false;
  return last ? cpu_is_channels_last(o) : cpu_is_rows(o);
}

static inline bool group_are_vectors(const moon_call *call, int a, int b,
                                     int64_t channels) {
  const moon_operand *v = cpu_optional(call, a), *w = cpu_optional(call, b);
  return (!v || cpu_is_vector(v, channels)) &&
         (!w || cpu_is_vector(w, channels));
}

static inline double group_at_or(const moon_operand *v, int64_t c,
                                 double otherwise) {
  return v ? (double)((const float *)v->data)[c] : otherwise;
}

#endif
