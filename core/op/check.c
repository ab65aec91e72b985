/* Checks that ops share: each names the op, the fact and the numbers. */
#include "op.h"

int moon__check_float(const char *op, const moon_tensor *t) {
  if (moon__dtype_is_float(t->dtype)) return MOON_OK;
  return moon__fail(MOON_E_DTYPE, "%s: %s; cast it to f32 or f64", op,
                    moon__dtype_name(t->dtype));
}

int moon__check_same_dtype(const char *op, const moon_tensor *a,
                           const moon_tensor *b) {
  if (a->dtype == b->dtype) return MOON_OK;
  return moon__fail(MOON_E_DTYPE, "%s: %s and %s; cast one", op,
                    moon__dtype_name(a->dtype), moon__dtype_name(b->dtype));
}

int moon__check_same_device(const char *op, const moon_tensor *a,
                            const moon_tensor *b) {
  int first = a->storage->device, second = b->storage->device;
  if (first == second) return MOON_OK;
  return moon__fail(MOON_E_DEVICE, "%s: tensors on %s and %s", op,
                    moon_device_name(a->rt, first),
                    moon_device_name(b->rt, second));
}

int moon__check_ndim(const char *op, const char *arg, const moon_tensor *t,
                     int ndim) {
  if (t->ndim == ndim) return MOON_OK;
  return moon__fail(MOON_E_SHAPE, "%s: %s has %d dimensions (%s), expected %d",
                    op, arg, t->ndim, moon__text(t), ndim);
}

int moon__check_dim(const char *op, const moon_tensor *t, int dim) {
  if (dim >= 0 && dim < t->ndim) return MOON_OK;
  return moon__fail(MOON_E_SHAPE, "%s: dimension %d of a tensor with %d (%s)",
                    op, dim + 1, t->ndim, moon__text(t));
}

int moon__check_inplace(moon_ctx *ctx, const char *op, const moon_tensor *y) {
  if (ctx->grad_mode > 0 && y->requires_grad) {
    return moon__fail(MOON_E_GRAD, "%s: a leaf that requires grad is changed "
                      "in place; use no_grad or detach", op);
  }
  for (int d = 0; d < y->ndim; d++) {
    if (y->shape[d] > 1 && y->stride[d] == 0) {
      return moon__fail(MOON_E_SHAPE, "%s: dimension %d of %s is expanded: "
                        "its elements share memory", op, d + 1, moon__text(y));
    }
  }
  return MOON_OK;
}
