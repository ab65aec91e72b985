/* One step of an optimiser over all parameters; see ref/step.c for the rules.
 * The parameters' elements are counted through, one parameter after another,
 * and parts share that count: many small ones go to one part, a large one to
 * several. Muon's matrices are first looked at, one a part, and made orthogonal
 * in scratch (../orthogonal.h).
 */
#include <stdio.h>
#include <stdlib.h>
#include "../orthogonal.h"
#include "columns.h"
#include "step_clip.h"
#include "step_rows.h"

typedef struct entry {
  const moon_operand *p, *g, *state[MOON_STEP_STATES];  /* NULL: absent */
  const moon_operand *count;
  const moon_step_rates *rates;
} entry;

static entry entry_at(const moon_call *call, int k) {
  int each = call->params.step.each, first = 1 + each * k;
  entry e = {.p = cpu_optional(call, first),
             .g = cpu_optional(call, first + 1)};
  for (int i = 0; i + 2 < each; i++) {
    e.state[i] = cpu_optional(call, first + 2 + i);
  }
  e.rates = (const moon_step_rates *)call->arg[0].data + k;
  if (e.rates->rule == MOON_STEP_ADAM) {
    e.count = e.state[2];
    e.state[2] = NULL;
  }
  return e;
}

/* Those of the parameter, or of a gradient that only counts. */
static int64_t numel(const entry *e) {
  return moon_operand_numel(e->p ? e->p : e->g);
}

/* p, g and the states, or p again where there is none. */
static cpu_loop loop_of(const entry *e) {
  const moon_operand *o[2 + MOON_STEP_STATES] = {e->p, e->g ? e->g : e->p};
  for (int i = 0; i < MOON_STEP_STATES; i++) {
    o[2 + i] = e->state[i] ? e->state[i] : e->p;
  }
  return cpu_loop_of(o, 2 + MOON_STEP_STATES);
}

static int64_t total(const moon_call *call) {
  int64_t n = 0;
  for (int k = 0; k < call->params.step.n; k++) {
    entry e = entry_at(call, k);
    n += numel(&e);
  }
  return n;
}

static bool needs_norm(const moon_params *q) {
  return q->step.wants_norm || q->step.p.max_norm > 0 || q->step.scaled;
}

static bool is_muon(const entry *e) {
  return e->rates->rule == MOON_STEP_MUON && numel(e) > 0;
}

/* Whether the loop's order is that of rows, whatever is inside them. */
static bool has_rows(const moon_operand *o) {
  for (int d = 1; d < o->ndim; d++) {
    if (o->shape[d] != 1 && o->shape[0] != 1 && o->stride[d] >= o->stride[0]) {
      return false;
    }
  }
  return true;
}

/* Whether what is written lies in rows; the others may be gathered. */
static bool is_covered(const entry *e) {
  if (!cpu_is_f32(e->p ? e->p : e->g)) return false;
  if (!e->p || numel(e) == 0) return true;
  cpu_loop l = loop_of(e);
  if (cpu_inner(&l, 0) != 1) return false;
  for (int i = 0; i < MOON_STEP_STATES; i++) {
    if (cpu_inner(&l, 2 + i) != 1) return false;
  }
  return !is_muon(e) || has_rows(e->p);
}

static bool covers(const moon_call *call) {
  for (int k = 0; k < call->params.step.n; k++) {
    entry e = entry_at(call, k);
    if (!is_covered(&e)) return false;
  }
  return total(call) > 0;
}

extern const moon_kernel moon_ref_step;

/* --- the plan --------------------------------------------------------- */
/* What there is of Muon's; the longest of its entries' steps. NULL: nothing, or
 * as moon_cpu_orthogonal says, and then *n is not 0. */
