/* Rows drawn with replacement: y[i], i64, is the first row at which the running
 * sum of the weights w is more than u_i times their sum; u_i in [0, 1), 53 bits
 * of element i of the draw. A weight that is negative or not finite, or weights
 * that are all zero, are an error.
 */
#include <math.h>
#include "../philox.h"
#include "walk.h"

enum { W, Y };

REF_PLAN(plan_multinomial) {
  int64_t rows = call->arg[W].shape[0], n = call->arg[Y].shape[0];
  plan->scratch = (size_t)rows * sizeof(double) + 64;
  ref_phase(plan, 1, (double)rows);
  ref_phase(plan, n, 32 * (double)n);
  return MOON_OK;
}

static int add_up(const moon_operand *w, double *sum, moon_fail *fail) {
  double total = 0;
  for (int64_t i = 0; i < w->shape[0]; i++) {
    double v = ref_load(w, i * w->stride[0]);
    if (!(v >= 0) || v - v != 0) {
      snprintf(fail->text, sizeof fail->text, "weight %g at position %lld; "
               "finite ones, not negative, needed", v, (long long)i + 1);
      return MOON_E_VALUE;
    }
    sum[i] = total += v;
  }
  if (total > 0 && total - total == 0) return MOON_OK;
  snprintf(fail->text, sizeof fail->text, "the weights sum to %g", total);
  return MOON_E_VALUE;
}

/* The first of n sums that is more than u times the last. */
static int64_t find(const double *sum, int64_t n, double u) {
  int64_t lo = 0, hi = n - 1;
  double v = u * sum[hi];
  if (v >= sum[hi]) v = nextafter(sum[hi], 0);  /* rounded up to it */
  while (lo < hi) {
    int64_t middle = lo + (hi - lo) / 2;
    if (sum[middle] > v) {
      hi = middle;
    } else {
      lo = middle + 1;
    }
  }
  return lo;
}

REF_RUN(run_multinomial) {
  const moon_operand *w = &call->arg[W], *y = &call->arg[Y];
  uint64_t key = call->params.random.key;
  uint64_t counter = call->params.random.counter;
  double *sum = scratch;
  int64_t rows = w->shape[0], lo, hi;
  if (phase == 0) return add_up(w, sum, fail);
  ref_share(plan, phase, part, y->shape[0], &lo, &hi);
  for (int64_t i = lo; i < hi; i++) {
    uint64_t word = moon_philox_word64(key, counter, (uint64_t)i);
    double u = moon_philox_uniform64(word);
    ref_store_int(y, i * y->stride[0], find(sum, rows, u));
  }
  return MOON_OK;
}

const moon_kernel moon_ref_multinomial = {"multinomial", plan_multinomial,
                                          run_multinomial};
