/* Scaled dot-product attention (Vaswani et al. 2017) as one op, whose memory is
 * linear in the numbers of queries and keys:
 *
 *   y = softmax(scale q k^T + mask) v
 *
 *   q [...,L,E], k [...,S,E], v [...,S,V] -> y [...,L,V]; mask [...,L,S], bool
 *   (true: takes part) or of q's dtype; the dimensions in front broadcast
 *
 * causal: query i meets keys 1 to i alone. A query that meets no key gives 0.
 * The forward keeps lse [...,L], the logarithm of each softmax's sum (f32 beside
 * bf16 and f16, which lack the digits of an exponent), and the backward computes
 * the scores again (FlashAttention; Dao et al. 2022).
 * kernels/ref/attention.c has the equations. */
#include <math.h>
#include "shared.h"

enum { Q, K, V, MASK, Y, LSE };  /* saved; the first four are the inputs */

/* --- memory ----------------------------------------------------------- */
/* A new tensor of shape s with its dimensions in memory in x's order, the last
 * one innermost: heads that were permuted out of a matrix fit back into one. */
static moon_tensor *new_beside(moon__calc *c, const moon_tensor *x,
                               moon__shape s) {
  int32_t order[MOON_MAX_DIMS], back[MOON_MAX_DIMS], last = s.ndim - 1;
  moon__shape sorted = s;
  moon_tensor *y = NULL;
  if (x->ndim != s.ndim) return moon__c_new(c, x, x->dtype, s, MOON__ROWS);
  for (int d = 0; d < s.ndim; d++) {
    int k = d;
    for (; k > 0 && d < last && x->stride[order[k - 1]] < x->stride[d]; k--) {
      order[k] = order[k - 1];
    }
    order[k] = d;
  }
  for (int k = 0; k < s.ndim; k++) {
    sorted.dim[k] = s.dim[order[k]];
    back[order[k]] = k;
  }
  moon_tensor *t = moon__c_new(c, x, x->dtype, sorted, MOON__ROWS);
  if (!t) return NULL;
  return moon__calc_own(c, moon_permute(c->ctx, t, back, &y), &y);
}

/* The last dimension of what kernels read is contiguous. */
static moon_tensor *by_rows(moon__calc *c, moon_tensor *t) {
  if (c->status < 0) return NULL;
  int last = t->ndim - 1;
  bool fits = t->shape[last] == 1 || t->stride[last] == 1;
  return fits ? t : moon__c_rows(c, t);
}

/* s with other last dimensions. */
static moon__shape ending(moon__shape s, int64_t rows, int64_t columns) {
  s.dim[s.ndim - 2] = rows;
  s.dim[s.ndim - 1] = columns;
  return s;
}

/* --- gradient --------------------------------------------------------- */
static int backward(moon__back *b) {
  moon__node *n = b->node;
  moon_tensor *in[4], *d[4] = {NULL};
  moon__shape as[4];
  moon__calc c = {.ctx = b->ctx};
  for (int i = Q; i <= MASK; i++) in[i] = moon__saved_at(b, i);
  int64_t queries = in[Q]->shape[in[Q]->ndim - 2];
  int64_t keys = in[K]->shape[in[K]->ndim - 2];
  for (int i = Q; i <= MASK && in[i]; i++) {
    as[i] = i == MASK ? ending(n->shape, queries, keys)
                      : ending(n->shape, in[i]->shape[in[i]->ndim - 2],
                               in[i]->shape[in[i]->ndim - 1]);
    if (i < MASK) d[i] = new_beside(&c, in[i], as[i]);
    else if (moon__wants(b, i)) {
      d[i] = moon__c_new(&c, b->dy, n->dtype, as[i], MOON__ROWS);
    }
  }
  moon__arg args[] = {{by_rows(&c, b->dy), MOON__READ, NULL},
                      {in[Q], MOON__READ, &as[Q]},
                      {in[K], MOON__READ, &as[K]},
                      {in[V], MOON__READ, &as[V]},
                      {in[MASK], MOON__READ, in[MASK] ? &as[MASK] : NULL},
                      {moon__saved_at(b, Y), MOON__READ, NULL},
                      {moon__saved_at(b, LSE), MOON__READ, NULL},
                      {d[Q], MOON__WRITE, NULL},
                      {d[K], MOON__WRITE, NULL},
                      {d[V], MOON__WRITE, NULL},
                      {d[MASK], MOON__WRITE, NULL}};
  moon__c_run(&c, "attention backward", MOON_K_attention_grad, &n->params,
              args, d[MASK] ? 11 : 10);
  for (int i = Q; i <= MASK; i++) {
    if (!moon__wants(b, i)) continue;
    moon__calc_give(&c, b, i, moon__c_sum_to(&c, d[i], n->input_shape[i]));
  }
  return moon__calc_end(&c);
}

static const moon__rule rule = {"attention", backward};

/* --- checks ----------------------------------------------------------- */
static const char *const names[] = {"q", "k", "v", "mask"};

static int fail_shapes(const moon_attention_inputs *in, const char *why) {
  return moon__fail(MOON_E_SHAPE, "attention: %s (q %s, k %s, v %s)", why,
                    moon__text(in->q), moon__text(in->k),
                    moon__text(in->v));
}

