/* Tensors: made, viewed, released. */
#include <stdlib.h>
#include <string.h>
#include "tensor.h"

static moon_tensor *tensor_record(moon_runtime *rt, int dtype, moon__shape s) {
  moon_tensor *t = moon__pool_take(&rt->tensor_pool, sizeof *t);
  memset(t, 0, sizeof *t);
  atomic_init(&t->refs, 1);
  t->rt = rt;
  t->dtype = dtype;
  t->ndim = s.ndim;
  t->numel = 1;
  for (int d = 0; d < s.ndim; d++) {
    t->shape[d] = s.dim[d];
    t->numel *= s.dim[d];
  }
  t->id = ++rt->next_tensor_id;
  rt->live_tensors++;
  return t;
}

static void set_strides(moon_tensor *t, const int *order) {
  int64_t stride = 1;
  for (int k = t->ndim - 1; k >= 0; k--) {
    int d = order ? order[k] : k;
    t->stride[d] = stride;
    stride *= t->shape[d] ? t->shape[d] : 1;
  }
}

static int tensor_make(moon_ctx *ctx, int device, int dtype, moon__shape s,
                       const int *order, moon_tensor **out) {
  int64_t numel;
  moon__storage *storage;
  moon__release_list_drain(ctx->rt);
  int status = moon__shape_numel("tensor", s, &numel);
  if (status < 0) return status;
  size_t nbytes = (size_t)numel * moon_dtype_size(dtype);
  status = moon__storage_new(ctx, device, nbytes, &storage);
  if (status < 0) return status;
  moon_tensor *t = tensor_record(ctx->rt, dtype, s);
  t->storage = storage;
  set_strides(t, order);
  *out = t;
  return MOON_OK;
}

int moon__tensor_new(moon_ctx *ctx, int device, int dtype, moon__shape s,
                     moon__layout layout, moon_tensor **out) {
  static const int channels_last[4] = {0, 2, 3, 1};
  bool nhwc = layout == MOON__CHANNELS_LAST && s.ndim == 4;
  return tensor_make(ctx, device, dtype, s, nhwc ? channels_last : NULL, out);
}

/* Dimensions of a dense tensor from the slowest to the fastest in memory; those
 * of size 1, which lie anywhere, first. */
static void order_in_memory(const moon_tensor *x, int *order) {
  int n = 0;
  for (int d = 0; d < x->ndim; d++) {
    if (x->shape[d] == 1) order[n++] = d;
  }
  int first = n;
  for (int d = 0; d < x->ndim; d++) {  /* insertion sort, stable */
    if (x->shape[d] == 1) continue;
    int k = n++;
    for (; k > first && x->stride[order[k - 1]] < x->stride[d]; k--) {
      order[k] = order[k - 1];
    }
    order[k] = d;
  }
}

int moon__tensor_like(moon_ctx *ctx, const moon_tensor *x, int dtype,
                      moon_tensor **out) {
  int order[MOON_MAX_DIMS];
  int device = x->storage->device;
  if (!moon__is_dense(x)) {
    return tensor_make(ctx, device, dtype, moon__shape_of(x), NULL, out);
  }
  if (moon__is_contiguous(x) || moon__is_channels_last(x)) {
    moon__layout layout =
        moon__is_contiguous(x) ? MOON__ROWS : MOON__CHANNELS_LAST;
    return moon__tensor_new(ctx, device, dtype, moon__shape_of(x), layout,
                            out);
  }
  order_in_memory(x, order);
  return tensor_make(ctx, device, dtype, moon__shape_of(x), order, out);
}

moon_tensor *moon__tensor_view(const moon_tensor *x, moon__shape s,
                               const int64_t *stride, int64_t offset) {
  moon_tensor *t = tensor_record(x->rt, x->dtype, s);
  t->storage = x->storage;
  moon__storage_retain(t->storage);
  memcpy(t->stride, stride, (size_t)s.ndim * sizeof *stride);
  t->offset = offset;
  t->argument = x->argument;
  return t;
}

