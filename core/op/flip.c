/* flip: some dimensions backwards. A copy of a view that runs backwards, which
 * only kernels get to see.
 *
 *   y[.., i, ..] = x[.., n - 1 - i, ..]      dx = dy flipped likewise */
#include "shared.h"

static int backward(moon__back *b) {
  const moon_params *p = &b->node->params;
  moon_tensor *dx;
  int status = moon_flip(b->ctx, b->dy, p->view.dim, p->view.order, &dx);
  if (status >= 0) moon__give(b, 0, dx);
  return status;
}

static const moon__rule rule = {"flip", backward};

/* x with the dimensions in the bit set `dims` from their ends on. */
static moon_tensor *backwards(moon__calc *c, const moon_tensor *x,
                              uint32_t dims) {
  int64_t stride[MOON_MAX_DIMS], offset = x->offset;
  for (int d = 0; d < x->ndim; d++) {
    stride[d] = x->stride[d];
    if (!(dims >> d & 1) || x->shape[d] < 2) continue;
    offset += (x->shape[d] - 1) * stride[d];
    stride[d] = -stride[d];
  }
  moon_tensor *v = moon__tensor_view(x, moon__shape_of(x), stride, offset);
  return moon__calc_own(c, MOON_OK, &v);
}

int moon_flip(moon_ctx *ctx, moon_tensor *x, int n, const int32_t *dims,
              moon_tensor **out) {
  uint32_t set = 0;
  moon_params params = {.view = {.dim = n}};
  int status = moon__check_live("flip", x);
  for (int i = 0; status >= 0 && i < n; i++) {
    status = moon__check_dim("flip", x, dims[i]);
    if (status < 0) return status;
    if (set >> dims[i] & 1) {
      return moon__fail(MOON_E_VALUE, "flip: dimension %d twice (x %s)",
                        dims[i] + 1, moon__text(x));
    }
    set |= 1u << dims[i];
    params.view.order[i] = dims[i];
  }
  if (status < 0) return status;
  moon_ctx quiet = moon__quiet(ctx);
  moon__calc c = {.ctx = &quiet};
  moon_tensor *y = moon__c_like(&c, x, x->dtype);
  moon__arg args[] = {{backwards(&c, x, set), MOON__READ, NULL},
                      {y, MOON__WRITE, NULL}};
  moon__c_run(&c, "flip", MOON_K_copy, NULL, args, 2);
  moon__node *node = moon__record(ctx, &rule, c.status, y, &x, 1);
  if (node) node->params = params;
  return moon__calc_finish(&c, y, out);
}
