/* One step of an optimiser over all parameters, one op: what each rule does is
 * written in kernels/ref/step.c. The same op moves averages of weights, and
 * swaps them.
 *
 * All or nothing: if any operand carries an error, no parameter and no state
 * changes; nor if a scaled gradient is not finite, which the kernel finds out.
 * Rates may differ from one parameter to the next; they travel as one small
 * tensor of bytes, so that nobody has to wait for them. */
#include <math.h>
#include <stdlib.h>
#include "../../kernels/scaler.h"
#include "shared.h"

enum { P, G, S };  /* operands of an entry; states from S on */
enum { MOST_STEPS = 100 };  /* of Muon's polynomial */

static const struct rule {
  const char *name;
  int states;
  bool gradient, parameter;
} rules[MOON_STEP_RULES] = {
    [MOON_STEP_NORM] = {"norm", 0, true, false},
    [MOON_STEP_SGD] = {"sgd", 1, true, true},
    [MOON_STEP_ADAM] = {"adam", 3, true, true},
    [MOON_STEP_RMSPROP] = {"rmsprop", 3, true, true},
    [MOON_STEP_LION] = {"lion", 1, true, true},
    [MOON_STEP_MUON] = {"muon", 1, true, true},
    [MOON_STEP_LERP] = {"average", 0, true, true},
    [MOON_STEP_SWAP] = {"swap", 1, false, true},
};

/* Everything that the checks look at. */
typedef struct call {
  moon_ctx *quiet;
  const moon_step_params *p;
  const moon_step_entry *entry;  /* those that take part */
  const char *name;
  int n, each;
  moon_tensor *scaler;             /* or NULL */
} call;

static int check_number(const char *op, const char *name, double value) {
  if (value >= 0 && isfinite(value)) return MOON_OK;
  return moon__fail(MOON_E_VALUE, "%s: %s %g", op, name, value);
}

static int check_rates(const char *op, const moon_step_rates *r) {
  const struct { const char *name; double value; } rate[] = {
      {"lr", r->lr}, {"weight_decay", r->weight_decay}, {"beta1", r->beta1},
      {"beta2", r->beta2}, {"eps", r->eps}};
  int status = MOON_OK;
  for (int i = 0; i < 5 && status >= 0; i++) {
    status = check_number(op, rate[i].name, rate[i].value);
  }
  if (status >= 0 && r->rule == MOON_STEP_SGD && r->beta1 == 0 &&
      r->flags & MOON_STEP_NESTEROV) {
    return moon__fail(MOON_E_VALUE, "%s: nesterov needs a momentum", op);
  }
  if (status >= 0 && r->rule == MOON_STEP_MUON &&
      (r->steps < 1 || r->steps > MOST_STEPS)) {
    return moon__fail(MOON_E_VALUE, "%s: %lld steps; 1 to %d needed", op,
                      (long long)r->steps, MOST_STEPS);
  }
  return status;
}

/* What belongs to parameter i has its shape and dtype. */
static int check_partner(const call *c, const char *name, int i,
                         const moon_tensor *t) {
  const moon_tensor *p = c->entry[i].parameter;
  if (t->dtype != p->dtype) {
    return moon__fail(MOON_E_DTYPE, "%s: %s %d is %s, its parameter %s",
                      c->name, name, i + 1, moon__dtype_name(t->dtype),
                      moon__dtype_name(p->dtype));
  }
  if (moon__shape_equal(moon__shape_of(t), moon__shape_of(p))) return MOON_OK;
  return moon__fail(MOON_E_SHAPE, "%s: %s %d is %s, its parameter %s", c->name,
                    name, i + 1, moon__text(t), moon__text(p));
}

static bool is_count(const moon_step_entry *e, int state) {
  return e->rates.rule == MOON_STEP_ADAM && state == 2;
}

/* Whether the rule looks at the state, which must be there then. */
static bool uses(const moon_step_entry *e, int state) {
  const moon_step_rates *r = &e->rates;
  if (r->rule == MOON_STEP_SGD) return r->beta1 > 0;
  if (r->rule == MOON_STEP_RMSPROP && state == 1) return r->beta1 > 0;
  if (r->rule == MOON_STEP_RMSPROP && state == 2) {
    return r->flags & MOON_STEP_CENTERED;
  }
  return state < rules[r->rule].states;
}

