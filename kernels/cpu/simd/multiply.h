/* Products of small matrices that lie in the caches, where a call of oneDNN
 * would cost as much as the product:
 *
 *   c[m, l] = sum over k of a[m, k] b[k, l]       or added to what c holds
 *
 * b and c have rows of `lanes` elements, a multiple of 16; a may lie as it
 * likes, because its elements are taken one by one. A tile of c stays in
 * registers while the sum goes on. The order of a sum is that of k.
 */
#ifndef MOON_SIMD_MULTIPLY_H
#define MOON_SIMD_MULTIPLY_H
#include "simd.h"
#include "wide.h"

enum { SIMD_GRAIN = 16 };  /* lanes, on every instruction set */

typedef struct simd_product {
  int64_t m, k, lanes;
  const float *a, *b;
  float *c;
  int64_t a_row, a_column;  /* strides: m a_row + k a_column */
  int64_t b_row, c_row;
  bool adds;
} simd_product;

/* A tile is up to six rows of one or two (`two`, a constant where this is
 * used) vectors, which fits into 16 registers. Its sums are variables, because
 * the compiler keeps arrays in memory. */
#define TILE_SUMS(r) wide s##r = {0}, t##r = {0};
#define TILE_LOAD(r)                                                        \
  s##r = wide_load(c + r * c_row);                                          \
  if (two) t##r = wide_load(c + r * c_row + WIDE);
#define TILE_ADD(r)                                                         \
  s##r = wide_madd(wide_all(a[r * a_row]), of_b, s##r);                     \
  if (two) t##r = wide_madd(wide_all(a[r * a_row]), more_b, t##r);
#define TILE_STORE(r)                                                       \
  wide_store(c + r * c_row, s##r);                                          \
  if (two) wide_store(c + r * c_row + WIDE, t##r);
#define TILE(name, ROWS)                                                    \
  static inline __attribute__((always_inline)) void name(                   \
      const simd_product *p, int64_t row, int64_t lane, bool two) {         \
    const float *a = p->a + row * p->a_row, *b = p->b + lane;               \
    float *c = p->c + row * p->c_row + lane;                                \
    int64_t a_row = p->a_row, c_row = p->c_row;                             \
    ROWS(TILE_SUMS)                                                         \
    if (p->adds) {                                                          \
      ROWS(TILE_LOAD)                                                       \
    }                                                                       \
    for (int64_t k = 0; k < p->k; k++, a += p->a_column, b += p->b_row) {   \
      wide of_b = wide_load(b);                                             \
      wide more_b = two ? wide_load(b + WIDE) : of_b;                       \
      ROWS(TILE_ADD)                                                        \
    }                                                                       \
    ROWS(TILE_STORE)                                                        \
  }
#define TILE_ROW_1(X) X(0)
#define TILE_ROW_2(X) X(0) X(1)
#define TILE_ROW_3(X) X(0) X(1) X(2)
#define TILE_ROW_6(X) X(0) X(1) X(2) X(3) X(4) X(5)
TILE(simd_tile_1, TILE_ROW_1)
TILE(simd_tile_2, TILE_ROW_2)
TILE(simd_tile_3, TILE_ROW_3)
TILE(simd_tile_6, TILE_ROW_6)

static inline __attribute__((always_inline)) void simd_tiles(
    const simd_product *p, int64_t lane, bool two) {
  int64_t row = 0;
  for (; row + 6 <= p->m; row += 6) simd_tile_6(p, row, lane, two);
  for (; row + 3 <= p->m; row += 3) simd_tile_3(p, row, lane, two);
  for (; row + 2 <= p->m; row += 2) simd_tile_2(p, row, lane, two);
  if (row < p->m) simd_tile_1(p, row, lane, two);
}

static void simd_multiply(const simd_product *p) {
  int64_t lane = 0;
  for (; lane + 2 * WIDE <= p->lanes; lane += 2 * WIDE) {
    simd_tiles(p, lane, true);
  }
  if (lane < p->lanes) simd_tiles(p, lane, false);
}

#endif