static const orthogonal_state *matrices_of(const moon_call *call,
                                           bool may_create, int64_t *n,
                                           int64_t *steps) {
  const orthogonal_state *s = NULL;
  *n = *steps = 0;
  for (int k = 0; k < call->params.step.n; k++) {
    entry e = entry_at(call, k);
    if (!is_muon(&e)) continue;
    *n += 1;
    if (e.rates->steps > *steps) *steps = e.rates->steps;
  }
  if (*n == 0) return NULL;
  moon_matrix *size = malloc((size_t)*n * sizeof *size);
  if (!size) return NULL;
  for (int k = 0, i = 0; k < call->params.step.n; k++) {
    entry e = entry_at(call, k);
    if (is_muon(&e)) size[i++] = moon_matrix_of(e.p);
  }
  s = moon_cpu_orthogonal(*n, size, may_create);
  free(size);
  return s;
}

/* Bytes of the sums of squares and the norm. */
static size_t squares_size(const moon_plan *plan) {
  return cpu_align64(((size_t)plan->parts[0] + 1) * sizeof(double));
}

/* Muon's phases: its entries looked at, then the rounds. */
static void cut_muon(const orthogonal_state *s, int64_t steps,
                     moon_plan *plan) {
  plan->parts[plan->phases++] = (int32_t)s->n;
  plan->first = plan->phases;
  plan->looped = ORTHOGONAL_PHASES;
  plan->rounds = (int32_t)steps;
  for (int k = 0; k < ORTHOGONAL_PHASES; k++) {
    plan->parts[plan->phases++] = s->parts[k] > 0 ? s->parts[k] : 1;
  }
  plan->scratch += (size_t)s->numel * sizeof(float);
  plan->cost_ns += s->cost_ns * (double)steps;
}

/* Phases: each part's sum of squares and the norm, where somebody needs it;
 * Muon's; the update; the counts and the scale, which the update has read. */
static void cut(const moon_call *call, const orthogonal_state *s,
                int64_t steps, moon_plan *plan) {
  int64_t n = total(call);
  if (needs_norm(&call->params)) {
    cpu_phase(plan, n, (double)n, 0.2);
    cpu_phase(plan, 1, plan->parts[0], 1);
    plan->scratch = squares_size(plan);
  }
  if (s) cut_muon(s, steps, plan);
  cpu_phase(plan, n, (double)n, 0.25 * call->params.step.each);
  if (call->params.step.counts || call->params.step.scaled) {
    cpu_phase(plan, 1, call->params.step.n, 1);
  }
  plan->cost_ns += 50.0 * call->params.step.n;
}

static int plan_step(const moon_call *call, moon_plan *plan, int may_create,
                     moon_fail *fail) {
  if (!covers(call)) {
    return cpu_plan_by(&moon_ref_step, call, plan, may_create, fail);
  }
  int64_t n, steps;
  const orthogonal_state *s = matrices_of(call, may_create, &n, &steps);
  if (n > 0 && !s) {
    snprintf(fail->text, sizeof fail->text, "no memory for a plan");
    return may_create ? MOON_E_MEMORY : MOON_E_BUSY;
  }
  cut(call, s, steps, plan);
  plan->state = s;
  return MOON_OK;
}

/* The elements of an entry, which come after `before` others, that lie in lo
 * to hi; false if none do. */
static bool overlap(const entry *e, int64_t before, int64_t *lo, int64_t *hi) {
  int64_t n = numel(e);
  *lo = *lo > before ? *lo - before : 0;
  *hi = *hi < before + n ? *hi - before : n;
  return *lo < *hi;
}

