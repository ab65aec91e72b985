/* Memory in the caller's hands: a raw view of a tensor, while which no op may
 * write it, or, where the caller writes, touch it. What comes later is ordered
 * by the queue, which the loop thread enters after it has written. */
#include "tensor.h"

enum { WRITER = -1 };  /* of storage->mapped; above 0: how many read */

/* Adds a use that is not complete. */
static void add(const moon_tensor *t, moon__use use, moon_event *out, int n,
                int *count) {
  if (!use.sequence || moon__use_complete(t->rt, use)) return;
  if (*count < n) out[*count] = (moon_event){use.stream, use.sequence};
  ++*count;
}

int moon_tensor_uses(const moon_tensor *t, moon_event *out, int n) {
  int first, regions, count = 0;
  if (t->storage->disposed) return 0;
  if (t->storage->late) {
    int status = moon__late_fold(t->rt);
    if (status < 0) return status;
  }
  moon__storage_regions(t, &first, &regions);
  for (int i = first; i < first + regions; i++) {
    const moon__region *r = t->storage->region[i];
    add(t, r->writer, out, n, &count);
    for (int k = 0; k < r->n_readers; k++) add(t, r->reader[k], out, n, &count);
  }
  return count;
}

static int check(moon_ctx *ctx, const moon_tensor *t, int writes) {
  int status = moon_tensor_error(t);
  if (status < 0) return status;
  if (!moon__is_contiguous(t)) {
    return moon__fail(MOON_E_VALUE, "map: the tensor %s does not lie row by "
                      "row in memory; map t:contiguous()", moon__text(t));
  }
  if (t->storage->mapped == WRITER || (writes && t->storage->mapped > 0)) {
    return moon__fail(MOON_E_BUSY, "map: the tensor %s is mapped already",
                      moon__text(t));
  }
  if (!writes) return MOON_OK;
  if (ctx->grad_mode > 0 && moon_tensor_needs_grad(t)) {
    return moon__fail(MOON_E_GRAD, "map: the tensor %s needs its gradient, and "
                      "what you write is in no graph; use no_grad or detach",
                      moon__text(t));
  }
  for (int d = 0; d < t->ndim; d++) {
    if (t->shape[d] > 1 && t->stride[d] == 0) {
      return moon__fail(MOON_E_SHAPE, "map: dimension %d of %s is expanded: "
                        "its elements share memory", d + 1, moon__text(t));
    }
  }
  moon_event event;
  if (moon_tensor_uses(t, &event, 1) == 0) return MOON_OK;
  return moon__fail(MOON_E_BUSY, "map: the tensor %s is in use",
                    moon__text(t));
}

int moon_tensor_map(moon_ctx *ctx, moon_tensor *t, int writes, void **out) {
  int status = check(ctx, t, writes);
  if (status < 0) return status;
  if (writes) {
    t->storage->mapped = WRITER;
  } else {
    t->storage->mapped++;
  }
  *out = moon__operand(t).data;
  return MOON_OK;
}

void moon_tensor_unmap(moon_tensor *t) {
  if (t->storage->mapped == WRITER) {
    t->storage->mapped = 0;
    t->storage->version++;
  } else {
    t->storage->mapped--;
  }
}

int moon__mapped_check(const char *op, const moon_tensor *t, bool reads) {
  if (reads && t->storage->mapped != WRITER) return MOON_OK;
  return moon__fail(MOON_E_BUSY, "%s: tensor %lld (%s %s) is mapped", op,
                    (long long)t->id, moon__dtype_name(t->dtype),
                    moon__text(t));
}
