/* max and min over one dimension with their places, argmax and argmin:
 *
 *   y[...] = x[..., i[...], ...]      i the first place of the extreme, i64
 *   dx = 0, but dy where it was picked (scatter_add along the dimension)
 *
 * Over all dimensions x is taken as one row. */
#include "shared.h"

static int backward(moon__back *b) {
  int dim = b->node->params.dim.dim;
  moon_tensor *index = moon__saved_at(b, 0);
  moon__calc c = {.ctx = b->ctx};
  moon_tensor *dy = moon__c_reshape(&c, b->dy, moon__shape_of(index));
  moon_tensor *dx = moon__c_new(&c, b->dy, b->node->dtype,
                                b->node->input_shape[0], MOON__ROWS);
  moon_params params = {.dim = {dim}};
  moon__arg args[] = {{dy, MOON__READ, NULL},
                      {index, MOON__READ, NULL},
                      {dx, MOON__WRITE, NULL}};
  moon__c_run(&c, "max backward", MOON_K_scatter_add, &params, args, 3);
  moon__calc_give(&c, b, 0, dx);
  return moon__calc_end(&c);
}

static const moon__rule max_rule = {"max", backward};
static const moon__rule min_rule = {"min", backward};

static int check(const char *name, int kind, const moon_tensor *x, int dim) {
  if (kind != MOON_R_MAX && kind != MOON_R_MIN) {
    return moon__fail(MOON_E_VALUE, "arg_reduce: no kind %d", kind);
  }
  int status = moon__check_dim(name, x, dim);
  if (status < 0 || x->shape[dim] > 0) return status;
  return moon__fail(MOON_E_SHAPE, "%s: no elements along dimension %d (x %s)",
                    name, dim + 1, moon__text(x));
}

/* Over dimension `dim` of x; the outputs are shown with shape `shown`. */
static int along(moon_ctx *ctx, int kind, moon_tensor *x, int dim,
                 moon__shape shown, moon_tensor **out[2]) {
  moon_tensor **out_y = out[0], **out_i = out[1], *y = NULL;
  bool is_max = kind == MOON_R_MAX;
  moon_ctx quiet = moon__quiet(ctx);
  moon__calc c = {.ctx = &quiet};
  moon__shape one = moon__shape_of(x);
  one.dim[dim] = 1;
  moon_tensor *i = moon__c_new(&c, x, MOON_I64, one, MOON__ROWS);
  if (out_y) y = moon__c_new(&c, x, x->dtype, one, MOON__ROWS);
  moon_params params = {.reduce = {kind, 1u << dim}};
  moon__arg args[] = {{x, MOON__READ, NULL},
                      {y, MOON__WRITE, NULL},
                      {i, MOON__WRITE, NULL}};
  moon__c_run(&c, is_max ? "max" : "min", MOON_K_arg_reduce, &params, args,
              3);
  moon_tensor *shown_i = moon__c_reshape(&c, i, shown);
  if (out_y) {
    y = moon__c_reshape(&c, y, shown);
    moon__node *node = moon__record(ctx, is_max ? &max_rule : &min_rule,
                                    c.status, y, &x, 1);
    if (node) node->params = (moon_params){.dim = {dim}};
    if (node) moon__save(node, i);
    if (c.status >= 0) *out_y = moon_tensor_retain(y);
  }
  return moon__calc_finish(&c, shown_i, out_i);
}

int moon_arg_reduce(moon_ctx *ctx, int kind, moon_tensor *x, int dim,
                    int keepdim, moon_tensor **values, moon_tensor **indices) {
  const char *name = kind == MOON_R_MAX ? values ? "max" : "argmax"
                                        : values ? "min" : "argmin";
  bool flat = dim == -1;
  moon_tensor **out[] = {values, indices}, *row = NULL;
  moon__shape shown = {.ndim = 0};
  for (int d = 0; d < x->ndim; d++) {
    bool goes = flat || d == dim;
    if (!goes || keepdim) shown.dim[shown.ndim++] = goes ? 1 : x->shape[d];
  }
  if (!flat) {
    int status = check(name, kind, x, dim);
    return status < 0 ? status : along(ctx, kind, x, dim, shown, out);
  }
  int status = moon_reshape(ctx, x, 1, &x->numel, &row);
  if (status >= 0) status = check(name, kind, row, 0);
  if (status >= 0) status = along(ctx, kind, row, 0, shown, out);
  moon__unref(row);
  return status;
}
