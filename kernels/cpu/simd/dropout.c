/* y = x / (1 - p) where element i is kept, else 0; see ref/dropout.c. Elements
 * are visited in logical order, whatever the strides: an operand that exists
 * only as strides counts them.
 */
#include "words.h"

/* Operand 0 of the loop is the count, then y and x. */
static cpu_loop loop_of(const moon_call *call) {
  const moon_operand *x = &call->arg[0], *y = &call->arg[1];
  moon_operand count = *y;
  int64_t stride = 1;
  for (int d = y->ndim - 1; d >= 0; d--) {
    count.stride[d] = stride;
    stride *= y->shape[d];
  }
  const moon_operand *o[] = {&count, y, x};
  return cpu_loop_of(o, 3);
}

CPU_COVERS(dropout) {
  return cpu_is_f32(&call->arg[0]) && moon_operand_numel(&call->arg[1]) > 0;
}

CPU_CUT(dropout) {
  int64_t n = moon_operand_numel(&call->arg[1]);
  cpu_phase(plan, n, (double)n, 1.5);
}

static void row(int64_t n, const uint32_t *restrict word, uint32_t threshold,
                double by, const float *restrict x, float *restrict y) {
  for (int64_t i = 0; i < n; i++) {
    float kept = (float)((double)x[i] * by);
    y[i] = word[i] >> 8 >= threshold ? kept : 0;
  }
}

CPU_RUN(dropout) {
  uint64_t key = call->params.random.key;
  uint64_t counter = call->params.random.counter;
  double p = call->params.random.p;
  const float *x = call->arg[0].data;
  float *y = call->arg[1].data, room[2][SIMD_STAGE];
  uint32_t words[4 * SIMD_BLOCKS];
  cpu_loop l = loop_of(call);
  int64_t lo, hi;
  cpu_share(plan, phase, part, l.numel, CPU_GRAIN, &lo, &hi);
  cpu_walk w = cpu_walk_from(&l, lo, hi, SIMD_STAGE);
  for (; w.n > 0; cpu_walk_next(&w)) {
    int64_t ys = cpu_inner(&l, 1);
    float *to = simd_target(y + w.at[1], ys, room[0]);
    row(w.n, simd_words(key, counter, w.at[0], w.n, words),
        moon_philox_threshold(p), 1 / (1 - p),
        simd_row(x + w.at[2], cpu_inner(&l, 2), w.n, room[1]), to);
    simd_scatter(to, w.n, y + w.at[1], ys);
  }
  return MOON_OK;
}

SIMD_KERNEL(dropout)
