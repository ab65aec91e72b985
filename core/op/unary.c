/* Elementwise functions of one tensor, some with a number s, or two:
 *
 *   y = f(x),  f(x, s)  or  f(x, s, t)      x, y of one shape
 *
 * A row of the table is an op: its kind, its name, what the gradient needs to
 * keep, which dtypes it takes, and dx from dy and what was kept (v). */
#include <math.h>
#include "shared.h"

/* What a gradient is computed from: v is x, y or NULL, as the row says. */
typedef struct given {
  const char *name;
  moon_tensor *dy, *v;
  const moon_params *params;
} given;

/* By the kernel: dx = dy f'(x), told by x or y. */
static moon_tensor *d_kernel(moon__calc *c, const given *g) {
  moon_tensor *dx = moon__c_like(c, g->v, g->v->dtype);
  moon__arg args[] = {{g->dy, MOON__READ, NULL},
                      {g->v, MOON__READ, NULL},
                      {dx, MOON__WRITE, NULL}};
  moon__c_run(c, g->name, MOON_K_unary_grad, g->params, args, 3);
  return dx;
}

/* Of steps and of constants. */
static moon_tensor *d_zero(moon__calc *c, const given *g) {
  return moon__c_zeros(c, g->dy, g->dy->dtype, moon__shape_of(g->dy));
}

static moon_tensor *d_neg(moon__calc *c, const given *g) {
  return moon__c_neg(c, g->dy);
}

static moon_tensor *d_relu(moon__calc *c, const given *g) {
  return moon__c_relu_grad(c, g->dy, g->v, NULL);
}

static moon_tensor *d_exp(moon__calc *c, const given *g) {
  return moon__c_mul(c, g->dy, g->v);
}

static moon_tensor *d_log(moon__calc *c, const given *g) {
  return moon__c_div(c, g->dy, g->v);
}

static moon_tensor *d_sqrt(moon__calc *c, const given *g) {
  return moon__c_scale(c, moon__c_div(c, g->dy, g->v), 0.5);
}

static moon_tensor *d_add(moon__calc *c, const given *g) {
  (void)c;
  return g->dy;
}

static moon_tensor *d_mul(moon__calc *c, const given *g) {
  return moon__c_scale(c, g->dy, g->params->unary.s);
}

/* -s dy / x^2 */
static moon_tensor *d_rdiv(moon__calc *c, const given *g) {
  moon_tensor *dy = moon__c_scale(c, g->dy, -g->params->unary.s);
  return moon__c_div(c, moon__c_div(c, dy, g->v), g->v);
}

/* s x^(s-1) dy; 0 for s = 0, at x = 0 too. x^1 is x: a square is common */
static moon_tensor *d_pow(moon__calc *c, const given *g) {
  double s = g->params->unary.s;
  if (s == 0) return d_zero(c, g);
  moon_tensor *slope =
      s == 2 ? g->v : moon__c_unary(c, MOON_U_POW, g->v, s - 1);
  return moon__c_mul(c, g->dy, moon__c_scale(c, slope, s));
}

enum keep { KEEP_NOTHING, KEEP_X, KEEP_Y };
enum takes { NUMBERS, FLOATS, ALL };  /* NUMBERS: all dtypes but bool */

typedef struct row {
  moon__rule rule;            /* its name is the op's; bool has no gradient */
  const char *gradient_name;
  enum takes takes;
  int numbers;                /* how many of s and t it takes */
  enum keep keep;
  moon_tensor *(*gradient)(moon__calc *c, const given *g);
} row;

static int backward(moon__back *b);
#define NAME(name) {name, backward}, name " backward"
#define TO_BOOL(name) {name, NULL}, NULL, ALL

