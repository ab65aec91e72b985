/* From tensors to an op record. See op.h. */
#include <string.h>
#include "../device/gpu.h"
#include "op.h"

/* All still there and on one device; the device, or an error. A copy may
 * cross from one to another and runs where it writes. */
static int common_device(moon_ctx *ctx, const char *name, int kernel,
                         const moon__arg *args, int n) {
  int device = -1;
  for (int i = 0; i < n; i++) {
    const moon_tensor *t = args[i].t;
    if (!t) continue;
    if (t->storage->disposed) {
      return moon__fail(MOON_E_DISPOSED, "%s: tensor %lld (%s %s) was "
                        "disposed", name, (long long)t->id,
                        moon__dtype_name(t->dtype), moon__text(t));
    }
    if (t->storage->mapped) {
      bool reads = args[i].mode == MOON__READ || args[i].mode == MOON__OPTIONAL;
      int status = moon__mapped_check(name, t, reads);
      if (status < 0) return status;
    }
    if (device >= 0 && t->storage->device != device &&
        kernel != MOON_K_copy) {
      return moon__fail(MOON_E_DEVICE, "%s: tensors on %s and %s", name,
                        moon_device_name(ctx->rt, device),
                        moon_device_name(ctx->rt, t->storage->device));
    }
    device = t->storage->device;
  }
  return device < 0 ? ctx->device : device;
}

/* Between a GPU's memory and another: on the GPU's queue, on the target's where
 * both are. */
static int transfer_device(const moon_runtime *rt, int kernel,
                           const moon__arg *args, int device) {
  if (kernel != MOON_K_copy || rt->device[device].gpu) return device;
  int from = args[0].t->storage->device;
  return rt->device[from].gpu ? from : device;
}

static moon__transfer *transfer_of(const moon_runtime *rt, int kernel,
                                   const moon__arg *args) {
  if (kernel != MOON_K_copy) return NULL;
  int from = args[0].t->storage->device, to = args[1].t->storage->device;
  bool to_gpu = rt->device[to].gpu, from_gpu = rt->device[from].gpu;
  if (from == to || (!to_gpu && !from_gpu)) return NULL;
  moon__transfer *t = moon__calloc(1, sizeof *t);
  t->direction = !to_gpu ? MOON_GPU_TO_HOST
                 : from_gpu ? MOON_GPU_WITHIN : MOON_GPU_TO_DEVICE;
  t->from = from;
  t->to = to;
  t->nbytes = (size_t)args[1].t->numel * moon_dtype_size(args[1].t->dtype);
  return t;
}

/* bf16 and f16 are moved and cast everywhere, computed with only where the
 * device can. */
static int check_halves(moon_ctx *ctx, const char *name, int kernel,
                        int device, const moon__arg *args, int n) {
  const moon__device *d = &ctx->rt->device[device];
  if (moon_kernel_moves(kernel) || d->table->computes_halves) return MOON_OK;
  for (int i = 0; i < n; i++) {
    if (!args[i].t || !moon_dtype_is_half(args[i].t->dtype)) continue;
    return moon__fail(MOON_E_DTYPE, "%s: %s has no arithmetic on %s; cast to "
                      "f32", name, moon__dtype_name(args[i].t->dtype),
                      d->name);
  }
  return MOON_OK;
}

/* Queues what is still to move an operand. */
static int settle(moon_runtime *rt, int kernel, const moon__arg *args, int n) {
  if (!rt->late || kernel == MOON_K_running) return MOON_OK;
  for (int i = 0; i < n; i++) {
    if (args[i].t && args[i].t->storage->late) return moon__late_fold(rt);
  }
  return MOON_OK;
}

/* What an op touches: every region the tensor overlaps. A partial overwrite
 * leaves the rest of the region as it was, errors included. */
static void touch(moon__op *op, const moon__arg *arg, int i) {
  int first, count, mode = arg->mode;
  if (mode == MOON__OVERWRITE && !moon__covers_regions(arg->t)) {
    mode = MOON__UPDATE;
  }
  moon__storage_regions(arg->t, &first, &count);
  for (int r = first; r < first + count; r++) {
    moon__op_touch(op, arg->t->storage->region[r], mode, i);
  }
}

static void raise_version(moon_runtime *rt, const moon__op *op,
                          const moon__arg *arg) {
  if (arg->mode != MOON__UPDATE && arg->mode != MOON__OVERWRITE) return;
  if (moon__sim_mutates(rt, op, MOON_MUTATE_STALE_VERSION)) return;
  arg->t->storage->version++;
}

int moon__run(moon_ctx *ctx, const char *name, int kernel,
              const moon_params *params, const moon__arg *args, int n) {
  moon_runtime *rt = ctx->rt;
  moon__release_list_drain(rt);
  if (atomic_load_explicit(&rt->interrupted, memory_order_relaxed)) {
    int stopped = moon__interrupted(ctx);
    if (stopped < 0) return stopped;
  }
  int status = settle(rt, kernel, args, n);
  if (status < 0) return status;
  int device = common_device(ctx, name, kernel, args, n);
  if (device < 0) return device;
  device = transfer_device(rt, kernel, args, device);
  status = check_halves(ctx, name, kernel, device, args, n);
  if (status < 0) return status;
  const moon_kernel *k = moon__device_kernel(&rt->device[device], kernel);
  if (!k) {
    return moon__fail(MOON_E_KERNEL, "%s: no kernel on %s", name,
                      rt->device[device].name);
  }
  int stream = moon__stream_for(ctx, device);
  if (stream < 0) return stream;
  moon__op *op = moon__op_new(rt, n);
  op->name = name;
  op->kernel = k;
  op->device = device;
  op->stream = stream;
  op->site = ctx->site;
  op->call.kernel = kernel;
  op->transfer = transfer_of(rt, kernel, args);
  if (params) op->call.params = *params;
  for (int i = 0; i < n; i++) {
    op->call.arg[i].data = NULL;
    if (!args[i].t) continue;
    op->call.arg[i] = args[i].as ? moon__operand_as(args[i].t, *args[i].as)
                                 : moon__operand(args[i].t);
    touch(op, &args[i], i);
    raise_version(rt, op, &args[i]);
  }
  op->task = moon__task_retain(ctx->task);
  op->key = (moon__key){ctx->task->path, ctx->task->sequence++};
  moon__op_submit(rt, op);
  if (ctx->task->recording) {
    moon__note_run(ctx, name, kernel, params, args, n);
  }
  if (rt->debug & MOON_DEBUG_SYNC) {
    moon_event_wait(ctx, moon_stream_event(rt, stream));
  }
  return MOON_OK;
}

int moon__finish(int status, moon_tensor *y, moon_tensor **out) {
  if (status < 0) {
    moon__unref(y);
    return status;
  }
  *out = y;
  return status;
}
