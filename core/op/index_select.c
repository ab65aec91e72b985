/* Rows (or columns, ...) of x by their numbers:
 *
 *   y[.., j, ..] = x[.., index[j], ..]       index i64 [n]
 *   dx[.., k, ..] = sum of dy[.., j, ..] over the j with index[j] = k
 *
 * An index out of range fails in the kernel: y carries the error. */
#include "shared.h"

static int backward(moon__back *b) {
  moon__calc c = {.ctx = b->ctx};
  moon_tensor *dx = moon__c_new(&c, b->dy, b->node->dtype,
                                b->node->input_shape[0], MOON__ROWS);
  moon__arg args[] = {{moon__c_rows(&c, b->dy), MOON__READ, NULL},
                      {moon__saved_at(b, 0), MOON__READ, NULL},
                      {dx, MOON__WRITE, NULL}};
  moon__c_run(&c, "index_select backward", MOON_K_index_add,
              &b->node->params, args, 3);
  moon__calc_give(&c, b, 0, dx);
  return moon__calc_end(&c);
}

static const moon__rule rule = {"index_select", backward};

int moon_index_select(moon_ctx *ctx, moon_tensor *x, int dim,
                      moon_tensor *index, moon_tensor **out) {
  const char *op = "index_select";
  int status = moon__check_dim(op, x, dim);
  if (status >= 0) status = moon__check_ndim(op, "index", index, 1);
  if (status >= 0) status = moon__check_index(op, "index", index);
  if (status < 0) return status;
  moon__shape s = moon__shape_of(x);
  s.dim[dim] = index->shape[0];
  status = moon__check_size(op, s);
  if (status < 0) return status;
  moon_tensor *y;
  status = moon__tensor_new(ctx, x->storage->device, x->dtype, s, MOON__ROWS,
                            &y);
  if (status < 0) return status;
  moon_params params = {.dim = {dim}};
  moon__arg args[] = {{x, MOON__READ, NULL},
                      {index, MOON__READ, NULL},
                      {y, MOON__WRITE, NULL}};
  status = moon__run(ctx, op, MOON_K_index_select, &params, args, 3);
  moon__node *node = moon__record(ctx, &rule, status, y, &x, 1);
  if (node) {
    node->params = params;
    moon__save(node, index);
  }
  return moon__finish(status, y, out);
}
