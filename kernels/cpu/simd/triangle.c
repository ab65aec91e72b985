/* One side of each matrix's diagonal, row by row: a piece is copied, the rest
 * is zeros. See ref/triangle.c.
 */
#include "simd.h"

CPU_COVERS(triangle) {
  const moon_operand *x = &call->arg[0], *y = &call->arg[1];
  return cpu_is_rows(x) && cpu_is_rows(y) && moon_operand_numel(y) > 0;
}

CPU_CUT(triangle) {
  const moon_operand *y = &call->arg[1];
  int64_t n = moon_operand_numel(y), columns = y->shape[y->ndim - 1];
  double words = (double)n * (double)moon_dtype_size(y->dtype) / 4;
  cpu_phase(plan, n / columns, words + 8 * (double)(n / columns), 0.2);
}

/* v in [0, most]. */
static int64_t within(int64_t v, int64_t most) {
  return v < 0 ? 0 : v < most ? v : most;
}

CPU_RUN(triangle) {
  const moon_operand *y = &call->arg[1];
  int64_t size = (int64_t)moon_dtype_size(y->dtype), lo, hi;
  int64_t columns = y->shape[y->ndim - 1], rows = y->shape[y->ndim - 2];
  int64_t diagonal = call->params.triangle.diagonal;
  bool upper = call->params.triangle.upper;
  cpu_share(plan, phase, part, moon_operand_numel(y) / columns, 1, &lo, &hi);
  for (int64_t row = lo; row < hi; row++) {
    const char *from = (const char *)call->arg[0].data + row * columns * size;
    char *to = (char *)y->data + row * columns * size;
    /* Columns up to `edge` are the lower side. */
    int64_t edge = row % rows + diagonal + (upper ? 0 : 1);
    size_t at = (size_t)(within(edge, columns) * size);
    size_t whole = (size_t)(columns * size);
    memset(upper ? to : to + at, 0, upper ? at : whole - at);
    if (upper) memcpy(to + at, from + at, whole - at);
    else memcpy(to, from, at);
  }
  return MOON_OK;
}

SIMD_KERNEL(triangle)
