/* One step over n parameters in a few launches: the rules are written in ref's
 * step.c. The parameters travel in chunks, as kernel parameters; each block has
 * MOON_STEP_EACH elements of one of them.
 *
 * The rates lie on the device: `settle` turns each into the numbers that its
 * elements need, once, so that powers are computed once and in double. Muon is
 * missing. Scratch: a settled for each entry; then the blocks' sums of squares.
 */
#include "block.h"
#include "../scaler.h"
#include "walk.h"

enum { P, G, S, STREAMS = 2 + MOON_STEP_STATES };  /* of an entry */
enum { CHUNK = 48, EACH = 16, BLOCK = MOON_THREADS * EACH, COUNTS = 400 };

struct settled {
  double lr, decay, weight_decay, beta1, beta2, eps, rate, root, clip, unscale;
  int32_t rule, flags, skips;
};

struct entry {
  void *data[STREAMS];  /* NULL: absent */
  int64_t n, block;     /* elements; the first block that has some */
  int32_t at, dtype;
};

struct chunk {
  entry of[CHUNK];
  int32_t n;
  int64_t blocks, before;  /* of this chunk; of those before it */
};

/* scaled: by a loss scale; an infinity stays then. */
template <typename A> MOON_DEVICE A cut(A g, A most, bool scaled) {
  if (most <= 0 || (scaled && fabs(g) == (A)INFINITY)) return g;
  return g > most ? most : g < -most ? -most : g;  /* NaN stays */
}

/* The entry of a chunk that block b works on. */
MOON_DEVICE int entry_of(const chunk &c, int64_t b) {
  int lo = 0, hi = c.n;
  while (hi - lo > 1) {
    int middle = (lo + hi) / 2;
    if (c.of[middle].block <= b) lo = middle; else hi = middle;
  }
  return lo;
}

/* --- the norm ----------------------------------------------------------- */
template <typename T>
__global__ void squares(chunk c, moon_places<1> places, double most,
                        const double *scaler, double *partial) {
  typedef moon_computed<T> A;
  A unscale = scaler ? (A)(1 / scaler[MOON_SCALER_SCALE]) : (A)1;
  const entry &e = c.of[entry_of(c, blockIdx.x)];
  const T *g = (const T *)e.data[G];
  int64_t first = ((int64_t)blockIdx.x - e.block) * BLOCK;
  A sum = 0;
  for (int k = 0; k < EACH && g; k++) {
    int64_t i = first + k * MOON_THREADS + threadIdx.x, at[1] = {i};
    if (i >= e.n) break;
    if (!places.dense) places.find(i, at);
    A v = cut(moon_load(g[at[0]]) * unscale, (A)most, scaler != NULL);
    sum += v * v;
  }
  double total = moon_block_sum((double)sum);
  if (threadIdx.x == 0) partial[c.before + blockIdx.x] = total;
}

__global__ void add_norm(const double *partial, int64_t n, double *norm,
                         float *out) {
  double sum = 0;
  for (int64_t i = threadIdx.x; i < n; i += blockDim.x) sum += partial[i];
  sum = sqrt(moon_block_sum(sum));
  if (threadIdx.x > 0) return;
  *norm = sum;
  if (out) *out = (float)sum;
}

/* --- what each entry needs ---------------------------------------------- */
struct counters { double *of[COUNTS]; int32_t n, first; };

/* norm: where one is needed; scaler: or NULL. */
__global__ void settle(const moon_step_rates *rates, counters c,
                       const double *norm, double max_norm,
                       const double *scaler, settled *out) {
  MOON_EACH(i, c.n) {
    const moon_step_rates &r = rates[c.first + i];
    settled s = {r.lr, 1 - r.lr * r.weight_decay, r.weight_decay, r.beta1,
                 r.beta2, r.eps, r.lr, 1, 1, 1, r.rule, r.flags, 0};
    if (r.rule == MOON_STEP_ADAM) {
      double t = *c.of[i] + 1;
      s.rate = r.lr / (1 - pow(r.beta1, t));
      s.root = 1 / sqrt(1 - pow(r.beta2, t));
    }
    if (max_norm > 0) s.clip = max_norm / (*norm + 1e-6);
    if (s.clip > 1) s.clip = 1;  /* NaN stays */
    if (scaler) s.unscale = 1 / scaler[MOON_SCALER_SCALE];
    if (scaler) s.skips = !(*norm < INFINITY);
    out[c.first + i] = s;
  }
}