static const row table[] = {
    [MOON_U_NEG] = {NAME("neg"), NUMBERS, 0, KEEP_NOTHING, d_neg},
    [MOON_U_RELU] = {NAME("relu"), NUMBERS, 0, KEEP_Y, d_relu},
    [MOON_U_ABS] = {NAME("abs"), NUMBERS, 0, KEEP_X, d_kernel},
    [MOON_U_SIGN] = {NAME("sign"), NUMBERS, 0, KEEP_NOTHING, d_zero},
    [MOON_U_FLOOR] = {NAME("floor"), NUMBERS, 0, KEEP_NOTHING, d_zero},
    [MOON_U_CEIL] = {NAME("ceil"), NUMBERS, 0, KEEP_NOTHING, d_zero},
    [MOON_U_ROUND] = {NAME("round"), NUMBERS, 0, KEEP_NOTHING, d_zero},
    [MOON_U_ADD] = {NAME("add"), NUMBERS, 1, KEEP_NOTHING, d_add},
    [MOON_U_MUL] = {NAME("mul"), NUMBERS, 1, KEEP_NOTHING, d_mul},
    [MOON_U_RSUB] = {NAME("rsub"), NUMBERS, 1, KEEP_NOTHING, d_neg},
    [MOON_U_CLAMP] = {NAME("clamp"), NUMBERS, 2, KEEP_X, d_kernel},
    [MOON_U_EXP] = {NAME("exp"), FLOATS, 0, KEEP_Y, d_exp},
    [MOON_U_LOG] = {NAME("log"), FLOATS, 0, KEEP_X, d_log},
    [MOON_U_SQRT] = {NAME("sqrt"), FLOATS, 0, KEEP_Y, d_sqrt},
    [MOON_U_SIN] = {NAME("sin"), FLOATS, 0, KEEP_X, d_kernel},
    [MOON_U_COS] = {NAME("cos"), FLOATS, 0, KEEP_X, d_kernel},
    [MOON_U_ERF] = {NAME("erf"), FLOATS, 0, KEEP_X, d_kernel},
    [MOON_U_SIGMOID] = {NAME("sigmoid"), FLOATS, 0, KEEP_Y, d_kernel},
    [MOON_U_TANH] = {NAME("tanh"), FLOATS, 0, KEEP_Y, d_kernel},
    [MOON_U_SILU] = {NAME("silu"), FLOATS, 0, KEEP_X, d_kernel},
    [MOON_U_GELU] = {NAME("gelu"), FLOATS, 0, KEEP_X, d_kernel},
    [MOON_U_GELU_TANH] = {NAME("gelu"), FLOATS, 0, KEEP_X, d_kernel},
    [MOON_U_RDIV] = {NAME("rdiv"), FLOATS, 1, KEEP_X, d_rdiv},
    [MOON_U_POW] = {NAME("pow"), FLOATS, 1, KEEP_X, d_pow},
    [MOON_U_LEAKY_RELU] = {NAME("leaky_relu"), FLOATS, 1, KEEP_X, d_kernel},
    [MOON_U_ELU] = {NAME("elu"), FLOATS, 1, KEEP_X, d_kernel},
    [MOON_U_SOFTPLUS] = {NAME("softplus"), FLOATS, 2, KEEP_X, d_kernel},
    [MOON_U_EQ] = {TO_BOOL("eq"), 1, KEEP_NOTHING, NULL},
    [MOON_U_NE] = {TO_BOOL("ne"), 1, KEEP_NOTHING, NULL},
    [MOON_U_LT] = {TO_BOOL("lt"), 1, KEEP_NOTHING, NULL},
    [MOON_U_LE] = {TO_BOOL("le"), 1, KEEP_NOTHING, NULL},
    [MOON_U_GT] = {TO_BOOL("gt"), 1, KEEP_NOTHING, NULL},
    [MOON_U_GE] = {TO_BOOL("ge"), 1, KEEP_NOTHING, NULL},
    [MOON_U_ISNAN] = {TO_BOOL("isnan"), 0, KEEP_NOTHING, NULL},
    [MOON_U_ISINF] = {TO_BOOL("isinf"), 0, KEEP_NOTHING, NULL},
    [MOON_U_ISFINITE] = {TO_BOOL("isfinite"), 0, KEEP_NOTHING, NULL},
};
enum { KINDS = sizeof table / sizeof *table };

static int backward(moon__back *b) {
  const row *r = &table[b->node->params.unary.kind];
  given g = {r->gradient_name, b->dy, NULL, &b->node->params};
  moon__calc c = {.ctx = b->ctx};
  if (r->keep != KEEP_NOTHING) g.v = moon__saved_at(b, 0);
  moon__calc_give(&c, b, 0, r->gradient(&c, &g));
  return moon__calc_end(&c);
}

