/* cat joins tensors along a dimension, stack along a new one:
 *
 *   y = [x_1 ... x_n]        dx_k = the range of dy that x_k went to
 *
 * One copy per input into its range of the output, which is channels-last
 * when all inputs are. */
#include "shared.h"

static int cat_backward(moon__back *b) {
  int dim = b->node->params.dim.dim;
  int64_t start = 0;
  moon_tensor *dx;
  for (int i = 0; i < b->node->n_inputs; i++) {
    int64_t length = b->node->input_shape[i].dim[dim];
    if (moon__wants(b, i)) {
      int status = moon_narrow(b->ctx, b->dy, dim, start, length, &dx);
      if (status < 0) return status;
      moon__give(b, i, dx);
    }
    start += length;
  }
  return MOON_OK;
}

static int stack_backward(moon__back *b) {
  moon_tensor *dx;
  for (int i = 0; i < b->node->n_inputs; i++) {
    if (!moon__wants(b, i)) continue;
    int status = moon_select(b->ctx, b->dy, b->node->params.dim.dim, i, &dx);
    if (status < 0) return status;
    moon__give(b, i, dx);
  }
  return MOON_OK;
}

static const moon__rule cat_rule = {"cat", cat_backward};
static const moon__rule stack_rule = {"stack", stack_backward};

/* The inputs agree in device (a copy alone may cross from one to another), in
 * dtype and, but for dimension `dim`, in shape. */
static int check_alike(const char *op, int n, moon_tensor *const *x,
                       int dim) {
  for (int i = 1; i < n; i++) {
    int status = moon__check_same_device(op, x[0], x[i]);
    if (status >= 0) status = moon__check_same_dtype(op, x[0], x[i]);
    if (status < 0) return status;
    bool fits = x[i]->ndim == x[0]->ndim;
    for (int d = 0; fits && d < x[0]->ndim; d++) {
      fits = d == dim || x[i]->shape[d] == x[0]->shape[d];
    }
    if (fits) continue;
    return moon__fail(MOON_E_SHAPE, "%s: tensor %d is %s, the first is %s",
                      op, i + 1, moon__text(x[i]), moon__text(x[0]));
  }
  return MOON_OK;
}

static moon__layout layout_of(int n, moon_tensor *const *x) {
  bool rows = true;
  for (int i = 0; i < n; i++) {
    if (!moon__is_channels_last(x[i])) return MOON__ROWS;
    rows = rows && moon__is_contiguous(x[i]);
  }
  return rows ? MOON__ROWS : MOON__CHANNELS_LAST;
}

/* Fills y from the inputs, records and hands it out. */
static int join(moon_ctx *ctx, const moon__rule *rule, moon_tensor *y, int n,
                moon_tensor *const *x, int dim) {
  moon_ctx quiet = moon__quiet(ctx);
  int64_t start = 0;
  int status = MOON_OK;
  for (int i = 0; i < n && status >= 0; i++) {
    moon_tensor *place;
    int64_t length = rule == &cat_rule ? x[i]->shape[dim] : 1;
    status = rule == &cat_rule
                 ? moon_narrow(&quiet, y, dim, start, length, &place)
                 : moon_select(&quiet, y, dim, start, &place);
    if (status < 0) break;
    moon__arg args[] = {{x[i], MOON__READ, NULL}, {place, MOON__WRITE, NULL}};
    status = moon__run(&quiet, rule->name, MOON_K_copy, NULL, args, 2);
    moon__unref(place);
    start += length;
  }
  moon__node *node = moon__record(ctx, rule, status, y, x, n);
  if (node) node->params = (moon_params){.dim = {dim}};
  return status;
}

int moon_cat(moon_ctx *ctx, int n, moon_tensor *const *x, int dim,
             moon_tensor **out) {
  if (n < 1) return moon__fail(MOON_E_VALUE, "cat: no tensors");
  int status = moon__check_dim("cat", x[0], dim);
  if (status >= 0) status = check_alike("cat", n, x, dim);
  if (status < 0) return status;
  moon__shape s = moon__shape_of(x[0]);
  for (int i = 1; i < n; i++) s.dim[dim] += x[i]->shape[dim];
  status = moon__check_size("cat", s);
  if (status < 0) return status;
  moon_tensor *y;
  status = moon__tensor_new(ctx, x[0]->storage->device, x[0]->dtype, s,
                            layout_of(n, x), &y);
  if (status < 0) return status;
  return moon__finish(join(ctx, &cat_rule, y, n, x, dim), y, out);
}

int moon_stack(moon_ctx *ctx, int n, moon_tensor *const *x, int dim,
               moon_tensor **out) {
  if (n < 1) return moon__fail(MOON_E_VALUE, "stack: no tensors");
  moon__shape s = {.ndim = x[0]->ndim + 1};
  if (dim < 0 || dim >= s.ndim || s.ndim > MOON_MAX_DIMS) {
    return moon__fail(MOON_E_SHAPE, "stack: tensors %s along dimension %d",
                      moon__text(x[0]), dim + 1);
  }
  int status = check_alike("stack", n, x, -1);
  if (status < 0) return status;
  for (int d = 0; d < s.ndim; d++) {
    s.dim[d] = d == dim ? n : x[0]->shape[d < dim ? d : d - 1];
  }
  status = moon__check_size("stack", s);
  if (status < 0) return status;
  moon_tensor *y;
  status = moon__tensor_new(ctx, x[0]->storage->device, x[0]->dtype, s,
                            MOON__ROWS, &y);
  if (status < 0) return status;
  return moon__finish(join(ctx, &stack_rule, y, n, x, dim), y, out);
}
