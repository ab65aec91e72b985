/* How a tensor is cut for kernels that work on each channel (dimension 1) over
 * all other dimensions.
 *
 * Rows: every operand is dense with its channels last. A thread has the same
 * few channels of many rows, which it reads 16 bytes at a time. Any other
 * layout: a block has one channel, whose elements moon_places finds.
 *
 * A sum over a channel is two sums: each of `segments` blocks leaves its own
 * in scratch, and one thread adds them in order.
 */
#ifndef MOON_CUDA_CHANNELS_H
#define MOON_CUDA_CHANNELS_H
#include "walk.h"

enum { MOON_CHANNEL_BLOCKS = 132 * 4, MOON_CHANNEL_LANES = 32 };

struct moon_channels {
  int64_t channels, rows;    /* rows: elements of a channel */
  int is_rows, wide;         /* wide: 16 bytes at a time */
  int lanes;                 /* threads along the channels, a power of 2 */
  int tiles, segments;       /* blocks along the channels; along the rows */
};

/* At most this many segments, whatever the strides: for scratch. */
static inline int moon_channels_most(int64_t channels) {
  int64_t most = MOON_CHANNEL_BLOCKS / ((channels + 255) / 256 + 1);
  return most < 1 ? 1 : (int)most;
}

/* Over the elements of one channel; channel c lies c strides further. */
template <int N>
static moon_places<N> moon_channel_places(const moon_operand *const (&o)[N]) {
  moon_operand head[N];
  const moon_operand *heads[N];
  for (int k = 0; k < N; k++) {
    head[k] = *o[k];
    head[k].shape[1] = 1;
    heads[k] = &head[k];
  }
  return moon_places_of(heads);
}

template <int N>
static moon_channels moon_channels_of(const moon_operand *const (&o)[N]) {
  moon_channels s = {};
  int size = (int)moon_dtype_size(o[0]->dtype), vector = 16 / size;
  moon_places<N> places = moon_channel_places(o);
  s.channels = o[0]->shape[1];
  s.rows = places.n;
  s.is_rows = places.ndim <= 1;
  s.wide = s.channels % vector == 0;
  for (int k = 0; k < N; k++) {
    s.is_rows &= (s.channels == 1 || o[k]->stride[1] == 1) &&
                 (places.ndim == 0 || places.stride[k][0] == s.channels);
    s.wide &= (uintptr_t)o[k]->data % 16 == 0;
  }
  s.wide &= s.is_rows;
  int64_t groups = s.wide ? s.channels / vector : s.channels;
  for (s.lanes = 1; s.lanes < groups && s.lanes < MOON_CHANNEL_LANES;) {
    s.lanes *= 2;
  }
  int64_t each = 8 * (s.is_rows ? MOON_THREADS / s.lanes : MOON_THREADS);
  int64_t tiles = s.is_rows ? (groups + s.lanes - 1) / s.lanes : s.channels;
  int64_t most = MOON_CHANNEL_BLOCKS / (tiles + 1);
  int64_t segments = (s.rows + each - 1) / each;
  if (segments > most) segments = most;
  s.tiles = (int)tiles;
  s.segments = segments < 1 ? 1 : (int)segments;
  return s;
}

#endif
