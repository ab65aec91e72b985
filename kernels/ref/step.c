/* One step over n parameters, each by the rule of its moon_step_rates. With g'
 * for the gradient after clipping, b1 and b2 for beta1 and beta2:
 *
 *   SGD      g = g' + weight_decay p;  v = b1 v + g
 *            p -= lr (nesterov ? g + b1 v : b1 ? v : g)
 *   ADAM     decoupled ? p *= 1 - lr weight_decay : g' += weight_decay p
 *            m = b1 m + (1 - b1) g';  s = b2 s + (1 - b2) g'^2;  t += 1
 *            p -= lr / (1 - b1^t) m / (sqrt(s / (1 - b2^t)) + eps)
 *   RMSPROP  g = g' + weight_decay p;  s = b2 s + (1 - b2) g^2
 *            centered: m = b2 m + (1 - b2) g, and s - m^2 in place of s below
 *            d = g / (sqrt(s) + eps);  v = b1 v + d;  p -= lr (b1 ? v : d)
 *   LION     p *= 1 - lr weight_decay;  p -= lr sign(b1 m + (1 - b1) g')
 *            m = b2 m + (1 - b2) g'
 *   MUON     v = b1 v + g';  u = nesterov ? g' + b1 v : v
 *            p *= 1 - lr weight_decay
 *            p -= lr sqrt(max(1, rows / columns)) O(u)
 *   LERP     p += lr (g - p)
 *   SWAP     p and its state change places
 *
 * g' is g, divided by the loss scale where there is one, with every element
 * cut to +-max_value, then scaled by min(1, max_norm / (norm + 1e-6)), where
 * norm is that of all gradients together. With a loss scale infinities are not
 * cut, and where the norm is not finite nothing changes but the scale
 * (scaler.h). O is orthogonal.h's; p is a matrix of its first dimension against
 * the others. PyTorch's SGD, Adam, AdamW, RMSprop and clip_grad_*_; Lion: Chen
 * et al. 2023; Muon: Jordan 2024.
 */
#include <math.h>
#include "../matrix.h"
#include "../scaler.h"
#include "orthogonal.h"
#include "walk.h"

typedef struct entry {
  const moon_operand *p, *g, *state[MOON_STEP_STATES];
  const moon_step_rates *rates;
} entry;

static const moon_operand *operand(const moon_call *call, int k) {
  return call->arg[k].data ? &call->arg[k] : NULL;
}

static entry entry_at(const moon_call *call, int64_t k) {
  int each = call->params.step.each, first = 1 + each * (int)k;
  entry e = {.p = operand(call, first), .g = operand(call, first + 1)};
  for (int i = 0; i + 2 < each; i++) e.state[i] = operand(call, first + 2 + i);
  e.rates = (const moon_step_rates *)call->arg[0].data + k;
  return e;
}

static double *scaler_of(const moon_call *call) {
  return call->params.step.scaled ? call->arg[call->n - 1].data : NULL;
}

static bool needs_norm(const moon_params *q) {
  return q->step.wants_norm || q->step.p.max_norm > 0 || q->step.scaled;
}

static bool is_muon(const entry *e) { return e->rates->rule == MOON_STEP_MUON; }

/* Numbers of scratch where Muon computes the direction of an entry. */
static int64_t room_of(const entry *e) {
  return is_muon(e) ? ref_orthogonal_room(moon_matrix_of(e->p)) : 0;
}

/* Of all entries before `k`. */
static int64_t room_before(const moon_call *call, int64_t k) {
  int64_t room = 0;
  for (int64_t i = 0; i < k; i++) {
    entry e = entry_at(call, i);
    room += room_of(&e);
  }
  return room;
}

/* Phases: each gradient's sum of squares and their total, where somebody needs
 * the norm; the update; the counts and the scale, which the update has read. */
REF_PLAN(plan_step) {
  int32_t n = call->params.step.n;
  double total = 0, work = 0;
  for (int32_t k = 0; k < n; k++) {
    entry e = entry_at(call, k);
    if (is_muon(&e)) {
      work += ref_orthogonal_work(moon_matrix_of(e.p), e.rates->steps);
    }
    if (e.p || e.g) total += (double)moon_operand_numel(e.p ? e.p : e.g);
  }
  if (needs_norm(&call->params)) {
    ref_phase(plan, n, total);
    ref_phase(plan, 1, (double)n);
  }
  int64_t room = room_before(call, n);
  if (plan->phases > 0 || room > 0) {
    plan->scratch = (size_t)(n + 1 + room) * sizeof(double);
  }
  ref_phase(plan, n, 5 * total + work);
  if (call->params.step.counts || call->params.step.scaled) {
    ref_phase(plan, 1, (double)n);
  }
  return MOON_OK;
}

