/* What depthwise.c and depthwise_weights.c share: loops over a line, a block of
 * pixels at a time, with the kernel's taps and stride as constants where they
 * are common. */
#ifndef MOON_SIMD_DEPTHWISE_H
#define MOON_SIMD_DEPTHWISE_H
#include "../depthwise.h"
#include "simd.h"
#include "wide.h"

#define DEPTHWISE_INLINE static inline __attribute__((always_inline))

/* A block: `pixels` of a line from `m` on, in `lanes` channels from `c` on.
 * `edge`: columns of x may be missing. All but m and c are constants where
 * blocks are computed, but for the last lanes. `taps` and `step` are the
 * line's, whose `reach` is 1, or `taps` is 0: any line. */
typedef struct depthwise_form { int taps, step, pixels; } depthwise_form;
typedef struct depthwise_block {
  depthwise_form form;
  int64_t m, c;
  int lanes;
  bool edge;
} depthwise_block;

enum { DEPTHWISE_TAPS = 5 };  /* at most, as a constant */

/* The column of x that tap 0 of pixel m meets. */
DEPTHWISE_INLINE int64_t depthwise_column(const depthwise_line *l, int64_t m) {
  return l->first + m * l->step;
}

/* Whether the block lacks columns of x. */
DEPTHWISE_INLINE bool depthwise_lacks(const depthwise_line *l, int64_t m,
                                      int pixels) {
  int64_t last =
      depthwise_column(l, m + pixels - 1) + (l->taps - 1) * l->reach;
  return depthwise_column(l, m) < 0 || last >= l->width;
}

DEPTHWISE_INLINE bool depthwise_misses(const depthwise_line *l, int64_t q) {
  return (uint64_t)q >= (uint64_t)l->width;
}

/* Runs `step`, a statement in the block b, for all channels of the pixels from
 * m on. */
#define DEPTHWISE_CHANNELS(l, f, at, step)                                  \
  if (depthwise_lacks(l, at, (f).pixels)) {                                 \
    DEPTHWISE_CHANNELS_OF(l, f, at, true, step)                             \
  } else {                                                                  \
    DEPTHWISE_CHANNELS_OF(l, f, at, false, step)                            \
  }
#define DEPTHWISE_CHANNELS_OF(l, f, at, is_edge, step)                      \
  depthwise_block b = {f, at, 0, WIDE, is_edge};                            \
  for (; b.c + WIDE <= (l)->channels; b.c += WIDE) { step; }                \
  if (b.c < (l)->channels) {                                                \
    b.lanes = (int)((l)->channels - b.c);                                   \
    step;                                                                   \
  }

#endif
