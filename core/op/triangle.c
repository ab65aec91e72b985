/* tril and triu: of each matrix of the last two dimensions what lies on one
 * side of a diagonal, zeros on the other.
 *
 *   tril   y[..,i,j] = x[..,i,j] where j - i <= diagonal, else 0
 *   triu   y[..,i,j] = x[..,i,j] where j - i >= diagonal, else 0
 *   dx = dy treated likewise */
#include "shared.h"

static int backward(moon__back *b) {
  const moon_params *p = &b->node->params;
  moon_tensor *dx;
  int status = moon_triangle(b->ctx, b->dy, p->triangle.upper,
                             p->triangle.diagonal, &dx);
  if (status >= 0) moon__give(b, 0, dx);
  return status;
}

static const moon__rule lower_rule = {"tril", backward};
static const moon__rule upper_rule = {"triu", backward};

int moon_triangle(moon_ctx *ctx, moon_tensor *x, int upper, int64_t diagonal,
                  moon_tensor **out) {
  const moon__rule *rule = upper ? &upper_rule : &lower_rule;
  int status = moon__check_live(rule->name, x);
  if (status < 0) return status;
  if (x->ndim < 2) {
    return moon__fail(MOON_E_SHAPE, "%s: x has %d dimensions (%s), 2 or more "
                      "needed", rule->name, x->ndim, moon__text(x));
  }
  moon_ctx quiet = moon__quiet(ctx);
  moon__calc c = {.ctx = &quiet};
  moon_params params = {.triangle = {diagonal, upper != 0}};
  moon_tensor *y = moon__c_new(&c, x, x->dtype, moon__shape_of(x), MOON__ROWS);
  moon__arg args[] = {{moon__c_rows(&c, x), MOON__READ, NULL},
                      {y, MOON__WRITE, NULL}};
  moon__c_run(&c, rule->name, MOON_K_triangle, &params, args, 2);
  moon__node *node = moon__record(ctx, rule, c.status, y, &x, 1);
  if (node) node->params = params;
  return moon__calc_finish(&c, y, out);
}
