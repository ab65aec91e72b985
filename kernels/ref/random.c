/* Random numbers: element i (in logical order) of a draw is told by the draw's
 * key and counter and by i alone; philox.h says which words it uses.
 *
 *   uniform  a + (b - a) u in [a, b): 24 bits, 53 for f64
 *   normal   a + b z, z by Box and Muller from two words, in every dtype
 *   whole    evenly among the whole numbers in [a, b)
 *
 * randperm: 0 .. n - 1 in the order of Fisher and Yates' shuffle, the place
 * that i changes with, from n - 1 down to 1, drawn from the words of element i.
 */
#include <math.h>
#include "../philox.h"
#include "walk.h"

REF_PLAN(plan_random) {
  int64_t n = moon_operand_numel(&call->arg[0]);
  ref_phase(plan, n, 12 * (double)n);
  return MOON_OK;
}

static double uniform(const moon_params *q, int dtype, uint64_t i) {
  double a = q->random.a, b = q->random.b;
  uint64_t key = q->random.key, counter = q->random.counter;
  if (dtype == MOON_F64) {
    uint64_t word = moon_philox_word64(key, counter, i);
    return moon_philox_between64(a, b, moon_philox_uniform64(word));
  }
  uint32_t word = moon_philox_word(key, counter, i);
  return (double)moon_philox_between(a, b, moon_philox_uniform(word));
}

static double normal(const moon_params *q, uint64_t i) {
  moon_philox r = moon_philox_block(q->random.key, q->random.counter, i / 4);
  double pair[2];
  moon_philox_normal2(r.word[i % 4 & 2], r.word[(i % 4 & 2) + 1], pair);
  return q->random.a + q->random.b * pair[i % 2];
}

static int64_t whole(const moon_params *q, uint64_t i) {
  int64_t lo = ref_truncate(ceil(q->random.a));
  int64_t hi = ref_truncate(ceil(q->random.b));
  if (hi <= lo) return lo;
  uint64_t n = (uint64_t)hi - (uint64_t)lo;
  uint64_t word = moon_philox_word64(q->random.key, q->random.counter, i);
  return (int64_t)((uint64_t)lo + moon_philox_below64(word, n));
}

REF_RUN(run_random) {
  const moon_operand *y = &call->arg[0];
  const moon_params *q = &call->params;
  int64_t i, hi;
  ref_share(plan, phase, part, moon_operand_numel(y), &i, &hi);
  ref_walk w = ref_begin(&y, 1, i, hi);
  for (; w.left > 0; ref_next(&w), i++) {
    if (q->random.kind == MOON_RAND_UNIFORM) {
      ref_store(y, w.at[0], uniform(q, y->dtype, (uint64_t)i));
    } else if (q->random.kind == MOON_RAND_NORMAL) {
      ref_store(y, w.at[0], normal(q, (uint64_t)i));
    } else {
      ref_store_int(y, w.at[0], whole(q, (uint64_t)i));
    }
  }
  return MOON_OK;
}

REF_PLAN(plan_randperm) {
  ref_phase(plan, 1, 24 * (double)moon_operand_numel(&call->arg[0]));
  return MOON_OK;
}

REF_RUN(run_randperm) {
  const moon_operand *y = &call->arg[0];
  uint64_t key = call->params.random.key;
  uint64_t counter = call->params.random.counter;
  int64_t n = y->shape[0], step = y->stride[0];
  for (int64_t i = 0; i < n; i++) ref_store_int(y, i * step, i);
  for (int64_t i = n - 1; i > 0; i--) {
    uint64_t word = moon_philox_word64(key, counter, (uint64_t)i);
    int64_t j = (int64_t)moon_philox_below64(word, (uint64_t)i + 1);
    int64_t kept = ref_load_int(y, i * step);
    ref_store_int(y, i * step, ref_load_int(y, j * step));
    ref_store_int(y, j * step, kept);
  }
  return MOON_OK;
}

const moon_kernel moon_ref_random = {"random", plan_random, run_random};
const moon_kernel moon_ref_randperm = {"randperm", plan_randperm,
                                       run_randperm};