/* After all are settled: entries may share a count. */
__global__ void count(const moon_step_rates *rates, counters c,
                      const settled *s) {
  MOON_EACH(i, c.n) {
    if (rates[c.first + i].rule != MOON_STEP_ADAM) continue;
    if (s[c.first + i].skips) continue;
    double times = 0;
    bool is_first = true;
    for (int j = 0; j < c.n; j++) {
      if (c.of[j] != c.of[i]) continue;
      if (rates[c.first + j].rule != MOON_STEP_ADAM) continue;
      if (j < i) is_first = false;
      times += 1;
    }
    if (is_first) *c.of[i] += times;
  }
}

__global__ void note(const double *norm, double *scaler, moon_step_params p) {
  moon_scaler_note(scaler, !(*norm < INFINITY), p.growth, p.backoff, p.every);
}

/* --- rules: one element, with its states -------------------------------- */
template <typename A> struct element { A p, g, state[MOON_STEP_STATES]; };

template <typename A> struct rule_of {
  A lr, decay, weight_decay, beta1, rest1, beta2, rest2, eps, rate, root;
  int rule, flags;

  MOON_DEVICE rule_of(const settled &s)
      : lr((A)s.lr), decay((A)s.decay), weight_decay((A)s.weight_decay),
        beta1((A)s.beta1), rest1((A)(1 - s.beta1)), beta2((A)s.beta2),
        rest2((A)(1 - s.beta2)), eps((A)s.eps), rate((A)s.rate),
        root((A)s.root), rule(s.rule), flags(s.flags) {}

  MOON_DEVICE void sgd(element<A> *e) const {
    A g = e->g + weight_decay * e->p, v = beta1 * e->state[0] + g;
    e->state[0] = v;
    if (beta1 == 0) v = g;
    if (flags & MOON_STEP_NESTEROV) v = g + beta1 * v;
    e->p -= lr * v;
  }

  MOON_DEVICE void adam(element<A> *e) const {
    A *m = &e->state[0], *s = &e->state[1], g = e->g;
    if (flags & MOON_STEP_DECOUPLED) e->p *= decay;
    else g += weight_decay * e->p;
    *m = beta1 * *m + rest1 * g;
    *s = beta2 * *s + rest2 * g * g;
    e->p -= rate * *m / ((A)sqrt(*s) * root + eps);
  }

  MOON_DEVICE void rmsprop(element<A> *e) const {
    A *s = &e->state[0], *v = &e->state[1], *m = &e->state[2];
    A g = e->g + weight_decay * e->p;
    *s = beta2 * *s + rest2 * g * g;
    *m = beta2 * *m + rest2 * g;
    A square = *s;
    if (flags & MOON_STEP_CENTERED) square -= *m * *m;
    A d = g / ((A)sqrt(square < 0 ? (A)0 : square) + eps);
    *v = beta1 * *v + d;
    e->p -= lr * *v;
  }

  MOON_DEVICE void lion(element<A> *e) const {
    A m = e->state[0], v = beta1 * m + rest1 * e->g;
    A sign = v > 0 ? (A)1 : v < 0 ? (A)-1 : v;
    e->p = e->p * decay - lr * sign;
    e->state[0] = beta2 * m + rest2 * e->g;
  }

  MOON_DEVICE void apply(element<A> *e) const {
    A p = e->p;
    switch (rule) {
      case MOON_STEP_SGD: sgd(e); break;
      case MOON_STEP_ADAM: adam(e); break;
      case MOON_STEP_RMSPROP: rmsprop(e); break;
      case MOON_STEP_LION: lion(e); break;
      case MOON_STEP_LERP: e->p += lr * (e->g - p); break;
      case MOON_STEP_SWAP: e->p = e->state[0]; e->state[0] = p; break;
      default: break;
    }
  }
};

