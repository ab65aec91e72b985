/* permute: dimensions in another order, no copy.
 *
 *   y.shape[d] = x.shape[dims[d]]       dx = dy permuted back */
#include "shared.h"

static int backward(moon__back *b) {
  const int32_t *dims = b->node->params.view.order;
  int32_t back[MOON_MAX_DIMS];
  moon_tensor *dx;
  for (int d = 0; d < b->dy->ndim; d++) back[dims[d]] = d;
  int status = moon_permute(b->ctx, b->dy, back, &dx);
  if (status >= 0) moon__give(b, 0, dx);
  return status;
}

static const moon__rule rule = {"permute", backward};

int moon_permute(moon_ctx *ctx, moon_tensor *x, const int32_t *dims,
                 moon_tensor **out) {
  moon__seen seen = {.shape = {.ndim = x->ndim}, .offset = x->offset};
  moon_params params = {.view = {0}};
  uint32_t used = 0;
  int status = moon__check_live("permute", x);
  for (int d = 0; status >= 0 && d < x->ndim; d++) {
    status = moon__check_dim("permute", x, dims[d]);
    if (status < 0) return status;
    if (used >> dims[d] & 1) {
      return moon__fail(MOON_E_VALUE, "permute: dimension %d twice (x %s)",
                        dims[d] + 1, moon__text(x));
    }
    used |= 1u << dims[d];
    seen.shape.dim[d] = x->shape[dims[d]];
    seen.stride[d] = x->stride[dims[d]];
    params.view.order[d] = dims[d];
  }
  if (status < 0) return status;
  return moon__view_as(ctx, &rule, x, &seen, &params, out);
}
