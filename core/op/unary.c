/* Elementwise functions of one tensor, some with a number s:
 *
 *   y = f(x)  or  y = f(x, s)          x, y of one shape
 *
 * A row of the table is an op: its kind, its name, what the gradient needs to
 * keep, which dtypes it takes, and dx from dy and what was kept (v). */
#include "shared.h"

/* What a gradient is computed from: v is x, y or NULL, as the row says. */
typedef struct given {
  moon_tensor *dy, *v;
  double s;
} given;

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

/* dy sign(x), 0 at 0 */
static moon_tensor *d_abs(moon__calc *c, const given *g) {
  moon_tensor *up = moon__c_where(c, MOON_U_GT, g->v, 0, g->v->dtype);
  moon_tensor *down = moon__c_where(c, MOON_U_LT, g->v, 0, g->v->dtype);
  return moon__c_mul(c, g->dy, moon__c_sub(c, up, down));
}

/* dy y (1 - y) */
static moon_tensor *d_sigmoid(moon__calc *c, const given *g) {
  moon_tensor *rest = moon__c_unary(c, MOON_U_RSUB, g->v, 1);
  return moon__c_mul(c, g->dy, moon__c_mul(c, g->v, rest));
}

/* dy (1 - y^2) */
static moon_tensor *d_tanh(moon__calc *c, const given *g) {
  moon_tensor *square = moon__c_unary(c, MOON_U_POW, g->v, 2);
  return moon__c_mul(c, g->dy, moon__c_unary(c, MOON_U_RSUB, square, 1));
}

static moon_tensor *d_add(moon__calc *c, const given *g) {
  (void)c;
  return g->dy;
}

static moon_tensor *d_mul(moon__calc *c, const given *g) {
  return moon__c_scale(c, g->dy, g->s);
}

/* -s dy / x^2 */
static moon_tensor *d_rdiv(moon__calc *c, const given *g) {
  moon_tensor *once = moon__c_div(c, moon__c_scale(c, g->dy, -g->s), g->v);
  return moon__c_div(c, once, g->v);
}

/* s x^(s-1) dy; 0 for s = 0, at x = 0 too */
static moon_tensor *d_pow(moon__calc *c, const given *g) {
  moon__shape shape = moon__shape_of(g->dy);
  if (g->s == 0) return moon__c_zeros(c, g->dy, g->dy->dtype, shape);
  moon_tensor *slope = moon__c_unary(c, MOON_U_POW, g->v, g->s - 1);
  return moon__c_mul(c, g->dy, moon__c_scale(c, slope, g->s));
}

enum keep { KEEP_NOTHING, KEEP_X, KEEP_Y };
enum takes { NUMBERS, FLOATS, ALL };  /* NUMBERS: all dtypes but bool */

typedef struct row {
  const char *name;
  enum takes takes;
  bool has_s;
  enum keep keep;
  moon_tensor *(*gradient)(moon__calc *c, const given *g);
} row;

static const row table[] = {
    [MOON_U_NEG] = {"neg", NUMBERS, false, KEEP_NOTHING, d_neg},
    [MOON_U_RELU] = {"relu", NUMBERS, false, KEEP_Y, d_relu},
    [MOON_U_EXP] = {"exp", FLOATS, false, KEEP_Y, d_exp},
    [MOON_U_LOG] = {"log", FLOATS, false, KEEP_X, d_log},
    [MOON_U_SQRT] = {"sqrt", FLOATS, false, KEEP_Y, d_sqrt},
    [MOON_U_ABS] = {"abs", NUMBERS, false, KEEP_X, d_abs},
    [MOON_U_SIGMOID] = {"sigmoid", FLOATS, false, KEEP_Y, d_sigmoid},
    [MOON_U_TANH] = {"tanh", FLOATS, false, KEEP_Y, d_tanh},
    [MOON_U_ADD] = {"add", NUMBERS, true, KEEP_NOTHING, d_add},
    [MOON_U_MUL] = {"mul", NUMBERS, true, KEEP_NOTHING, d_mul},
    [MOON_U_RSUB] = {"rsub", NUMBERS, true, KEEP_NOTHING, d_neg},
    [MOON_U_RDIV] = {"rdiv", FLOATS, true, KEEP_X, d_rdiv},
    [MOON_U_POW] = {"pow", FLOATS, true, KEEP_X, d_pow},
    [MOON_U_EQ] = {"eq", ALL, true, KEEP_NOTHING, NULL},
    [MOON_U_NE] = {"ne", ALL, true, KEEP_NOTHING, NULL},
    [MOON_U_LT] = {"lt", ALL, true, KEEP_NOTHING, NULL},
    [MOON_U_LE] = {"le", ALL, true, KEEP_NOTHING, NULL},
    [MOON_U_GT] = {"gt", ALL, true, KEEP_NOTHING, NULL},
    [MOON_U_GE] = {"ge", ALL, true, KEEP_NOTHING, NULL},
};
enum { KINDS = sizeof table / sizeof *table };

