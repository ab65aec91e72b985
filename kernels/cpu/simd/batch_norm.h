/* What a batch norm's forward and gradient share: which calls they cover, and
 * their scratch. Each starts with sums down the columns of channels-last
 * memory, in double; then a few numbers per channel, the coefficients, tell
 * the elementwise pass in float what to do.
 */
#ifndef MOON_SIMD_BATCH_NORM_H
#define MOON_SIMD_BATCH_NORM_H
#include "columns.h"

/* What the elementwise pass knows of each channel, in scratch. */
enum { NORM_COEFFICIENTS = 4 };
typedef struct norm_coefficients {
  float *mean, *low, *scale, *shift;
} norm_coefficients;

static inline simd_columns norm_columns(const moon_operand *x) {
  return simd_columns_of(x->shape[1], moon_operand_numel(x) / x->shape[1]);
}

/* Scratch: the coefficients, then `each` rows of doubles for every part. */
static inline size_t norm_coefficients_size(const moon_operand *x) {
  size_t width = (size_t)norm_columns(x).width;
  return cpu_align64(NORM_COEFFICIENTS * width * sizeof(float));
}

static inline size_t norm_scratch_size(const moon_operand *x, int parts,
                                       int each) {
  size_t row = (size_t)norm_columns(x).width * sizeof(double);
  return cpu_align64(norm_coefficients_size(x) +
                     row * (size_t)parts * (size_t)each);
}

static inline norm_coefficients norm_coefficients_in(void *scratch,
                                                     const moon_operand *x) {
  int64_t width = norm_columns(x).width;
  float *v = scratch;
  return (norm_coefficients){v, v + width, v + 2 * width, v + 3 * width};
}

static inline double *norm_sums_in(void *scratch, const moon_operand *x) {
  return (double *)((char *)scratch + norm_coefficients_size(x));
}

static inline void norm_repeat(const norm_coefficients *v, simd_columns c) {
  simd_repeat(&c, v->mean);
  simd_repeat(&c, v->low);
  simd_repeat(&c, v->scale);
  simd_repeat(&c, v->shift);
}

/* --- which calls ------------------------------------------------------ */
static inline bool norm_is_image(const moon_operand *o) {
  return cpu_is_f32(o) && cpu_is_channels_last(o);
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

static inline float norm_at_or(const moon_operand *v, int64_t c,
                               float otherwise) {
  return v ? ((const float *)v->data)[c] : otherwise;
}

#endif