static int check_state(const call *c, int i, int state) {
  const moon_step_entry *e = &c->entry[i];
  moon_tensor *t = e->state[state];
  if (!uses(e, state)) return MOON_OK;
  if (!t) {
    return moon__fail(MOON_E_VALUE, "%s: no state %d of parameter %d", c->name,
                      state + 1, i + 1);
  }
  if (!is_count(e, state)) {
    int status = check_partner(c, "state", i, t);
    if (status < 0) return status;
  } else if (t->dtype != MOON_F64 || t->numel != 1) {
    return moon__fail(MOON_E_SHAPE, "%s: count %d is %s %s, expected one f64",
                      c->name, i + 1, moon__dtype_name(t->dtype),
                      moon__text(t));
  }
  return moon__check_inplace(c->quiet, c->name, t);
}

static int check_entry(const call *c, int i) {
  const moon_step_entry *e = &c->entry[i];
  const struct rule *rule = &rules[e->rates.rule];
  int status = check_rates(c->name, &e->rates);
  if (status >= 0 && rule->gradient) {
    status = moon__check_float(c->name, e->gradient);
  }
  if (status < 0 || !rule->parameter) return status;
  if (!e->parameter) {
    return moon__fail(MOON_E_VALUE, "%s: entry %d has no parameter", c->name,
                      i + 1);
  }
  status = moon__check_float(c->name, e->parameter);
  if (status >= 0) {
    status = moon__check_inplace(c->quiet, c->name, e->parameter);
  }
  if (status >= 0 && rule->gradient) {
    status = check_partner(c, "gradient", i, e->gradient);
  }
  if (status >= 0 && e->rates.rule == MOON_STEP_MUON &&
      e->parameter->ndim < 2) {
    return moon__fail(MOON_E_SHAPE, "%s: parameter %d is %s, no matrix",
                      c->name, i + 1, moon__text(e->parameter));
  }
  for (int k = 0; k < rule->states && status >= 0; k++) {
    status = check_state(c, i, k);
  }
  for (int k = 0; k < i && status >= 0; k++) {
    if (c->entry[k].parameter != e->parameter) continue;
    return moon__fail(MOON_E_VALUE, "%s: parameters %d and %d are the same",
                      c->name, k + 1, i + 1);
  }
  return status;
}

static int check_scaler(const call *c) {
  const moon_tensor *t = c->scaler;
  if (t->dtype != MOON_F64 || t->ndim != 1 ||
      t->shape[0] != MOON_SCALER_SIZE || !moon__is_contiguous(t)) {
    return moon__fail(MOON_E_SHAPE, "%s: the scaler is %s %s, expected %d f64",
                      c->name, moon__dtype_name(t->dtype), moon__text(t),
                      MOON_SCALER_SIZE);
  }
  int status = check_number(c->name, "growth", c->p->growth);
  if (status >= 0) status = check_number(c->name, "backoff", c->p->backoff);
  return status < 0 ? status : moon__check_inplace(c->quiet, c->name, t);
}

static int check(const call *c) {
  int status = check_number(c->name, "max_norm", c->p->max_norm);
  if (status >= 0) {
    status = check_number(c->name, "max_value", c->p->max_value);
  }
  if (status >= 0 && c->scaler) status = check_scaler(c);
  for (int i = 0; i < c->n && status >= 0; i++) status = check_entry(c, i);
  return status;
}

/* The entries that take part, copied; *each: operands of the largest. */
static int gather(int n, const moon_step_entry *entry, moon_step_entry *to,
                  int *each) {
  int count = 0;
  *each = S;
  for (int i = 0; i < n; i++) {
    int rule = entry[i].rates.rule;
    if (rule < 0 || rule >= MOON_STEP_RULES) {
      return moon__fail(MOON_E_VALUE, "step: no rule %d", rule);
    }
    if (rules[rule].gradient && !entry[i].gradient) continue;
    to[count++] = entry[i];
    if (S + rules[rule].states > *each) *each = S + rules[rule].states;
  }
  return count;
}