static int backward(moon__back *b) {
  const moon_params *p = &b->node->params;
  const row *r = &table[p->unary.kind];
  given g = {.dy = b->dy, .s = p->unary.s};
  moon__calc c = {.ctx = b->ctx};
  if (r->keep != KEEP_NOTHING) g.v = moon__saved_at(b, 0);
  moon__calc_give(&c, b, 0, r->gradient(&c, &g));
  return moon__calc_end(&c);
}

static const moon__rule rule[KINDS] = {
    [MOON_U_NEG] = {"neg", backward},   [MOON_U_RELU] = {"relu", backward},
    [MOON_U_EXP] = {"exp", backward},   [MOON_U_LOG] = {"log", backward},
    [MOON_U_SQRT] = {"sqrt", backward}, [MOON_U_ABS] = {"abs", backward},
    [MOON_U_SIGMOID] = {"sigmoid", backward},
    [MOON_U_TANH] = {"tanh", backward},
    [MOON_U_ADD] = {"add", backward},   [MOON_U_MUL] = {"mul", backward},
    [MOON_U_RSUB] = {"rsub", backward}, [MOON_U_RDIV] = {"rdiv", backward},
    [MOON_U_POW] = {"pow", backward},
};

static int check(const row *r, const moon_tensor *x, double s) {
  if (r->takes == FLOATS && !moon__dtype_is_float(x->dtype)) {
    return moon__fail(MOON_E_DTYPE, "%s: %s; cast it to f32 or f64", r->name,
                      moon__dtype_name(x->dtype));
  }
  if (r->takes == NUMBERS && x->dtype == MOON_BOOL) {
    return moon__fail(MOON_E_DTYPE, "%s: bool; cast it to a number dtype",
                      r->name);
  }
  return r->has_s ? moon__check_number(r->name, x->dtype, s) : MOON_OK;
}

int moon_unary(moon_ctx *ctx, int kind, moon_tensor *x, double s,
               moon_tensor **out) {
  if (kind < 0 || kind >= KINDS) {
    return moon__fail(MOON_E_VALUE, "unary: no kind %d", kind);
  }
  const row *r = &table[kind];
  int status = check(r, x, s);
  if (status < 0) return status;
  moon_tensor *y;
  int dtype = r->takes == ALL ? MOON_BOOL : x->dtype;
  status = moon__tensor_like(ctx, x, dtype, &y);
  if (status < 0) return status;
  moon_params params = {.unary = {kind, s}};
  moon__arg args[] = {{x, MOON__READ, NULL}, {y, MOON__WRITE, NULL}};
  status = moon__run(ctx, r->name, MOON_K_unary, &params, args, 2);
  if (r->gradient) {
    moon__node *node = moon__record(ctx, &rule[kind], status, y, &x, 1);
    if (node) node->params = params;
    if (node && r->keep != KEEP_NOTHING) {
      moon__save(node, r->keep == KEEP_X ? x : y);
    }
  }
  return moon__finish(status, y, out);
}
