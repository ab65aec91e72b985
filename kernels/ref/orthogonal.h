/* Muon's direction: u [rows,columns] as a matrix with the same singular vectors
 * whose singular values are all near 1. With x = u / (|u| + eps), `steps` times
 *
 *   x <- (a + b x x^T + c (x x^T)^2) x
 *
 * or, where there are more rows than columns, with x^T x on the other side.
 */
#ifndef MOON_REF_ORTHOGONAL_H
#define MOON_REF_ORTHOGONAL_H
#include <stdbool.h>
#include "../matrix.h"

/* Elements of what it works in: u and a copy, and two squares. */
static inline int64_t ref_orthogonal_room(moon_matrix m) {
  int64_t s = moon_matrix_smaller(m);
  return 2 * m.rows * m.columns + 2 * s * s;
}

/* Multiplications of all steps. */
static inline double ref_orthogonal_work(moon_matrix m, int64_t steps) {
  double s = (double)moon_matrix_smaller(m);
  double n = (double)m.rows * (double)m.columns;
  return (double)steps * s * (2 * n + s * s);
}

/* y [n,m] = a b, a [n,k] and b [k,m] with these strides of rows, columns. */
typedef struct ref_grid { const double *x; int64_t row, column; } ref_grid;

static inline void ref_product(int64_t n, int64_t m, int64_t k,
                               ref_grid a, ref_grid b, double *y) {
  for (int64_t i = 0; i < n; i++) {
    for (int64_t j = 0; j < m; j++) {
      double sum = 0;
      for (int64_t l = 0; l < k; l++) {
        sum += a.x[i * a.row + l * a.column] * b.x[l * b.row + j * b.column];
      }
      y[i * m + j] = sum;
    }
  }
}

/* x after a step; `room`: as much as x, then two squares. */
static inline void ref_orthogonal_step(moon_matrix m, double *x,
                                       double *room) {
  int64_t n = m.rows, k = m.columns, s = moon_matrix_smaller(m);
  bool is_tall = n > k;
  double *copy = room, *square = room + n * k, *p = square + s * s;
  ref_grid plain = {x, k, 1}, across = {x, 1, k};
  ref_grid of_square = {square, s, 1}, of_p = {p, s, 1};
  ref_product(s, s, is_tall ? n : k, is_tall ? across : plain,
              is_tall ? plain : across, square);
  ref_product(s, s, s, of_square, of_square, p);
  for (int64_t i = 0; i < s * s; i++) {
    p[i] = MOON_MUON_B * square[i] + MOON_MUON_C * p[i];
    if (i % (s + 1) == 0) p[i] += MOON_MUON_A;
  }
  if (is_tall) {
    ref_product(n, k, k, plain, of_p, copy);
  } else {
    ref_product(n, k, n, of_p, plain, copy);
  }
  for (int64_t i = 0; i < n * k; i++) x[i] = copy[i];
}

/* In place; x begins a room of ref_orthogonal_room. */
static inline void ref_orthogonal(moon_matrix m, int64_t steps, double *x) {
  int64_t n = m.rows * m.columns;
  double square = 0;
  for (int64_t i = 0; i < n; i++) square += x[i] * x[i];
  for (int64_t i = 0; i < n; i++) x[i] /= sqrt(square) + MOON_MUON_EPS;
  for (int64_t i = 0; i < steps && n > 0; i++) {
    ref_orthogonal_step(m, x, x + n);
  }
}

#endif
