/* Attention, as a definition; for each matrix of the dimensions in front:
 *
 *   s_ij = scale q_i . k_j + mask_ij       (a bool mask: s_ij where it is true)
 *   p_ij = exp(s_ij - lse_i)               lse_i = log sum over j of exp(s_ij)
 *   y_i  = sum over j of p_ij v_j
 *
 *   q [L,E], k [S,E], v [S,V], mask [L,S], y [L,V], lse [L]
 *
 * causal: only j <= i take part. Where no j does, y_i is 0 and lse_i minus
 * infinity. Gradient, with D_i = dy_i . y_i:
 *
 *   ds_ij = p_ij (dy_i . v_j - D_i)        dv_j = sum over i of p_ij dy_i
 *   dq_i = scale sum over j of ds_ij k_j   dk_j = scale sum over i of ds_ij q_i
 *
 * Vaswani et al., "Attention is all you need", 2017.
 */
#include <math.h>
#include "walk.h"

enum { Q, K, V, MASK, Y, LSE };
enum { G_DY, G_Q, G_K, G_V, G_MASK, G_Y, G_LSE, G_DQ, G_DK, G_DV, G_DS };

/* One of the matrices; the data of an absent mask is NULL. */
typedef struct head {
  moon_operand q, k, v, mask;
  double scale;
  bool causal;
} head;

/* Matrix `number` of o, whose dimensions in front are those of y: the last
 * `rank` dimensions stay. */
static moon_operand matrix(const moon_operand *o, const moon_operand *y,
                           int64_t number, int rank) {
  moon_operand one = {.data = o->data, .dtype = o->dtype, .ndim = rank};
  int64_t at = 0;
  if (!o->data) return one;
  for (int d = y->ndim - 3; d >= 0; d--) {
    at += number % y->shape[d] * o->stride[d];
    number /= y->shape[d];
  }
  one.data = (char *)o->data + at * (int64_t)moon_dtype_size(o->dtype);
  for (int d = 0; d < rank; d++) {
    one.shape[d] = o->shape[o->ndim - rank + d];
    one.stride[d] = o->stride[o->ndim - rank + d];
  }
  return one;
}

static int64_t matrices(const moon_operand *y) {
  int64_t n = 1;
  for (int d = 0; d < y->ndim - 2; d++) n *= y->shape[d];
  return n;
}

static double at2(const moon_operand *o, int64_t i, int64_t j) {
  return ref_load(o, i * o->stride[0] + j * o->stride[1]);
}

static double dot(const moon_operand *a, int64_t i, const moon_operand *b,
                  int64_t j) {
  double sum = 0;
  for (int64_t e = 0; e < a->shape[1]; e++) {
    sum += at2(a, i, e) * at2(b, j, e);
  }
  return sum;
}

/* s_ij; minus infinity where j does not take part. */
static double score(const head *h, int64_t i, int64_t j) {
  const moon_operand *mask = h->mask.data ? &h->mask : NULL;
  if (h->causal && j > i) return -INFINITY;
  if (mask && mask->dtype == MOON_BOOL) {
    if (at2(mask, i, j) == 0) return -INFINITY;
    mask = NULL;
  }
  return h->scale * dot(&h->q, i, &h->k, j) + (mask ? at2(mask, i, j) : 0);
}

/* --- forward ---------------------------------------------------------- */
static double count(const moon_operand *y, int64_t keys, int64_t width) {
  double rows = (double)matrices(y) * (double)y->shape[y->ndim - 2];
  return rows * (double)keys * (double)width;
}

REF_PLAN(plan_attention) {
  const moon_operand *k = &call->arg[K], *y = &call->arg[Y];
  int64_t keys = k->shape[k->ndim - 2], e = k->shape[k->ndim - 1];
  ref_phase(plan, matrices(y) * y->shape[y->ndim - 2],
            count(y, keys, e + y->shape[y->ndim - 1] + 8));
  plan->scratch = (size_t)plan->parts[0] * (size_t)keys * sizeof(double);
  return MOON_OK;
}

/* Row i: s becomes its p; returns lse_i. */
static double weigh(const head *h, int64_t i, double *s) {
  double most = -INFINITY, sum = 0;
  int64_t keys = h->k.shape[0];
  for (int64_t j = 0; j < keys; j++) {
    s[j] = score(h, i, j);
    most = fmax(most, s[j]);
  }
  if (most == -INFINITY) most = 0;
  for (int64_t j = 0; j < keys; j++) {
    s[j] = exp(s[j] - most);
    sum += s[j];
  }
  for (int64_t j = 0; j < keys && sum != 0; j++) s[j] /= sum;
  return sum == 0 ? -INFINITY : most + log(sum);
}

REF_RUN(run_attention) {
  const moon_operand *out = &call->arg[Y];
  int64_t lo, hi, rows = out->shape[out->ndim - 2];
  int64_t keys = call->arg[K].shape[call->arg[K].ndim - 2];
  double *s = (double *)scratch + part * keys;
  ref_share(plan, phase, part, matrices(out) * rows, &lo, &hi);
  for (int64_t at = lo; at < hi; at++) {
    int64_t n = at / rows, i = at % rows;
    head h = {matrix(&call->arg[Q], out, n, 2),
              matrix(&call->arg[K], out, n, 2),
              matrix(&call->arg[V], out, n, 2),
              matrix(&call->arg[MASK], out, n, 2),
              call->params.attention.scale, call->params.attention.causal};
    moon_operand y = matrix(out, out, n, 2);
    moon_operand lse = matrix(&call->arg[LSE], out, n, 1);
    ref_store(&lse, i * lse.stride[0], weigh(&h, i, s));
    for (int64_t c = 0; c < y.shape[1]; c++) {
      double sum = 0;
      for (int64_t j = 0; j < keys; j++) sum += s[j] * at2(&h.v, j, c);
      ref_store(&y, i * y.stride[0] + c * y.stride[1], sum);
    }
  }
  return MOON_OK;
}

