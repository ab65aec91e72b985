/* One step of an optimiser over all parameters; see ref/step.c for the rules.
 * The parameters' elements are counted through, one parameter after another,
 * and parts share that count: many small ones go to one part, a large one to
 * several.
 */
#include "columns.h"
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
  return q->step.wants_norm || q->step.p.max_norm > 0;
}

/* Whether what is written lies in rows; the others may be gathered. */
static bool is_covered(const entry *e) {
  if (!cpu_is_f32(e->p ? e->p : e->g)) return false;
  if (!e->p || numel(e) == 0) return true;
  cpu_loop l = loop_of(e);
  if (cpu_inner(&l, 0) != 1) return false;
  for (int i = 0; i < MOON_STEP_STATES; i++) {
    bool is_read = e->rates->rule == MOON_STEP_MUON && i == 1;
    if (!is_read && cpu_inner(&l, 2 + i) != 1) return false;
  }
  return true;
}

CPU_COVERS(step) {
  for (int k = 0; k < call->params.step.n; k++) {
    entry e = entry_at(call, k);
    if (!is_covered(&e)) return false;
  }
  return total(call) > 0;
}

/* Phases: each part's sum of squares and the norm, where somebody needs it; the
 * update; the counts, which the update has read. */
CPU_CUT(step) {
  int64_t n = total(call);
  if (needs_norm(&call->params)) {
    cpu_phase(plan, n, (double)n, 0.2);
    cpu_phase(plan, 1, plan->parts[0], 1);
    plan->scratch =
        cpu_align64(((size_t)plan->parts[0] + 1) * sizeof(double));
  }
  cpu_phase(plan, n, (double)n, 0.25 * call->params.step.each);
  if (call->params.step.counts) cpu_phase(plan, 1, call->params.step.n, 1);
  plan->cost_ns += 50.0 * call->params.step.n;
}

/* The elements of an entry, which come after `before` others, that lie in lo
 * to hi; false if none do. */
static bool overlap(const entry *e, int64_t before, int64_t *lo, int64_t *hi) {
  int64_t n = numel(e);
  *lo = *lo > before ? *lo - before : 0;
  *hi = *hi < before + n ? *hi - before : n;
  return *lo < *hi;
}

/* n elements of a gradient as a row, with values cut to +-most (0: not). */
static const float *gradient_row(const float *g, int64_t stride, int64_t n,
                                 float most, float *room) {
  const float *row = simd_row(g, stride, n, room);
  if (most <= 0) return row;
  for (int64_t i = 0; i < n; i++) {
    float v = row[i];
    room[i] = v > most ? most : v < -most ? -most : v;  /* NaN stays */
  }
  return room;
}

/* How long a piece may be: what is cut needs room. */
static int64_t piece(const cpu_loop *l, float most) {
  return most > 0 ? SIMD_STAGE : simd_piece(l);
}

/* --- the norm --------------------------------------------------------- */
static double squares(const moon_call *call, int64_t from, int64_t to) {
  double sum[SIMD_WIDTH] = {0};
  float most = (float)call->params.step.p.max_value, room[SIMD_STAGE];
  simd_columns c = simd_columns_of(1, SIMD_WIDTH);
  int64_t before = 0;
  for (int k = 0; k < call->params.step.n; k++) {
    entry e = entry_at(call, k);
    int64_t lo = from, hi = to;
    if (e.g && overlap(&e, before, &lo, &hi)) {
      cpu_loop l = cpu_loop_of(&e.g, 1);
      cpu_walk w = cpu_walk_from(&l, lo, hi, piece(&l, most));
      for (; w.n > 0; cpu_walk_next(&w)) {
        const float *x = (const float *)e.g->data + w.at[0];
        x = gradient_row(x, cpu_inner(&l, 0), w.n, most, room);
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
  float *norm = call->arg[call->n - 1].data;
  *norm = (float)square[parts];
}

/* --- the update ------------------------------------------------------- */
typedef struct clip { float most; double scale; } clip;

static float *at(const moon_operand *o, int64_t place) {
  return o ? (float *)o->data + place : NULL;
}

/* Elements lo to hi of an entry. */
static void update(const entry *e, clip c, int64_t lo, int64_t hi) {
  float room[2][SIMD_STAGE];
  double count = e->count ? *(const double *)e->count->data + 1 : 0;
  step_rates q = step_rates_of(e->rates, c.scale, count);
  step_fn fn = step_fn_of(e->rates);
  cpu_loop l = loop_of(e);
  cpu_walk w = cpu_walk_from(&l, lo, hi, piece(&l, c.most));
  for (; w.n > 0; cpu_walk_next(&w)) {
    step_row r = {.n = w.n, .p = at(e->p, w.at[0])};
    if (e->g) {
      r.g = gradient_row(at(e->g, w.at[1]), cpu_inner(&l, 1), w.n, c.most,
                         room[0]);
    }
    for (int i = 0; i < MOON_STEP_STATES; i++) {
      r.s[i] = at(e->state[i], w.at[2 + i]);
    }
    if (cpu_inner(&l, 3) != 1) {  /* Muon's direction, only read */
      simd_row(r.s[1], cpu_inner(&l, 3), w.n, room[1]);
      r.s[1] = room[1];
    }
    fn(r, q);
  }
}

static void update_all(const moon_call *call, double norm, int64_t from,
                       int64_t to) {
  const moon_step_params *p = &call->params.step.p;
  clip c = {(float)p->max_value, 1};
  if (p->max_norm > 0) c.scale = p->max_norm / (norm + 1e-6);
  if (c.scale > 1) c.scale = 1;  /* NaN stays */
  int64_t before = 0;
  for (int k = 0; k < call->params.step.n; k++) {
    entry e = entry_at(call, k);
    int64_t lo = from, hi = to;
    if (e.p && overlap(&e, before, &lo, &hi)) update(&e, c, lo, hi);
    before += numel(&e);
  }
}

static void count(const moon_call *call) {
  for (int k = 0; k < call->params.step.n; k++) {
    entry e = entry_at(call, k);
    if (e.count) *(double *)e.count->data += 1;
  }
}

CPU_RUN(step) {
  double *square = scratch;  /* per part; then the norm */
  bool normed = needs_norm(&call->params);
  int first = normed ? 2 : 0;  /* phases before the update */
  int64_t from, to;
  cpu_share(plan, phase, part, total(call), CPU_GRAIN, &from, &to);
  if (phase == first) {
    update_all(call, normed ? square[plan->parts[0]] : 0, from, to);
  } else if (phase > first) {
    count(call);
  } else if (phase == 0) {
    square[part] = squares(call, from, to);
  } else {
    store_norm(call, plan->parts[0], square);
  }
  return MOON_OK;
}

SIMD_KERNEL(step)
