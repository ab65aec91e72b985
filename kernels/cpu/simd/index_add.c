/* Rows of dy added to rows of dx by their numbers, along any dimension of dense
 * row-major operands: what lies inside that dimension is one row. A part has a
 * run of dx's rows, and looks through all numbers for those of its own, so that
 * a row's sum is taken in their order. See ref/index.c.
 */
#include "simd.h"

enum { DY, I, DX };

CPU_COVERS(index_add) {
  const moon_operand *dy = &call->arg[DY], *dx = &call->arg[DX];
  return cpu_is_f32(dy) && cpu_is_f32(dx) && cpu_is_rows(dy) &&
         cpu_is_rows(dx) && moon_operand_numel(dy) > 0 &&
         call->arg[I].dtype == MOON_I64;
}

/* Elements of a row. */
static int64_t inner_of(const moon_call *call) {
  const moon_operand *dx = &call->arg[DX];
  int64_t inner = 1;
  for (int d = call->params.dim.dim + 1; d < dx->ndim; d++) {
    inner *= dx->shape[d];
  }
  return inner;
}

CPU_CUT(index_add) {
  const moon_operand *dy = &call->arg[DY], *dx = &call->arg[DX];
  int64_t rows = moon_operand_numel(dx) / inner_of(call);
  double work = (double)moon_operand_numel(dx) +
                2 * (double)moon_operand_numel(dy);
  cpu_phase(plan, 1, (double)call->arg[I].shape[0], 1);
  cpu_phase(plan, rows, work, 0.3);
}

static void add_row(int64_t n, const float *restrict x, float *restrict y) {
  for (int64_t k = 0; k < n; k++) y[k] += x[k];
}

/* Rows lo to hi of block `outer`, which begins at dy and dx. */
static void add_rows(const moon_call *call, const float *dy, float *dx,
                     int64_t lo, int64_t hi) {
  const moon_operand *i = &call->arg[I];
  const int64_t *row = i->data;
  int64_t inner = inner_of(call);
  memset(dx + lo * inner, 0, (size_t)((hi - lo) * inner) * sizeof *dx);
  for (int64_t j = 0; j < i->shape[0]; j++) {
    int64_t at = row[j * i->stride[0]];
    if (at < lo || at >= hi) continue;
    add_row(inner, dy + j * inner, dx + at * inner);
  }
}

CPU_RUN(index_add) {
  const moon_operand *dx = &call->arg[DX];
  int64_t size = dx->shape[call->params.dim.dim], lo, hi;
  if (phase == 0) {
    return moon_cpu_check_index(&call->arg[I], "index", size, fail);
  }
  int64_t inner = inner_of(call), added = call->arg[I].shape[0];
  cpu_share(plan, phase, part, moon_operand_numel(dx) / inner, 1, &lo, &hi);
  for (int64_t at = lo; at < hi;) {
    int64_t outer = at / size, from = at % size;
    int64_t to = hi - at < size - from ? from + hi - at : size;
    add_rows(call, (const float *)call->arg[DY].data + outer * added * inner,
             (float *)dx->data + outer * size * inner, from, to);
    at += to - from;
  }
  return MOON_OK;
}

SIMD_KERNEL(index_add)
