/* The gradient of y = max(0, x), told by y alone, and of a bias before it; see
 * ref/relu_grad.c. The bias gradient is for channels-last memory: each part
 * adds up the columns of its dx on their way to memory.
 */
#include "columns.h"

enum { DY, Y, DX, DB };

static cpu_loop loop_of(const moon_call *call) {
  const moon_operand *o[] = {&call->arg[DX], &call->arg[DY], &call->arg[Y]};
  return cpu_loop_of(o, 3);
}

static simd_columns columns_of(const moon_operand *dx) {
  int64_t channels = dx->shape[1];
  return simd_columns_of(channels, moon_operand_numel(dx) / channels);
}

CPU_COVERS(relu_grad) {
  const moon_operand *dx = &call->arg[DX], *db = cpu_optional(call, DB);
  if (!cpu_is_f32(dx) || moon_operand_numel(dx) == 0) return false;
  if (db) {
    return cpu_is_channels_last(dx) && cpu_is_vector(db, dx->shape[1]);
  }
  cpu_loop l = loop_of(call);
  return cpu_inner(&l, 0) == 1;
}

CPU_CUT(relu_grad) {
  const moon_operand *dx = &call->arg[DX];
  int64_t n = moon_operand_numel(dx);
  if (!cpu_optional(call, DB)) {
    cpu_phase(plan, n, (double)n, 0.3);
    return;
  }
  simd_columns c = columns_of(dx);
  cpu_phase(plan, n / c.width, (double)n, 0.4);
  int parts = plan->parts[0];
  cpu_phase(plan, 1, (double)(c.n * parts), 0.3);
  plan->scratch = cpu_align64((size_t)(c.width * parts) * sizeof(double));
}

static void row(int64_t n, const float *restrict dy, const float *restrict y,
                float *restrict dx, bool past) {
  SIMD_EACH(n, dx, past, simd_where(y[i] > 0, dy[i]))
}

/* Elements lo to hi in dx's order. */
static void run_range(const moon_call *call, const cpu_loop *l, int64_t lo,
                      int64_t hi) {
  const float *dy = call->arg[DY].data, *y = call->arg[Y].data;
  bool past = simd_is_past(&call->arg[DX]);
  float *dx = call->arg[DX].data, room[2][SIMD_STAGE];
  cpu_walk w = cpu_walk_from(l, lo, hi, simd_piece(l));
  for (; w.n > 0; cpu_walk_next(&w)) {
    row(w.n, simd_row(dy + w.at[1], cpu_inner(l, 1), w.n, room[0]),
        simd_row(y + w.at[2], cpu_inner(l, 2), w.n, room[1]), dx + w.at[0],
        past);
  }
  simd_store_end(past);
}

/* The same for neighbours in a row of columns, and their sums. */
static void summed_row(int64_t n, const float *restrict dy,
                       const float *restrict y, float *restrict dx,
                       double *restrict sum, bool past) {
  int64_t at = 0;
  for (; past && at + SIMD_RUN <= n; at += SIMD_RUN) {
    float run[SIMD_RUN];
    for (int64_t i = 0; i < SIMD_RUN; i++) {
      run[i] = simd_where(y[at + i] > 0, dy[at + i]);
    }
    for (int64_t i = 0; i < SIMD_RUN; i++) sum[at + i] += (double)run[i];
    simd_store_past(SIMD_RUN, run, dx + at);
  }
  for (int64_t i = at; i < n; i++) {
    dx[i] = simd_where(y[i] > 0, dy[i]);
    sum[i] += (double)dx[i];
  }
}

/* Elements lo to hi, and the sums of each channel; lo is the first of a row
 * of columns. */
static void run_summed(const moon_call *call, const cpu_loop *l, int64_t lo,
                       int64_t hi, double *sum) {
  const float *dy = call->arg[DY].data, *y = call->arg[Y].data;
  float *dx = call->arg[DX].data, room[2][SIMD_STAGE];
  bool past = simd_is_past(&call->arg[DX]);
  simd_columns c = columns_of(&call->arg[DX]);
  int64_t column = 0;
  memset(sum, 0, (size_t)c.width * sizeof *sum);
  cpu_walk w = cpu_walk_from(l, lo, hi, simd_piece(l));
  for (; w.n > 0; cpu_walk_next(&w)) {
    const float *p = simd_row(dy + w.at[1], cpu_inner(l, 1), w.n, room[0]);
    const float *q = simd_row(y + w.at[2], cpu_inner(l, 2), w.n, room[1]);
    for (int64_t k = 0, m; k < w.n; k += m, column = (column + m) % c.width) {
      float *to = dx + w.at[0] + k;
      m = simd_row_at(k, w.n, c.width - column);
      summed_row(m, p + k, q + k, to, sum + column,
                 past && simd_may_store_past(to));
    }
  }
  simd_store_end(past);
  simd_fold_sums(&c, sum);
}

static void store_bias(const moon_call *call, int parts, double *sum) {
  simd_columns c = columns_of(&call->arg[DX]);
  float *db = call->arg[DB].data;
  simd_add_parts(parts, c.width, c.n, sum);
  for (int64_t i = 0; i < c.n; i++) db[i] = (float)sum[i];
}

CPU_RUN(relu_grad) {
  cpu_loop l = loop_of(call);
  int64_t lo, hi;
  if (!cpu_optional(call, DB)) {
    cpu_share(plan, phase, part, l.numel, CPU_GRAIN, &lo, &hi);
    run_range(call, &l, lo, hi);
  } else if (phase == 0) {
    simd_columns c = columns_of(&call->arg[DX]);
    cpu_share(plan, phase, part, l.numel, c.width, &lo, &hi);
    run_summed(call, &l, lo, hi, (double *)scratch + part * c.width);
  } else {
    store_bias(call, plan->parts[0], scratch);
  }
  return MOON_OK;
}

SIMD_KERNEL(relu_grad)