/* --- gradient --------------------------------------------------------- */
/* Rows of dq (and ds), then rows of dk and dv. */
REF_PLAN(plan_grad) {
  const moon_operand *q = &call->arg[G_Q], *y = &call->arg[G_Y];
  int64_t rows = y->shape[y->ndim - 2], e = q->shape[q->ndim - 1];
  int64_t keys = call->arg[G_K].shape[call->arg[G_K].ndim - 2];
  int64_t width = e + y->shape[y->ndim - 1];
  ref_phase(plan, matrices(y) * rows, count(y, keys, 3 * width + 8));
  ref_phase(plan, matrices(y) * keys, count(y, keys, 4 * width + 8));
  int64_t most = plan->parts[0] > plan->parts[1] ? plan->parts[0]
                                                 : plan->parts[1];
  plan->scratch = (size_t)(most * width) * sizeof(double);
  return MOON_OK;
}

typedef struct grad_head {
  head h;
  moon_operand dy, y, lse, dq, dk, dv, ds;
} grad_head;

static grad_head grad_head_at(const moon_call *call, int64_t n) {
  const moon_operand *o = call->arg, *y = &o[G_Y];
  grad_head g = {
      {matrix(&o[G_Q], y, n, 2), matrix(&o[G_K], y, n, 2),
       matrix(&o[G_V], y, n, 2), matrix(&o[G_MASK], y, n, 2),
       call->params.attention.scale, call->params.attention.causal},
      matrix(&o[G_DY], y, n, 2), matrix(y, y, n, 2),
      matrix(&o[G_LSE], y, n, 1), matrix(&o[G_DQ], y, n, 2),
      matrix(&o[G_DK], y, n, 2), matrix(&o[G_DV], y, n, 2), {0}};
  if (call->n > G_DS) g.ds = matrix(&o[G_DS], y, n, 2);
  return g;
}

/* p_ij, and ds_ij. */
static double weight(const grad_head *g, int64_t i, int64_t j, double *ds) {
  double s = score(&g->h, i, j);
  double p = s == -INFINITY
                 ? 0 : exp(s - ref_load(&g->lse, i * g->lse.stride[0]));
  *ds = p * (dot(&g->dy, i, &g->h.v, j) - dot(&g->dy, i, &g->y, i));
  return p;
}

/* sum += by row i of o. */
static void add_row(double *sum, const moon_operand *o, int64_t i, double by) {
  for (int64_t c = 0; c < o->shape[1]; c++) sum[c] += by * at2(o, i, c);
}

static void store_row(const moon_operand *o, int64_t i, const double *sum,
                      double by) {
  for (int64_t c = 0; c < o->shape[1]; c++) {
    ref_store(o, i * o->stride[0] + c * o->stride[1], by * sum[c]);
  }
}

static void grad_of_query(const grad_head *g, int64_t i, double *dq) {
  for (int64_t j = 0; j < g->h.k.shape[0]; j++) {
    double ds;
    weight(g, i, j, &ds);
    add_row(dq, &g->h.k, j, ds);
    if (g->ds.data) {
      ref_store(&g->ds, i * g->ds.stride[0] + j * g->ds.stride[1], ds);
    }
  }
  store_row(&g->dq, i, dq, g->h.scale);
}

static void grad_of_key(const grad_head *g, int64_t j, double *dk,
                        double *dv) {
  for (int64_t i = 0; i < g->h.q.shape[0]; i++) {
    double ds, p = weight(g, i, j, &ds);
    add_row(dk, &g->h.q, i, ds);
    add_row(dv, &g->dy, i, p);
  }
  store_row(&g->dk, j, dk, g->h.scale);
  store_row(&g->dv, j, dv, 1);
}

REF_RUN(run_grad) {
  const moon_operand *y = &call->arg[G_Y], *q = &call->arg[G_Q];
  const moon_operand *of = phase == 0 ? q : &call->arg[G_K];
  int64_t lo, hi, n = of->shape[of->ndim - 2], e = q->shape[q->ndim - 1];
  int64_t width = e + y->shape[y->ndim - 1];
  double *sum = (double *)scratch + part * width;
  ref_share(plan, phase, part, matrices(y) * n, &lo, &hi);
  for (int64_t at = lo; at < hi; at++) {
    grad_head g = grad_head_at(call, at / n);
    for (int64_t c = 0; c < width; c++) sum[c] = 0;
    if (phase == 0) grad_of_query(&g, at % n, sum);
    else grad_of_key(&g, at % n, sum, sum + e);
  }
  return MOON_OK;
}

const moon_kernel moon_ref_attention = {"attention", plan_attention,
                                        run_attention};
const moon_kernel moon_ref_attention_grad = {"attention_grad", plan_grad,
                                             run_grad};
