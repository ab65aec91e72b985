/* The gradient of a depthwise convolution's weights and bias, a line at a
 * time; see ../depthwise.h. The pixels of dy of a block stay in registers while
 * rows of x go by; the sums of a row's taps do while a block does. Pixels that
 * a last block shares with the one before count as 0: what they meet was
 * multiplied there, so that sums that are finite stay so. */
#include "depthwise.h"

enum { PIXELS = DEPTHWISE_PIXELS };

DEPTHWISE_INLINE void load_dy(const depthwise_line *l, depthwise_block b,
                              const float *from, wide *dy, float *db) {
  const float *at = from + b.m * l->channels + b.c;
  depthwise_fetch(l, b, at, b.form.pixels);
#pragma GCC unroll 4
  for (int t = 0; t < b.form.pixels; t++) {
    dy[t] = wide_all(0);
    if (t >= b.again) dy[t] = wide_load_some(at + t * l->channels, b.lanes);
  }
  if (!db) return;
  wide sum = wide_load(db + b.c);
#pragma GCC unroll 4
  for (int t = 0; t < b.form.pixels; t++) sum += dy[t];
  wide_store(db + b.c, sum);
}

DEPTHWISE_INLINE void block(const depthwise_line *l, depthwise_block b,
                            const float *from, float *dw, float *db) {
  const int taps = b.form.taps, step = b.form.step, pixels = b.form.pixels;
  int64_t first = depthwise_column(l, b.m);
  const float *x = l->x + first * l->channels + b.c;
  wide dy[PIXELS], sum[DEPTHWISE_TAPS];
  depthwise_fetch_rows(l, b, x);
  load_dy(l, b, from, dy, db);
  dw += b.c;
  for (int64_t r = 0; r < l->rows; r++, x += l->x_row, dw += l->w_row) {
#pragma GCC unroll 7
    for (int v = 0; v < taps; v++) sum[v] = wide_load(dw + v * l->w_tap);
#pragma GCC unroll 13
    for (int q = 0; q < (pixels - 1) * step + taps; q++) {
      if (b.edge && depthwise_misses(l, first + q)) continue;
      wide pixel = wide_load_some(x + q * l->channels, b.lanes);
#pragma GCC unroll 7
      for (int v = 0; v < taps; v++) {
        int t = (q - v) / step;
        if (q < v || (q - v) % step || t >= pixels) continue;
        sum[v] = wide_madd(pixel, dy[t], sum[v]);
      }
    }
#pragma GCC unroll 7
    for (int v = 0; v < taps; v++) wide_store(dw + v * l->w_tap, sum[v]);
  }
}

DEPTHWISE_INLINE void block_any(const depthwise_line *l, depthwise_block b,
                                const float *from, float *dw, float *db) {
  int64_t first = depthwise_column(l, b.m);
  const float *x = l->x + first * l->channels + b.c;
  wide dy[PIXELS];
  depthwise_fetch_rows(l, b, x);
  load_dy(l, b, from, dy, db);
  dw += b.c;
  for (int64_t r = 0; r < l->rows; r++, x += l->x_row, dw += l->w_row) {
    for (int64_t v = 0; v < l->taps; v++) {
      wide sum = wide_load(dw + v * l->w_tap);
#pragma GCC unroll 4
      for (int t = 0; t < b.form.pixels; t++) {
        int64_t q = t * l->step + v * l->reach;
        if (b.edge && depthwise_misses(l, first + q)) continue;
        wide pixel = wide_load_some(x + q * l->channels, b.lanes);
        sum = wide_madd(pixel, dy[t], sum);
      }
      wide_store(dw + v * l->w_tap, sum);
    }
  }
}

/* --- lines ---------------------------------------------------------------- */
/* The line is copied, since no store can change a copy. */
#define LINE(name, taps, step, pixels, block)                               \
  static void name(const depthwise_line *given, const float *dy, float *dw, \
                   float *db) {                                             \
    const depthwise_line copy = *given, *l = &copy;                         \
    const depthwise_form f = {taps, step, pixels, false};                   \
    DEPTHWISE_BLOCKS(l, f, block(l, b, dy, dw, db))                         \
  }
LINE(line_any, 0, 0, PIXELS, block_any)
LINE(line_3_1, 3, 1, PIXELS, block)
LINE(line_3_2, 3, 2, PIXELS, block)
LINE(line_5_1, 5, 1, PIXELS, block)
LINE(line_5_2, 5, 2, PIXELS, block)
LINE(line_7_1, 7, 1, PIXELS, block)
LINE(line_short, 0, 0, PIXELS / 2, block_any)
LINE(line_one, 0, 0, 1, block_any)

typedef void line_function(const depthwise_line *l, const float *dy,
                           float *dw, float *db);
static line_function *const lines[DEPTHWISE_TAPS + 1][3] = {
    [3] = {[1] = line_3_1, [2] = line_3_2},
    [5] = {[1] = line_5_1, [2] = line_5_2},
    [7] = {[1] = line_7_1}};

static void add(const depthwise_line *l, const float *dy, float *dw,
                float *db) {
  line_function *fn = NULL;
  bool has = l->reach == 1 && l->taps <= DEPTHWISE_TAPS && l->step <= 2;
  if (has) fn = lines[l->taps][l->step];
  if (!fn) fn = line_any;
  if (l->places < PIXELS) fn = l->places > 1 ? line_short : line_one;
  fn(l, dy, dw, db);
}

const cpu_depthwise_weights_simd MOON_NAME(depthwise_weights) = {add};
