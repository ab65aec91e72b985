/* The one-dimensional transforms of F(4, 3) at the points 0, +-5/8, +-3/2 and
 * infinity; those of two dimensions apply them to columns, then to rows. With
 * these points results are off by about twice as much as direct ones, with 0,
 * +-1 and +-2 by ten times (numpy, 64 channels; the choice of points after
 * Barabasz et al. 2020, "Error analysis and improving the accuracy of Winograd
 * convolution"). With a = 5/8, b = 3/2:
 *
 *        | aabb    0   -aa-bb    0    1  0 |        | 1   1   1   1   1  0 |
 *        |   0  -abb     -bb     a    1  0 |   A' = | 0   a  -a   b  -b  0 |
 *   B' = |   0   abb     -bb    -a    1  0 |        | 0  aa  aa  bb  bb  0 |
 *        |   0  -aab     -aa     b    1  0 |        | 0 aaa -aaa bbb -bbb 1 |
 *        |   0   aab     -aa    -b    1  0 |
 *        |   0  aabb       0  -aa-bb  0  1 |
 *
 * and G's rows are (1, p, pp) / prod(p - q) over the other points q, then
 * (0, 0, 1).
 *
 * A tile of three pixels does without -b, one of two without b and -b. Row p of
 * their B' holds the coefficients of prod(x - q), times what their 1 / prod(p -
 * q) is in G's:
 *
 *         | aabb  -aab   -bb   b  0 |          | aabb  0    -bb     0 |
 *         |   0  -ab(a+b) aa-bb a+b 0 |        |  0  a(aa-bb) aa-bb 0 |
 *   B3' = |   0  ab(b-a) aa-bb b-a 0 |   B2' = |  0 -a(aa-bb) aa-bb 0 |
 *         |   0  -2aab    0   2b  0 |          |  0   -aa     0     1 |
 *         |   0   aab   -aa   -b  1 |
 *
 * and their A' is A' without these points, its last row the one with the 1.
 */
#ifndef MOON_SIMD_WINOGRAD_H
#define MOON_SIMD_WINOGRAD_H
#include "../winograd.h"
#include "simd.h"
#include "wide.h"

#define WINO_INLINE static inline __attribute__((always_inline))

#define WINO_A 0.625f
#define WINO_B 1.5f
#define WINO_AA (WINO_A * WINO_A)
#define WINO_BB (WINO_B * WINO_B)
/* 1 / prod(p - q) for p = 0, +-a, +-b */
#define WINO_N0 (1 / (WINO_AA * WINO_BB))
#define WINO_NA (1 / (2 * WINO_AA * (WINO_AA - WINO_BB)))
#define WINO_NB (1 / (2 * WINO_BB * (WINO_BB - WINO_AA)))

/* Vectors of a panel: their sums stay in registers. */
#if defined(__AVX512F__)
enum { WINO_VECTORS = 4 };
#else
enum { WINO_VECTORS = 2 };
#endif
enum { WINO_PANEL = WINO_VECTORS * WIDE };

/* --- x: t = B' d ----------------------------------------------------------*/
WINO_INLINE void wino_input_4(const wide d[6], wide t[6]) {
  const wide aabb = wide_all(WINO_AA * WINO_BB);
  const wide sum = wide_all(-(WINO_AA + WINO_BB));
  const wide aa = wide_all(-WINO_AA), bb = wide_all(-WINO_BB);
  wide even_a = wide_madd(bb, d[2], d[4]), odd_a = wide_madd(bb, d[1], d[3]);
  wide even_b = wide_madd(aa, d[2], d[4]), odd_b = wide_madd(aa, d[1], d[3]);
  t[0] = wide_madd(aabb, d[0], wide_madd(sum, d[2], d[4]));
  t[1] = wide_madd(wide_all(WINO_A), odd_a, even_a);
  t[2] = wide_madd(wide_all(-WINO_A), odd_a, even_a);
  t[3] = wide_madd(wide_all(WINO_B), odd_b, even_b);
  t[4] = wide_madd(wide_all(-WINO_B), odd_b, even_b);
  t[5] = wide_madd(aabb, d[1], wide_madd(sum, d[3], d[5]));
}