static void fill(const call *c, moon__arg *args) {
  for (int i = 0; i < c->n; i++) {
    const moon_step_entry *e = &c->entry[i];
    const struct rule *rule = &rules[e->rates.rule];
    moon__arg *a = args + 1 + c->each * i;
    if (rule->parameter) a[P] = (moon__arg){e->parameter, MOON__UPDATE, NULL};
    if (rule->gradient) a[G] = (moon__arg){e->gradient, MOON__READ, NULL};
    for (int k = 0; k < rule->states; k++) {
      if (!uses(e, k)) continue;
      a[S + k] = (moon__arg){e->state[k], MOON__UPDATE, NULL};
    }
  }
}

/* The rates of all entries where the kernel can read them. */
static int send_rates(const call *c, int device, moon_tensor **out) {
  moon_ctx there = *c->quiet;
  int64_t nbytes = c->n * (int64_t)sizeof(moon_step_rates);
  moon_step_rates *rates = moon__malloc((size_t)nbytes + 1);
  for (int i = 0; i < c->n; i++) rates[i] = c->entry[i].rates;
  there.device = device;
  int status = moon_from_host(&there, MOON_U8, 1, &nbytes, rates,
                              (size_t)nbytes, out);
  free(rates);
  return status;
}

static bool counts(const call *c) {
  for (int i = 0; i < c->n; i++) {
    if (c->entry[i].rates.rule == MOON_STEP_ADAM) return true;
  }
  return false;
}

/* The most steps of Muon's polynomial; 0 where there is none. */
static int32_t polynomial(const call *c) {
  int64_t most = 0;
  for (int i = 0; i < c->n; i++) {
    const moon_step_rates *r = &c->entry[i].rates;
    if (r->rule == MOON_STEP_MUON && r->steps > most) most = r->steps;
  }
  return (int32_t)most;
}

static int run(const call *c, moon_ctx *ctx, moon_tensor **norm) {
  const moon_tensor *first = c->n ? c->entry[0].parameter : NULL;
  if (c->n && !first) first = c->entry[0].gradient;
  if (!first) first = c->scaler;
  int device = first ? first->storage->device : ctx->device;
  int room = 1 + c->each * c->n;
  moon_tensor *total = NULL, *rates = NULL;
  moon_params params = {.step = {*c->p, c->n, c->each, norm != NULL,
                                 counts(c), c->scaler != NULL,
                                 polynomial(c)}};
  int status = send_rates(c, device, &rates);
  if (status >= 0 && norm) {
    moon__shape scalar = {.ndim = 0};
    status = moon__tensor_new(ctx, device, MOON_F32, scalar, MOON__ROWS,
                              &total);
  }
  if (status >= 0) {
    moon__arg *args = moon__calloc((size_t)room + 2, sizeof *args);
    args[0] = (moon__arg){rates, MOON__READ, NULL};
    if (total) args[room++] = (moon__arg){total, MOON__WRITE, NULL};
    if (c->scaler) args[room++] = (moon__arg){c->scaler, MOON__UPDATE, NULL};
    fill(c, args);
    status = moon__run(c->quiet, c->name, MOON_K_step, &params, args, room);
    free(args);
  }
  moon__unref(rates);
  return norm ? moon__finish(status, total, norm) : status;
}

int moon_step(moon_ctx *ctx, int n, const moon_step_entry *entry,
              const moon_step_params *p, moon_tensor *scaler,
              moon_tensor **norm) {
  moon_ctx quiet = moon__quiet(ctx);
  if (n < 0 || p->rule < 0 || p->rule >= MOON_STEP_RULES) {
    return moon__fail(MOON_E_VALUE, "step: %d entries of rule %d", n, p->rule);
  }
  int each, status = moon__late_fold_below(ctx);
  if (status < 0) return status;
  moon_step_entry *taking = moon__malloc(((size_t)n + 1) * sizeof *taking);
  status = gather(n, entry, taking, &each);
  call c = {&quiet, p, taking, rules[p->rule].name, status, each, scaler};
  if (status >= 0) status = check(&c);
  if (status >= 0 && (c.n > 0 || norm || scaler)) status = run(&c, ctx, norm);
  free(taking);
  return status;
}