/* --- the norm --------------------------------------------------------- */
static double squares(const moon_call *call, int64_t from, int64_t to) {
  double sum[SIMD_WIDTH] = {0};
  step_clip how = step_clip_of(call, 0);
  float room[SIMD_STAGE];
  simd_columns c = simd_columns_of(1, SIMD_WIDTH);
  int64_t before = 0;
  for (int k = 0; k < call->params.step.n; k++) {
    entry e = entry_at(call, k);
    int64_t lo = from, hi = to;
    if (e.g && overlap(&e, before, &lo, &hi)) {
      cpu_loop l = cpu_loop_of(&e.g, 1);
      cpu_walk w = cpu_walk_from(&l, lo, hi, step_piece(&l, how));
      for (; w.n > 0; cpu_walk_next(&w)) {
        const float *x = (const float *)e.g->data + w.at[0];
        x = step_gradient_row(x, cpu_inner(&l, 0), w.n, how, room);
        simd_add_squares(w.n, c.width, x, sum);
      }
    }
    before += numel(&e);
  }
  simd_fold_sums(&c, sum);
  return sum[0];
}

static void store_norm(const moon_call *call, int parts, double *square) {
  double sum = 0;
  for (int k = 0; k < parts; k++) sum += square[k];
  square[parts] = sqrt(sum);
  if (!call->params.step.wants_norm) return;
  const moon_params *q = &call->params;
  float *norm = call->arg[1 + q->step.each * q->step.n].data;
  *norm = (float)square[parts];
}

/* --- Muon's directions ------------------------------------------------ */
static float *at(const moon_operand *o, int64_t place) {
  return o ? (float *)o->data + place : NULL;
}

/* u of an entry in x, in the order of p's memory, over its norm. */
static void look(const entry *e, step_clip c, float *x) {
  float room[SIMD_STAGE], beta = (float)e->rates->beta1;
  float ahead = e->rates->flags & MOON_STEP_NESTEROV ? beta : 0;
  float of_g = (float)c.scale * (ahead > 0 ? 1 + ahead : 1);
  float of_v = ahead > 0 ? beta * ahead : beta;
  double sum[SIMD_WIDTH] = {0};
  simd_columns columns = simd_columns_of(1, SIMD_WIDTH);
  cpu_loop l = loop_of(e);
  cpu_walk w = cpu_walk_from(&l, 0, numel(e), step_piece(&l, c));
  float *u = x;
  for (; w.n > 0; u += w.n, cpu_walk_next(&w)) {
    const float *g = step_gradient_row(at(e->g, w.at[1]), cpu_inner(&l, 1),
                                       w.n, c, room);
    const float *v = at(e->state[0], w.at[2]);
    for (int64_t i = 0; i < w.n; i++) u[i] = SIMD_MADD(of_v, v[i], of_g * g[i]);
    simd_add_squares(w.n, columns.width, u, sum);
  }
  simd_fold_sums(&columns, sum);
  float by = (float)(1 / (sqrt(sum[0]) + MOON_MUON_EPS));
  for (int64_t i = 0; i < numel(e); i++) x[i] *= by;
}

/* The entry of Muon's matrix number i. */
static entry muon_entry(const moon_call *call, int64_t i) {
  for (int k = 0;; k++) {
    entry e = entry_at(call, k);
    if (is_muon(&e) && i-- == 0) return e;
  }
}

/* A part of a phase of a round. */
static int run_round(const moon_call *call, const orthogonal_state *s,
                     float *matrices, int64_t round, int phase, int32_t part,
                     moon_fail *fail) {
  int64_t i = moon_cpu_orthogonal_at(s, phase, &part);
  if (i < 0) return MOON_OK;
  if (round >= muon_entry(call, i).rates->steps) return MOON_OK;
  return moon_cpu_orthogonal_run(&s->matrix[i], matrices, round, phase, part,
                                 fail);
}

