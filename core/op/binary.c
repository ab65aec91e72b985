/* Elementwise functions of two tensors of one dtype, repeated to a common
 * shape by NumPy's broadcasting:
 *
 *   y[i] = f(a[i], b[i])
 *
 * The gradient of an input that was repeated is summed to its shape. */
#include "shared.h"

/* Gradients by kind; a and b are NULL where the row keeps nothing of them. */
typedef struct inputs {
  moon_tensor *dy, *a, *b;
  moon__shape sa, sb;
} inputs;

static moon_tensor *add_a(moon__calc *c, const inputs *in) {
  return moon__c_sum_to(c, in->dy, in->sa);
}

static moon_tensor *add_b(moon__calc *c, const inputs *in) {
  return moon__c_sum_to(c, in->dy, in->sb);
}

static moon_tensor *sub_b(moon__calc *c, const inputs *in) {
  return moon__c_neg(c, moon__c_sum_to(c, in->dy, in->sb));
}

static moon_tensor *mul_a(moon__calc *c, const inputs *in) {
  return moon__c_sum_to(c, moon__c_mul(c, in->dy, in->b), in->sa);
}

static moon_tensor *mul_b(moon__calc *c, const inputs *in) {
  return moon__c_sum_to(c, moon__c_mul(c, in->dy, in->a), in->sb);
}

static moon_tensor *div_a(moon__calc *c, const inputs *in) {
  return moon__c_sum_to(c, moon__c_div(c, in->dy, in->b), in->sa);
}

/* -dy (a / b) / b */
static moon_tensor *div_b(moon__calc *c, const inputs *in) {
  moon_tensor *slope = moon__c_div(c, moon__c_div(c, in->a, in->b), in->b);
  moon_tensor *g = moon__c_mul(c, in->dy, slope);
  return moon__c_neg(c, moon__c_sum_to(c, g, in->sb));
}

/* dy b a^(b-1), where b = 0 makes 0 whatever a is: there a^0 is taken. */
static moon_tensor *pow_a(moon__calc *c, const inputs *in) {
  moon_tensor *b = in->b;
  moon_tensor *none = moon__c_where(c, MOON_U_EQ, b, 0, b->dtype);
  moon_tensor *e = moon__c_add(c, moon__c_shift(c, b, -1), none);
  moon_tensor *power = moon__c_binary(c, MOON_B_POW, in->a, e);
  moon_tensor *slope = moon__c_mul(c, b, power);
  return moon__c_sum_to(c, moon__c_mul(c, in->dy, slope), in->sa);
}

/* dy a^b log a, where a = 0 makes 0: there log 1 is taken. */
static moon_tensor *pow_b(moon__calc *c, const inputs *in) {
  moon_tensor *a = in->a;
  moon_tensor *none = moon__c_where(c, MOON_U_EQ, a, 0, a->dtype);
  moon_tensor *log = moon__c_unary(c, MOON_U_LOG, moon__c_add(c, a, none), 0);
  moon_tensor *power = moon__c_binary(c, MOON_B_POW, a, in->b);
  moon_tensor *slope = moon__c_mul(c, power, log);
  return moon__c_sum_to(c, moon__c_mul(c, in->dy, slope), in->sb);
}

/* The larger or smaller one gets dy; equals share it. NaN is neither, so dy is
 * both's. */
static moon_tensor *to_winner(moon__calc *c, const inputs *in, int loses,
                              moon__shape s) {
  moon__shape scalar = {.ndim = 0};
  moon_tensor *zero = moon__c_zeros(c, in->dy, in->dy->dtype, scalar);
  moon_tensor *lost = moon__c_binary(c, loses, in->a, in->b);
  moon_tensor *equal = moon__c_binary(c, MOON_B_EQ, in->a, in->b);
  moon_tensor *half = moon__c_scale(c, in->dy, 0.5);
  moon_tensor *g = moon__c_pick(c, equal, half, in->dy);
  return moon__c_sum_to(c, moon__c_pick(c, lost, zero, g), s);
}

static moon_tensor *min_a(moon__calc *c, const inputs *in) {
  return to_winner(c, in, MOON_B_GT, in->sa);
}

static moon_tensor *min_b(moon__calc *c, const inputs *in) {
  return to_winner(c, in, MOON_B_LT, in->sb);
}

static moon_tensor *max_a(moon__calc *c, const inputs *in) {
  return to_winner(c, in, MOON_B_LT, in->sa);
}

static moon_tensor *max_b(moon__calc *c, const inputs *in) {
  return to_winner(c, in, MOON_B_GT, in->sb);
}

enum { A_FOR_A = 1, B_FOR_A = 2, A_FOR_B = 4, B_FOR_B = 8,
       ALL_FOR_ALL = 15 };
enum takes { NUMBERS, FLOATS, ALL };  /* NUMBERS: all dtypes but bool */

typedef struct row {
  const char *name;
  enum takes takes;
  int keep;  /* which input the gradient of which one needs */
  moon_tensor *(*gradient_a)(moon__calc *c, const inputs *in);
  moon_tensor *(*gradient_b)(moon__calc *c, const inputs *in);
} row;

