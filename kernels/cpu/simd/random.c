/* Random numbers, row-major; see ref/random.c. Uniform and normal ones in f32,
 * whole ones in every dtype but f64 and bool. */
#include "words.h"

/* --- whole numbers ---------------------------------------------------- */
/* n of them from lo on: ref/random.c's. */
typedef struct span { int64_t lo; uint64_t n; } span;

static span span_of(const moon_params *q) {
  int64_t lo = (int64_t)q->random.a, hi = (int64_t)q->random.b;
  return (span){lo, (uint64_t)hi - (uint64_t)lo};
}

typedef void whole_fn(int64_t n, span s, const uint32_t *high,
                      const uint32_t *low, void *y);

#define WHOLE(name, type)                                             \
  static void name(int64_t n, span s, const uint32_t *restrict high,  \
                   const uint32_t *restrict low, void *restrict to) { \
    type *restrict y = to;                                            \
    for (int64_t i = 0; i < n; i++) {                                 \
      uint64_t word = (uint64_t)high[i] << 32 | low[i];               \
      uint64_t v = (uint64_t)s.lo + moon_philox_below64(word, s.n);   \
      y[i] = (type)(int64_t)v;                                        \
    }                                                                 \
  }
WHOLE(whole_f32, float)
WHOLE(whole_i64, int64_t)
WHOLE(whole_i32, int32_t)
WHOLE(whole_u8, uint8_t)

static whole_fn *whole_fn_of(int dtype) {
  switch (dtype) {
    case MOON_F32: return whole_f32;
    case MOON_I64: return whole_i64;
    case MOON_I32: return whole_i32;
    case MOON_U8: return whole_u8;
    default: return NULL;
  }
}

/* --- the kernel ------------------------------------------------------- */
CPU_COVERS(random) {
  const moon_operand *y = &call->arg[0];
  bool whole = call->params.random.kind == MOON_RAND_INT;
  bool fits = whole ? whole_fn_of(y->dtype) != NULL : cpu_is_f32(y);
  return fits && cpu_is_rows(y) && moon_operand_numel(y) > 0;
}

CPU_CUT(random) {
  int64_t n = moon_operand_numel(&call->arg[0]);
  int kind = call->params.random.kind;
  int work = kind == MOON_RAND_NORMAL ? 16 : kind == MOON_RAND_INT ? 3 : 1;
  cpu_phase(plan, n, (double)n * work, 1.5);
}

/* moon_philox_between for each word: what rounding lifts to b can only be b's
 * float, and becomes the one below. */
static void uniform_row(const moon_params *q, int64_t n,
                        const uint32_t *restrict word, float *restrict y) {
  double a = q->random.a, b = q->random.b, width = b - a;
  double end = a < b ? b : NAN;
  float below = nextafterf((float)b, -INFINITY);
  for (int64_t i = 0; i < n; i++) {
    float v = (float)(a + width * (double)moon_philox_uniform(word[i]));
    y[i] = (double)v >= end ? below : v;
  }
}

/* Words 2 j and 2 j + 1 give elements 2 j and 2 j + 1; the row begins with an
 * even one, and the words of its last block are all there. */
static void normal_row(const moon_params *q, int64_t n, const uint32_t *word,
                       float *y) {
  for (int64_t i = 0; i < n; i += 2) {
    double z[2];
    moon_philox_normal2(word[i], word[i + 1], z);
    y[i] = (float)(q->random.a + q->random.b * z[0]);
    if (i + 1 < n) y[i + 1] = (float)(q->random.a + q->random.b * z[1]);
  }
}

CPU_RUN(random) {
  const moon_params *q = &call->params;
  float *y = call->arg[0].data;
  int dtype = call->arg[0].dtype;
  size_t size = moon_dtype_size(dtype);
  uint64_t key = q->random.key, counter = q->random.counter;
  uint32_t room[4 * SIMD_BLOCKS], more[4 * SIMD_BLOCKS];
  int64_t lo, hi;
  cpu_share(plan, phase, part, moon_operand_numel(&call->arg[0]), CPU_GRAIN,
            &lo, &hi);
  for (int64_t i = lo; i < hi; i += SIMD_STAGE) {
    int64_t n = i + SIMD_STAGE < hi ? SIMD_STAGE : hi - i;
    const uint32_t *word = simd_words(key, counter, i, n, room);
    if (q->random.kind == MOON_RAND_INT) {
      whole_fn_of(dtype)(n, span_of(q), word,
                         simd_low_words(key, counter, i, n, more),
                         (char *)y + (size_t)i * size);
    } else if (q->random.kind == MOON_RAND_UNIFORM) {
      uniform_row(q, n, word, y + i);
    } else {
      normal_row(q, n, word, y + i);
    }
  }
  return MOON_OK;
}

SIMD_KERNEL(random)
