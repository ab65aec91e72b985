/* softmax and log_softmax along one dimension, and their gradients (ref's
 * softmax.c). A line is read twice or three times, from the caches after the
 * first.
 */
#include "lines.h"

namespace {

/* exp(x - max) / sum, or x - max - log(sum) */
template <typename T> struct forward {
  const T *x;
  T *y;
  bool is_log;
  MOON_DEVICE void run(const int64_t *at, const moon_lines<2> &l,
                       int lane) const {
    typedef moon_computed<T> V;
    const T *from = x + at[1];
    V max, sum;
    moon_measure_line(from, l.n, l.step[1], l.group, &max, &sum);
    V less = is_log ? log(sum) : (V)0;
    for (int64_t i = lane; i < l.n; i += l.group) {
      V v = moon_load(from[i * l.step[1]]) - max;
      moon_store(&y[at[0] + i * l.step[0]], is_log ? v - less : exp(v) / sum);
    }
  }
};

/* y (dy - sum y dy), or dy - exp(y) sum dy */
template <typename T> struct gradient {
  const T *dy, *y;
  T *dx;
  bool is_log;
  MOON_DEVICE void run(const int64_t *at, const moon_lines<3> &l,
                       int lane) const {
    typedef moon_computed<T> V;
    const T *d = dy + at[1], *v = y + at[2];
    V sum = 0;
    for (int64_t i = lane; i < l.n; i += l.group) {
      V share = is_log ? (V)1 : (V)moon_load(v[i * l.step[2]]);
      sum += share * moon_load(d[i * l.step[1]]);
    }
    sum = moon_group_sum(sum, l.group);
    for (int64_t i = lane; i < l.n; i += l.group) {
      V one = moon_load(d[i * l.step[1]]), p = moon_load(v[i * l.step[2]]);
      moon_store(&dx[at[0] + i * l.step[0]],
                 is_log ? one - exp(p) * sum : p * (one - sum));
    }
  }
};

template <typename T>
int run_forward(const moon_call *call, bool is_log, moon_fail *fail) {
  const moon_operand *x = &call->arg[0], *y = &call->arg[1], *o[] = {y, x};
  forward<T> f = {(const T *)x->data, (T *)y->data, is_log};
  return moon_each_line(f, o, call->params.dim.dim, call, fail);
}

template <typename T>
int run_gradient(const moon_call *call, bool is_log, moon_fail *fail) {
  const moon_operand *dy = &call->arg[0], *y = &call->arg[1];
  const moon_operand *dx = &call->arg[2], *o[] = {dx, dy, y};
  gradient<T> f = {(const T *)dy->data, (const T *)y->data, (T *)dx->data,
                   is_log};
  return moon_each_line(f, o, call->params.dim.dim, call, fail);
}

}  // namespace

CUDA_RUN(run_softmax) {
  return MOON_FLOATS(call->arg[0].dtype, run_forward, call, false, fail);
}

CUDA_RUN(run_log) {
  return MOON_FLOATS(call->arg[0].dtype, run_forward, call, true, fail);
}

CUDA_RUN(run_softmax_grad) {
  return MOON_FLOATS(call->arg[0].dtype, run_gradient, call, false, fail);
}

CUDA_RUN(run_log_grad) {
  return MOON_FLOATS(call->arg[0].dtype, run_gradient, call, true, fail);
}

#define KERNEL(name, run)                         \
  extern "C" const moon_kernel moon_cuda_##name = \
      {#name, moon_plan_once, run};
KERNEL(softmax, run_softmax)
KERNEL(softmax_grad, run_softmax_grad)
KERNEL(log_softmax, run_log)
KERNEL(log_softmax_grad, run_log_grad)
