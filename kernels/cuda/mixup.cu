/* Each image with the next, the last with the first (ref's mixup.c): the shares
 * are drawn once, into scratch. */
#include "../draw.h"
#include "each.h"

namespace {

enum { X, Y };

__global__ void draw(double alpha, moon_place at, int64_t n, double *share) {
  MOON_EACH(j, n) {
    share[j] = moon_draw_mixup(alpha, at.key, (uint64_t)(at.position + j));
  }
}

/* Operands: y, x, and the number of the image (never loaded). */
template <typename T> struct mix {
  enum { most = 16 / sizeof(T) };
  const T *x;
  T *y;
  const double *share;
  int64_t n, step;  /* images; from one to the next */

  template <int N> MOON_DEVICE void run(const moon_here<3> &here) const {
    typedef moon_computed<T> A;
    if (N > 1 && !here.repeats[2]) {  /* neighbours of several images */
      for (int j = 0; j < N; j++) {
        moon_here<3> one = {{here.at[0] + j, here.at[1] + j, here.at[2] + j},
                            here.repeats};
        run<1>(one);
      }
      return;
    }
    int64_t j = here.at[2];
    moon_here<3> other = here;
    other.at[1] += ((j + 1) % n - j) * step;
    A a[N], b[N], l = (A)share[j];
    moon_take<N>(x, here, 1, a);
    moon_take<N>(x, other, 1, b);
    for (int k = 0; k < N; k++) a[k] = l * a[k] + (1 - l) * b[k];
    moon_give<N>(y, here, 0, a);
  }
};

template <typename T>
int run_of(const moon_call *call, double *share, moon_fail *fail) {
  const moon_operand *x = &call->arg[X], *y = &call->arg[Y];
  int64_t n = y->shape[0];
  moon_operand number = *y;
  for (int d = 0; d < y->ndim; d++) number.stride[d] = d == 0;
  const moon_operand *o[] = {y, x, &number};
  if (moon_operand_numel(y) == 0) return MOON_OK;
  MOON_LAUNCH(draw, moon_blocks(n, 1), MOON_THREADS, call->queue,
              call->params.mixup.alpha, call->params.mixup.at, n, share);
  return moon_each(mix<T>{(const T *)x->data, (T *)y->data, share, n,
                          x->stride[0]}, o, call, fail);
}

}  // namespace

CUDA_PLAN(plan_mixup) {
  size_t images = (size_t)call->arg[Y].shape[0];
  plan->scratch = (images * sizeof(double) + 63) / 64 * 64;
  return moon_plan_once(call, plan, may_create, fail);
}

CUDA_RUN(run_mixup) {
  return MOON_FLOATS(call->arg[X].dtype, run_of, call, (double *)scratch,
                     fail);
}

extern "C" const moon_kernel moon_cuda_mixup = {"mixup", plan_mixup, run_mixup};
