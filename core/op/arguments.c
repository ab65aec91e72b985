/* Checks of arguments that are not tensors: shapes, numbers, windows. Each
 * fails with the op's name and the numbers, before anything is allocated. */
#include <math.h>
#include <string.h>
#include "shared.h"

int moon__check_size(const char *op, moon__shape s) {
  int64_t numel;
  return moon__shape_numel(op, s, &numel);
}

int moon__check_shape(const char *op, int ndim, const int64_t *dim,
                      moon__shape *s) {
  if (ndim < 0 || ndim > MOON_MAX_DIMS) {
    return moon__fail(MOON_E_SHAPE, "%s: %d dimensions, at most %d", op, ndim,
                      MOON_MAX_DIMS);
  }
  s->ndim = ndim;
  if (ndim > 0) memcpy(s->dim, dim, sizeof *dim * (size_t)ndim);
  return moon__check_size(op, *s);
}

int moon__check_reshape(const char *op, const moon_tensor *x, int ndim,
                        const int64_t *dim, moon__shape *s) {
  int64_t numel, copy[MOON_MAX_DIMS] = {0};
  int open = -1;
  for (int d = 0; d < ndim && d < MOON_MAX_DIMS; d++) {
    copy[d] = dim[d];
    if (dim[d] != -1) continue;
    if (open >= 0) {
      return moon__fail(MOON_E_SHAPE, "%s: more than one -1 in the shape", op);
    }
    open = d;
    copy[d] = 1;
  }
  int status = moon__check_shape(op, ndim, copy, s);
  if (status < 0) return status;
  moon__shape_numel(op, *s, &numel);
  if (open >= 0 && numel > 0 && x->numel % numel == 0) {
    s->dim[open] = x->numel / numel;
    numel = x->numel;
  }
  if (numel == x->numel && (open < 0 || numel > 0)) return MOON_OK;
  if (open >= 0) s->dim[open] = -1;
  return moon__fail(MOON_E_SHAPE, "%s: %s has %lld elements, not %s", op,
                    moon__text(x), (long long)x->numel,
                    moon__shape_text(*s));
}

int moon__check_dtype(const char *op, int dtype) {
  if (dtype >= 0 && dtype < MOON_DTYPES) return MOON_OK;
  return moon__fail(MOON_E_DTYPE, "%s: no dtype %d", op, dtype);
}

int moon__check_number(const char *op, int dtype, double value) {
  static const struct { double least, beyond; } range[MOON_DTYPES] = {
      [MOON_I64] = {-0x1p63, 0x1p63}, [MOON_I32] = {-0x1p31, 0x1p31},
      [MOON_U8] = {0, 256}, [MOON_BOOL] = {0, 2}};
  int status = moon__check_dtype(op, dtype);
  if (status < 0 || moon__dtype_is_float(dtype)) return status;
  if (value == floor(value) && value >= range[dtype].least &&
      value < range[dtype].beyond) {
    return MOON_OK;
  }
  return moon__fail(MOON_E_VALUE, "%s: %.17g is no %s", op, value,
                    moon__dtype_name(dtype));
}

int moon__check_parameter(const char *op, const char *arg,
                          const moon_tensor *t, int64_t n,
                          const moon_tensor *x) {
  if (t->ndim != 1 || t->shape[0] != n) {
    return moon__fail(MOON_E_SHAPE, "%s: %s is %s, %lld needed", op, arg,
                      moon__text(t), (long long)n);
  }
  return moon__check_beside(op, arg, t, x);
}

int moon__check_vector(const char *op, const char *arg, const moon_tensor *t,
                       int64_t n, const moon_tensor *x) {
  int status = moon__check_parameter(op, arg, t, n, x);
  if (status < 0 || t->dtype == x->dtype) return status;
  return moon__fail(MOON_E_DTYPE, "%s: %s is %s, x is %s; cast one", op, arg,
                    moon__dtype_name(t->dtype), moon__dtype_name(x->dtype));
}

int moon__check_index(const char *op, const char *arg, const moon_tensor *t) {
  if (t->dtype == MOON_I64) return MOON_OK;
  return moon__fail(MOON_E_DTYPE, "%s: %s is %s; i64 needed", op, arg,
                    moon__dtype_name(t->dtype));
}

int moon__check_live(const char *op, const moon_tensor *t) {
  if (!moon_tensor_disposed(t)) return MOON_OK;
  return moon__fail(MOON_E_DISPOSED, "%s: the tensor (%s) was disposed", op,
                    moon__text(t));
}

