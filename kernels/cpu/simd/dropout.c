/* y = x / (1 - p) where element i is kept, else 0; see ref/dropout.c. Elements
 * are visited in logical order, as far as memory allows: an operand that exists
 * only as strides counts them.
 */
#include "words.h"

enum { COUNT, Y, X };  /* operands of the loop */

/* Where the logical rows lie across memory (those of channels-last images are
 * planes), they are cut into pieces of at most 64, and the pieces of all rows
 * side by side come before the next ones: they share cache lines. */
static void tile(cpu_loop *l) {
  enum { TILE = 64 };
  int last = l->ndim - 1;
  int64_t size = l->shape[last], piece = TILE;
  if (last == 0 || l->ndim == MOON_MAX_DIMS || cpu_inner(l, Y) == 1) return;
  while (size % piece) piece--;
  l->shape[last + 1] = piece;
  l->shape[last] = l->shape[last - 1];
  l->shape[last - 1] = size / piece;
  for (int k = 0; k < l->n; k++) {
    int64_t *stride = l->stride[k];
    stride[last + 1] = stride[last];
    stride[last] = stride[last - 1];
    stride[last - 1] = stride[last + 1] * piece;
  }
  l->ndim++;
}

static cpu_loop loop_of(const moon_call *call) {
  const moon_operand *x = &call->arg[0], *y = &call->arg[1];
  moon_operand count = *y;
  int64_t stride = 1;
  for (int d = y->ndim - 1; d >= 0; d--) {
    count.stride[d] = stride;
    stride *= y->shape[d];
  }
  const moon_operand *o[] = {&count, y, x};
  cpu_loop l = cpu_loop_of(o, 3);
  tile(&l);
  return l;
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
    int64_t ys = cpu_inner(&l, Y);
    float *to = simd_target(y + w.at[Y], ys, room[0]);
    row(w.n, simd_words(key, counter, w.at[COUNT], w.n, words),
        moon_philox_threshold(p), 1 / (1 - p),
        simd_row(x + w.at[X], cpu_inner(&l, X), w.n, room[1]), to);
    simd_scatter(to, w.n, y + w.at[Y], ys);
  }
  return MOON_OK;
}

SIMD_KERNEL(dropout)
