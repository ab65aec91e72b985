/* Stores past the caches: for results so large that their beginning would have
 * left the caches before anybody reads it. An ordinary store reads the line
 * that it will overwrite, and drives out others that are still of use.
 */
#ifndef MOON_SIMD_STORE_H
#define MOON_SIMD_STORE_H
#include "wide.h"

/* Bytes of a result from which on it goes past the caches. */
enum { SIMD_PAST = 1 << 23 };

/* By its size alone, though no value depends on it. */
static inline bool simd_goes_past(size_t nbytes) {
  return nbytes >= (size_t)SIMD_PAST;
}

static inline bool simd_is_past(const moon_operand *y) {
  size_t size = moon_dtype_size(y->dtype);
  return simd_goes_past((size_t)moon_operand_numel(y) * size);
}

/* Elements of four bytes: of a line, and what is computed at a time on its way
 * past the caches. More would come in bursts, which memory likes less. */
enum { SIMD_LINE = 16, SIMD_RUN = 4 * SIMD_LINE };

/* Such stores need a place on a line. */
static inline bool simd_may_store_past(const void *y) {
  return (uintptr_t)y % 64 == 0;
}

/* y = x, n elements of four bytes, whole lines. */
static inline __attribute__((always_inline)) void simd_store_past(
    int n, const void *restrict x, void *restrict y) {
  for (int i = 0; i < n; i += WIDE) {
    wide_stream((float *)y + i, wide_load((const float *)x + i));
  }
}

/* y[i] = value, an expression in i, for i < n; past the caches if `past`. The
 * value may read y[i]. */
#define SIMD_EACH(n, y, past, value)                                    \
  {                                                                     \
    int64_t at_ = 0;                                                    \
    if ((past) && simd_may_store_past(y)) {                             \
      for (; at_ + SIMD_RUN <= (n); at_ += SIMD_RUN) {                  \
        float run_[SIMD_RUN];                                           \
        _Pragma("GCC ivdep")                                            \
        for (int64_t i = at_; i < at_ + SIMD_RUN; i++) {                \
          run_[i - at_] = (value);                                      \
        }                                                               \
        simd_store_past(SIMD_RUN, run_, (y) + at_);                     \
      }                                                                 \
    }                                                                   \
    _Pragma("GCC ivdep")                                                \
    for (int64_t i = at_; i < (n); i++) (y)[i] = (value);               \
  }

/* After stores past the caches, before anybody is told that they are done. */
static inline void simd_store_end(bool past) {
  if (past) wide_fence();
}

#endif
