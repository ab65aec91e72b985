/* One step over n parameters in a few launches: the rules are written in ref's
 * step.c. The parameters travel in chunks, as kernel parameters; each block has
 * MOON_STEP_EACH elements of one of them.
 *
 * The rates lie on the device: `settle` turns each into the numbers that its
 * elements need, once, so that powers are computed once and in double. Scratch:
 * a settled for each entry; the norm; the blocks' sums of squares; Muon's.
 */
#include "muon.h"

enum { CHUNK = 48, EACH = 16, BLOCK = MOON_THREADS * EACH, COUNTS = 400 };

struct entry {
  void *data[STREAMS];  /* NULL: absent */
  int64_t n, block;     /* elements; the first block that has some */
  int32_t at, dtype;
  double direction;     /* Muon's factor, if state 1 is a direction; or 0 */
};

struct chunk {
  entry of[CHUNK];
  int32_t n;
  int64_t blocks, before;  /* of this chunk; of those before it */
};

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
                 r.beta2, r.eps, r.lr, 1, 1, 1, r.rule, r.flags,
                 (int32_t)r.steps, scaler != NULL, 0};
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

/* --- the update -------------------------------------------------------- */
/* State j, if it has an element for each of p's. */
template <typename T>
MOON_DEVICE T *state_of(const entry &o, int rule, int j) {
  bool is_count = rule == MOON_STEP_ADAM && j == 2;
  bool is_direction = o.direction > 0 && j == 1;
  return is_count || is_direction ? NULL : (T *)o.data[S + j];
}

template <typename T>
__global__ void update(chunk c, moon_places<STREAMS> places, double most,
                       const settled *rates) {
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
      e.g = clip * cut(g * unscale, (A)most, s.scaled);
    }
    for (int j = 0; j < MOON_STEP_STATES; j++) {
      T *state = state_of<T>(o, s.rule, j);
      if (state) e.state[j] = moon_load(state[at[S + j]]);
    }
    if (o.direction > 0) {
      e.state[1] = (A)o.direction * ((const A *)o.data[S + 1])[at[S + 1]];
    }
    rule.apply(&e);
    for (int j = 0; j < MOON_STEP_STATES; j++) {
      T *state = state_of<T>(o, s.rule, j);
      if (state) moon_store(&state[at[S + j]], e.state[j]);
    }
    moon_store(&p[at[P]], e.p);
  }
}

/* --- launches ------------------------------------------------------------ */
struct work {
  const moon_call *call;
  settled *rates;
  double *partial;
  char *muon;             /* where the next direction is */
  bool is_norm;           /* the gradients' squares, or the update */
  chunk open;             /* dense entries of one dtype, not launched yet */
  int64_t blocks;
};

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
                places, most, w->rates);
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
  moon_operand direction;
  if (!w->is_norm && moon_muon_takes(w->call, k)) {
    direction = moon_muon_direction(w->call, k, &w->muon);
    e.data[S + 1] = direction.data;
    e.direction = moon_matrix_scale(moon_matrix_of(p));
    o[S + 1] = &direction;
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

/* Up to Muon's. */
static size_t fixed_bytes(const moon_call *call) {
  int64_t blocks = 0;
  for (int k = 0; k < call->params.step.n; k++) {
    const moon_operand *g = operand(call, k, G);
    if (g) blocks += (moon_operand_numel(g) + BLOCK - 1) / BLOCK;
  }
  size_t nbytes = (size_t)call->params.step.n * sizeof(settled) +
                  (size_t)(blocks + 1) * sizeof(double);
  return (nbytes + 63) / 64 * 64;
}

CUDA_PLAN(plan_step) {
  plan->scratch = fixed_bytes(call) + moon_muon_bytes(call);
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
  double *norm = (double *)(w.rates + call->params.step.n);
  w.partial = norm + 1;
  w.muon = (char *)scratch + fixed_bytes(call);
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
  status = moon_muon_run(call, w.rates, w.muon, fail);
  if (status < 0) return status;
  status = add_entries(&w, false, fail);
  if (status >= 0 && call->params.step.counts) queue_rates(&w, norm, true);
  if (status >= 0 && call->params.step.scaled) {
    MOON_LAUNCH(note, 1, 1, call->queue, norm, scaler_of(call),
                call->params.step.p);
  }
  return status < 0 ? status : moon_launched(fail);
}

extern "C" const moon_kernel moon_cuda_step = {"step", plan_step, run_step};
