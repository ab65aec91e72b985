/* What depthwise.c and depthwise_weights.c share: loops over a line, a block of
 * pixels at a time, with the kernel's taps and steps as constants where they
 * are common. Blocks go from left to right and channels, inside, from first to
 * last: so memory is read and written nearly in its order. */
#ifndef MOON_SIMD_DEPTHWISE_H
#define MOON_SIMD_DEPTHWISE_H
#include "../depthwise.h"
#include "simd.h"
#include "wide.h"

#define DEPTHWISE_INLINE static inline __attribute__((always_inline))

/* A block: `pixels` of a line from `m` on, in `lanes` channels from `c` on. The
 * first `again` of them, in a line's last block, are in the one before, too.
 * `edge`: columns of x may be missing. `taps` and `step` are the line's, whose
 * `reach` is 1, or `taps` is 0: any line; `spread` is the line's. The form,
 * `edge` and, but for the last, `lanes` are constants where blocks are
 * computed. */
typedef struct depthwise_form {
  int taps, step, pixels;
  bool spread;
} depthwise_form;
typedef struct depthwise_block {
  depthwise_form form;
  int64_t m, c;
  int lanes, again;
  bool edge;
} depthwise_block;

enum {
  DEPTHWISE_PIXELS = 4,    /* of a block; fewer in lines that have fewer */
  DEPTHWISE_TAPS = 7,      /* at most, as a constant */
  DEPTHWISE_AHEAD = 4096   /* elements that memory is asked for before */
};

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

/* Asks for what n pixels' lines will want soon, which begin at x now. So many
 * of them are read side by side that the processor does not see by itself that
 * memory goes by in its order: a forward took twice as long without (AVX-512,
 * 64 channels of 32 x 32). In steps of 2 memory goes by at twice the pace. */
DEPTHWISE_INLINE void depthwise_fetch(const depthwise_line *l,
                                      depthwise_block b, const float *x,
                                      int64_t n) {
  if (!l->far || b.c % SIMD_LINE) return;
  const float *ahead = x + DEPTHWISE_AHEAD * (n / b.form.pixels);
#pragma GCC unroll 8
  for (int64_t q = 0; q < n; q++) {
    __builtin_prefetch(ahead + q * l->channels, 0, 2);
  }
}

/* The same for a block in those rows of x that no line has read before; x is
 * where it begins in the first row. */
DEPTHWISE_INLINE void depthwise_fetch_rows(const depthwise_line *l,
                                           depthwise_block b,
                                           const float *x) {
  if (!l->far) return;
  int64_t step = b.form.taps ? b.form.step : l->step;
  if (step > l->taps) step = l->taps;
  for (int64_t r = l->rows - l->fresh; r < l->rows; r++) {
    depthwise_fetch(l, b, x + r * l->x_row, step * b.form.pixels);
  }
}

/* Runs `step`, a statement in the block b, for all blocks of a line that has
 * at least f.pixels pixels. */
#define DEPTHWISE_BLOCKS(l, f, step)                                        \
  for (int64_t m_ = 0; m_ < (l)->places; m_ += (f).pixels) {                \
    int64_t last_ = (l)->places - (f).pixels, at_ = m_ < last_ ? m_ : last_; \
    if (depthwise_lacks(l, at_, (f).pixels)) {                              \
      DEPTHWISE_CHANNELS(l, f, at_, (int)(m_ - at_), true, step)            \
    } else {                                                                \
      DEPTHWISE_CHANNELS(l, f, at_, (int)(m_ - at_), false, step)           \
    }                                                                       \
  }
#define DEPTHWISE_CHANNELS(l, f, m, again, edge, step)                      \
  depthwise_block b = {f, m, 0, WIDE, again, edge};                         \
  for (; b.c + WIDE <= (l)->channels; b.c += WIDE) { step; }                \
  if (b.c < (l)->channels) {                                                \
    b.lanes = (int)((l)->channels - b.c);                                   \
    step;                                                                   \
  }

#endif
