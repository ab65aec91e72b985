/* The norm, the share of zeros and the count of values that are not finite;
 * see ref/statistics.c. Any order will do, so x is read in that of its memory.
 */
#include <float.h>
#include "columns.h"

typedef struct counts { double squares, zeros, wild; } counts;

CPU_COVERS(statistics) {
  return cpu_is_f32(&call->arg[0]) && moon_operand_numel(&call->arg[0]) > 0;
}

CPU_CUT(statistics) {
  int64_t n = moon_operand_numel(&call->arg[0]);
  cpu_phase(plan, n, (double)n, 0.3);
  cpu_phase(plan, 1, plan->parts[0], 2);
  plan->scratch = cpu_align64((size_t)plan->parts[0] * sizeof(counts));
}

/* n fits an int. */
static void count_row(int n, const float *restrict x, counts *c) {
  int zeros = 0, wild = 0;
  for (int i = 0; i < n; i++) {
    zeros += x[i] == 0;
    wild += !(fabsf(x[i]) <= FLT_MAX);
  }
  c->zeros += zeros;
  c->wild += wild;
}

static counts count(const moon_operand *x, const cpu_loop *l, int64_t lo,
                    int64_t hi) {
  counts c = {0, 0, 0};
  float room[SIMD_STAGE];
  double sum[SIMD_WIDTH] = {0};
  simd_columns columns = simd_columns_of(1, SIMD_WIDTH);
  cpu_walk w = cpu_walk_from(l, lo, hi, SIMD_STAGE);
  for (; w.n > 0; cpu_walk_next(&w)) {
    const float *row = (const float *)x->data + w.at[0];
    row = simd_row(row, cpu_inner(l, 0), w.n, room);
    count_row((int)w.n, row, &c);
    simd_add_squares(w.n, columns.width, row, sum);
  }
  simd_fold_sums(&columns, sum);
  c.squares = sum[0];
  return c;
}

CPU_RUN(statistics) {
  const moon_operand *x = &call->arg[0], *y = &call->arg[1];
  counts *partial = scratch, sum = {0, 0, 0};
  if (phase == 0) {
    int64_t lo, hi;
    cpu_loop l = cpu_loop_of(&x, 1);
    cpu_share(plan, phase, part, l.numel, CPU_GRAIN, &lo, &hi);
    partial[part] = count(x, &l, lo, hi);
    return MOON_OK;
  }
  for (int k = 0; k < plan->parts[0]; k++) {
    sum.squares += partial[k].squares;
    sum.zeros += partial[k].zeros;
    sum.wild += partial[k].wild;
  }
  float *to = y->data;
  to[0] = (float)sqrt(sum.squares);
  to[y->stride[0]] = (float)(sum.zeros / (double)moon_operand_numel(x));
  to[2 * y->stride[0]] = (float)sum.wild;
  return MOON_OK;
}

SIMD_KERNEL(statistics)
