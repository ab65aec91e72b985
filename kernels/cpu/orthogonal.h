/* Many matrices made near orthogonal at once, for Muon; see ref/orthogonal.h.
 *
 * Each lies in scratch with all that it needs there. A round is a step of the
 * polynomial for all of them: its phases are below, and a part of one has a
 * share of one matrix' product, so that small ones run side by side and a large
 * one is cut. */
#ifndef MOON_CPU_ORTHOGONAL_H
#define MOON_CPU_ORTHOGONAL_H
#include "../matrix.h"
#include "cpu.h"

/* Products of a round: x x^T (or x^T x), its square, and the polynomial's with
 * x. Each has two phases: sums that are cut in slices are added in the second.
 * The polynomial itself is a phase before the last product. */
enum { ORTHOGONAL_GRAM, ORTHOGONAL_SQUARE, ORTHOGONAL_APPLY,
       ORTHOGONAL_PRODUCTS };
enum { ORTHOGONAL_PHASES = 2 * ORTHOGONAL_PRODUCTS + 1 };

/* Where a matrix is in scratch, in floats: x, its next value, the square of the
 * smaller side and what becomes of it, and scratch of its products. */
typedef struct orthogonal_matrix {
  moon_matrix size;
  int64_t x, next, gram, square, room;
  moon_plan product[ORTHOGONAL_PRODUCTS];
} orthogonal_matrix;

typedef struct orthogonal_state {
  int64_t n, numel;               /* matrices; floats of scratch */
  int32_t parts[ORTHOGONAL_PHASES];
  double cost_ns;                 /* of a round */
  orthogonal_matrix matrix[];
} orthogonal_state;

/* For n matrices, which have elements; kept for good. NULL: it would have to be
 * made and may not, or there is no memory. */
const orthogonal_state *moon_cpu_orthogonal(int64_t n, const moon_matrix *size,
                                            bool may_create);

/* Which matrix `part` of a phase works on, and as which of its parts: -1 where
 * there is nothing to do. */
int64_t moon_cpu_orthogonal_at(const orthogonal_state *s, int phase,
                               int32_t *part);
/* One part of a matrix' phase; a status. After a round x is where next was. */
int moon_cpu_orthogonal_run(const orthogonal_matrix *m, float *scratch,
                            int64_t round, int phase, int32_t part,
                            moon_fail *fail);
/* Where x is after so many rounds. */
static inline float *orthogonal_x(const orthogonal_matrix *m, float *scratch,
                                  int64_t rounds) {
  return scratch + (rounds % 2 ? m->next : m->x);
}

#endif
