/* One step of stochastic gradient descent over all parameters; see ref/sgd.c.
 * The parameters' elements are counted through, one parameter after another,
 * and parts share that count: many small ones go to one part, a large one to
 * several.
 */
#include "columns.h"

enum { EACH = 3 };  /* operands of a parameter: p+, g, v+ */

static const moon_operand *velocity(const moon_call *call, int k) {
  return cpu_optional(call, EACH * k + 2);
}

/* p, g and v (or p again) of parameter k. */
static cpu_loop loop_of(const moon_call *call, int k) {
  const moon_operand *p = &call->arg[EACH * k], *v = velocity(call, k);
  const moon_operand *o[] = {p, p + 1, v ? v : p};
  return cpu_loop_of(o, 3);
}

static int64_t total(const moon_call *call) {
  int64_t n = 0;
  for (int k = 0; k < call->params.sgd.n; k++) {
    n += moon_operand_numel(&call->arg[EACH * k]);
  }
  return n;
}

static bool needs_norm(const moon_params *q) {
  return q->sgd.wants_norm || q->sgd.p.max_norm > 0;
}

CPU_COVERS(sgd) {
  for (int k = 0; k < call->params.sgd.n; k++) {
    if (!cpu_is_f32(&call->arg[EACH * k])) return false;
    if (moon_operand_numel(&call->arg[EACH * k]) == 0) continue;
    cpu_loop l = loop_of(call, k);
    if (cpu_inner(&l, 0) != 1 || cpu_inner(&l, 2) != 1) return false;
  }
  return total(call) > 0;
}

/* Phases: each part's sum of squares, the norm, the update; only the update
 * where nobody needs the norm. */
CPU_CUT(sgd) {
  int64_t n = total(call);
  if (needs_norm(&call->params)) {
    cpu_phase(plan, n, (double)n, 0.2);
    cpu_phase(plan, 1, plan->parts[0], 1);
    plan->scratch =
        cpu_align64(((size_t)plan->parts[0] + 1) * sizeof(double));
  }
  cpu_phase(plan, n, (double)n, 0.5);
  plan->cost_ns += 50.0 * call->params.sgd.n;
}

/* The elements of parameter k, which come after `before` others, that lie in
 * lo to hi; false if none do. */
static bool overlap(const moon_call *call, int k, int64_t before, int64_t *lo,
                    int64_t *hi) {
  int64_t n = moon_operand_numel(&call->arg[EACH * k]);
  *lo = *lo > before ? *lo - before : 0;
  *hi = *hi < before + n ? *hi - before : n;
  return *lo < *hi;
}

/* --- the norm --------------------------------------------------------- */
static double squares(const moon_call *call, int64_t from, int64_t to) {
  double sum[SIMD_WIDTH] = {0};
  simd_columns c = simd_columns_of(1, SIMD_WIDTH);
  int64_t before = 0;
  for (int k = 0; k < call->params.sgd.n; k++) {
    const moon_operand *g = &call->arg[EACH * k + 1];
    int64_t lo = from, hi = to;
    if (overlap(call, k, before, &lo, &hi)) {
      float room[SIMD_STAGE];
      cpu_loop l = cpu_loop_of(&g, 1);
      cpu_walk w = cpu_walk_from(&l, lo, hi, simd_piece(&l));
      for (; w.n > 0; cpu_walk_next(&w)) {
        const float *x = (const float *)g->data + w.at[0];
        x = simd_row(x, cpu_inner(&l, 0), w.n, room);
        simd_add_squares(w.n, c.width, x, sum);
      }
    }
    before += moon_operand_numel(g);
  }
  simd_fold_sums(&c, sum);
  return sum[0];
}

static void store_norm(const moon_call *call, int parts, double *square) {
  double sum = 0;
  for (int k = 0; k < parts; k++) sum += square[k];
  square[parts] = sqrt(sum);
  if (!call->params.sgd.wants_norm) return;
  float *norm = call->arg[EACH * call->params.sgd.n].data;
  *norm = (float)square[parts];
}

/* --- the update ------------------------------------------------------- */
typedef struct rates { float lr, momentum, decay, scale; } rates;

static void plain_row(int64_t n, rates q, const float *g, float *p) {
  for (int64_t i = 0; i < n; i++) {
    float step = SIMD_MADD(q.decay, p[i], g[i] * q.scale);
    p[i] = SIMD_MADD(-q.lr, step, p[i]);
  }
}

static void momentum_row(int64_t n, rates q, const float *g, float *p,
                         float *v) {
  for (int64_t i = 0; i < n; i++) {
    float step = SIMD_MADD(q.decay, p[i], g[i] * q.scale);
    float speed = SIMD_MADD(q.momentum, v[i], step);
    v[i] = speed;
    p[i] = SIMD_MADD(-q.lr, speed, p[i]);
  }
}

static void nesterov_row(int64_t n, rates q, const float *g, float *p,
                         float *v) {
  for (int64_t i = 0; i < n; i++) {
    float step = SIMD_MADD(q.decay, p[i], g[i] * q.scale);
    float speed = SIMD_MADD(q.momentum, v[i], step);
    v[i] = speed;
    p[i] = SIMD_MADD(-q.lr, SIMD_MADD(q.momentum, speed, step), p[i]);
  }
}

/* Elements lo to hi of parameter k. */
static void update(const moon_call *call, int k, rates q, int64_t lo,
                   int64_t hi) {
  const moon_operand *v = velocity(call, k);
  float *p = call->arg[EACH * k].data, room[SIMD_STAGE];
  const float *g = call->arg[EACH * k + 1].data;
  cpu_loop l = loop_of(call, k);
  cpu_walk w = cpu_walk_from(&l, lo, hi, simd_piece(&l));
  for (; w.n > 0; cpu_walk_next(&w)) {
    const float *row = simd_row(g + w.at[1], cpu_inner(&l, 1), w.n, room);
    if (!v) {
      plain_row(w.n, q, row, p + w.at[0]);
    } else if (call->params.sgd.p.nesterov) {
      nesterov_row(w.n, q, row, p + w.at[0], (float *)v->data + w.at[2]);
    } else {
      momentum_row(w.n, q, row, p + w.at[0], (float *)v->data + w.at[2]);
    }
  }
}

static rates rates_of(const moon_sgd_params *p, double norm) {
  double scale = p->max_norm > 0 ? p->max_norm / (norm + 1e-6) : 1;
  if (scale > 1) scale = 1;  /* NaN stays */
  return (rates){(float)p->lr, (float)p->momentum, (float)p->weight_decay,
                 (float)scale};
}

CPU_RUN(sgd) {
  double *square = scratch;  /* per part; then the norm */
  bool normed = needs_norm(&call->params);
  int64_t from, to, before = 0;
  cpu_share(plan, phase, part, total(call), CPU_GRAIN, &from, &to);
  if (phase < plan->phases - 1) {
    if (phase == 0) {
      square[part] = squares(call, from, to);
    } else {
      store_norm(call, plan->parts[0], square);
    }
    return MOON_OK;
  }
  rates q = rates_of(&call->params.sgd.p,
                     normed ? square[plan->parts[0]] : 0);
  for (int k = 0; k < call->params.sgd.n; k++) {
    int64_t lo = from, hi = to;
    if (overlap(call, k, before, &lo, &hi)) update(call, k, q, lo, hi);
    before += moon_operand_numel(&call->arg[EACH * k]);
  }
  return MOON_OK;
}

SIMD_KERNEL(sgd)
