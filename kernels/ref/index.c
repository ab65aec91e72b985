/* Picking along dimension d by indices, and the gradients of that:
 *
 *   index_select  y[.., j, ..] = x[.., i[j], ..]        i [n]
 *   index_add     dx[.., i[j], ..] += dy[.., j, ..]
 *   gather        y[.., j, ..] = x[.., i[.., j, ..], ..]   i of y's shape
 *   scatter_add   dx[.., i[.., j, ..], ..] += dy[.., j, ..]
 *
 * dx starts from 0 and adds in the order of j. Indices are checked before
 * anything is written. The sums are for floats.
 */
#include "walk.h"

enum { X, I, Y };  /* x, i, y; or dy, i, dx */

/* i as an operand of as many dimensions as o, so that it is walked beside it:
 * the list of index_select repeats over all dimensions but d. */
static moon_operand beside(const moon_operand *i, const moon_operand *o,
                           int d, bool is_list) {
  if (!is_list) return *i;
  moon_operand spread = *o;
  spread.data = i->data;
  spread.dtype = i->dtype;
  for (int k = 0; k < o->ndim; k++) spread.stride[k] = 0;
  spread.stride[d] = i->stride[0];
  return spread;
}

/* --- index_select and gather ------------------------------------------ */
REF_PLAN(plan_pick) {
  int64_t n = moon_operand_numel(&call->arg[Y]);
  ref_phase(plan, 1, (double)moon_operand_numel(&call->arg[I]));
  ref_phase(plan, n, 3 * (double)n);
  return MOON_OK;
}

static int pick(const moon_call *call, const moon_plan *plan, int phase,
                int part, bool is_list, moon_fail *fail) {
  const moon_operand *x = &call->arg[X], *y = &call->arg[Y];
  int d = call->params.dim.dim;
  if (phase == 0) {
    return ref_check_index(&call->arg[I], "index", x->shape[d], fail);
  }
  moon_operand index = beside(&call->arg[I], y, d, is_list);
  moon_operand heads = *x;  /* walked with y's index, but not along d */
  heads.stride[d] = 0;
  const moon_operand *o[] = {y, &index, &heads};
  ref_walk w = ref_walk_part(o, 3, plan, phase, part);
  for (; w.left > 0; ref_next(&w)) {
    int64_t at = ref_load_int(&index, w.at[1]) * x->stride[d];
    ref_move(x, w.at[2] + at, y, w.at[0]);
  }
  return MOON_OK;
}

REF_RUN(run_index_select) { return pick(call, plan, phase, part, true, fail); }

REF_RUN(run_gather) { return pick(call, plan, phase, part, false, fail); }

/* --- index_add and scatter_add ---------------------------------------- */
/* Each part sums one line of dx along d at a time, in its own piece of
 * scratch. */
REF_PLAN(plan_add) {
  const moon_operand *dx = &call->arg[Y];
  int64_t length = dx->shape[call->params.dim.dim];
  moon_operand heads = ref_heads(dx, 1u << call->params.dim.dim);
  double visits = (double)moon_operand_numel(dx) +
                  3 * (double)moon_operand_numel(&call->arg[X]);
  ref_phase(plan, 1, (double)moon_operand_numel(&call->arg[I]));
  ref_phase(plan, moon_operand_numel(&heads), visits);
  plan->scratch =
      (size_t)plan->parts[1] * (size_t)length * sizeof(double);
  return MOON_OK;
}

/* Whether the line at `index` of dx is one that dy has too: scatter_add's dy
 * may be smaller than dx. */
static bool has_line(const moon_operand *dy, const int64_t *index, int d) {
  for (int k = 0; k < dy->ndim; k++) {
    if (k != d && index[k] >= dy->shape[k]) return false;
  }
  return true;
}

static int add(const moon_call *call, const moon_plan *plan, void *scratch,
               int part, bool is_list) {
  const moon_operand *dy = &call->arg[X], *dx = &call->arg[Y];
  int d = call->params.dim.dim;
  int64_t length = dx->shape[d];
  double *line = (double *)scratch + part * length;
  moon_operand index = beside(&call->arg[I], dy, d, is_list);
  moon_operand heads = ref_heads(dx, 1u << d);
  const moon_operand *o[] = {&heads, dy, &index};
  ref_walk w = ref_walk_part(o, 3, plan, 1, part);
  for (; w.left > 0; ref_next(&w)) {
    for (int64_t k = 0; k < length; k++) line[k] = 0;
    int64_t n = has_line(dy, w.index, d) ? dy->shape[d] : 0;
    for (int64_t j = 0; j < n; j++) {
      int64_t k = ref_load_int(&index, w.at[2] + j * index.stride[d]);
      line[k] += ref_load(dy, w.at[1] + j * dy->stride[d]);
    }
    for (int64_t k = 0; k < length; k++) {
      ref_store(dx, w.at[0] + k * dx->stride[d], line[k]);
    }
  }
  return MOON_OK;
}

static int check_dx(const moon_call *call, moon_fail *fail) {
  int64_t size = call->arg[Y].shape[call->params.dim.dim];
  return ref_check_index(&call->arg[I], "index", size, fail);
}

REF_RUN(run_index_add) {
  if (phase == 0) return check_dx(call, fail);
  return add(call, plan, scratch, part, true);
}

REF_RUN(run_scatter_add) {
  if (phase == 0) return check_dx(call, fail);
  return add(call, plan, scratch, part, false);
}

const moon_kernel moon_ref_index_select = {"index_select", plan_pick,
                                           run_index_select};
const moon_kernel moon_ref_gather = {"gather", plan_pick, run_gather};
const moon_kernel moon_ref_index_add = {"index_add", plan_add, run_index_add};
const moon_kernel moon_ref_scatter_add = {"scatter_add", plan_add,
                                          run_scatter_add};
