/* The k first of each line along a dimension, in order:
 *
 *   y[.., j, ..] = x[.., index[.., j, ..], ..]     j < k
 *   dx = 0, but dy added where it was picked
 *
 * Equals keep their order; NaN counts as the largest (PyTorch's sort with
 * stable, and topk). */
#include "shared.h"

static int backward(moon__back *b) {
  moon__calc c = {.ctx = b->ctx};
  moon_params params = {.dim = {b->node->params.sort.dim}};
  moon_tensor *dx = moon__c_new(&c, b->dy, b->node->dtype,
                                b->node->input_shape[0], MOON__ROWS);
  moon__arg args[] = {{moon__c_rows(&c, b->dy), MOON__READ, NULL},
                      {moon__saved_at(b, 0), MOON__READ, NULL},
                      {dx, MOON__WRITE, NULL}};
  moon__c_run(&c, "sort backward", MOON_K_scatter_add, &params, args, 3);
  moon__calc_give(&c, b, 0, dx);
  return moon__calc_end(&c);
}

static const moon__rule rule = {"sort", backward};

int moon_sort(moon_ctx *ctx, moon_tensor *x, int dim, int descending,
              int64_t k, moon_tensor **values, moon_tensor **indices) {
  int status = moon__check_live("sort", x);
  if (status >= 0) status = moon__check_dim("sort", x, dim);
  if (status < 0) return status;
  if (k < 0 || k > x->shape[dim]) {
    return moon__fail(MOON_E_VALUE, "sort: %lld of the %lld in dimension %d "
                      "(x %s)", (long long)k, (long long)x->shape[dim],
                      dim + 1, moon__text(x));
  }
  moon__shape s = moon__shape_of(x);
  s.dim[dim] = k;
  moon_ctx quiet = moon__quiet(ctx);
  moon__calc c = {.ctx = &quiet};
  moon_params params = {.sort = {dim, descending != 0}};
  moon_tensor *y = moon__c_new(&c, x, x->dtype, s, MOON__ROWS);
  moon_tensor *i = moon__c_new(&c, x, MOON_I64, s, MOON__ROWS);
  moon__arg args[] = {{x, MOON__READ, NULL},
                      {y, MOON__WRITE, NULL},
                      {i, MOON__WRITE, NULL}};
  moon__c_run(&c, "sort", MOON_K_sort, &params, args, 3);
  moon__node *node = moon__record(ctx, &rule, c.status, y, &x, 1);
  if (node) {
    node->params = params;
    moon__save(node, i);
  }
  if (c.status >= 0) *indices = moon_tensor_retain(i);
  return moon__calc_finish(&c, y, values);
}