/* --- gradients -------------------------------------------------------- */
typedef struct clip {
  double value, scale, unscale;
  bool scaled;  /* by a loss scale */
} clip;

/* `norm` counts with max_norm alone. */
static clip clip_of(const moon_call *call, double norm) {
  const moon_step_params *p = &call->params.step.p;
  const double *scaler = scaler_of(call);
  clip c = {p->max_value, 1, 1, scaler != NULL};
  if (scaler) c.unscale = 1 / scaler[MOON_SCALER_SCALE];
  if (p->max_norm > 0) c.scale = p->max_norm / (norm + 1e-6);
  if (c.scale > 1) c.scale = 1;  /* NaN stays */
  return c;
}

static double cut(double g, clip c) {
  double most = c.value;
  g *= c.unscale;
  if (most <= 0 || (c.scaled && !isfinite(g))) return g;
  return g > most ? most : g < -most ? -most : g;  /* NaN stays */
}

static double squares(const moon_call *call, const moon_operand *g) {
  double sum = 0;
  clip c = clip_of(call, 0);
  if (!g) return 0;
  ref_walk w = ref_begin(&g, 1, 0, moon_operand_numel(g));
  for (; w.left > 0; ref_next(&w)) {
    double v = cut(ref_load(g, w.at[0]), c);
    sum += v * v;
  }
  return sum;
}

static void store_norm(const moon_call *call, double *square) {
  int32_t n = call->params.step.n;
  double total = 0;
  for (int32_t k = 0; k < n; k++) total += square[k];
  square[n] = sqrt(total);
  if (call->params.step.wants_norm) {
    ref_store(&call->arg[1 + call->params.step.each * n], 0, square[n]);
  }
}

static bool skips(const moon_call *call, double norm) {
  return call->params.step.scaled && !isfinite(norm);
}

/* --- rules: one element, with its states ------------------------------ */
typedef struct element {
  double p, g, state[MOON_STEP_STATES];
  double direction;  /* Muon's */
} element;

static double mix(double old, double new, double beta) {
  return beta * old + (1 - beta) * new;
}

static double sign(double v) { return v > 0 ? 1 : v < 0 ? -1 : v; }

static double decayed(const moon_step_rates *r, double p) {
  return p * (1 - r->lr * r->weight_decay);
}

static void sgd(const moon_step_rates *r, element *e) {
  double g = e->g + r->weight_decay * e->p, v = r->beta1 * e->state[0] + g;
  e->state[0] = v;
  if (r->beta1 == 0) v = g;
  if (r->flags & MOON_STEP_NESTEROV) v = g + r->beta1 * v;
  e->p -= r->lr * v;
}

static void adam(const moon_step_rates *r, element *e, double t) {
  double *m = &e->state[0], *s = &e->state[1], g = e->g;
  if (r->flags & MOON_STEP_DECOUPLED) {
    e->p = decayed(r, e->p);
  } else {
    g += r->weight_decay * e->p;
  }
  *m = mix(*m, g, r->beta1);
  *s = mix(*s, g * g, r->beta2);
  double rate = r->lr / (1 - pow(r->beta1, t));
  e->p -= rate * *m / (sqrt(*s / (1 - pow(r->beta2, t))) + r->eps);
}

static void rmsprop(const moon_step_rates *r, element *e) {
  double *s = &e->state[0], *v = &e->state[1], *m = &e->state[2];
  double g = e->g + r->weight_decay * e->p;
  *s = mix(*s, g * g, r->beta2);
  *m = mix(*m, g, r->beta2);
  double square = *s;
  if (r->flags & MOON_STEP_CENTERED) square -= *m * *m;
  double d = g / (sqrt(square < 0 ? 0 : square) + r->eps);  /* by rounding */
  *v = r->beta1 * *v + d;
  e->p -= r->lr * *v;
}

static void lion(const moon_step_rates *r, element *e) {
  double m = e->state[0];
  e->p = decayed(r, e->p) - r->lr * sign(mix(m, e->g, r->beta1));
  e->state[0] = mix(m, e->g, r->beta2);
}

static void muon(const moon_step_rates *r, element *e) {
  e->state[0] = r->beta1 * e->state[0] + e->g;
  e->p = decayed(r, e->p) - r->lr * e->direction;
}

static void swap(element *e) {
  double p = e->p;
  e->p = e->state[0];
  e->state[0] = p;
}

