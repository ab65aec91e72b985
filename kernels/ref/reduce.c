/* Reductions over the dimensions in a bit set; y has them with size 1.
 *
 *   sum, mean, prod     in double, or i64 modulo 2^64 for integers
 *   max, min            NaN wins; with their place: the first of equals (or
 *                       the first NaN), counted along the reduced dimensions
 *   norm                sqrt(sum x^2)
 *   var, std            sum (x - mean)^2 / (n - 1), in two passes; its root
 *   logsumexp           m + log sum exp(x - m), m the maximum where it is
 *                       finite, else 0
 *
 * Of no elements: sum and norm are 0, prod is 1, mean, var and std are NaN,
 * logsumexp is minus infinity, max and min fail.
 */
#include <math.h>
#include "walk.h"

static int64_t block_size(const moon_operand *x, uint32_t dims) {
  int64_t n = 1;
  for (int d = 0; d < x->ndim; d++) {
    if (dims >> d & 1) n *= x->shape[d];
  }
  return n;
}

/* One block of x: the reduced dimensions with their sizes, others 1. */
static moon_operand block_of(const moon_operand *x, uint32_t dims) {
  return ref_heads(x, ~dims);
}

static int plan_blocks(const moon_call *call, const moon_operand *heads,
                       moon_plan *plan, moon_fail *fail) {
  const moon_operand *x = &call->arg[0];
  int kind = call->params.reduce.kind;
  int64_t blocks = moon_operand_numel(heads);
  int64_t n = block_size(x, call->params.reduce.dims);
  if ((kind == MOON_R_MAX || kind == MOON_R_MIN) && n == 0 && blocks > 0) {
    snprintf(fail->text, sizeof fail->text, "%s of no elements",
             kind == MOON_R_MAX ? "max" : "min");
    return MOON_E_SHAPE;
  }
  bool twice = kind == MOON_R_VAR || kind == MOON_R_STD;
  int passes = twice ? 2 : kind == MOON_R_LOGSUMEXP ? 6 : 1;
  ref_phase(plan, blocks, (double)blocks + passes * (double)n * (double)blocks);
  return MOON_OK;
}

REF_PLAN(plan_reduce) { return plan_blocks(call, &call->arg[1], plan, fail); }

REF_PLAN(plan_arg_reduce) {
  return plan_blocks(call, &call->arg[2], plan, fail);
}

/* Sum over the block that starts at `base` of (x - c)^power, power 1 or 2. */
static double sum_of(const moon_operand *x, const moon_operand *block,
                     int64_t base, double c, int power) {
  double sum = 0;
  ref_walk w = ref_begin(&block, 1, 0, moon_operand_numel(block));
  for (; w.left > 0; ref_next(&w)) {
    double v = ref_load(x, base + w.at[0]) - c;
    sum += power == 2 ? v * v : v;
  }
  return sum;
}

static double product_of(const moon_operand *x, const moon_operand *block,
                         int64_t base) {
  double product = 1;
  ref_walk w = ref_begin(&block, 1, 0, moon_operand_numel(block));
  for (; w.left > 0; ref_next(&w)) product *= ref_load(x, base + w.at[0]);
  return product;
}

static double logsumexp_of(const moon_operand *x, const moon_operand *block,
                           int64_t base) {
  double max = -INFINITY, sum = 0;
  int64_t n = moon_operand_numel(block);
  for (ref_walk w = ref_begin(&block, 1, 0, n); w.left > 0; ref_next(&w)) {
    max = fmax(max, ref_load(x, base + w.at[0]));
  }
  if (!isfinite(max)) max = 0;
  for (ref_walk w = ref_begin(&block, 1, 0, n); w.left > 0; ref_next(&w)) {
    sum += exp(ref_load(x, base + w.at[0]) - max);
  }
  return max + log(sum);
}

/* sum or prod */
static int64_t fold_int(int kind, const moon_operand *x,
                        const moon_operand *block, int64_t base) {
  uint64_t v = kind == MOON_R_SUM ? 0 : 1;  /* wraps instead of overflowing */
  ref_walk w = ref_begin(&block, 1, 0, moon_operand_numel(block));
  for (; w.left > 0; ref_next(&w)) {
    uint64_t element = (uint64_t)ref_load_int(x, base + w.at[0]);
    v = kind == MOON_R_SUM ? v + element : v * element;
  }
  return (int64_t)v;
}

