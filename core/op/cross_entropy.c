/* Softmax and the negative log-likelihood in one, and the latter alone, of
 * logarithms (nll). With lse_n = log sum_c exp x[n,c], the weights w and e the
 * label smoothing (Szegedy et al. 2016), a row's loss is
 *
 *   (1 - e) w[l_n] (lse_n - x[n,l_n]) + e / C sum_c w[c] (lse_n - x[n,c])
 *
 * x [N,C], l i64 [N] in [0, C) -> [N], 0 where l is ignored; its sum; or its
 * mean, that is, the sum over sum_n w[l_n]: NaN where nothing counts. It is of
 * x's dtype, or f32 where x is bf16 or f16. A label
 * out of range fails in the kernel: the loss carries the error. */
#include "shared.h"

enum { X, L, LOSS, S, W };

static int to_x(moon__back *b, const char *name) {
  moon_tensor *x = moon__saved_at(b, 0);
  moon__calc c = {.ctx = b->ctx};
  moon_tensor *dx = moon__c_like(&c, x, x->dtype);
  moon__arg args[] = {{b->dy, MOON__READ, NULL},
                      {x, MOON__READ, NULL},
                      {moon__saved_at(b, 1), MOON__READ, NULL},
                      {moon__saved_at(b, 2), MOON__READ, NULL},
                      {dx, MOON__WRITE, NULL},
                      {moon__saved_at(b, 3), MOON__READ, NULL}};
  moon__c_run(&c, name, MOON_K_cross_entropy_grad, &b->node->params, args, 6);
  moon__calc_give(&c, b, 0, dx);
  return moon__calc_end(&c);
}

static int backward(moon__back *b) {
  return to_x(b, "cross_entropy backward");
}

static int backward_nll(moon__back *b) { return to_x(b, "nll backward"); }

static const moon__rule softmax_rule = {"cross_entropy", backward};
static const moon__rule log_rule = {"nll", backward_nll};

/* --- checks ----------------------------------------------------------- */
static int check_params(const char *op, const moon_cross_entropy_params *p,
                        bool is_log) {
  double most = is_log ? 0 : 1;
  if (!(p->label_smoothing >= 0 && p->label_smoothing <= most)) {
    return moon__fail(MOON_E_VALUE, "%s: label smoothing %g is outside "
                      "[0, %g]", op, p->label_smoothing, most);
  }
  if (p->reduction < MOON_LOSS_MEAN || p->reduction > MOON_LOSS_NONE) {
    return moon__fail(MOON_E_VALUE, "%s: no reduction %d", op, p->reduction);
  }
  return MOON_OK;
}

/* labels are x without its classes, which are dimension 1 (of [C], 0). */
static int check_shapes(const char *op, const moon_tensor *x,
                        const moon_tensor *labels) {
  bool fits = labels->ndim == x->ndim - 1;
  for (int d = 0, e = 0; fits && d < x->ndim; d++) {
    if (d == (x->ndim > 1)) continue;
    fits = labels->shape[e++] == x->shape[d];
  }
  if (fits) return MOON_OK;
  if (x->ndim == 2 && labels->ndim == 1) {
    return moon__fail(MOON_E_SHAPE, "%s: %lld labels for %lld rows "
                      "(logits %s)", op, (long long)labels->shape[0],
                      (long long)x->shape[0], moon__text(x));
  }
  return moon__fail(MOON_E_SHAPE, "%s: labels %s for logits %s", op,
                    moon__text(labels), moon__text(x));
}

static int check(const char *op, const moon_tensor *x,
                 const moon_tensor *labels, const moon_tensor *weight) {
  int status = moon__check_float(op, x);
  if (status < 0) return status;
  if (x->ndim == 0) {
    return moon__fail(MOON_E_SHAPE, "%s: logits are a scalar", op);
  }
  status = moon__check_index(op, "labels", labels);
  if (status >= 0) status = check_shapes(op, x, labels);
  if (status < 0) return status;
  int64_t classes = x->shape[x->ndim > 1];
  if (classes == 0) {
    return moon__fail(MOON_E_SHAPE, "%s: no classes (logits %s)", op,
                      moon__text(x));
  }
  return weight ? moon__check_parameter(op, "weight", weight, classes, x)
                : MOON_OK;
}

