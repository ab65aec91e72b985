/* What a batch norm's forward and gradient share. Both begin with sums down
 * the columns of channels-last memory, in double; then a few numbers per
 * channel tell the elementwise pass, in float, what to do.
 */
#ifndef MOON_SIMD_BATCH_NORM_H
#define MOON_SIMD_BATCH_NORM_H
#include "columns.h"

/* Scratch: for each column four numbers, and for each part three rows of
 * doubles. */
typedef struct norm {
  simd_columns c;
  float *mean, *low, *scale, *shift;
  double *rows;  /* of part k from rows + 3 k c.width */
} norm;

enum { NORM_FLOATS = 4, NORM_ROWS = 3 };

static inline simd_columns norm_columns(const moon_operand *x) {
  return simd_columns_of(x->shape[1], moon_operand_numel(x) / x->shape[1]);
}

static inline size_t norm_floats_size(const simd_columns *c) {
  return cpu_align64(NORM_FLOATS * (size_t)c->width * sizeof(float));
}

static inline size_t norm_scratch_size(const moon_operand *x, int parts) {
  simd_columns c = norm_columns(x);
  size_t row = (size_t)c.width * sizeof(double);
  return cpu_align64(norm_floats_size(&c) + NORM_ROWS * (size_t)parts * row);
}

static inline norm norm_in(void *scratch, const moon_operand *x) {
  norm n = {.c = norm_columns(x), .mean = scratch};
  n.low = n.mean + n.c.width;
  n.scale = n.low + n.c.width;
  n.shift = n.scale + n.c.width;
  n.rows = (double *)((char *)scratch + norm_floats_size(&n.c));
  return n;
}

/* Row `row` of a part, as zeros. */
static inline double *norm_zeros(const norm *n, int part, int row) {
  double *zeros = n->rows + (NORM_ROWS * part + row) * n->c.width;
  memset(zeros, 0, (size_t)n->c.width * sizeof *zeros);
  return zeros;
}

/* The sums of all parts, in the row of part 0. */
static inline double *norm_total(const norm *n, int parts, int row) {
  double *sum = n->rows + row * n->c.width;
  simd_add_parts(parts, NORM_ROWS * n->c.width, n->c.n, sum);
  return sum;
}

/* The numbers of each channel for its folded columns, too. */
static inline void norm_repeat(const norm *n) {
  simd_repeat(&n->c, n->mean);
  simd_repeat(&n->c, n->low);
  simd_repeat(&n->c, n->scale);
  simd_repeat(&n->c, n->shift);
}

/* Phases over all of x have pieces of whole rows. */
static inline void norm_phase(const moon_operand *x, moon_plan *plan,
                              double ns) {
  int64_t n = moon_operand_numel(x);
  cpu_phase(plan, n / norm_columns(x).width + 1, (double)n, ns);
}

/* --- operands --------------------------------------------------------- */
static inline bool norm_is_image(const moon_operand *o) {
  return cpu_is_f32(o) && cpu_is_channels_last(o) &&
         moon_operand_numel(o) > 0;
}

/* The operands from first to last, where present, are vectors. */
static inline bool norm_are_vectors(const moon_call *call, int first, int last,
                                    int64_t channels) {
  for (int k = first; k <= last; k++) {
    const moon_operand *v = cpu_optional(call, k);
    if (v && !cpu_is_vector(v, channels)) return false;
  }
  return true;
}

static inline double norm_at_or(const moon_operand *v, int64_t c,
                                double otherwise) {
  return v ? (double)((const float *)v->data)[c] : otherwise;
}

#endif
