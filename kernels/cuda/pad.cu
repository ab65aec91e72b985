/* Padding, and the gradient of all but constant padding, in which each element
 * of dx gathers the elements of dy that show it, in dy's order (ref's pad.c).
 */
#include "../padding.h"
#include "types.h"

enum { X, Y };
enum { DY, DX };

struct padding {
  int64_t n;               /* elements of what is written */
  int ndim, mode;
  int64_t small[MOON_MAX_DIMS], large[MOON_MAX_DIMS];  /* shapes: x's, y's */
  int64_t of_small[MOON_MAX_DIMS], of_large[MOON_MAX_DIMS];
  int64_t before[MOON_MAX_DIMS];
};

template <typename T>
__global__ void extend(const T *x, T *y, padding p, double value) {
  MOON_EACH(i, p.n) {
    int64_t rest = i, from = 0, to = 0;
    bool is_there = true;
    for (int d = p.ndim - 1; d >= 0; d--) {
      int64_t at = rest % p.large[d];
      rest /= p.large[d];
      to += at * p.of_large[d];
      at = moon_padded_place(p.mode, at - p.before[d], p.small[d]);
      is_there &= at >= 0;
      from += at * p.of_small[d];
    }
    if (is_there) y[to] = x[from];
    else moon_store(&y[to], value);
  }
}

/* The next place from i on of dimension d of dy that shows `at` of dx; `large`
 * where there is none. */
MOON_DEVICE int64_t next(const padding &p, int d, int64_t at, int64_t i) {
  for (; i < p.large[d]; i++) {
    if (moon_padded_place(p.mode, i - p.before[d], p.small[d]) == at) break;
  }
  return i;
}

template <typename T>
__global__ void gather_back(const T *dy, T *dx, padding p) {
  typedef moon_computed<T> A;
  MOON_EACH(i, p.n) {
    int64_t rest = i, to = 0, at[MOON_MAX_DIMS], shown[MOON_MAX_DIMS];
    bool more = true;
    for (int d = p.ndim - 1; d >= 0; d--) {
      at[d] = rest % p.small[d];
      rest /= p.small[d];
      to += at[d] * p.of_small[d];
      shown[d] = next(p, d, at[d], 0);
      more &= shown[d] < p.large[d];
    }
    A sum = 0;
    while (more) {
      int64_t from = 0;
      for (int d = 0; d < p.ndim; d++) from += shown[d] * p.of_large[d];
      sum += moon_load(dy[from]);
      more = false;
      for (int d = p.ndim - 1; d >= 0 && !more; d--) {
        shown[d] = next(p, d, at[d], shown[d] + 1);
        more = shown[d] < p.large[d];
        if (!more) shown[d] = next(p, d, at[d], 0);
      }
    }
    moon_store(&dx[to], sum);
  }
}

static padding padding_of(const moon_call *call, const moon_operand *small,
                          const moon_operand *large,
                          const moon_operand *written) {
  padding p = {};
  p.n = moon_operand_numel(written);
  p.ndim = small->ndim;
  p.mode = call->params.pad.mode;
  for (int d = 0; d < p.ndim; d++) {
    p.small[d] = small->shape[d];
    p.large[d] = large->shape[d];
    p.of_small[d] = small->stride[d];
    p.of_large[d] = large->stride[d];
    p.before[d] = call->params.pad.before[d];
  }
  return p;
}

template <typename T>
static int run_pad_of(const moon_call *call, moon_fail *fail) {
  const moon_operand *x = &call->arg[X], *y = &call->arg[Y];
  padding p = padding_of(call, x, y, y);
  if (p.n == 0) return MOON_OK;
  MOON_LAUNCH(extend<T>, moon_blocks(p.n, 1), MOON_THREADS, call->queue,
              (const T *)x->data, (T *)y->data, p, call->params.pad.value);
  return moon_launched(fail);
}

template <typename T>
static int run_grad_of(const moon_call *call, moon_fail *fail) {
  const moon_operand *dy = &call->arg[DY], *dx = &call->arg[DX];
  padding p = padding_of(call, dx, dy, dx);
  if (p.n == 0) return MOON_OK;
  MOON_LAUNCH(gather_back<T>, moon_blocks(p.n, 1), MOON_THREADS, call->queue,
              (const T *)dy->data, (T *)dx->data, p);
  return moon_launched(fail);
}

CUDA_RUN(run_pad) {
  return MOON_ALL_TYPES(call->arg[X].dtype, run_pad_of, call, fail);
}

CUDA_RUN(run_grad) {
  return MOON_FLOATS(call->arg[DY].dtype, run_grad_of, call, fail);
}

extern "C" const moon_kernel moon_cuda_pad = {"pad", moon_plan_once, run_pad};
extern "C" const moon_kernel moon_cuda_pad_grad = {"pad_grad", moon_plan_once,
                                                   run_grad};