static int check_dtype(const row *r, const moon_tensor *x) {
  const char *name = r->rule.name;
  if (r->takes == FLOATS && !moon__dtype_is_float(x->dtype)) {
    return moon__fail(MOON_E_DTYPE, "%s: %s; cast it to f32 or f64", name,
                      moon__dtype_name(x->dtype));
  }
  if (r->takes == NUMBERS && x->dtype == MOON_BOOL) {
    return moon__fail(MOON_E_DTYPE, "%s: bool; cast it to a number dtype",
                      name);
  }
  return MOON_OK;
}

/* A bound of clamp may be infinite, where there is none, for integers too. */
static int check_bound(const moon_tensor *x, double bound) {
  if (isnan(bound)) return moon__fail(MOON_E_VALUE, "clamp: a bound is NaN");
  if (isinf(bound)) return MOON_OK;
  return moon__check_number("clamp", x->dtype, bound);
}

static int check_numbers(int kind, const moon_tensor *x, double s, double t) {
  if (kind == MOON_U_CLAMP) {
    int status = check_bound(x, s);
    return status < 0 ? status : check_bound(x, t);
  }
  if (kind == MOON_U_SOFTPLUS && s == 0) {
    return moon__fail(MOON_E_VALUE, "softplus: beta is 0");
  }
  if (table[kind].numbers == 0) return MOON_OK;
  return moon__check_number(table[kind].rule.name, x->dtype, s);
}

static int check(int kind, int numbers, const moon_tensor *x, double s,
                 double t) {
  if (kind < 0 || kind >= KINDS || table[kind].numbers > numbers) {
    return moon__fail(MOON_E_VALUE, "unary: no kind %d of %d numbers", kind,
                      numbers);
  }
  int status = check_dtype(&table[kind], x);
  return status < 0 ? status : check_numbers(kind, x, s, t);
}

static int forward(moon_ctx *ctx, const moon_params *params, moon_tensor *x,
                   moon_tensor **out) {
  const row *r = &table[params->unary.kind];
  moon_tensor *y;
  int dtype = r->takes == ALL ? MOON_BOOL : x->dtype;
  int status = moon__tensor_like(ctx, x, dtype, &y);
  if (status < 0) return status;
  moon__arg args[] = {{x, MOON__READ, NULL}, {y, MOON__WRITE, NULL}};
  status = moon__run(ctx, r->rule.name, MOON_K_unary, params, args, 2);
  moon__node *node = moon__record(ctx, &r->rule, status, y, &x, 1);
  if (node) {
    node->params = *params;
    if (r->keep != KEEP_NOTHING) moon__save(node, r->keep == KEEP_X ? x : y);
  }
  return moon__finish(status, y, out);
}

/* What torch.amp computes in f32. */
static bool is_wide(int kind) {
  switch (kind) {
    case MOON_U_EXP:
    case MOON_U_LOG:
    case MOON_U_POW:
    case MOON_U_RDIV:
    case MOON_U_SOFTPLUS: return true;
    default: return false;
  }
}

static int run(moon_ctx *ctx, const moon_params *params, moon_tensor *x,
               moon_tensor **out) {
  moon__calc c = {.ctx = ctx};
  if (is_wide(params->unary.kind)) moon__c_lift(&c, &x, 1);
  if (c.status >= 0) c.status = forward(ctx, params, x, out);
  return moon__calc_end(&c);
}

int moon_unary(moon_ctx *ctx, int kind, moon_tensor *x, double s,
               moon_tensor **out) {
  int status = check(kind, 1, x, s, 0);
  if (status < 0) return status;
  return run(ctx, &(moon_params){.unary = {kind, s, 0}}, x, out);
}

int moon_unary2(moon_ctx *ctx, int kind, moon_tensor *x, double s, double t,
                moon_tensor **out) {
  int status = check(kind, 2, x, s, t);
  if (status < 0) return status;
  return run(ctx, &(moon_params){.unary = {kind, s, t}}, x, out);
}
