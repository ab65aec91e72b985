/* What a batch norm's forward and gradient share. Both begin with two sums down
 * each column of channels-last memory; then a few numbers per channel tell the
 * elementwise pass, in float, what to do.
 */
#ifndef MOON_SIMD_BATCH_NORM_H
#define MOON_SIMD_BATCH_NORM_H
#include "columns.h"

/* Scratch: for each column four numbers, and for each part its sums. */
typedef struct norm {
  simd_columns c;
  float *mean, *low, *scale, *shift;
  char *parts;
} norm;

enum { NORM_FLOATS = 4 };

/* The sums of a part. A few rows at a time are added in float, since doubles
 * take longer than memory does; then they go to the doubles. */
typedef struct norm_sums {
  double *sum, *other;
  float *few_sum, *few_other;
  float *around;  /* each column's: near its mean */
  float *sign, *above;  /* the gradient's: y > 0 where sign x > above */
} norm_sums;

enum { NORM_FEW = 32 };

static inline simd_columns norm_columns(const moon_operand *x) {
  return simd_columns_of(x->shape[1], moon_operand_numel(x) / x->shape[1]);
}

static inline size_t norm_floats_size(const simd_columns *c) {
  return cpu_align64(NORM_FLOATS * (size_t)c->width * sizeof(float));
}

/* A row of f32 in scratch. */
static inline size_t norm_row_size(const simd_columns *c) {
  return cpu_align64((size_t)c->width * sizeof(float));
}

static inline size_t norm_part_size(const simd_columns *c) {
  return (3 + 2 * 2 + 2) * norm_row_size(c);
}

static inline size_t norm_scratch_size(const moon_operand *x, int parts) {
  simd_columns c = norm_columns(x);
  return norm_floats_size(&c) + (size_t)parts * norm_part_size(&c);
}

static inline norm norm_in(void *scratch, const moon_operand *x) {
  norm n = {.c = norm_columns(x), .mean = scratch};
  n.low = n.mean + n.c.width;
  n.scale = n.low + n.c.width;
  n.shift = n.scale + n.c.width;
  n.parts = (char *)scratch + norm_floats_size(&n.c);
  return n;
}

/* Of a part; its sums are what they are. The rows that are in use together lie
 * together: in another order this takes half as long again. */
static inline norm_sums norm_sums_of(const norm *n, int part) {
  size_t row = norm_row_size(&n->c);
  char *at = n->parts + (size_t)part * norm_part_size(&n->c);
  return (norm_sums){.few_sum = (void *)at, .few_other = (void *)(at + row),
                     .around = (void *)(at + 2 * row),
                     .sum = (void *)(at + 3 * row),
                     .other = (void *)(at + 5 * row),
                     .sign = (void *)(at + 7 * row),
                     .above = (void *)(at + 8 * row)};
}

/* Runs `row`, a statement in i and m, for the m elements of each row from
 * element i on, between lo and hi; it adds to few_sum and few_other. */
#define NORM_ADD_UP(n, s, lo, hi, row)                             \
  norm_clear(n, (s)->sum, sizeof(double));                         \
  norm_clear(n, (s)->other, sizeof(double));                       \
  for (int64_t end_, from_ = (lo); from_ < (hi); from_ = end_) {   \
    end_ = from_ + NORM_FEW * (n)->c.width;                        \
    if (end_ > (hi)) end_ = (hi);                                  \
    norm_clear(n, (s)->few_sum, sizeof(float));                    \
    norm_clear(n, (s)->few_other, sizeof(float));                  \
    for (int64_t i = from_; i < end_; i += (n)->c.width) {         \
      int64_t m = simd_row_at(i, end_, (n)->c.width);              \
      row;                                                         \
    }                                                              \
    norm_keep(n, (s)->few_sum, (s)->sum);                          \
    norm_keep(n, (s)->few_other, (s)->other);                      \
  }                                                                \
  simd_fold_sums(&(n)->c, (s)->sum);                               \
  simd_fold_sums(&(n)->c, (s)->other);

static inline void norm_clear(const norm *n, void *sums, size_t size) {
  memset(sums, 0, (size_t)n->c.width * size);
}

static inline void norm_keep(const norm *n, const float *restrict few,
                             double *restrict sum) {
  SIMD_COLUMNS(n->c.width, sum[c] += (double)few[c];)
}

/* Makes part 0's sums those of all parts. */
static inline norm_sums norm_total(const norm *n, int parts) {
  norm_sums s = norm_sums_of(n, 0);
  int64_t pitch = (int64_t)(norm_part_size(&n->c) / sizeof(double));
  simd_add_parts(parts, pitch, n->c.n, s.sum);
  simd_add_parts(parts, pitch, n->c.n, s.other);
  return s;
}

/* The numbers of each channel for its folded columns, too. */
static inline void norm_repeat(const norm *n) {
  for (int k = 0; k < NORM_FLOATS; k++) {
    simd_repeat(&n->c, n->mean + k * n->c.width);
  }
}

/* Phases over all of x have pieces of whole rows. */
static inline void norm_phase(const moon_operand *x, moon_plan *plan,
                              double ns) {
  int64_t n = moon_operand_numel(x);
  cpu_phase(plan, n / norm_columns(x).width + 1, (double)n, ns);
}

/* --- y ---------------------------------------------------------------- */
/* The mean is used in two parts, so that x - mean keeps its digits. */
#define NORM_Y(x, mean, low, scale, shift) \
  SIMD_MADD(((x) - (mean)) - (low), scale, shift)

static inline float norm_relu(float y) { return y < 0 ? 0 : y; }

static inline bool norm_has_relu(const moon_call *call) {
  return call->params.norm.epilogue == MOON_EPILOGUE_RELU;
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

static inline bool norm_is_rows(const moon_call *call, int k) {
  const moon_operand *o = cpu_optional(call, k);
  return !o || (cpu_is_f32(o) && cpu_is_rows(o));
}

static inline double norm_at_or(const moon_operand *v, int64_t c,
                                double otherwise) {
  return v ? (double)((const float *)v->data)[c] : otherwise;
}

#endif
