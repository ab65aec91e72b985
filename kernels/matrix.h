/* A parameter as the matrix that Muon takes it for: its first dimension against
 * the others. */
#ifndef MOON_MATRIX_H
#define MOON_MATRIX_H
#include <math.h>
#include "kernel.h"

typedef struct moon_matrix { int64_t rows, columns; } moon_matrix;

static inline moon_matrix moon_matrix_of(const moon_operand *o) {
  moon_matrix m = {o->shape[0], 1};
  for (int d = 1; d < o->ndim; d++) m.columns *= o->shape[d];
  return m;
}

static inline int64_t moon_matrix_smaller(moon_matrix m) {
  return m.rows < m.columns ? m.rows : m.columns;
}

/* What Muon's direction is multiplied by (Jordan 2024). */
static inline double moon_matrix_scale(moon_matrix m) {
  double ratio = (double)m.rows / (double)m.columns;
  return ratio > 1 ? sqrt(ratio) : 1;
}

/* The polynomial a x + b x^3 + c x^5, which takes singular values in (0, 1] to
 * about 1 when it is applied again and again, and what is added to a norm
 * before it divides (Jordan 2024). */
#define MOON_MUON_A 3.4445
#define MOON_MUON_B -4.7750
#define MOON_MUON_C 2.0315
#define MOON_MUON_EPS 1e-7

#endif
