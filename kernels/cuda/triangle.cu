/* The elements of each matrix on and below, or above, a diagonal; zeros
 * elsewhere (ref's triangle.c). Bits are moved. */
#include "types.h"

enum { X, Y };

struct corner {
  int64_t n, shape[MOON_MAX_DIMS], x[MOON_MAX_DIMS], y[MOON_MAX_DIMS];
  int64_t diagonal;
  int ndim, upper;
};

template <typename T>
__global__ void keep(const T *x, T *y, corner o) {
  MOON_EACH(i, o.n) {
    int64_t rest = i, from = 0, to = 0, index[2] = {0, 0};
    for (int d = o.ndim - 1; d >= 0; d--) {
      int64_t at = rest % o.shape[d];
      rest /= o.shape[d];
      from += at * o.x[d];
      to += at * o.y[d];
      if (d >= o.ndim - 2) index[d - (o.ndim - 2)] = at;
    }
    int64_t place = index[1] - index[0];
    bool keeps = o.upper ? place >= o.diagonal : place <= o.diagonal;
    y[to] = keeps ? x[from] : (T)0;
  }
}

template <typename T>
static int run_of(const moon_call *call, moon_fail *fail) {
  const moon_operand *x = &call->arg[X], *y = &call->arg[Y];
  corner o = {};
  o.n = moon_operand_numel(y);
  o.ndim = y->ndim;
  o.upper = call->params.triangle.upper;
  o.diagonal = call->params.triangle.diagonal;
  for (int d = 0; d < y->ndim; d++) {
    o.shape[d] = y->shape[d];
    o.x[d] = x->stride[d];
    o.y[d] = y->stride[d];
  }
  if (o.n == 0) return MOON_OK;
  MOON_LAUNCH(keep<T>, moon_blocks(o.n, 1), MOON_THREADS, call->queue,
              (const T *)x->data, (T *)y->data, o);
  return moon_launched(fail);
}

CUDA_RUN(run_triangle) {
  return MOON_SIZES(moon_dtype_size(call->arg[X].dtype), run_of, call, fail);
}

extern "C" const moon_kernel moon_cuda_triangle = {"triangle", moon_plan_once,
                                                   run_triangle};
