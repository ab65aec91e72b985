/* Rows drawn with replacement (ref's multinomial.c). The weights are looked at
 * first, as indices are: what is wrong is told by the notice, a place and the
 * bits of a weight, or of what all come to.
 *
 * One block makes the running sums, in scratch: each thread adds up a share of
 * the rows, and to that what the shares before come to. Both are the same
 * additions, so the sums never fall and a row of weight 0 has no room.
 */
#include "../philox.h"
#include "block.h"

namespace {

enum { W, Y, THREADS = 1024 };
enum { WRONG_SUM = -1 };  /* the notice's place */

template <typename T> struct weights {
  const T *w;
  int64_t n, stride;
  MOON_DEVICE double at(int64_t i) const {
    return (double)moon_load(w[i * stride]);
  }
};

template <typename T> weights<T> weights_of(const moon_call *call) {
  const moon_operand *w = &call->arg[W];
  return weights<T>{(const T *)w->data, w->shape[0], w->stride[0]};
}

template <typename T>
__global__ void look(weights<T> w, int64_t *notice) {
  int64_t first = INT64_MAX;
  double sum = 0, told;
  for (int64_t i = threadIdx.x; i < w.n; i += blockDim.x) {
    double v = w.at(i);
    bool good = v >= 0 && v - v == 0;
    if (!good && i < first) first = i;
    sum += v;
  }
  first = moon_block_fold(first, (int64_t)INT64_MAX, moon_smaller());
  sum = moon_block_sum(sum);
  if (threadIdx.x > 0) return;
  bool is_sum = first == INT64_MAX;
  if (is_sum && sum > 0 && sum - sum == 0) return;
  told = is_sum ? sum : w.at(first);
  memcpy(&notice[1], &told, sizeof told);
  notice[0] = is_sum ? (int64_t)WRONG_SUM : first + 1;
}

int tell(const moon_call *call, moon_fail *fail) {
  double v;
  memcpy(&v, &call->notice[1], sizeof v);
  if (call->notice[0] == 0) return MOON_OK;
  if (call->notice[0] == WRONG_SUM) {
    snprintf(fail->text, sizeof fail->text, "the weights sum to %g", v);
  } else {
    snprintf(fail->text, sizeof fail->text, "weight %g at position %lld; "
             "finite ones, not negative, needed", v,
             (long long)call->notice[0]);
  }
  return MOON_E_VALUE;
}

template <typename T>
__global__ void add_up(weights<T> w, double *sum) {
  __shared__ double before[THREADS];
  int64_t share = (w.n + THREADS - 1) / THREADS;
  int64_t lo = threadIdx.x * share, hi = lo + share < w.n ? lo + share : w.n;
  double own = 0;
  for (int64_t i = lo; i < hi; i++) own += w.at(i);
  before[threadIdx.x] = own;
  __syncthreads();
  if (threadIdx.x == 0) {
    double total = 0;
    for (int t = 0; t < THREADS; t++) {
      double next = total + before[t];
      before[t] = total;
      total = next;
    }
  }
  __syncthreads();
  own = 0;
  for (int64_t i = lo; i < hi; i++) {
    own += w.at(i);
    sum[i] = before[threadIdx.x] + own;
  }
}

/* The first of n sums that is more than u times the last. */
MOON_DEVICE int64_t find(const double *sum, int64_t n, double u) {
  int64_t lo = 0, hi = n - 1;
  double v = u * sum[hi];
  if (v >= sum[hi]) v = nextafter(sum[hi], 0.0);  /* rounded up to it */
  while (lo < hi) {
    int64_t middle = lo + (hi - lo) / 2;
    if (sum[middle] > v) hi = middle; else lo = middle + 1;
  }
  return lo;
}

__global__ void draw(const double *sum, int64_t rows, uint64_t key,
                     uint64_t counter, int64_t *y, int64_t step, int64_t n) {
  MOON_EACH(i, n) {
    uint64_t word = moon_philox_word64(key, counter, (uint64_t)i);
    y[i * step] = find(sum, rows, moon_philox_uniform64(word));
  }
}

template <typename T>
int run_look(const moon_call *call, moon_fail *fail) {
  MOON_LAUNCH_TOGETHER(look<T>, 1, THREADS, call->queue, weights_of<T>(call),
                       call->notice);
  return moon_launched(fail);
}

template <typename T>
int run_of(const moon_call *call, double *sum, moon_fail *fail) {
  const moon_operand *y = &call->arg[Y];
  int64_t n = y->shape[0];
  if (n == 0) return MOON_OK;
  MOON_LAUNCH_TOGETHER(add_up<T>, 1, THREADS, call->queue, weights_of<T>(call),
                       sum);
  MOON_LAUNCH(draw, moon_blocks(n, 1), MOON_THREADS, call->queue,
              (const double *)sum, call->arg[W].shape[0],
              call->params.random.key, call->params.random.counter,
              (int64_t *)y->data, y->stride[0], n);
  return moon_launched(fail);
}

}  // namespace

CUDA_PLAN(plan_multinomial) {
  size_t rows = (size_t)call->arg[W].shape[0];
  plan->scratch = (rows * sizeof(double) + 63) / 64 * 64;
  return moon_plan_checked(call, plan, may_create, fail);
}

CUDA_RUN(run_multinomial) {
  int dtype = call->arg[W].dtype;
  if (phase == 0) return MOON_FLOATS(dtype, run_look, call, fail);
  int status = tell(call, fail);
  if (status < 0) return status;
  return MOON_FLOATS(dtype, run_of, call, (double *)scratch, fail);
}

extern "C" const moon_kernel moon_cuda_multinomial = {
    "multinomial", plan_multinomial, run_multinomial};