/* Makes the dimensions in front of the last two of t part of s, or false. */
static bool join(moon__shape *s, const moon_tensor *t) {
  while (s->ndim < t->ndim) {
    for (int d = s->ndim++; d > 0; d--) s->dim[d] = s->dim[d - 1];
    s->dim[0] = 1;
  }
  for (int k = 3; k <= t->ndim; k++) {
    int64_t *have = &s->dim[s->ndim - k], n = t->shape[t->ndim - k];
    if (*have != n && *have != 1 && n != 1) return false;
    if (*have == 1) *have = n;
  }
  return true;
}

static int check_mask(const moon_tensor *q, const moon_tensor *mask,
                      moon__shape s, int64_t keys) {
  int64_t size[MOON_MAX_DIMS];
  for (int d = 0; d < s.ndim; d++) size[d] = s.dim[d];
  size[s.ndim - 1] = keys;
  bool fits = mask->ndim <= s.ndim;
  for (int k = 1; fits && k <= mask->ndim; k++) {
    int64_t n = mask->shape[mask->ndim - k];
    fits = n == 1 || n == size[s.ndim - k];
  }
  if (!fits) {
    s.dim[s.ndim - 1] = keys;
    return moon__fail(MOON_E_SHAPE, "attention: the mask is %s; what repeats "
                      "to %s needed", moon__text(mask), moon__shape_text(s));
  }
  if (mask->dtype == MOON_BOOL) return MOON_OK;
  return moon__check_same_dtype("attention", q, mask);
}

/* *s becomes the shape of y. */
static int check(const moon_attention_inputs *in, double scale,
                 moon__shape *s) {
  moon_tensor *const t[] = {in->q, in->k, in->v};
  *s = (moon__shape){.ndim = 2};
  bool joins = true;
  for (int i = Q; i <= V; i++) {
    int status = moon__check_same_dtype("attention", in->q, t[i]);
    if (status >= 0) status = moon__check_float("attention", t[i]);
    if (status < 0) return status;
    if (t[i]->ndim < 2) {
      return moon__fail(MOON_E_SHAPE, "attention: %s has %d dimensions (%s), 2 "
                        "or more needed", names[i], t[i]->ndim,
                        moon__text(t[i]));
    }
    joins = joins && join(s, t[i]);
  }
  if (!joins) return fail_shapes(in, "the matrices do not broadcast");
  const int64_t *q = in->q->shape + in->q->ndim - 2;
  const int64_t *k = in->k->shape + in->k->ndim - 2;
  const int64_t *v = in->v->shape + in->v->ndim - 2;
  if (q[1] != k[1] || q[1] == 0) {
    return fail_shapes(in, "q and k need as many features, at least one");
  }
  if (k[0] != v[0]) return fail_shapes(in, "k and v need as many keys");
  if (!isfinite(scale)) {
    return moon__fail(MOON_E_VALUE, "attention: scale %g", scale);
  }
  *s = ending(*s, q[0], v[1]);
  if (in->mask) {
    int status = check_mask(in->q, in->mask, *s, k[0]);
    if (status < 0) return status;
  }
  return moon__check_size("attention", *s);
}

/* --- forward ---------------------------------------------------------- */
static int attend(moon_ctx *ctx, const moon_attention_inputs *in,
                  const moon_attention_params *p, moon_tensor **out) {
  moon__shape s;
  int status = check(in, p->scale, &s);
  if (status < 0) return status;
  moon_ctx quiet = moon__quiet(ctx);
  moon__calc c = {.ctx = &quiet};
  moon_tensor *inputs[] = {in->q, in->k, in->v, in->mask}, *t[4];
  moon__shape as[4], rows = s;
  rows.ndim--;
  for (int i = Q; i <= MASK; i++) {
    t[i] = inputs[i];
    if (i < MASK) t[i] = by_rows(&c, t[i]);
    if (c.status < 0) return moon__calc_end(&c);
    if (i < MASK) {
      as[i] = ending(s, t[i]->shape[t[i]->ndim - 2],
                     t[i]->shape[t[i]->ndim - 1]);
    }
  }
  as[MASK] = ending(s, as[Q].dim[s.ndim - 2], as[K].dim[s.ndim - 2]);
  moon_tensor *y = new_beside(&c, t[Q], s);
  moon_tensor *lse =
      moon__c_new(&c, t[Q], moon__wide(t[Q]->dtype), rows, MOON__ROWS);
  moon_params params = {.attention = *p};
  moon__arg args[] = {{t[Q], MOON__READ, &as[Q]},
                      {t[K], MOON__READ, &as[K]},
                      {t[V], MOON__READ, &as[V]},
                      {t[MASK], MOON__READ, t[MASK] ? &as[MASK] : NULL},
                      {y, MOON__WRITE, NULL},
                      {lse, MOON__WRITE, NULL}};
  moon__c_run(&c, "attention", MOON_K_attention, &params, args, 6);
  moon__node *node = moon__record(ctx, &rule, c.status, y, inputs, 4);
  if (node) {
    node->params = params;
    for (int i = Q; i <= MASK; i++) moon__save(node, t[i]);
    moon__save(node, y);
    moon__save(node, lse);
  }
  return moon__calc_finish(&c, y, out);
}

int moon_attention(moon_ctx *ctx, const moon_attention_inputs *in,
                   const moon_attention_params *p, moon_tensor **out) {
  moon__calc c = {.ctx = ctx};
  moon_tensor *t[] = {in->q, in->k, in->v, in->mask};
  if (moon__c_lower(&c, t, 4) >= 0) {
    moon_attention_inputs all = {t[0], t[1], t[2], t[3]};
    c.status = attend(ctx, &all, p, out);
  }
  return moon__calc_end(&c);
}
