/* Lines of a depthwise convolution; see ../depthwise.h.
 *
 * The sums of a block, a few pixels side by side, stay in registers while the
 * taps go by, and a pixel of x that several of them want is read once.
 */
#include "depthwise.h"
#include "mask.h"

enum { PIXELS = DEPTHWISE_PIXELS };

DEPTHWISE_INLINE wide first_sum(const depthwise_line *l, depthwise_block b) {
  return l->bias ? wide_load_some(l->bias + b.c, b.lanes) : wide_all(0);
}

/* Where the block begins in the first row of x. */
DEPTHWISE_INLINE const float *first_pixel(const depthwise_line *l,
                                          depthwise_block b, int64_t column) {
  return l->x + column * l->x_step + (b.form.spread ? 0 : b.c);
}

/* Column q from x on. */
DEPTHWISE_INLINE wide load(const depthwise_line *l, depthwise_block b,
                           const float *x, int64_t q) {
  return b.form.spread ? wide_all(x[q])
                       : wide_load_some(x + q * l->x_step, b.lanes);
}

DEPTHWISE_INLINE void store(const depthwise_line *l, depthwise_block b,
                            const wide *sum) {
#pragma GCC unroll 4
  for (int t = 0; t < b.form.pixels; t++) {
    int64_t at = (b.m + t) * l->y_step + b.c;
    wide v = l->relu ? wide_relu(sum[t]) : sum[t];
    if (l->mask) mask_put(l->mask, at, wide_positive(v));
    if (l->past) wide_stream(l->y + at, v);
    else wide_store_some(l->y + at, v, b.lanes);
  }
}

DEPTHWISE_INLINE void block(const depthwise_line *l, depthwise_block b) {
  const int taps = b.form.taps, step = b.form.step, pixels = b.form.pixels;
  int64_t first = depthwise_column(l, b.m);
  const float *x = first_pixel(l, b, first), *w = l->w + b.c;
  wide sum[PIXELS], tap[DEPTHWISE_TAPS];
  depthwise_fetch_rows(l, b, x);
#pragma GCC unroll 4
  for (int t = 0; t < pixels; t++) sum[t] = first_sum(l, b);
  for (int64_t r = 0; r < l->rows; r++, x += l->x_row, w += l->w_row) {
#pragma GCC unroll 7
    for (int v = 0; v < taps; v++) tap[v] = wide_load(w + v * l->w_tap);
#pragma GCC unroll 13
    for (int q = 0; q < (pixels - 1) * step + taps; q++) {
      if (b.edge && depthwise_misses(l, first + q)) continue;
      wide pixel = load(l, b, x, q);
#pragma GCC unroll 7
      for (int v = 0; v < taps; v++) {
        int t = (q - v) / step;
        if (q < v || (q - v) % step || t >= pixels) continue;
        sum[t] = wide_madd(pixel, tap[v], sum[t]);
      }
    }
  }
  store(l, b, sum);
}

DEPTHWISE_INLINE void block_any(const depthwise_line *l, depthwise_block b) {
  int64_t first = depthwise_column(l, b.m);
  const float *x = first_pixel(l, b, first), *w = l->w + b.c;
  wide sum[PIXELS];
  depthwise_fetch_rows(l, b, x);
#pragma GCC unroll 4
  for (int t = 0; t < b.form.pixels; t++) sum[t] = first_sum(l, b);
  for (int64_t r = 0; r < l->rows; r++, x += l->x_row, w += l->w_row) {
    for (int64_t v = 0; v < l->taps; v++) {
      wide tap = wide_load(w + v * l->w_tap);
#pragma GCC unroll 4
      for (int t = 0; t < b.form.pixels; t++) {
        int64_t q = t * l->step + v * l->reach;
        if (b.edge && depthwise_misses(l, first + q)) continue;
        wide pixel = load(l, b, x, q);
        sum[t] = wide_madd(pixel, tap, sum[t]);
      }
    }
  }
  store(l, b, sum);
}

/* --- lines ---------------------------------------------------------------- */
/* The line is copied, since no store can change a copy. */
#define LINE_OF(name, taps, step, pixels, spread, block)                    \
  static void name(const depthwise_line *given) {                           \
    const depthwise_line copy = *given, *l = &copy;                         \
    const depthwise_form f = {taps, step, pixels, spread};                  \
    DEPTHWISE_BLOCKS(l, f, block(l, b))                                     \
  }
#define LINE(name, taps, step, pixels, block)                               \
  LINE_OF(name, taps, step, pixels, false, block)                           \
  LINE_OF(spread_##name, taps, step, pixels, true, block)
LINE(line_any, 0, 0, PIXELS, block_any)
LINE(line_1_1, 1, 1, PIXELS, block)
LINE(line_2_1, 2, 1, PIXELS, block)
LINE(line_3_1, 3, 1, PIXELS, block)
LINE(line_3_2, 3, 2, PIXELS, block)
LINE(line_5_1, 5, 1, PIXELS, block)
LINE(line_5_2, 5, 2, PIXELS, block)
LINE(line_7_1, 7, 1, PIXELS, block)
LINE(line_short, 0, 0, PIXELS / 2, block_any)
LINE(line_one, 0, 0, 1, block_any)

typedef void line_function(const depthwise_line *l);
typedef struct line_functions {
  line_function *of[DEPTHWISE_TAPS + 1][3];  /* by taps and step */
  line_function *any, *few, *one;
} line_functions;
#define LINES(p)                                                            \
  {.of = {[1] = {[1] = p##line_1_1}, [2] = {[1] = p##line_2_1},             \
          [3] = {[1] = p##line_3_1, [2] = p##line_3_2},                     \
          [5] = {[1] = p##line_5_1, [2] = p##line_5_2},                     \
          [7] = {[1] = p##line_7_1}},                                       \
   .any = p##line_any, .few = p##line_short, .one = p##line_one}
static const line_functions lines = LINES(), spread_lines = LINES(spread_);

static void line(const depthwise_line *l) {
  const line_functions *f = l->spread ? &spread_lines : &lines;
  line_function *fn = NULL;
  bool has = l->reach == 1 && l->taps <= DEPTHWISE_TAPS && l->step <= 2;
  if (has) fn = f->of[l->taps][l->step];
  if (!fn) fn = f->any;
  if (l->places < PIXELS) fn = l->places > 1 ? f->few : f->one;
  fn(l);
}

static bool goes_past(const float *y, int64_t numel, int64_t channels) {
  return simd_goes_past((size_t)numel * sizeof *y) &&
         simd_may_store_past(y) && channels % SIMD_LINE == 0;
}

const cpu_depthwise_simd MOON_NAME(depthwise) = {goes_past, line,
                                                 simd_store_end};
