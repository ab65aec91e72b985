/* Reductions over any dimensions (none given: all), which are dropped or kept
 * with size 1. n is how many elements become one:
 *
 *   sum   y = sum x                    dx = dy
 *   mean  y = sum x / n                dx = dy / n
 *   max   y = max x                    dx = dy / (count of x = y) where x = y
 *   min                                   as max; equals share
 *   norm  y = sqrt(sum x^2)            dx = dy x / y, 0 where y = 0
 *   var   y = sum (x - m)^2 / (n - 1)  dx = dy 2 (x - m) / (n - 1), m the mean
 *   std   y = sqrt(var x)              dx = dy (x - m) / (n - 1) / y, 0 as norm
 *   prod  y = product of x             dx = dy times the product of the others
 *   logsumexp  y = log sum exp x       dx = dy exp(x - y)
 *   any, all                           bool: whether one, or each, is not 0
 *
 * Integers and bool have sum and prod (in i64), max, min, any and all. */
#include "shared.h"

typedef struct reduced {
  moon_tensor *dy, *x, *y;  /* dy and y with the reduced dimensions as 1 */
  uint32_t dims;
  double n;
} reduced;

static moon_tensor *d_sum(moon__calc *c, const reduced *r) {
  (void)c;
  return r->dy;
}

static moon_tensor *d_mean(moon__calc *c, const reduced *r) {
  return moon__c_scale(c, r->dy, 1 / r->n);
}

static moon_tensor *d_extreme(moon__calc *c, const reduced *r) {
  moon_tensor *is = moon__c_cast(
      c, moon__c_binary(c, MOON_B_EQ, r->x, r->y), r->x->dtype);
  moon_tensor *count = moon__c_reduce(c, MOON_R_SUM, is, r->dims);
  return moon__c_mul(c, is, moon__c_div(c, r->dy, count));
}

/* dy / y, 0 where y is. */
static moon_tensor *over_y(moon__calc *c, const reduced *r) {
  int dtype = r->y->dtype;
  moon_tensor *is_zero = moon__c_where(c, MOON_U_EQ, r->y, 0, dtype);
  return moon__c_div(c, r->dy, moon__c_add(c, r->y, is_zero));
}

static moon_tensor *d_norm(moon__calc *c, const reduced *r) {
  return moon__c_mul(c, r->x, over_y(c, r));  /* x is 0 where y is */
}

static moon_tensor *centred(moon__calc *c, const reduced *r) {
  moon_tensor *mean = moon__c_reduce(c, MOON_R_MEAN, r->x, r->dims);
  return moon__c_sub(c, r->x, mean);
}

static moon_tensor *d_var(moon__calc *c, const reduced *r) {
  moon_tensor *dy = moon__c_scale(c, r->dy, 2 / (r->n - 1));
  return moon__c_mul(c, centred(c, r), dy);
}

/* All x are m where y is 0. */
static moon_tensor *d_std(moon__calc *c, const reduced *r) {
  moon_tensor *dy = moon__c_scale(c, over_y(c, r), 1 / (r->n - 1));
  return moon__c_mul(c, centred(c, r), dy);
}

/* With 1 in place of each 0 the product of the others is p / x, unless there
 * are zeros among the others. */
static moon_tensor *d_prod(moon__calc *c, const reduced *r) {
  int dtype = r->x->dtype;
  moon__shape scalar = {.ndim = 0};
  moon_tensor *is_zero = moon__c_where(c, MOON_U_EQ, r->x, 0, dtype);
  moon_tensor *zeros = moon__c_reduce(c, MOON_R_SUM, is_zero, r->dims);
  moon_tensor *others = moon__c_sub(c, zeros, is_zero);
  moon_tensor *x = moon__c_add(c, r->x, is_zero);
  moon_tensor *p = moon__c_reduce(c, MOON_R_PROD, x, r->dims);
  moon_tensor *dx = moon__c_mul(c, r->dy, moon__c_div(c, p, x));
  return moon__c_pick(c, moon__c_unary(c, MOON_U_EQ, others, 0), dx,
                      moon__c_zeros(c, r->dy, dtype, scalar));
}

static moon_tensor *d_logsumexp(moon__calc *c, const reduced *r) {
  moon_tensor *away = moon__c_sub(c, r->x, r->y);
  return moon__c_mul(c, r->dy, moon__c_unary(c, MOON_U_EXP, away, 0));
}

typedef struct row {
  moon__rule rule;  /* its name is the op's; bool has no gradient */
  bool floats;      /* only */
  bool needs_some;  /* of no elements it is an error */
  bool keep_x, keep_y;
  moon_tensor *(*gradient)(moon__calc *c, const reduced *r);
} row;

static int backward(moon__back *b);

static const row table[] = {
    [MOON_R_SUM] = {{"sum", backward}, false, false, false, false, d_sum},
    [MOON_R_MEAN] = {{"mean", backward}, true, false, false, false, d_mean},
    [MOON_R_MAX] = {{"max", backward}, false, true, true, true, d_extreme},
    [MOON_R_MIN] = {{"min", backward}, false, true, true, true, d_extreme},
    [MOON_R_NORM] = {{"norm", backward}, true, false, true, true, d_norm},
    [MOON_R_VAR] = {{"var", backward}, true, false, true, false, d_var},
    [MOON_R_STD] = {{"std", backward}, true, false, true, true, d_std},
    [MOON_R_PROD] = {{"prod", backward}, false, false, true, false, d_prod},
    [MOON_R_LOGSUMEXP] = {{"logsumexp", backward}, true, false, true, true,
                          d_logsumexp},
    [MOON_R_ANY] = {{"any", NULL}, false, false, false, false, NULL},
    [MOON_R_ALL] = {{"all", NULL}, false, false, false, false, NULL},
};
enum { KINDS = sizeof table / sizeof *table };

