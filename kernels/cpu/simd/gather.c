/* Single elements picked along a dimension, and added back; see ref/index.c.
 * Operands are dense and row-major and agree but for that dimension, so that
 * each is [outer, along, inner]; a part has a run of lines along it.
 */
#include "simd.h"

enum { X, I, Y };  /* x, i, y; or dy, i, dx */

static bool covers(const moon_call *call) {
  const moon_operand *x = &call->arg[X], *i = &call->arg[I];
  const moon_operand *y = &call->arg[Y];
  if (!cpu_is_f32(x) || !cpu_is_f32(y) || i->dtype != MOON_I64) return false;
  for (int d = 0; d < i->ndim; d++) {
    bool alike = x->shape[d] == i->shape[d] && y->shape[d] == i->shape[d];
    if (d != call->params.dim.dim && !alike) return false;
  }
  return cpu_is_rows(x) && cpu_is_rows(i) && cpu_is_rows(y) &&
         moon_operand_numel(i) > 0;
}

typedef struct lines { int64_t inner, lines, picked, from, to; } lines;

static lines lines_of(const moon_call *call) {
  const moon_operand *i = &call->arg[I];
  int dim = call->params.dim.dim;
  lines l = {1, 0, i->shape[dim], call->arg[X].shape[dim],
             call->arg[Y].shape[dim]};
  for (int d = dim + 1; d < i->ndim; d++) l.inner *= i->shape[d];
  l.lines = moon_operand_numel(i) / l.picked;
  return l;
}

static void cut(const moon_call *call, moon_plan *plan) {
  lines l = lines_of(call);
  double picked = (double)moon_operand_numel(&call->arg[I]);
  double filled = (double)moon_operand_numel(&call->arg[Y]);
  cpu_phase(plan, 1, picked, 1);
  cpu_phase(plan, l.lines, 2 * picked + filled, 0.7);
}

static int check(const moon_call *call, int64_t size, moon_fail *fail) {
  moon_operand all = call->arg[I];
  all.shape[0] = moon_operand_numel(&call->arg[I]);
  all.stride[0] = all.ndim = 1;
  return moon_cpu_check_index(&all, "index", size, fail);
}

/* A run of lines that lie side by side: `inner` from `k` to `k_end`. */
typedef struct run { int64_t outer, k, k_end; } run;

static run next_run(const lines *l, int64_t at, int64_t hi) {
  run r = {at / l->inner, at % l->inner, l->inner};
  if (hi - at < l->inner - r.k) r.k_end = r.k + hi - at;
  return r;
}

/* --- gather --------------------------------------------------------------- */
CPU_COVERS(gather) { return covers(call); }

CPU_CUT(gather) { cut(call, plan); }

static void pick(const moon_call *call, const lines *l, run r) {
  const float *x = (const float *)call->arg[X].data +
                   r.outer * l->from * l->inner;
  const int64_t *i = (const int64_t *)call->arg[I].data +
                     r.outer * l->picked * l->inner;
  float *y = (float *)call->arg[Y].data + r.outer * l->to * l->inner;
  for (int64_t j = 0; j < l->picked; j++) {
    for (int64_t k = r.k; k < r.k_end; k++) {
      int64_t at = j * l->inner + k;
      y[at] = x[i[at] * l->inner + k];
    }
  }
}

CPU_RUN(gather) {
  lines l = lines_of(call);
  int64_t lo, hi;
  if (phase == 0) return check(call, l.from, fail);
  cpu_share(plan, phase, part, l.lines, 1, &lo, &hi);
  for (int64_t at = lo; at < hi;) {
    run r = next_run(&l, at, hi);
    pick(call, &l, r);
    at += r.k_end - r.k;
  }
  return MOON_OK;
}

/* --- scatter_add ---------------------------------------------------------- */
CPU_COVERS(scatter_add) { return covers(call); }

CPU_CUT(scatter_add) { cut(call, plan); }

static void add_back(const moon_call *call, const lines *l, run r) {
  const float *dy = (const float *)call->arg[X].data +
                    r.outer * l->from * l->inner;
  const int64_t *i = (const int64_t *)call->arg[I].data +
                     r.outer * l->picked * l->inner;
  float *dx = (float *)call->arg[Y].data + r.outer * l->to * l->inner;
  for (int64_t j = 0; j < l->to; j++) {
    for (int64_t k = r.k; k < r.k_end; k++) dx[j * l->inner + k] = 0;
  }
  for (int64_t j = 0; j < l->picked; j++) {
    for (int64_t k = r.k; k < r.k_end; k++) {
      int64_t at = j * l->inner + k;
      dx[i[at] * l->inner + k] += dy[at];
    }
  }
}

CPU_RUN(scatter_add) {
  lines l = lines_of(call);
  int64_t lo, hi;
  if (phase == 0) return check(call, l.to, fail);
  cpu_share(plan, phase, part, l.lines, 1, &lo, &hi);
  for (int64_t at = lo; at < hi;) {
    run r = next_run(&l, at, hi);
    add_back(call, &l, r);
    at += r.k_end - r.k;
  }
  return MOON_OK;
}

SIMD_KERNEL(gather)
SIMD_KERNEL(scatter_add)