static const row table[] = {
    [MOON_B_ADD] = {"add", NUMBERS, 0, add_a, add_b},
    [MOON_B_SUB] = {"sub", NUMBERS, 0, add_a, sub_b},
    [MOON_B_MUL] = {"mul", NUMBERS, B_FOR_A | A_FOR_B, mul_a, mul_b},
    [MOON_B_MIN] = {"minimum", NUMBERS, ALL_FOR_ALL, min_a, min_b},
    [MOON_B_MAX] = {"maximum", NUMBERS, ALL_FOR_ALL, max_a, max_b},
    [MOON_B_DIV] = {"div", FLOATS, B_FOR_A | A_FOR_B | B_FOR_B, div_a, div_b},
    [MOON_B_POW] = {"pow", FLOATS, ALL_FOR_ALL, pow_a, pow_b},
    [MOON_B_EQ] = {"eq", ALL, 0, NULL, NULL},
    [MOON_B_NE] = {"ne", ALL, 0, NULL, NULL},
    [MOON_B_LT] = {"lt", ALL, 0, NULL, NULL},
    [MOON_B_LE] = {"le", ALL, 0, NULL, NULL},
    [MOON_B_GT] = {"gt", ALL, 0, NULL, NULL},
    [MOON_B_GE] = {"ge", ALL, 0, NULL, NULL},
    [MOON_B_AND] = {"logical_and", ALL, 0, NULL, NULL},
    [MOON_B_OR] = {"logical_or", ALL, 0, NULL, NULL},
    [MOON_B_XOR] = {"logical_xor", ALL, 0, NULL, NULL},
};
enum { KINDS = sizeof table / sizeof *table };

static int backward(moon__back *b) {
  const row *r = &table[b->node->params.binary.kind];
  inputs in = {b->dy, moon__saved_at(b, 0), moon__saved_at(b, 1),
               b->node->input_shape[0], b->node->input_shape[1]};
  moon__calc c = {.ctx = b->ctx};
  if (moon__wants(b, 0)) moon__calc_give(&c, b, 0, r->gradient_a(&c, &in));
  if (moon__wants(b, 1)) moon__calc_give(&c, b, 1, r->gradient_b(&c, &in));
  return moon__calc_end(&c);
}

static const moon__rule rule[KINDS] = {
    [MOON_B_ADD] = {"add", backward}, [MOON_B_SUB] = {"sub", backward},
    [MOON_B_MUL] = {"mul", backward}, [MOON_B_DIV] = {"div", backward},
    [MOON_B_MIN] = {"minimum", backward}, [MOON_B_MAX] = {"maximum", backward},
    [MOON_B_POW] = {"pow", backward},
};

static int check(const row *r, const moon_tensor *a, const moon_tensor *b) {
  int status = moon__check_same_dtype(r->name, a, b);
  if (status < 0) return status;
  if (r->takes == FLOATS && !moon__dtype_is_float(a->dtype)) {
    return moon__fail(MOON_E_DTYPE, "%s: %s; cast both to f32 or f64",
                      r->name, moon__dtype_name(a->dtype));
  }
  if (r->takes == NUMBERS && a->dtype == MOON_BOOL) {
    return moon__fail(MOON_E_DTYPE, "%s: bool; cast both to a number dtype",
                      r->name);
  }
  return MOON_OK;
}

static int run(moon_ctx *ctx, int kind, moon_tensor *const inputs[2],
               moon_tensor **out) {
  const row *r = &table[kind];
  moon_tensor *a = inputs[0], *b = inputs[1];
  moon__shape s;
  int status = check(r, a, b);
  if (status < 0) return status;
  status = moon__shape_broadcast(r->name, a, b, &s);
  if (status >= 0) status = moon__check_size(r->name, s);
  if (status < 0) return status;
  moon_tensor *y;
  int dtype = r->takes == ALL ? MOON_BOOL : a->dtype;
  status = moon__new_broadcast(ctx, inputs, 2, s, dtype, &y);
  if (status < 0) return status;
  moon_params params = {.binary = {kind}};
  moon__arg args[] = {
      {a, MOON__READ, &s}, {b, MOON__READ, &s}, {y, MOON__WRITE, NULL}};
  status = moon__run(ctx, r->name, MOON_K_binary, &params, args, 3);
  if (r->gradient_a) {
    moon__node *node = moon__record(ctx, &rule[kind], status, y, inputs, 2);
    if (node) {
      int needs = (moon_tensor_needs_grad(a) ? A_FOR_A | B_FOR_A : 0) |
                  (moon_tensor_needs_grad(b) ? A_FOR_B | B_FOR_B : 0);
      node->params = params;
      moon__save(node, r->keep & needs & (A_FOR_A | A_FOR_B) ? a : NULL);
      moon__save(node, r->keep & needs & (B_FOR_A | B_FOR_B) ? b : NULL);
    }
  }
  return moon__finish(status, y, out);
}

int moon_binary(moon_ctx *ctx, int kind, moon_tensor *a, moon_tensor *b,
                moon_tensor **out) {
  moon__calc c = {.ctx = ctx};
  moon_tensor *in[] = {a, b};
  if (kind < 0 || kind >= KINDS) {
    return moon__fail(MOON_E_VALUE, "binary: no kind %d", kind);
  }
  if (moon__c_lift(&c, in, 2) >= 0) c.status = run(ctx, kind, in, out);
  return moon__calc_end(&c);
}