static int backward(moon__back *b) {
  moon_params p = b->node->params;
  moon__shape s = b->node->input_shape[0], one = s;
  const row *row = &table[p.reduce.kind];
  moon__calc c = {.ctx = b->ctx};
  reduced r = {.dims = p.reduce.dims, .n = 1};
  for (int d = 0; d < s.ndim; d++) {
    if (!(r.dims >> d & 1)) continue;
    r.n *= (double)s.dim[d];
    one.dim[d] = 1;
  }
  r.dy = moon__c_reshape(&c, b->dy, one);
  if (row->keep_x) {
    r.x = moon__c_cast(&c, moon__saved_at(b, 0), b->node->dtype);
  }
  if (row->keep_y) r.y = moon__saved_at(b, 1);
  moon_tensor *dx = c.status < 0 ? NULL : row->gradient(&c, &r);
  dx = moon__c_cast(&c, dx, b->node->input_dtype[0]);
  moon__calc_give(&c, b, 0, moon__c_expand(&c, dx, s));
  return moon__calc_end(&c);
}

/* Dimensions as a bit set; all when n is 0. */
static int check_dims(const row *row, const moon_tensor *x, int n,
                      const int32_t *dims, uint32_t *set) {
  *set = n == 0 ? (1u << x->ndim) - 1 : 0;
  for (int i = 0; i < n; i++) {
    int status = moon__check_dim(row->rule.name, x, dims[i]);
    if (status < 0) return status;
    if (*set >> dims[i] & 1) {
      return moon__fail(MOON_E_VALUE, "%s: dimension %d twice (x %s)",
                        row->rule.name, dims[i] + 1, moon__text(x));
    }
    *set |= 1u << dims[i];
  }
  return MOON_OK;
}

static int check(const row *row, const moon_tensor *x, uint32_t dims) {
  if (row->floats && !moon__dtype_is_float(x->dtype)) {
    return moon__fail(MOON_E_DTYPE, "%s: %s; cast it to f32 or f64",
                      row->rule.name, moon__dtype_name(x->dtype));
  }
  for (int d = 0; row->needs_some && d < x->ndim; d++) {
    if (x->shape[d] > 0 || !(dims >> d & 1)) continue;
    return moon__fail(MOON_E_SHAPE,
                      "%s: no elements along dimension %d (x %s)",
                      row->rule.name, d + 1, moon__text(x));
  }
  return MOON_OK;
}

/* What the kernel computes, the reduced dimensions as 1. */
static moon_tensor *run(moon__calc *c, const moon_params *params,
                        moon_tensor *x, moon__shape kept, int dtype) {
  int kind = params->reduce.kind, kernel = MOON_K_reduce;
  if (kind == MOON_R_ANY || kind == MOON_R_ALL) {
    kernel = MOON_K_any;
    dtype = MOON_BOOL;
    if (x->dtype != MOON_BOOL) x = moon__c_unary(c, MOON_U_NE, x, 0);
  }
  if (c->status < 0) return NULL;
  moon_tensor *y = moon__c_new(c, x, dtype, kept, MOON__ROWS);
  moon__arg args[] = {{x, MOON__READ, NULL}, {y, MOON__WRITE, NULL}};
  moon__c_run(c, table[kind].rule.name, kernel, params, args, 2);
  return y;
}

static int dtype_of(const moon_ctx *ctx, int kind, const moon_tensor *x) {
  bool adds = kind == MOON_R_SUM || kind == MOON_R_PROD;
  if (adds && !moon__dtype_is_float(x->dtype)) return MOON_I64;
  bool chooses = kind == MOON_R_MAX || kind == MOON_R_MIN;
  return moon__lifts(ctx, x) && !chooses ? MOON_F32 : x->dtype;
}

int moon_reduce(moon_ctx *ctx, int kind, moon_tensor *x, int n,
                const int32_t *dims, int keepdim, moon_tensor **out) {
  if (kind < 0 || kind >= KINDS) {
    return moon__fail(MOON_E_VALUE, "reduce: no kind %d", kind);
  }
  const row *row = &table[kind];
  moon_params params = {.reduce = {.kind = kind}};
  int status = check_dims(row, x, n, dims, &params.reduce.dims);
  if (status >= 0) status = check(row, x, params.reduce.dims);
  if (status < 0) return status;
  moon__shape kept = moon__shape_of(x), dropped = {.ndim = 0};
  for (int d = 0; d < x->ndim; d++) {
    if (params.reduce.dims >> d & 1) {
      kept.dim[d] = 1;
    } else {
      dropped.dim[dropped.ndim++] = x->shape[d];
    }
  }
  moon_ctx quiet = moon__quiet(ctx);
  moon__calc c = {.ctx = &quiet};
  moon_tensor *full = run(&c, &params, x, kept, dtype_of(ctx, kind, x));
  moon_tensor *y = keepdim ? full : moon__c_reshape(&c, full, dropped);
  moon__node *node = moon__record(ctx, &row->rule, c.status, y, &x, 1);
  if (node) {
    node->params = params;
    moon__save(node, row->keep_x ? x : NULL);
    moon__save(node, row->keep_y ? full : NULL);
  }
  return moon__calc_finish(&c, y, out);
}