moon_tensor *moon__tensor_alias(const moon_tensor *x) {
  return moon__tensor_view(x, moon__shape_of(x), x->stride, x->offset);
}

int moon_empty(moon_ctx *ctx, int dtype, int ndim, const int64_t *shape,
               moon_tensor **out) {
  moon__shape s = {.ndim = ndim};
  int status = moon__check_creation(ctx, "empty", dtype, ndim);
  if (status < 0) return status;
  if (ndim) memcpy(s.dim, shape, (size_t)ndim * sizeof *shape);
  return moon__tensor_new(ctx, ctx->device, dtype, s, MOON__ROWS, out);
}

int moon__check_creation(moon_ctx *ctx, const char *op, int dtype, int ndim) {
  if (ndim < 0 || ndim > MOON_MAX_DIMS) {
    return moon__fail(MOON_E_SHAPE, "%s: %d dimensions, at most %d", op, ndim,
                      MOON_MAX_DIMS);
  }
  if (dtype < 0 || dtype >= MOON_DTYPES) {
    return moon__fail(MOON_E_DTYPE, "%s: there is no dtype %d", op, dtype);
  }
  if (ctx->device < 0 || ctx->device >= ctx->rt->n_devices) {
    return moon__fail(MOON_E_DEVICE, "%s: there is no device %d", op,
                      ctx->device);
  }
  return MOON_OK;
}

int moon_from_host(moon_ctx *ctx, int dtype, int ndim, const int64_t *shape,
                   const void *data, size_t nbytes, moon_tensor **out) {
  moon__shape s = {.ndim = ndim};
  int64_t numel;
  moon__storage *storage;
  moon__release_list_drain(ctx->rt);
  int status = moon__check_creation(ctx, "tensor", dtype, ndim);
  if (status < 0) return status;
  if (ndim) memcpy(s.dim, shape, (size_t)ndim * sizeof *shape);
  status = moon__shape_numel("tensor", s, &numel);
  if (status < 0) return status;
  if (nbytes != (size_t)numel * moon_dtype_size(dtype)) {
    return moon__fail(MOON_E_SHAPE, "tensor: %s %s needs %lld elements, %zu "
                      "bytes given", moon__dtype_name(dtype),
                      moon__shape_text(s), (long long)numel, nbytes);
  }
  bool is_far = ctx->rt->device[ctx->device].gpu;
  int host = is_far ? MOON__HOST : ctx->device;
  status = moon__storage_new_idle(ctx, host, nbytes, &storage);
  if (status < 0) return status;
  if (nbytes) memcpy(storage->block->data, data, nbytes);
  moon_tensor *t = tensor_record(ctx->rt, dtype, s);
  t->storage = storage;
  set_strides(t, NULL);
  if (ctx->task->recording) moon__note_constant(ctx, t, data);
  *out = t;
  if (!is_far) return MOON_OK;
  status = moon_to_device(ctx, t, ctx->device, out);
  moon__unref(t);
  return status;
}

moon_operand moon__operand(const moon_tensor *t) {
  moon_operand o;
  o.data = (char *)t->storage->block->data +
           (size_t)t->offset * moon_dtype_size(t->dtype);
  o.dtype = t->dtype;
  o.ndim = t->ndim;
  memcpy(o.shape, t->shape, (size_t)t->ndim * sizeof *o.shape);
  memcpy(o.stride, t->stride, (size_t)t->ndim * sizeof *o.stride);
  return o;
}

moon_operand moon__operand_as(const moon_tensor *t, moon__shape s) {
  moon_operand o = moon__operand(t);
  int shift = s.ndim - t->ndim;
  for (int d = s.ndim - 1; d >= 0; d--) {
    int from = d - shift;
    bool repeats = from < 0 || (t->shape[from] == 1 && s.dim[d] != 1);
    o.stride[d] = repeats ? 0 : t->stride[from];
    o.shape[d] = s.dim[d];
  }
  o.ndim = s.ndim;
  return o;
}
