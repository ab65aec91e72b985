/* The factors of a tile in bf16: each part has room for those of one. See
 * convolution.h. */
#include "convolution.h"

static int64_t apart(int64_t numel) { return (numel + 31) / 32 * 32; }

int64_t moon_cpu_conv_room(const conv_state *s, const conv_tile *t) {
  int64_t x = apart(t->numel_x), y = apart(t->numel);
  return s->way == CONV_FORWARD ? x : s->way == CONV_BACKWARD_X ? y : x + y;
}

size_t moon_cpu_conv_rooms(const conv_state *s) {
  return s->bf16 ? (size_t)(s->parts * s->room) * sizeof(uint16_t) : 0;
}

void moon_cpu_conv_round(const conv_state *s, const conv_tile *t, void *rooms,
                         int part, void **data) {
  if (!s->bf16) return;
  const cpu_weights_simd *simd = moon_cpu_simd()->weights;
  uint16_t *to = (uint16_t *)rooms + part * s->room;
  if (s->way != CONV_BACKWARD_X) {
    simd->round(1, t->numel_x, data[0], 0, to);
    data[0] = to;
    to += apart(t->numel_x);
  }
  if (s->way != CONV_FORWARD) {
    simd->round(1, t->numel, data[2], 0, to);
    data[2] = to;
  }
}