/* Whether element i comes before element j as the kind's extreme. */
static bool beats(const moon_operand *x, int kind, int64_t i, int64_t j) {
  if (!ref_is_float(x)) {
    int64_t a = ref_load_int(x, i), b = ref_load_int(x, j);
    return kind == MOON_R_MAX ? a > b : a < b;
  }
  double a = ref_load(x, i), b = ref_load(x, j);
  if (isnan(a) || isnan(b)) return isnan(a) && !isnan(b);
  return kind == MOON_R_MAX ? a > b : a < b;
}

/* The extreme of a block: its number there; `*at` is its place in x. */
static int64_t extreme(const moon_operand *x, const moon_operand *block,
                       int64_t base, int kind, int64_t *at) {
  int64_t best = 0, i = 0;
  *at = base;
  ref_walk w = ref_begin(&block, 1, 0, moon_operand_numel(block));
  for (; w.left > 0; ref_next(&w), i++) {
    if (!beats(x, kind, base + w.at[0], *at)) continue;
    best = i;
    *at = base + w.at[0];
  }
  return best;
}

static double moment(const moon_operand *x, const moon_operand *block,
                     int64_t base, int kind) {
  double n = (double)moon_operand_numel(block);
  switch (kind) {
    case MOON_R_SUM: return sum_of(x, block, base, 0, 1);
    case MOON_R_MEAN: return sum_of(x, block, base, 0, 1) / n;
    case MOON_R_NORM: return sqrt(sum_of(x, block, base, 0, 2));
    case MOON_R_PROD: return product_of(x, block, base);
    case MOON_R_LOGSUMEXP: return logsumexp_of(x, block, base);
    default: break;
  }
  double mean = sum_of(x, block, base, 0, 1) / n;
  double var = n < 2 ? NAN : sum_of(x, block, base, mean, 2) / (n - 1);
  return kind == MOON_R_STD ? sqrt(var) : var;
}

REF_RUN(run_reduce) {
  const moon_operand *x = &call->arg[0], *y = &call->arg[1];
  int kind = call->params.reduce.kind;
  moon_operand block = block_of(x, call->params.reduce.dims);
  const moon_operand *o[] = {y, x};
  ref_walk w = ref_walk_part(o, 2, plan, phase, part);
  for (; w.left > 0; ref_next(&w)) {
    if (kind == MOON_R_MAX || kind == MOON_R_MIN) {
      int64_t at;
      extreme(x, &block, w.at[1], kind, &at);
      ref_move(x, at, y, w.at[0]);
    } else if (!ref_is_float(x)) {
      ref_store_int(y, w.at[0], fold_int(kind, x, &block, w.at[1]));
    } else {
      ref_store(y, w.at[0], moment(x, &block, w.at[1], kind));
    }
  }
  return MOON_OK;
}

REF_RUN(run_arg_reduce) {
  const moon_operand *x = &call->arg[0], *place = &call->arg[2];
  const moon_operand *y = ref_optional(call, 1);
  moon_operand block = block_of(x, call->params.reduce.dims);
  const moon_operand *o[] = {place, x, y ? y : place};
  ref_walk w = ref_walk_part(o, 3, plan, phase, part);
  for (; w.left > 0; ref_next(&w)) {
    int64_t at;
    int64_t i = extreme(x, &block, w.at[1], call->params.reduce.kind, &at);
    ref_store_int(place, w.at[0], i);
    if (y) ref_move(x, at, y, w.at[2]);
  }
  return MOON_OK;
}

/* --- any and all ------------------------------------------------------ */
REF_PLAN(plan_any) { return plan_blocks(call, &call->arg[1], plan, fail); }

REF_RUN(run_any) {
  const moon_operand *x = &call->arg[0], *y = &call->arg[1];
  bool is_any = call->params.reduce.kind == MOON_R_ANY;
  moon_operand block = block_of(x, call->params.reduce.dims);
  const moon_operand *o[] = {y, x}, *inside = &block;
  ref_walk w = ref_walk_part(o, 2, plan, phase, part);
  for (; w.left > 0; ref_next(&w)) {
    bool v = !is_any;  /* of none */
    ref_walk e = ref_begin(&inside, 1, 0, moon_operand_numel(&block));
    for (; e.left > 0; ref_next(&e)) {
      if ((ref_load_int(x, w.at[1] + e.at[0]) != 0) == is_any) v = is_any;
    }
    ref_store_int(y, w.at[0], v);
  }
  return MOON_OK;
}

const moon_kernel moon_ref_any = {"any", plan_any, run_any};
const moon_kernel moon_ref_reduce = {"reduce", plan_reduce, run_reduce};
const moon_kernel moon_ref_arg_reduce = {"arg_reduce", plan_arg_reduce,
                                         run_arg_reduce};
