/* The permutation of ref's random.c, which is Fisher and Yates' shuffle: for i
 * from n - 1 down to 1, the elements at i and at j_i <= i change places.
 *
 * Place i is final after its change, and what it holds before is what the last
 * change that hit it, the least k > i with j_k = i, brought from k: up(i) = k.
 * So i held the end of the way i, up(i), up(up(i)), ... Likewise the final
 * element of i is what place j_i held: the end of the way from the next k > i
 * with the same j, or j_i itself where no change came before. Those lists are j
 * sorted, and all ways are walked at once in doubled steps (as in Shun, Gu,
 * Blelloch, Fineman, Gibbons, "Sequential random permutation, list contraction
 * and tree contraction are highly parallel", SODA 2015, the shuffle's own
 * dependences are few).
 *
 * Scratch: the sorted j; up, twice.
 */
#include "../philox.h"
#include "sort.h"

namespace {

typedef moon_sorted<uint32_t> lists;

/* j_i. */
struct targets {
  typedef uint32_t key;
  uint64_t draw_key, counter;
  MOON_DEVICE uint32_t at(int64_t, int64_t i) const {
    uint64_t word = moon_philox_word64(draw_key, counter, (uint64_t)i);
    return (uint32_t)moon_philox_below64(word, (uint64_t)i + 1);
  }
};

/* Whether the one behind s is in the same list. */
MOON_DEVICE bool goes_on(const lists &l, int64_t s, int64_t n) {
  return s + 1 < n && l.key[s + 1] == l.key[s];
}

__global__ void stay(uint32_t *up, int64_t n) {
  MOON_EACH(i, n) up[i] = (uint32_t)i;
}

/* The first of each list knows where its place leads; a place that changes with
 * itself is the first of its own list. */
__global__ void lead(lists l, uint32_t *up, int64_t n) {
  MOON_EACH(s, n) {
    uint32_t i = l.key[s];
    if (s > 0 && l.key[s - 1] == i) continue;
    if (l.place[s] != i) up[i] = l.place[s];
    else if (goes_on(l, s, n)) up[i] = l.place[s + 1];
  }
}

__global__ void jump(const uint32_t *up, uint32_t *further, int64_t n) {
  MOON_EACH(i, n) further[i] = up[up[i]];
}

__global__ void settle(lists l, const uint32_t *end, int64_t *y, int64_t step,
                       int64_t n) {
  MOON_EACH(s, n) {
    uint32_t held = goes_on(l, s, n) ? end[l.place[s + 1]] : l.key[s];
    y[l.place[s] * step] = held;
  }
}

moon_sort_lines lines_of(const moon_call *call) {
  int64_t n = call->arg[0].shape[0];
  return moon_sort_lines{1, n, n};
}

size_t sort_bytes(moon_sort_lines l) {
  return (moon_sort_bytes<uint32_t>(l) + 63) / 64 * 64;
}

}  // namespace

CUDA_PLAN(plan_randperm) {
  moon_sort_lines l = lines_of(call);
  if (call->arg[0].dtype != MOON_I64) {
    return moon_no_dtype(call->arg[0].dtype, fail);
  }
  if (l.n > UINT32_MAX) {
    snprintf(fail->text, sizeof fail->text, "%lld numbers; at most %lld on "
             "cuda", (long long)l.n, (long long)UINT32_MAX);
    return MOON_E_SHAPE;
  }
  plan->scratch = sort_bytes(l) + 2 * (size_t)l.n * sizeof(uint32_t);
  plan->scratch = (plan->scratch + 63) / 64 * 64;
  return moon_plan_once(call, plan, may_create, fail);
}

CUDA_RUN(run_randperm) {
  const moon_operand *y = &call->arg[0];
  moon_sort_lines l = lines_of(call);
  targets f = {call->params.random.key, call->params.random.counter};
  uint32_t *up = (uint32_t *)((char *)scratch + sort_bytes(l));
  uint32_t *further = up + l.n;
  unsigned blocks = moon_blocks(l.n, 1);
  if (l.n == 0) return MOON_OK;
  lists sorted = moon_sort(f, l, false, scratch, call->queue);
  MOON_LAUNCH(stay, blocks, MOON_THREADS, call->queue, up, l.n);
  MOON_LAUNCH(lead, blocks, MOON_THREADS, call->queue, sorted, up, l.n);
  for (int64_t steps = 1; steps < l.n; steps *= 2) {
    MOON_LAUNCH(jump, blocks, MOON_THREADS, call->queue,
                (const uint32_t *)up, further, l.n);
    uint32_t *kept = up;
    up = further;
    further = kept;
  }
  MOON_LAUNCH(settle, blocks, MOON_THREADS, call->queue, sorted,
              (const uint32_t *)up, (int64_t *)y->data, y->stride[0], l.n);
  return moon_launched(fail);
}

extern "C" const moon_kernel moon_cuda_randperm = {"randperm", plan_randperm,
                                                   run_randperm};