template <typename T>
__global__ void update(chunk c, moon_places<STREAMS> places, double most,
                       bool scaled, const settled *rates) {
  typedef moon_computed<T> A;
  const entry &o = c.of[entry_of(c, blockIdx.x)];
  T *p = (T *)o.data[P];
  int64_t first = ((int64_t)blockIdx.x - o.block) * BLOCK;
  if (!p) return;
  const settled &s = rates[o.at];
  if (s.skips) return;
  rule_of<A> rule(s);
  A clip = (A)s.clip, unscale = (A)s.unscale;
  for (int k = 0; k < EACH; k++) {
    int64_t i = first + k * MOON_THREADS + threadIdx.x, at[STREAMS];
    if (i >= o.n) break;
    places.find(i, at);
    element<A> e = {};
    e.p = moon_load(p[at[P]]);
    if (o.data[G]) {
      A g = moon_load(((const T *)o.data[G])[at[G]]);
      e.g = clip * cut(g * unscale, (A)most, scaled);
    }
    for (int j = 0; j < MOON_STEP_STATES; j++) {
      bool is_there = o.data[S + j] &&
                      !(j == 2 && rule.rule == MOON_STEP_ADAM);
      if (is_there) e.state[j] = moon_load(((T *)o.data[S + j])[at[S + j]]);
    }
    rule.apply(&e);
    for (int j = 0; j < MOON_STEP_STATES; j++) {
      bool is_there = o.data[S + j] &&
                      !(j == 2 && rule.rule == MOON_STEP_ADAM);
      if (is_there) moon_store(&((T *)o.data[S + j])[at[S + j]], e.state[j]);
    }
    moon_store(&p[at[P]], e.p);
  }
}

/* --- launches ------------------------------------------------------------ */
struct work {
  const moon_call *call;
  settled *rates;
  double *partial;
  bool is_norm;           /* the gradients' squares, or the update */
  chunk open;             /* dense entries of one dtype, not launched yet */
  int64_t blocks;
};

static double *scaler_of(const moon_call *call) {
  bool scaled = call->params.step.scaled != 0;
  return scaled ? (double *)call->arg[call->n - 1].data : NULL;
}

static const moon_operand *operand(const moon_call *call, int k, int stream) {
  int each = call->params.step.each;
  return stream < each ? moon_optional(call, 1 + each * k + stream) : NULL;
}

template <typename T>
static int queue_of(work *w, const moon_places<STREAMS> &places, moon_fail *) {
  chunk &c = w->open;
  double most = w->call->params.step.p.max_value;
  if (w->is_norm) {
    moon_places<1> own = {};
    own.n = places.n;
    own.ndim = places.ndim;
    own.dense = places.dense;
    for (int d = 0; d < MOON_MAX_DIMS; d++) {
      own.shape[d] = places.shape[d];
      own.stride[0][d] = places.stride[G][d];
    }
    MOON_LAUNCH_TOGETHER(squares<T>, (unsigned)c.blocks, MOON_THREADS,
                         w->call->queue, c, own, most, scaler_of(w->call),
                         w->partial);
  } else {
    MOON_LAUNCH(update<T>, (unsigned)c.blocks, MOON_THREADS, w->call->queue, c,
                places, most, w->call->params.step.scaled != 0, w->rates);
  }
  return MOON_OK;
}

static int flush(work *w, const moon_places<STREAMS> *places,
                 moon_fail *fail) {
  moon_places<STREAMS> dense = {};
  int status = MOON_OK;
  dense.dense = 1;
  if (w->open.n > 0) {
    status = MOON_FLOATS(w->open.of[0].dtype, queue_of, w,
                         places ? *places : dense, fail);
  }
  w->blocks += w->open.blocks;
  w->open.n = 0;
  w->open.blocks = 0;
  w->open.before = w->blocks;
  return status;
}

