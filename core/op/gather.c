/* One element of x per index, along a dimension (PyTorch's gather):
 *
 *   y[.., j, ..] = x[.., index[.., j, ..], ..]      y has index's shape
 *   dx = 0, but dy added where it was picked
 *
 * index i64; no other dimension of it is larger than x's. An index out of
 * range fails in the kernel: y carries the error. */
#include "shared.h"

static int backward(moon__back *b) {
  moon__calc c = {.ctx = b->ctx};
  moon_tensor *dx = moon__c_new(&c, b->dy, b->node->dtype,
                                b->node->input_shape[0], MOON__ROWS);
  moon__arg args[] = {{moon__c_rows(&c, b->dy), MOON__READ, NULL},
                      {moon__saved_at(b, 0), MOON__READ, NULL},
                      {dx, MOON__WRITE, NULL}};
  moon__c_run(&c, "gather backward", MOON_K_scatter_add, &b->node->params,
              args, 3);
  moon__calc_give(&c, b, 0, dx);
  return moon__calc_end(&c);
}

static const moon__rule rule = {"gather", backward};

static int check(const moon_tensor *x, int dim, const moon_tensor *index) {
  int status = moon__check_dim("gather", x, dim);
  if (status >= 0) status = moon__check_index("gather", "index", index);
  if (status < 0) return status;
  bool fits = index->ndim == x->ndim;
  for (int d = 0; fits && d < x->ndim; d++) {
    fits = d == dim || index->shape[d] <= x->shape[d];
  }
  if (fits) return MOON_OK;
  return moon__fail(MOON_E_SHAPE, "gather: index %s along dimension %d of %s",
                    moon__text(index), dim + 1, moon__text(x));
}

int moon_gather(moon_ctx *ctx, moon_tensor *x, int dim, moon_tensor *index,
                moon_tensor **out) {
  int status = check(x, dim, index);
  if (status < 0) return status;
  moon_tensor *y;
  status = moon__tensor_new(ctx, x->storage->device, x->dtype,
                            moon__shape_of(index), MOON__ROWS, &y);
  if (status < 0) return status;
  moon_params params = {.dim = {dim}};
  moon__arg args[] = {{x, MOON__READ, NULL},
                      {index, MOON__READ, NULL},
                      {y, MOON__WRITE, NULL}};
  status = moon__run(ctx, "gather", MOON_K_gather, &params, args, 3);
  moon__node *node = moon__record(ctx, &rule, status, y, &x, 1);
  if (node) {
    node->params = params;
    moon__save(node, index);
  }
  return moon__finish(status, y, out);
}