/* --- forward ---------------------------------------------------------- */
/* x [N,C] */
static int run(moon_ctx *ctx, const moon__rule *rule,
               const moon_params *params, moon_tensor *const in[3],
               moon_tensor **out) {
  moon_tensor *x = in[X], *s = NULL;
  moon_ctx quiet = moon__quiet(ctx);
  moon__calc c = {.ctx = &quiet};
  moon__shape shape = {.ndim = 0}, rows = {2, {2, x->shape[0]}};
  if (params->loss.p.reduction == MOON_LOSS_NONE) {
    shape = (moon__shape){1, {x->shape[0]}};
  }
  int dtype = moon__wide(x->dtype);
  moon_tensor *loss = moon__c_new(&c, x, dtype, shape, MOON__ROWS);
  if (!params->loss.is_log) s = moon__c_new(&c, x, dtype, rows, MOON__ROWS);
  moon__arg args[] = {[X] = {x, MOON__READ, NULL},
                      [L] = {in[L], MOON__READ, NULL},
                      [LOSS] = {loss, MOON__WRITE, NULL},
                      [S] = {s, MOON__WRITE, NULL},
                      [W] = {in[2], MOON__READ, NULL}};
  moon__c_run(&c, rule->name, MOON_K_cross_entropy, params, args, 5);
  moon__node *node = moon__record(ctx, rule, c.status, loss, &x, 1);
  if (node) {
    node->params = *params;
    moon__save(node, x);
    moon__save(node, in[L]);
    moon__save(node, s);
    moon__save(node, in[2]);
  }
  return moon__calc_finish(&c, loss, out);
}

/* x as rows of classes, which come last, and labels as one row. */
static int flatten(moon__calc *c, moon_tensor **x, moon_tensor **labels) {
  int32_t order[MOON_MAX_DIMS];
  int n = 0;
  moon_tensor *last = NULL;
  for (int d = 0; d < (*x)->ndim; d++) {
    if (d != ((*x)->ndim > 1)) order[n++] = d;
  }
  order[n] = (*x)->ndim > 1;
  int status = moon_permute(c->ctx, *x, order, &last);
  last = moon__calc_own(c, status, &last);
  if (c->status < 0) return c->status;
  moon__shape rows = {2, {(*labels)->numel, last->shape[n]}};
  moon__shape row = {1, {(*labels)->numel}};
  *x = moon__c_reshape(c, last, rows);
  *labels = moon__c_reshape(c, *labels, row);
  return c->status;
}

static int of_any_shape(moon_ctx *ctx, const moon__rule *rule,
                        const moon_params *params, moon_tensor *in[3],
                        moon_tensor **out) {
  const char *op = rule->name;
  int status = check_params(op, &params->loss.p, params->loss.is_log);
  if (status >= 0) status = check(op, in[X], in[L], in[2]);
  if (status < 0) return status;
  if (in[X]->ndim == 2) return run(ctx, rule, params, in, out);
  moon__calc c = {.ctx = ctx};
  moon__shape shape = moon__shape_of(in[L]);
  moon_tensor *loss = NULL;
  if (flatten(&c, &in[X], &in[L]) >= 0) {
    status = run(ctx, rule, params, in, &loss);
    loss = moon__calc_own(&c, status, &loss);
  }
  if (params->loss.p.reduction == MOON_LOSS_NONE) {
    loss = moon__c_reshape(&c, loss, shape);
  }
  return moon__calc_finish(&c, loss, out);
}

static const moon_cross_entropy_params usual = {0, -100, MOON_LOSS_MEAN};

int moon_cross_entropy(moon_ctx *ctx, moon_tensor *logits, moon_tensor *labels,
                       moon_tensor *weight,
                       const moon_cross_entropy_params *p, moon_tensor **out) {
  moon_params params = {.loss = {p ? *p : usual, 0}};
  moon_tensor *in[] = {logits, labels, weight};
  return of_any_shape(ctx, &softmax_rule, &params, in, out);
}

int moon_nll(moon_ctx *ctx, moon_tensor *logs, moon_tensor *labels,
             moon_tensor *weight, const moon_cross_entropy_params *p,
             moon_tensor **out) {
  moon_params params = {.loss = {p ? *p : usual, 1}};
  moon_tensor *in[] = {logs, labels, weight};
  return of_any_shape(ctx, &log_rule, &params, in, out);
}