/* Entry k: with others if it is dense, else alone. */
static int add_entry(work *w, int k, moon_fail *fail) {
  const moon_operand *p = operand(w->call, k, w->is_norm ? G : P);
  if (!p || moon_operand_numel(p) == 0) return MOON_OK;
  entry e = {};
  const moon_operand *o[STREAMS] = {p, p, p, p, p};
  for (int j = 0; j < STREAMS; j++) {
    const moon_operand *own = operand(w->call, k, j);
    if (!own) continue;
    e.data[j] = own->data;
    bool alike = own->ndim == p->ndim;  /* else it is ADAM's count */
    for (int d = 0; alike && d < p->ndim; d++) {
      alike = own->shape[d] == p->shape[d];
    }
    if (alike) o[j] = own;
  }
  moon_places<STREAMS> places = moon_places_of(o);
  e.n = places.n;
  e.at = k;
  e.dtype = p->dtype;
  chunk *c = &w->open;
  int status = MOON_OK;
  if (c->n == CHUNK || (c->n > 0 && (!places.dense ||
                                     c->of[0].dtype != e.dtype))) {
    status = flush(w, NULL, fail);
  }
  e.block = c->blocks;
  c->blocks += (e.n + BLOCK - 1) / BLOCK;
  c->of[c->n++] = e;
  return status < 0 || places.dense ? status : flush(w, &places, fail);
}

static int add_entries(work *w, bool is_norm, moon_fail *fail) {
  int status = MOON_OK;
  w->is_norm = is_norm;
  w->blocks = 0;
  w->open.before = 0;
  for (int k = 0; k < w->call->params.step.n && status >= 0; k++) {
    status = add_entry(w, k, fail);
  }
  return status < 0 ? status : flush(w, NULL, fail);
}

static bool needs_norm(const moon_call *call) {
  return call->params.step.wants_norm || call->params.step.p.max_norm > 0 ||
         call->params.step.scaled;
}

static size_t settled_bytes(const moon_call *call) {
  return (size_t)call->params.step.n * sizeof(settled) + sizeof(double);
}

CUDA_PLAN(plan_step) {
  int64_t blocks = 0;
  if (call->params.step.p.rule == MOON_STEP_MUON) {
    snprintf(fail->text, sizeof fail->text, "no kernel for muon on cuda");
    return MOON_E_BACKEND;
  }
  for (int k = 0; k < call->params.step.n; k++) {
    const moon_operand *g = operand(call, k, G);
    if (g) blocks += (moon_operand_numel(g) + BLOCK - 1) / BLOCK;
  }
  plan->scratch = settled_bytes(call) + (size_t)blocks * sizeof(double);
  plan->scratch = (plan->scratch + 63) / 64 * 64;
  return moon_plan_once(call, plan, may_create, fail);
}

/* Settles the entries, or counts their steps. */
static void queue_rates(const work *w, const double *norm, bool counts) {
  const moon_call *call = w->call;
  const moon_step_rates *rates = (const moon_step_rates *)call->arg[0].data;
  for (int first = 0; first < call->params.step.n; first += COUNTS) {
    counters c = {};
    c.first = first;
    for (; c.n < COUNTS && first + c.n < call->params.step.n; c.n++) {
      const moon_operand *t = operand(call, first + c.n, S + 2);
      c.of[c.n] = t ? (double *)t->data : NULL;
    }
    unsigned blocks = (unsigned)((c.n + 31) / 32);
    if (counts) {
      MOON_LAUNCH(count, blocks, 32, call->queue, rates, c, w->rates);
    } else {
      MOON_LAUNCH(settle, blocks, 32, call->queue, rates, c, norm,
                  call->params.step.p.max_norm, scaler_of(call), w->rates);
    }
  }
}

CUDA_RUN(run_step) {
  work w = {};
  w.call = call;
  w.rates = (settled *)scratch;
  double *norm = (double *)((char *)scratch + settled_bytes(call)) - 1;
  w.partial = norm + 1;
  int status = MOON_OK;
  if (needs_norm(call)) {
    status = add_entries(&w, true, fail);
    int at = 1 + call->params.step.each * call->params.step.n;
    float *out = call->params.step.wants_norm ? (float *)call->arg[at].data
                                              : NULL;
    MOON_LAUNCH_TOGETHER(add_norm, 1, 1024, call->queue, w.partial, w.blocks,
                         norm, out);
  }
  if (status < 0) return status;
  queue_rates(&w, norm, false);
  status = add_entries(&w, false, fail);
  if (status >= 0 && call->params.step.counts) queue_rates(&w, norm, true);
  if (status >= 0 && call->params.step.scaled) {
    MOON_LAUNCH(note, 1, 1, call->queue, norm, scaler_of(call),
                call->params.step.p);
  }
  return status < 0 ? status : moon_launched(fail);
}

extern "C" const moon_kernel moon_cuda_step = {"step", plan_step, run_step};
