/* Rows of x by their numbers, along any dimension of dense row-major
 * operands of any dtype: what lies inside that dimension moves as one piece.
 * See ref/index.c.
 */
#include "simd.h"

enum { X, I, Y };

CPU_COVERS(index_select) {
  const moon_operand *x = &call->arg[X], *y = &call->arg[Y];
  return cpu_is_rows(x) && cpu_is_rows(y) && moon_operand_numel(y) > 0 &&
         call->arg[I].dtype == MOON_I64;
}

/* How many pieces y has, and the bytes of one. */
static int64_t pieces_of(const moon_call *call, size_t *nbytes) {
  const moon_operand *y = &call->arg[Y];
  int64_t inner = 1;
  for (int d = call->params.dim.dim + 1; d < y->ndim; d++) inner *= y->shape[d];
  *nbytes = (size_t)inner * moon_dtype_size(y->dtype);
  return moon_operand_numel(y) / inner;
}

CPU_CUT(index_select) {
  size_t nbytes;
  int64_t n = pieces_of(call, &nbytes);
  double words = (double)nbytes / sizeof(float);
  cpu_phase(plan, 1, (double)call->arg[I].shape[0], 1);
  cpu_phase(plan, n, (double)n * (16 + words), 0.4);
}

CPU_RUN(index_select) {
  const moon_operand *x = &call->arg[X], *i = &call->arg[I];
  int64_t size = x->shape[call->params.dim.dim], picked = i->shape[0], lo, hi;
  if (phase == 0) return moon_cpu_check_index(i, "index", size, fail);
  size_t nbytes;
  cpu_share(plan, phase, part, pieces_of(call, &nbytes), 1, &lo, &hi);
  for (int64_t k = lo; k < hi; k++) {
    int64_t outer = k / picked, j = k % picked;
    int64_t row = ((const int64_t *)i->data)[j * i->stride[0]];
    memcpy((char *)call->arg[Y].data + (size_t)k * nbytes,
           (const char *)x->data + (size_t)(outer * size + row) * nbytes,
           nbytes);
  }
  return MOON_OK;
}

SIMD_KERNEL(index_select)