int moon__check_pair(const char *op, const char *option,
                     const int64_t pair[2], int64_t least) {
  for (int i = 0; i < 2; i++) {
    if (pair[i] >= least && pair[i] <= INT32_MAX) continue;
    return moon__fail(MOON_E_VALUE, "%s: %s %lldx%lld; %lld to %d needed",
                      op, option, (long long)pair[0], (long long)pair[1],
                      (long long)least, INT32_MAX);
  }
  return MOON_OK;
}

int moon__check_epilogue(const char *op, int epilogue) {
  if (epilogue == MOON_EPILOGUE_NONE || epilogue == MOON_EPILOGUE_RELU) {
    return MOON_OK;
  }
  return moon__fail(MOON_E_VALUE, "%s: no epilogue %d", op, epilogue);
}

/* Places of a plane are counted in 32 bits. */
static int check_plane(const char *op, const moon_tensor *x) {
  if (x->shape[2] == 0 || x->shape[3] <= INT32_MAX / x->shape[2]) {
    return MOON_OK;
  }
  return moon__fail(MOON_E_SHAPE, "%s: more than 2^31 places in a plane (x %s)",
                    op, moon__text(x));
}

int moon__check_pool2d(const char *op, const moon_tensor *x,
                       const moon_pool2d_params *p, moon__shape *s) {
  int status = moon__check_ndim(op, "x", x, 4);
  if (status >= 0) status = moon__check_float(op, x);
  if (status >= 0) status = moon__check_pair(op, "kernel", p->kernel, 1);
  if (status >= 0) status = moon__check_pair(op, "stride", p->stride, 1);
  if (status >= 0) status = moon__check_pair(op, "padding", p->padding, 0);
  if (status >= 0) status = check_plane(op, x);
  if (status < 0) return status;
  *s = moon__shape_of(x);
  for (int i = 0; i < 2 && status >= 0; i++) {
    int64_t size = x->shape[2 + i], *places = &s->dim[2 + i];
    if (p->padding[i] > p->kernel[i] / 2) {
      return moon__fail(MOON_E_VALUE, "%s: padding %lld is more than half of "
                        "the kernel %lld", op, (long long)p->padding[i],
                        (long long)p->kernel[i]);
    }
    moon__window w = {size, p->kernel[i], p->stride[i], p->padding[i], 1,
                      p->ceil_mode ? p->stride[i] - 1 : 0};
    status = moon__check_window(op, i, w, places);
    if (status < 0 || !p->ceil_mode) continue;
    *places -= (*places - 1) * w.stride >= size + w.padding;
  }
  return status;
}

int moon__check_adaptive2d(const char *op, const moon_tensor *x,
                           const int64_t size[2], moon__shape *s) {
  int status = moon__check_ndim(op, "x", x, 4);
  if (status >= 0) status = moon__check_float(op, x);
  if (status >= 0) status = moon__check_pair(op, "size", size, 1);
  if (status >= 0) status = check_plane(op, x);
  if (status < 0) return status;
  if (x->shape[2] == 0 || x->shape[3] == 0) {
    return moon__fail(MOON_E_SHAPE, "%s: no elements in a plane (x %s)", op,
                      moon__text(x));
  }
  *s = (moon__shape){4, {x->shape[0], x->shape[1], size[0], size[1]}};
  return moon__check_size(op, *s);
}

int moon__check_window(const char *op, int axis, moon__window w,
                       int64_t *places) {
  int64_t room = w.size + 2 * w.padding - 1;
  if (room < 0 || w.kernel < 1 ||
      w.kernel - 1 > (room + w.beyond) / w.dilation) {
    return moon__fail(MOON_E_SHAPE, "%s: a kernel of %lld (dilation %lld) "
                      "does not fit into %s %lld (padding %lld)", op,
                      (long long)w.kernel, (long long)w.dilation,
                      axis ? "width" : "height", (long long)w.size,
                      (long long)w.padding);
  }
  room += w.beyond - w.dilation * (w.kernel - 1);
  *places = room / w.stride + 1;
  return MOON_OK;
}

int moon__new_broadcast(moon_ctx *ctx, moon_tensor *const *t, int n,
                        moon__shape s, int dtype, moon_tensor **y) {
  for (int i = 0; i < n; i++) {
    if (moon__shape_equal(moon__shape_of(t[i]), s) && moon__is_dense(t[i])) {
      return moon__tensor_like(ctx, t[i], dtype, y);
    }
  }
  int device = t[0]->storage->device;
  return moon__tensor_new(ctx, device, dtype, s, MOON__ROWS, y);
}
