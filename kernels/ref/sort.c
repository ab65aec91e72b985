/* The k first of each line along a dimension, in rising or falling order, and
 * where they were: y and i have k places there. Equals keep their order; NaN
 * is larger than any number. A merge sort of places.
 */
#include <string.h>
#include "walk.h"

enum { X, Y, I };

REF_PLAN(plan_sort) {
  const moon_operand *x = &call->arg[X];
  int dim = call->params.sort.dim;
  moon_operand heads = ref_heads(&call->arg[I], 1u << dim);
  int64_t lines = moon_operand_numel(&heads), n = x->shape[dim];
  double rounds = 2;
  for (int64_t k = 1; k < n; k *= 2) rounds++;
  ref_phase(plan, lines, (double)(lines * n) * 4 * rounds);
  plan->scratch = (size_t)(plan->parts[0] * 2 * n) * sizeof(int64_t);
  return MOON_OK;
}

/* Whether a belongs before b for certain. */
static bool is_before(const moon_operand *x, int64_t a, int64_t b,
                      bool descending) {
  if (!ref_is_float(x)) {
    int64_t v = ref_load_int(x, a), w = ref_load_int(x, b);
    return descending ? v > w : v < w;
  }
  double v = ref_load(x, a), w = ref_load(x, b);
  if (v != v || w != w) return descending ? v != v && w == w : w != w && v == v;
  return descending ? v > w : v < w;
}

/* Sorts n places of a line that begins at `at`; `room` is as long. */
static void sort_places(const moon_call *call, int64_t at, int64_t n,
                        int64_t *places, int64_t *room) {
  const moon_operand *x = &call->arg[X];
  bool descending = call->params.sort.descending;
  int64_t step = x->stride[call->params.sort.dim];
  for (int64_t width = 1; width < n; width *= 2) {
    for (int64_t lo = 0; lo < n; lo += 2 * width) {
      int64_t mid = lo + width < n ? lo + width : n;
      int64_t hi = mid + width < n ? mid + width : n, a = lo, b = mid;
      for (int64_t k = lo; k < hi; k++) {
        bool second = a == mid || (b < hi && is_before(
            x, at + places[b] * step, at + places[a] * step, descending));
        room[k] = second ? places[b++] : places[a++];
      }
    }
    memcpy(places, room, (size_t)n * sizeof *places);
  }
}

REF_RUN(run_sort) {
  const moon_operand *x = &call->arg[X], *y = &call->arg[Y];
  const moon_operand *i = &call->arg[I];
  int dim = call->params.sort.dim;
  int64_t n = x->shape[dim], wanted = i->shape[dim];
  int64_t *places = (int64_t *)scratch + part * 2 * n;
  moon_operand heads = ref_heads(i, 1u << dim);
  if (wanted == 0) return MOON_OK;
  const moon_operand *o[] = {&heads, x, y};
  ref_walk w = ref_walk_part(o, 3, plan, phase, part);
  for (; w.left > 0; ref_next(&w)) {
    for (int64_t k = 0; k < n; k++) places[k] = k;
    sort_places(call, w.at[1], n, places, places + n);
    for (int64_t k = 0; k < wanted; k++) {
      ref_store_int(i, w.at[0] + k * i->stride[dim], places[k]);
      ref_move(x, w.at[1] + places[k] * x->stride[dim], y,
               w.at[2] + k * y->stride[dim]);
    }
  }
  return MOON_OK;
}

const moon_kernel moon_ref_sort = {"sort", plan_sort, run_sort};
