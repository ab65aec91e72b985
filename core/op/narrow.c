/* narrow: a range of one dimension, no copy. select: one place of it, the
 * dimension dropped.
 *
 *   y[..., i, ...] = x[..., start + i, ...]     dx = 0 but for dy in the range
 */
#include "shared.h"

/* dx = zeros; dx[range] = dy. */
static int fill_range(moon__back *b, int64_t length, bool dropped) {
  const moon_params *p = &b->node->params;
  moon__calc c = {.ctx = b->ctx};
  moon__shape s = b->node->input_shape[0], range = s;
  moon_tensor *dy = b->dy, *dx = moon__c_zeros(&c, dy, dy->dtype, s);
  range.dim[p->view.dim] = length;
  if (dropped) dy = moon__c_reshape(&c, dy, range);
  moon_tensor *place =
      moon__c_narrow(&c, dx, p->view.dim, p->view.start, length);
  moon__arg args[] = {{dy, MOON__READ, NULL}, {place, MOON__WRITE, NULL}};
  moon__c_run(&c, "narrow backward", MOON_K_copy, NULL, args, 2);
  moon__calc_give(&c, b, 0, dx);
  return moon__calc_end(&c);
}

static int narrow_backward(moon__back *b) {
  return fill_range(b, b->node->shape.dim[b->node->params.view.dim], false);
}

static int select_backward(moon__back *b) { return fill_range(b, 1, true); }

static const moon__rule narrow_rule = {"narrow", narrow_backward};
static const moon__rule select_rule = {"select", select_backward};

int moon_narrow(moon_ctx *ctx, moon_tensor *x, int dim, int64_t start,
                int64_t length, moon_tensor **out) {
  int status = moon__check_live("narrow", x);
  if (status >= 0) status = moon__check_dim("narrow", x, dim);
  if (status < 0) return status;
  int64_t size = x->shape[dim];
  if (start < 0 || length < 0 || start > size || length > size - start) {
    return moon__fail(MOON_E_INDEX, "narrow: %lld from %lld on, dimension %d "
                      "has %lld (x %s)", (long long)length,
                      (long long)start + 1, dim + 1, (long long)size,
                      moon__text(x));
  }
  moon__seen seen = {.shape = moon__shape_of(x)};
  moon_params params = {.view = {.dim = dim, .start = start}};
  for (int d = 0; d < x->ndim; d++) seen.stride[d] = x->stride[d];
  seen.shape.dim[dim] = length;
  seen.offset = x->offset + (length > 0 ? start * x->stride[dim] : 0);
  return moon__view_as(ctx, &narrow_rule, x, &seen, &params, out);
}

int moon_select(moon_ctx *ctx, moon_tensor *x, int dim, int64_t index,
                moon_tensor **out) {
  int status = moon__check_live("select", x);
  if (status >= 0) status = moon__check_dim("select", x, dim);
  if (status < 0) return status;
  if (index < 0 || index >= x->shape[dim]) {
    return moon__fail(MOON_E_INDEX, "select: index %lld, dimension %d has "
                      "%lld (x %s)", (long long)index + 1, dim + 1,
                      (long long)x->shape[dim], moon__text(x));
  }
  moon__seen seen = {.shape = {.ndim = x->ndim - 1}};
  moon_params params = {.view = {.dim = dim, .start = index}};
  for (int d = 0; d < x->ndim - 1; d++) {
    seen.shape.dim[d] = x->shape[d < dim ? d : d + 1];
    seen.stride[d] = x->stride[d < dim ? d : d + 1];
  }
  seen.offset = x->offset + index * x->stride[dim];
  return moon__view_as(ctx, &select_rule, x, &seen, &params, out);
}