static void apply(const entry *of, element *e, double t) {
  const moon_step_rates *r = of->rates;
  switch (r->rule) {
    case MOON_STEP_SGD: sgd(r, e); break;
    case MOON_STEP_ADAM: adam(r, e, t); break;
    case MOON_STEP_RMSPROP: rmsprop(r, e); break;
    case MOON_STEP_LION: lion(r, e); break;
    case MOON_STEP_MUON: muon(r, e); break;
    case MOON_STEP_LERP: e->p += r->lr * (e->g - e->p); break;
    default: swap(e);
  }
}

/* --- the update ------------------------------------------------------- */
static bool is_count(const entry *e, int state) {
  return e->rates->rule == MOON_STEP_ADAM && state == 2;
}

/* Muon's direction of each element, in logical order, at the start of `room`.
 * Writes nothing else. */
static void find_direction(const entry *of, clip c, double *room) {
  const moon_step_rates *r = of->rates;
  const moon_operand *o[] = {of->g, of->state[0]};
  moon_matrix m = moon_matrix_of(of->p);
  int64_t n = m.rows * m.columns;
  ref_walk w = ref_begin(o, 2, 0, n);
  for (double *u = room; w.left > 0; ref_next(&w), u++) {
    double g = c.scale * cut(ref_load(of->g, w.at[0]), c);
    double v = r->beta1 * ref_load(of->state[0], w.at[1]) + g;
    *u = r->flags & MOON_STEP_NESTEROV ? g + r->beta1 * v : v;
  }
  ref_orthogonal(m, r->steps, room);
  for (int64_t i = 0; i < n; i++) room[i] *= moon_matrix_scale(m);
}

/* `direction`: Muon's. */
static void update(const entry *of, clip c, const double *direction) {
  double t = of->rates->rule == MOON_STEP_ADAM
                 ? ref_load(of->state[2], 0) + 1 : 0;
  const moon_operand *o[2 + MOON_STEP_STATES] = {of->p, of->g ? of->g : of->p};
  bool is_there[MOON_STEP_STATES];
  for (int i = 0; i < MOON_STEP_STATES; i++) {
    is_there[i] = of->state[i] && !is_count(of, i);
    o[2 + i] = is_there[i] ? of->state[i] : of->p;
  }
  ref_walk w = ref_begin(o, 2 + MOON_STEP_STATES, 0, moon_operand_numel(of->p));
  for (; w.left > 0; ref_next(&w)) {
    element e = {.p = ref_load(of->p, w.at[0])};
    if (is_muon(of)) e.direction = *direction++;
    if (of->g) e.g = c.scale * cut(ref_load(of->g, w.at[1]), c);
    for (int i = 0; i < MOON_STEP_STATES; i++) {
      if (is_there[i]) e.state[i] = ref_load(of->state[i], w.at[2 + i]);
    }
    apply(of, &e, t);
    for (int i = 0; i < MOON_STEP_STATES; i++) {
      if (is_there[i]) ref_store(of->state[i], w.at[2 + i], e.state[i]);
    }
    ref_store(of->p, w.at[0], e.p);
  }
}

static void count(const moon_call *call) {
  for (int32_t k = 0; k < call->params.step.n; k++) {
    entry e = entry_at(call, k);
    if (e.rates->rule != MOON_STEP_ADAM) continue;
    ref_store(e.state[2], 0, ref_load(e.state[2], 0) + 1);
  }
}

static void finish(const moon_call *call, double norm) {
  const moon_step_params *p = &call->params.step.p;
  double *scaler = scaler_of(call);
  bool skip = skips(call, norm);
  if (!skip) count(call);
  if (scaler) moon_scaler_note(scaler, skip, p->growth, p->backoff, p->every);
}

REF_RUN(run_step) {
  int32_t n = call->params.step.n;
  double *square = scratch;  /* per gradient; then the norm */
  int first = needs_norm(&call->params) ? 2 : 0;  /* phases before the update */
  int64_t lo, hi;
  ref_share(plan, phase, part, n, &lo, &hi);
  if (phase == first) {
    double norm = first ? square[n] : 0;
    if (skips(call, norm)) return MOON_OK;
    clip c = clip_of(call, norm);
    double *room = square + n + 1 + room_before(call, lo);
    for (int64_t k = lo; k < hi; k++) {
      entry e = entry_at(call, k);
      if (is_muon(&e)) find_direction(&e, c, room);
      if (e.p) update(&e, c, room);
      room += room_of(&e);
    }
  } else if (phase > first) {
    finish(call, first ? square[n] : 0);
  } else if (phase == 0) {
    for (int64_t k = lo; k < hi; k++) {
      square[k] = squares(call, entry_at(call, k).g);
    }
  } else {
    store_norm(call, square);
  }
  return MOON_OK;
}

const moon_kernel moon_ref_step = {"step", plan_step, run_step};
