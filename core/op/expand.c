/* expand: dimensions of size 1 repeated, new ones in front, no copy.
 *
 *   y[..., i, ...] = x[..., 0, ...]      dx = dy summed over the repeated
 *
 * -1 keeps a dimension as it is. */
#include "shared.h"

static int backward(moon__back *b) {
  moon__calc c = {.ctx = b->ctx};
  moon__shape s = b->node->input_shape[0];
  moon__calc_give(&c, b, 0, moon__c_sum_to(&c, b->dy, s));
  return moon__calc_end(&c);
}

static const moon__rule rule = {"expand", backward};

int moon_expand(moon_ctx *ctx, moon_tensor *x, int ndim, const int64_t *shape,
                moon_tensor **out) {
  int64_t given[MOON_MAX_DIMS] = {0};
  int more = ndim - x->ndim;  /* new dimensions in front */
  if (more < 0) {
    return moon__fail(MOON_E_SHAPE, "expand: %s to %d dimensions",
                      moon__text(x), ndim);
  }
  for (int d = 0; d < ndim && d < MOON_MAX_DIMS; d++) {
    given[d] = shape[d] == -1 && d >= more ? x->shape[d - more] : shape[d];
  }
  moon__seen seen = {.offset = x->offset};
  int status = moon__check_shape("expand", ndim, given, &seen.shape);
  if (status >= 0) status = moon__check_live("expand", x);
  if (status < 0) return status;
  for (int d = more; d < ndim; d++) {
    int64_t size = x->shape[d - more];
    if (size != given[d] && size != 1) {
      return moon__fail(MOON_E_SHAPE,
                        "expand: %s to %s, dimension %d is not 1",
                        moon__text(x), moon__shape_text(seen.shape),
                        d - more + 1);
    }
    seen.stride[d] = size == given[d] ? x->stride[d - more] : 0;
  }
  return moon__view_as(ctx, &rule, x, &seen, NULL, out);
}
