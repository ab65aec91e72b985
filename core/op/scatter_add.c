/* Elements of `from` added to x where an index says (PyTorch's scatter_add):
 *
 *   y = x, then y[.., index[.., j, ..], ..] += from[.., j, ..]
 *   dx = dy    dfrom[.., j, ..] = dy[.., index[.., j, ..], ..]
 *
 * index i64; `from` has its shape, and only along `dim` may it be larger than
 * x. An index out of range fails in the kernel: y carries the error. */
#include "shared.h"

static int backward(moon__back *b) {
  moon__calc c = {.ctx = b->ctx};
  if (moon__wants(b, 0)) moon__give(b, 0, moon_tensor_retain(b->dy));
  if (moon__wants(b, 1)) {
    moon_tensor *d = moon__c_new(&c, b->dy, b->node->dtype,
                                 b->node->input_shape[1], MOON__ROWS);
    moon__arg args[] = {{moon__c_rows(&c, b->dy), MOON__READ, NULL},
                        {moon__saved_at(b, 0), MOON__READ, NULL},
                        {d, MOON__WRITE, NULL}};
    moon__c_run(&c, "scatter_add backward", MOON_K_gather, &b->node->params,
                args, 3);
    moon__calc_give(&c, b, 1, d);
  }
  return moon__calc_end(&c);
}

static const moon__rule rule = {"scatter_add", backward};

static int check(const moon_tensor *x, int dim, const moon_tensor *index,
                 const moon_tensor *from) {
  const char *op = "scatter_add";
  int status = moon__check_dim(op, x, dim);
  if (status >= 0) status = moon__check_float(op, x);
  if (status >= 0) status = moon__check_same_dtype(op, x, from);
  if (status >= 0) status = moon__check_index(op, "index", index);
  if (status < 0) return status;
  bool fits = index->ndim == x->ndim;
  for (int d = 0; fits && d < x->ndim; d++) {
    fits = d == dim || index->shape[d] <= x->shape[d];
  }
  if (!fits) {
    return moon__fail(MOON_E_SHAPE, "%s: index %s along dimension %d of %s",
                      op, moon__text(index), dim + 1, moon__text(x));
  }
  if (moon__shape_equal(moon__shape_of(index), moon__shape_of(from))) {
    return MOON_OK;
  }
  return moon__fail(MOON_E_SHAPE, "%s: index %s for %s to add", op,
                    moon__text(index), moon__text(from));
}

int moon_scatter_add(moon_ctx *ctx, moon_tensor *x, int dim,
                     moon_tensor *index, moon_tensor *from,
                     moon_tensor **out) {
  int status = check(x, dim, index, from);
  if (status < 0) return status;
  moon_ctx quiet = moon__quiet(ctx);
  moon__calc c = {.ctx = &quiet};
  moon_tensor *inputs[] = {x, from};
  moon_params params = {.dim = {dim}};
  moon_tensor *sums = moon__c_new(&c, x, x->dtype, moon__shape_of(x),
                                  MOON__ROWS);
  index = moon__c_rows(&c, index);
  moon__arg args[] = {{moon__c_rows(&c, from), MOON__READ, NULL},
                      {index, MOON__READ, NULL},
                      {sums, MOON__WRITE, NULL}};
  moon__c_run(&c, "scatter_add", MOON_K_scatter_add, &params, args, 3);
  moon_tensor *y = moon__c_add(&c, x, sums);
  moon__node *node = moon__record(ctx, &rule, c.status, y, inputs, 2);
  if (node) {
    node->params = params;
    moon__save(node, index);
  }
  return moon__calc_finish(&c, y, out);
}
