/* What the files in this folder share. Each is compiled three times, with
 * MOON_ISA plain, avx2 and avx512; MOON_NAME(x) is x's name in each.
 *
 * Loops are plain C that the compiler vectorises, or written with vectors of 64
 * bytes, whatever the registers are. An element's value never depends on its
 * place in memory or on how a call is cut. Long sums are in double.
 */
#ifndef MOON_SIMD_H
#define MOON_SIMD_H
#include <math.h>
#include <string.h>
#include "../cpu.h"
#include "../loop.h"
#include "store.h"

#ifndef MOON_ISA
#define MOON_ISA plain
#endif
#define MOON_JOIN2(isa, name) moon_##isa##_##name
#define MOON_JOIN(isa, name) MOON_JOIN2(isa, name)
#define MOON_NAME(name) MOON_JOIN(MOON_ISA, name)

/* The kernel `name` of this instruction set. */
#define SIMD_KERNEL(name) CPU_KERNEL(name, MOON_NAME(name))

/* a b + c, rounded once where the processor can. */
#ifdef __FMA__
#define SIMD_MADD(a, b, c) __builtin_fmaf(a, b, c)
#define SIMD_MADD_DOUBLE(a, b, c) __builtin_fma(a, b, c)
#else
#define SIMD_MADD(a, b, c) ((a) * (b) + (c))
#define SIMD_MADD_DOUBLE(a, b, c) ((a) * (b) + (c))
#endif

/* x, or 0 where it does not count: by bits, which no compiler turns into a
 * branch. */
static inline float simd_where(bool counts, float x) {
  union { float value; int32_t bits; } v = {x};
  v.bits &= -(int32_t)counts;
  return v.value;
}

/* Where strided or repeated operands are gathered, a piece at a time. */
enum { SIMD_STAGE = 1024 };

/* n elements, `stride` apart, as a row: in place or in `room`. */
static inline const float *simd_row(const float *x, int64_t stride, int64_t n,
                                    float *room) {
  if (stride == 1) return x;
  if (stride == 0) {
    float v = *x;
    for (int64_t i = 0; i < n; i++) room[i] = v;
  } else {
    for (int64_t i = 0; i < n; i++) room[i] = x[i * stride];
  }
  return room;
}

/* Where n results go that belong `stride` apart, and their way there. */
static inline float *simd_target(float *y, int64_t stride, float *room) {
  return stride == 1 ? y : room;
}

static inline void simd_scatter(const float *row, int64_t n, float *y,
                                int64_t stride) {
  if (stride == 1) return;
  for (int64_t i = 0; i < n; i++) y[i * stride] = row[i];
}

/* How long a piece of a row may be: as long as it likes where nothing has to
 * be gathered. */
static inline int64_t simd_piece(const cpu_loop *l) {
  for (int k = 0; k < l->n; k++) {
    if (cpu_inner(l, k) != 1) return SIMD_STAGE;
  }
  return INT64_MAX;
}

#endif
