/* where: of two tensors of one dtype, element by element, the one that a
 * condition says; all repeated to a common shape:
 *
 *   y[i] = c[i] ? a[i] : b[i]
 *   da = c ? dy : 0, db = c ? 0 : dy      summed to what was repeated */
#include "shared.h"

static int backward(moon__back *b) {
  moon_tensor *condition = moon__saved_at(b, 0);
  moon__shape scalar = {.ndim = 0};
  moon__calc c = {.ctx = b->ctx};
  moon_tensor *zero = moon__c_zeros(&c, b->dy, b->dy->dtype, scalar);
  for (int i = 0; i < 2; i++) {
    if (!moon__wants(b, i)) continue;
    moon_tensor *g = moon__c_pick(&c, condition, i == 0 ? b->dy : zero,
                                  i == 0 ? zero : b->dy);
    moon__shape s = b->node->input_shape[i];
    moon__calc_give(&c, b, i, moon__c_sum_to(&c, g, s));
  }
  return moon__calc_end(&c);
}

static const moon__rule rule = {"where", backward};

static int check(const moon_tensor *c, const moon_tensor *a,
                 const moon_tensor *b, moon__shape *s) {
  const char *op = "where";
  if (c->dtype != MOON_BOOL) {
    return moon__fail(MOON_E_DTYPE, "%s: the condition is %s; bool needed",
                      op, moon__dtype_name(c->dtype));
  }
  int status = moon__check_same_dtype(op, a, b);
  if (status >= 0) status = moon__shape_broadcast(op, a, b, s);
  if (status >= 0) status = moon__shape_join(op, s, c);
  return status < 0 ? status : moon__check_size(op, *s);
}

/* all: a, b, c */
static int run(moon_ctx *ctx, moon_tensor *const all[3], moon_tensor **out) {
  moon__shape s;
  moon_tensor *y, *a = all[0], *b = all[1], *c = all[2];
  int status = check(c, a, b, &s);
  if (status < 0) return status;
  status = moon__new_broadcast(ctx, all, 3, s, a->dtype, &y);
  if (status < 0) return status;
  moon__arg args[] = {{c, MOON__READ, &s},
                      {a, MOON__READ, &s},
                      {b, MOON__READ, &s},
                      {y, MOON__WRITE, NULL}};
  status = moon__run(ctx, "where", MOON_K_where, NULL, args, 4);
  moon__node *node = moon__record(ctx, &rule, status, y, all, 2);
  if (node) moon__save(node, c);
  return moon__finish(status, y, out);
}

int moon_where(moon_ctx *ctx, moon_tensor *c, moon_tensor *a, moon_tensor *b,
               moon_tensor **out) {
  moon__calc calc = {.ctx = ctx};
  moon_tensor *all[] = {a, b, c};
  if (moon__c_lift(&calc, all, 2) >= 0) calc.status = run(ctx, all, out);
  return moon__calc_end(&calc);
}