WINO_INLINE void wino_input_3(const wide d[5], wide t[6]) {
  const float a = WINO_A, b = WINO_B;
  wide odd = wide_madd(wide_all(-WINO_AA), d[1], d[3]);
  wide even = wide_madd(wide_all(-WINO_AA), d[0], d[2]);
  t[0] = wide_all(b) * wide_madd(wide_all(-b), even, odd);
  t[1] = wide_all(a + b) * wide_madd(wide_all(a - b), d[2],
                                     wide_madd(wide_all(-a * b), d[1], d[3]));
  t[2] = wide_all(b - a) * wide_madd(wide_all(-a - b), d[2],
                                     wide_madd(wide_all(a * b), d[1], d[3]));
  t[3] = wide_all(2 * b) * odd;
  t[5] = wide_madd(wide_all(-b), odd,
                   wide_madd(wide_all(-WINO_AA), d[2], d[4]));
}

WINO_INLINE void wino_input_2(const wide d[4], wide t[6]) {
  const wide scale = wide_all(WINO_AA - WINO_BB);
  t[0] = wide_all(-WINO_BB) * wide_madd(wide_all(-WINO_AA), d[0], d[2]);
  t[1] = scale * wide_madd(wide_all(WINO_A), d[1], d[2]);
  t[2] = scale * wide_madd(wide_all(-WINO_A), d[1], d[2]);
  t[5] = wide_madd(wide_all(-WINO_AA), d[1], d[3]);
}

/* Of a tile of `size` pixels, at the points that it needs. */
WINO_INLINE void wino_input(const int size, const wide *d, wide t[6]) {
  if (size == 4) wino_input_4(d, t);
  else if (size == 3) wino_input_3(d, t);
  else wino_input_2(d, t);
}

/* --- y = A' m ------------------------------------------------------------- */
WINO_INLINE void wino_output_4(const wide m[6], wide y[4]) {
  wide even_a = m[1] + m[2], odd_a = m[1] - m[2];
  wide even_b = m[3] + m[4], odd_b = m[3] - m[4];
  y[0] = m[0] + (even_a + even_b);
  y[1] = wide_madd(wide_all(WINO_A), odd_a, wide_all(WINO_B) * odd_b);
  y[2] = wide_madd(wide_all(WINO_AA), even_a, wide_all(WINO_BB) * even_b);
  y[3] = wide_madd(wide_all(WINO_A * WINO_AA), odd_a,
                   wide_madd(wide_all(WINO_B * WINO_BB), odd_b, m[5]));
}

WINO_INLINE void wino_output_3(const wide m[6], wide y[3]) {
  wide even = m[1] + m[2], odd = m[1] - m[2];
  y[0] = m[0] + (even + m[3]);
  y[1] = wide_madd(wide_all(WINO_A), odd, wide_all(WINO_B) * m[3]);
  y[2] = wide_madd(wide_all(WINO_AA), even,
                   wide_madd(wide_all(WINO_BB), m[3], m[5]));
}

WINO_INLINE void wino_output_2(const wide m[6], wide y[2]) {
  y[0] = m[0] + (m[1] + m[2]);
  y[1] = wide_madd(wide_all(WINO_A), m[1] - m[2], m[5]);
}

WINO_INLINE void wino_output(const int size, const wide m[6], wide *y) {
  if (size == 4) wino_output_4(m, y);
  else if (size == 3) wino_output_3(m, y);
  else wino_output_2(m, y);
}

/* --- dy: z = A dy --------------------------------------------------------- */
WINO_INLINE void wino_gradient_4(const wide dy[4], wide z[6]) {
  wide even_a = wide_madd(wide_all(WINO_AA), dy[2], dy[0]);
  wide odd_a = wide_madd(wide_all(WINO_AA), dy[3], dy[1]);
  wide even_b = wide_madd(wide_all(WINO_BB), dy[2], dy[0]);
  wide odd_b = wide_madd(wide_all(WINO_BB), dy[3], dy[1]);
  z[0] = dy[0];
  z[1] = wide_madd(wide_all(WINO_A), odd_a, even_a);
  z[2] = wide_madd(wide_all(-WINO_A), odd_a, even_a);
  z[3] = wide_madd(wide_all(WINO_B), odd_b, even_b);
  z[4] = wide_madd(wide_all(-WINO_B), odd_b, even_b);
  z[5] = dy[3];
}

