/* The products of matrices between Winograd's transforms; see ../winograd.h.
 * The sums of some rows of a panel stay in registers. */
#include "winograd.h"

/* Rows of M, of S. */
enum { ROWS = 6, ROWS_S = 4, PANEL = WINO_PANEL, PLACES = WINOGRAD_PLACES };

/* y [rows, n vectors] = sum over the n of `length` of a b, or added to y. a's
 * elements are `row` and `step` apart, rows of b and y `width`. */
typedef struct product {
  const float *a, *b;
  float *y;
  int64_t length, row, step, width;
} product;

WINO_INLINE void multiply_block(const product *p, const int rows, const int n,
                                bool add) {
  wide s[8][4];
  const float *a = p->a, *b = p->b;
#pragma GCC unroll 8
  for (int i = 0; i < rows; i++) {
#pragma GCC unroll 4
    for (int j = 0; j < n; j++) s[i][j] = wide_all(0);
  }
  for (int64_t t = 0; t < p->length; t++) {
    wide v[4];
#pragma GCC unroll 4
    for (int j = 0; j < n; j++) v[j] = wide_load(b + WIDE * j);
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++) {
      wide w = wide_all(a[i * p->row]);
#pragma GCC unroll 4
      for (int j = 0; j < n; j++) s[i][j] = wide_madd(w, v[j], s[i][j]);
    }
    a += p->step;
    b += p->width;
  }
#pragma GCC unroll 8
  for (int i = 0; i < rows; i++) {
#pragma GCC unroll 4
    for (int j = 0; j < n; j++) {
      float *y = p->y + i * p->width + WIDE * j;
      if (add) s[i][j] += wide_load(y);
      wide_store(y, s[i][j]);
    }
  }
}

/* Panels whose last vectors are missing. */
WINO_INLINE void multiply_rows(const product *p, const int rows, bool add) {
  switch (p->width / WIDE) {
    case 1: multiply_block(p, rows, 1, add); break;
    case 2: multiply_block(p, rows, 2, add); break;
    case 3: multiply_block(p, rows, 3, add); break;
    default: multiply_block(p, rows, WINO_VECTORS, add); break;
  }
}

/* Which tiles of a block need a place, counted from its first. */
typedef struct tiles { int64_t first, end; } tiles;

static tiles tiles_of(const winograd_block *b, int place) {
  const winograd_region *r = b->g->region;
  bool low = winograd_needs(r[WINOGRAD_LOW].height, place / 6);
  bool narrow = winograd_needs(r[WINOGRAD_NARROW].width, place % 6);
  int last = WINOGRAD_WHOLE;
  if (narrow) last = low ? WINOGRAD_CORNER : WINOGRAD_NARROW;
  tiles t = {low ? 0 : r[WINOGRAD_LOW].end - b->first, r[last].end - b->first};
  if (t.first < 0) t.first = 0;
  if (t.end > b->count) t.end = b->count;
  return t;
}

/* By whole ROWS: what else is computed with them, nobody looks at. */
static void multiply(const winograd_block *b, const float *u) {
  int64_t c = b->g->p.c, k_all = b->k_end - b->k;
  int64_t all = winograd_apart(c, b->g->p.k);
  for (int i = 0; i < PLACES; i++) {
    tiles some = tiles_of(b, i);
    for (int64_t k = 0; k < k_all; k += PANEL) {
      int64_t width = wino_panel(k_all, k, PANEL);
      for (int64_t t = some.first / ROWS * ROWS; t < some.end; t += ROWS) {
        product p = {.a = b->v + i * b->v_size + t * c,
                     .b = u + i * all + (b->k + k) * c,
                     .y = b->m + i * b->m_size + k * b->g->block + t * width,
                     .length = c, .row = c, .step = 1, .width = width};
        multiply_rows(&p, ROWS, false);
      }
    }
  }
}

static void accumulate(const winograd_block *b, bool add, float *s) {
  int64_t c_all = b->g->p.c, k_all = b->k_end - b->k;
  int64_t all = winograd_apart(c_all, b->g->p.k);
  for (int i = 0; i < PLACES; i++) {
    tiles some = tiles_of(b, i);
    if (add && some.first >= some.end) continue;
    for (int64_t k = 0; k < k_all; k += PANEL) {
      int64_t width = wino_panel(k_all, k, PANEL);
      for (int64_t c = 0; c < c_all; c += ROWS_S) {
        product p = {.a = b->v + i * b->v_size + some.first * c_all + c,
                     .b = b->m + i * b->m_size + k * b->g->block +
                          some.first * width,
                     .y = s + i * all + (b->k + k) * c_all + c * width,
                     .length = some.end - some.first, .row = 1, .step = c_all,
                     .width = width};
        multiply_rows(&p, ROWS_S, add);
      }
    }
  }
}

const cpu_winograd_product_simd MOON_NAME(winograd_product) = {
    ROWS, multiply, accumulate};