/* --- the update ------------------------------------------------------- */
/* Elements lo to hi of an entry; `direction`: Muon's, of all. */
static void update(const entry *e, step_clip c, const float *direction,
                   int64_t lo, int64_t hi) {
  float room[SIMD_STAGE];
  double count = e->count ? *(const double *)e->count->data + 1 : 0;
  step_rates q = step_rates_of(e->rates, c.scale, count);
  step_fn fn = step_fn_of(e->rates);
  if (direction) q.lr *= (float)moon_matrix_scale(moon_matrix_of(e->p));
  cpu_loop l = loop_of(e);
  cpu_walk w = cpu_walk_from(&l, lo, hi, step_piece(&l, c));
  for (; w.n > 0; lo += w.n, cpu_walk_next(&w)) {
    step_row r = {.n = w.n, .p = at(e->p, w.at[0])};
    if (direction) r.direction = direction + lo;
    if (e->g) {
      r.g = step_gradient_row(at(e->g, w.at[1]), cpu_inner(&l, 1), w.n, c,
                              room);
    }
    for (int i = 0; i < MOON_STEP_STATES; i++) {
      r.s[i] = at(e->state[i], w.at[2 + i]);
    }
    fn(r, q);
  }
}

static void update_all(const moon_call *call, const orthogonal_state *s,
                       float *matrices, step_clip c, int64_t from,
                       int64_t to) {
  int64_t before = 0, i = 0;
  for (int k = 0; k < call->params.step.n; k++) {
    entry e = entry_at(call, k);
    int64_t lo = from, hi = to;
    const float *direction = NULL;
    if (is_muon(&e)) {
      direction = orthogonal_x(&s->matrix[i++], matrices, e.rates->steps);
    }
    if (e.p && overlap(&e, before, &lo, &hi)) update(&e, c, direction, lo, hi);
    before += numel(&e);
  }
}

static void count(const moon_call *call) {
  for (int k = 0; k < call->params.step.n; k++) {
    entry e = entry_at(call, k);
    if (e.count) *(double *)e.count->data += 1;
  }
}

static void finish(const moon_call *call, double norm) {
  const moon_step_params *p = &call->params.step.p;
  double *scaler = step_scaler_of(call);
  bool skip = scaler && !isfinite(norm);
  if (!skip) count(call);
  if (scaler) moon_scaler_note(scaler, skip, p->growth, p->backoff, p->every);
}

/* Phase `phase` of the plan; in scratch are sums of squares, per part, and the
 * norm, then Muon's matrices. */
CPU_RUN(step) {
  const orthogonal_state *s = plan->state;
  bool normed = needs_norm(&call->params);
  double *square = scratch, norm = 0;
  float *matrices = scratch;
  int32_t place = moon_plan_phase(plan, phase), at = place - (normed ? 2 : 0);
  int32_t last = s ? 1 + ORTHOGONAL_PHASES : 0;  /* at the update */
  if (normed) {
    matrices += squares_size(plan) / sizeof(float);
    if (at >= 0) norm = square[plan->parts[0]];
  }
  int64_t from, to;
  cpu_share(plan, place, part, total(call), CPU_GRAIN, &from, &to);
  if (at == -2) {
    square[part] = squares(call, from, to);
  } else if (at == -1) {
    store_norm(call, plan->parts[0], square);
  } else if (at > last) {
    finish(call, norm);
  } else if (call->params.step.scaled && !isfinite(norm)) {
    return MOON_OK;
  } else if (at == last) {
    update_all(call, s, matrices, step_clip_of(call, norm), from, to);
  } else if (at == 0) {
    entry e = muon_entry(call, part);
    look(&e, step_clip_of(call, norm), matrices + s->matrix[part].x);
  } else {
    int64_t round = (phase - plan->first) / plan->looped;
    return run_round(call, s, matrices, round, at - 1, part, fail);
  }
  return MOON_OK;
}

static int do_step(const moon_call *call, const moon_plan *plan, void *scratch,
                   int phase, int part, moon_fail *fail) {
  if (plan->state == &moon_ref_step) {
    return moon_ref_step.run(call, plan, scratch, phase, part, fail);
  }
  return run_step(call, plan, scratch, phase, part, fail);
}

const moon_kernel MOON_NAME(step) = {"step", plan_step, do_step};
