/* Stores past the caches: for results so large that their beginning would have
 * left the caches before anybody reads it. An ordinary store reads the line
 * that it will overwrite, and drives out others that are still of use.
 */
#ifndef MOON_SIMD_STORE_H
#define MOON_SIMD_STORE_H
#include "../cpu.h"

/* Bytes of a result from which on it goes past the caches. */
enum { SIMD_PAST = 1 << 23 };

/* By its size alone, though no value depends on it. */
static inline bool simd_is_past(const moon_operand *y) {
  size_t size = moon_dtype_size(y->dtype);
  return (size_t)moon_operand_numel(y) * size >= (size_t)SIMD_PAST;
}

/* Elements of four bytes: of a line, and what is computed at a time on its way
 * past the caches. More would come in bursts, which memory likes less. */
enum { SIMD_LINE = 16, SIMD_RUN = 4 * SIMD_LINE };

#if defined(__AVX512F__)
typedef float simd_line __attribute__((vector_size(64)));
#define SIMD_STORE_PAST(to, v) __builtin_ia32_movntps512(to, v)
#elif defined(__AVX__)
typedef float simd_line __attribute__((vector_size(32)));
#define SIMD_STORE_PAST(to, v) __builtin_ia32_movntps256(to, v)
#elif defined(__SSE__)
typedef float simd_line __attribute__((vector_size(16)));
#define SIMD_STORE_PAST(to, v) __builtin_ia32_movntps(to, v)
#else
typedef float simd_line __attribute__((vector_size(64), aligned(4)));
#define SIMD_STORE_PAST(to, v) (*(simd_line *)(to) = (v))
#endif

/* Such stores need a place on a line. */
static inline bool simd_may_store_past(const void *y) {
  return (uintptr_t)y % 64 == 0;
}

/* y = x, n elements of four bytes, whole lines. */
static inline __attribute__((always_inline)) void simd_store_past(
    int n, const void *restrict x, void *restrict y) {
  size_t nbytes = (size_t)n * sizeof(float);
  for (size_t i = 0; i < nbytes; i += sizeof(simd_line)) {
    simd_line v;
    memcpy(&v, (const char *)x + i, sizeof v);
    SIMD_STORE_PAST((float *)((char *)y + i), v);
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
        simd_store_past(SIMD_RUN, run_, (y) + at_);                \
      }                                                                 \
    }                                                                   \
    _Pragma("GCC ivdep")                                                \
    for (int64_t i = at_; i < (n); i++) (y)[i] = (value);               \
  }

/* After stores past the caches, before anybody is told that they are done. */
static inline void simd_store_end(bool past) {
#if defined(__SSE__)
  if (past) __builtin_ia32_sfence();
#else
  (void)past;
#endif
}

#endif
