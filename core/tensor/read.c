/* Reading from the host: facts, waiting, values. */
#include "../../kernels/half.h"
#include "tensor.h"

int64_t moon_tensor_id(const moon_tensor *t) { return t->id; }
int64_t moon_tensor_version(const moon_tensor *t) {
  return t->storage->version;
}
int moon_tensor_dtype(const moon_tensor *t) { return t->dtype; }
int moon_tensor_device(const moon_tensor *t) { return t->storage->device; }
int moon_tensor_ndim(const moon_tensor *t) { return t->ndim; }
int64_t moon_tensor_numel(const moon_tensor *t) { return t->numel; }
const int64_t *moon_tensor_shape(const moon_tensor *t) { return t->shape; }
const int64_t *moon_tensor_strides(const moon_tensor *t) { return t->stride; }

int moon_tensor_shares(const moon_tensor *a, const moon_tensor *b) {
  return a->storage == b->storage;
}

static moon__use writer_at(const moon_tensor *t, int region) {
  return t->storage->region[region]->writer;
}

/* The first region of t whose writer is not complete, or -1. */
static int first_busy(const moon_tensor *t) {
  int first, count;
  if (t->storage->disposed) return -1;
  moon__storage_regions(t, &first, &count);
  for (int i = first; i < first + count; i++) {
    moon__use w = writer_at(t, i);
    if (w.sequence && !moon__use_complete(t->rt, w)) return i;
  }
  return -1;
}

int moon_tensor_ready(const moon_tensor *t) {
  if (t->storage->late && moon__late_fold(t->rt) < 0) return 0;
  return first_busy(t) < 0;
}

/* Of a split storage one writer at a time is watched: the ticket may come
 * while others still run, and the caller watches again. */
int moon_tensor_watch(moon_ctx *ctx, const moon_tensor *t, double ticket) {
  int status = t->storage->late ? moon__late_fold(ctx->rt) : MOON_OK;
  if (status < 0) return status;
  for (int i; (i = first_busy(t)) >= 0;) {
    moon__use w = writer_at(t, i);
    moon_event e = {w.stream, w.sequence};
    if (!moon_event_watch(ctx, e, ticket)) return 0;
  }
  return 1;
}

int moon_tensor_wait(moon_ctx *ctx, const moon_tensor *t) {
  int status = t->storage->late ? moon__late_fold(ctx->rt) : MOON_OK;
  if (status < 0) return status;
  for (int i; (i = first_busy(t)) >= 0;) {
    moon__use w = writer_at(t, i);
    moon_event_wait(ctx, (moon_event){w.stream, w.sequence});
  }
  return MOON_OK;
}

static moon__error *carried(const moon_tensor *t) {
  int first, count;
  moon__error *e = NULL;
  moon__storage_regions(t, &first, &count);
  for (int i = first; i < first + count; i++) {
    e = moon__error_earlier(e, t->storage->region[i]->error);
  }
  return e;
}

int moon_tensor_error(const moon_tensor *t) {
  if (t->storage->disposed) {
    return moon__fail(MOON_E_DISPOSED, "tensor %lld (%s %s) was disposed",
                      (long long)t->id, moon__dtype_name(t->dtype),
                      moon__text(t));
  }
  if (!moon_tensor_ready(t)) {
    return moon__fail(MOON_E_BUSY, "tensor %lld is not complete",
                      (long long)t->id);
  }
  moon__error *e = carried(t);
  return e ? moon__error_raise(e) : MOON_OK;
}

static bool is_far(const moon_tensor *t) {
  return t->rt->device[t->storage->device].gpu;
}

const void *moon_tensor_data(const moon_tensor *t) {
  if (t->storage->disposed || is_far(t)) return NULL;
  if (!moon_tensor_ready(t) || carried(t)) return NULL;
  return moon__operand(t).data;
}

int moon_tensor_item(const moon_tensor *t, int64_t index, double *out) {
  int status = moon_tensor_error(t);
  if (status < 0) return status;
  if (index < 0 || index >= t->numel) {
    return moon__fail(MOON_E_INDEX, "item: element %lld of %s",
                      (long long)index, moon__text(t));
  }
  if (is_far(t)) {
    return moon__fail(MOON_E_DEVICE, "item: the tensor is on %s; copy it to "
                      "the cpu", t->rt->device[t->storage->device].name);
  }
  int64_t at = 0;
  for (int d = t->ndim - 1; d >= 0; d--) {
    at += index % t->shape[d] * t->stride[d];
    index /= t->shape[d];
  }
  const void *p = moon__operand(t).data;
  switch (t->dtype) {
    case MOON_F32: *out = ((const float *)p)[at]; break;
    case MOON_F64: *out = ((const double *)p)[at]; break;
    case MOON_I64: *out = (double)((const int64_t *)p)[at]; break;
    case MOON_I32: *out = ((const int32_t *)p)[at]; break;
    case MOON_BF16: *out = moon_bf16_to_f32(((const uint16_t *)p)[at]); break;
    case MOON_F16: *out = moon_f16_to_f32(((const uint16_t *)p)[at]); break;
    default: *out = ((const uint8_t *)p)[at];
  }
  return MOON_OK;
}
