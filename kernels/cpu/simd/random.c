/* Uniform and normal random numbers in f32, row-major; see ref/random.c. */
#include "words.h"

CPU_COVERS(random) {
  const moon_operand *y = &call->arg[0];
  return cpu_is_f32(y) && cpu_is_rows(y) && moon_operand_numel(y) > 0 &&
         call->params.random.kind != MOON_RAND_INT;
}

CPU_CUT(random) {
  int64_t n = moon_operand_numel(&call->arg[0]);
  bool normal = call->params.random.kind == MOON_RAND_NORMAL;
  cpu_phase(plan, n, (double)n * (normal ? 16 : 1), 1.5);
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
  uint32_t room[4 * SIMD_BLOCKS];
  int64_t lo, hi;
  cpu_share(plan, phase, part, moon_operand_numel(&call->arg[0]), CPU_GRAIN,
            &lo, &hi);
  for (int64_t i = lo; i < hi; i += SIMD_STAGE) {
    int64_t n = i + SIMD_STAGE < hi ? SIMD_STAGE : hi - i;
    const uint32_t *word =
        simd_words(q->random.key, q->random.counter, i, n, room);
    if (q->random.kind == MOON_RAND_UNIFORM) {
      uniform_row(q, n, word, y + i);
    } else {
      normal_row(q, n, word, y + i);
    }
  }
  return MOON_OK;
}

SIMD_KERNEL(random)