WINO_INLINE void wino_gradient_3(const wide dy[3], wide z[6]) {
  wide even = wide_madd(wide_all(WINO_AA), dy[2], dy[0]);
  z[0] = dy[0];
  z[1] = wide_madd(wide_all(WINO_A), dy[1], even);
  z[2] = wide_madd(wide_all(-WINO_A), dy[1], even);
  z[3] = wide_madd(wide_all(WINO_B), dy[1],
                   wide_madd(wide_all(WINO_BB), dy[2], dy[0]));
  z[5] = dy[2];
}

WINO_INLINE void wino_gradient_2(const wide dy[2], wide z[6]) {
  z[0] = dy[0];
  z[1] = wide_madd(wide_all(WINO_A), dy[1], dy[0]);
  z[2] = wide_madd(wide_all(-WINO_A), dy[1], dy[0]);
  z[5] = dy[1];
}

WINO_INLINE void wino_gradient(const int size, const wide *dy, wide z[6]) {
  if (size == 4) wino_gradient_4(dy, z);
  else if (size == 3) wino_gradient_3(dy, z);
  else wino_gradient_2(dy, z);
}

/* --- weights: u = G g ----------------------------------------------------- */
WINO_INLINE void wino_weights(const wide g[3], wide u[6]) {
  wide even_a = wide_madd(wide_all(WINO_AA), g[2], g[0]);
  wide even_b = wide_madd(wide_all(WINO_BB), g[2], g[0]);
  u[0] = wide_all(WINO_N0) * g[0];
  u[1] = wide_all(WINO_NA) * wide_madd(wide_all(WINO_A), g[1], even_a);
  u[2] = wide_all(WINO_NA) * wide_madd(wide_all(-WINO_A), g[1], even_a);
  u[3] = wide_all(WINO_NB) * wide_madd(wide_all(WINO_B), g[1], even_b);
  u[4] = wide_all(WINO_NB) * wide_madd(wide_all(-WINO_B), g[1], even_b);
  u[5] = g[2];
}

/* g = G' s */
WINO_INLINE void wino_finish(const wide s[6], wide g[3]) {
  wide even_a = wide_all(WINO_NA) * (s[1] + s[2]);
  wide odd_a = wide_all(WINO_NA) * (s[1] - s[2]);
  wide even_b = wide_all(WINO_NB) * (s[3] + s[4]);
  wide odd_b = wide_all(WINO_NB) * (s[3] - s[4]);
  g[0] = wide_madd(wide_all(WINO_N0), s[0], even_a + even_b);
  g[1] = wide_madd(wide_all(WINO_A), odd_a, wide_all(WINO_B) * odd_b);
  g[2] = wide_madd(wide_all(WINO_AA), even_a,
                   wide_madd(wide_all(WINO_BB), even_b, s[5]));
}

/* The tile's region, its image and its first pixel of y. */
typedef struct wino_place {
  const winograd_region *region;
  int64_t n, i, j;
} wino_place;

static inline wino_place wino_place_of(const winograd *g, int64_t tile) {
  const winograd_region *r = g->region;
  int64_t first = 0;
  for (; tile >= r->end; r++) first = r->end;
  tile -= first;
  int64_t column = tile % r->columns, row = tile / r->columns;
  return (wino_place){r, row / r->rows,
                      r->i + row % r->rows * WINOGRAD_TILE,
                      r->j + column * WINOGRAD_TILE};
}

/* Columns of a panel of a matrix with k in all, from column `at` on. */
static inline int64_t wino_panel(int64_t k, int64_t at, int64_t panel) {
  return k - at < panel ? k - at : panel;
}

#endif
