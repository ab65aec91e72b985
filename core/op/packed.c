/* Weights as convolution kernels like to read them.
 *
 * A kernel that reads its weights in an order of its own finds a copy of them
 * there: made by an op of its own, kept with the weight's memory, and made
 * again once the weight has another version. So a weight that is used again
 * and again is brought into that order once. A call that finds no copy (its
 * order is not known before it was planned for the first time, or there is no
 * memory for it) packs for itself; the bits are the same.
 *
 * In a step of training each copy is mostly used once, and all of them together
 * take several times the memory of the weights (Winograd's are four times as
 * large). So there a large copy goes with the call that it was made for.
 *
 * What is recorded (core/capture) must not depend on what there happens to be,
 * so calls pack for themselves there.
 */
#include "shared.h"

enum { MAX_ARGS = 5, LARGE = 1 << 18 /* elements, 1 MB */ };

/* The place of this copy; drops what was made of other versions. */
static moon__packed *find(moon__storage *s, const void *order,
                          int64_t offset) {
  moon__packed *found = NULL;
  for (moon__packed *p = s->packed; p; p = p->next) {
    if (p->order == order && p->offset == offset) found = p;
    if (p->version == s->version) continue;
    moon__unref(p->t);
    p->t = NULL;
  }
  if (found) return found;
  moon__packed *p = moon__calloc(1, sizeof *p);
  *p = (moon__packed){.next = s->packed, .order = order, .offset = offset};
  return s->packed = p;
}

/* Its op never ran, because its task was cancelled, say. */
static bool has_failed(const moon_tensor *t) {
  return moon_tensor_ready(t) && t->storage->only->error;
}

/* Whether the call wants its weights in an order of its own, and which. */
static bool wants(const moon__device *d, int kernel, const moon_params *params,
                  const moon__arg *arg, int n, moon_order *order) {
  moon_operand operand[MAX_ARGS];
  moon_call call = {.kernel = kernel, .n = n, .arg = operand,
                    .params = *params};
  if (!d->table->weight_order) return false;
  for (int i = 0; i < n; i++) {
    operand[i].data = NULL;
    if (!arg[i].t) continue;
    if (arg[i].t->storage->disposed) return false;
    operand[i] = moon__operand(arg[i].t);
  }
  return d->table->weight_order(&call, order);
}

moon_tensor *moon__c_packed(moon__calc *c, int kernel,
                            const moon_params *params, const moon__arg *arg,
                            int n, moon_tensor *w) {
  if (c->status < 0 || c->ctx->task->recording) return NULL;
  const moon__device *d = &c->ctx->rt->device[w->storage->device];
  moon_order order;
  if (!wants(d, kernel, params, arg, n, &order)) return NULL;
  moon__packed *p = find(w->storage, order.id, w->offset);
  if (p->t && !has_failed(p->t)) return p->t;
  moon__unref(p->t);
  p->t = NULL;
  bool once = c->trains && order.numel > LARGE;
  moon_tensor *t;
  moon__shape s = {1, {order.numel}};
  int device = w->storage->device;
  if (moon__tensor_new(c->ctx, device, MOON_F32, s, MOON__ROWS, &t) < 0) {
    return NULL;
  }
  moon__tensor_uncount(t);
  moon_params order_params = {.pack = {order.id}};
  moon__arg args[] = {{w, MOON__READ, NULL}, {t, MOON__WRITE, NULL}};
  moon__c_run(c, "conv2d pack", MOON_K_conv2d_pack, &order_params, args, 2);
  if (once) return moon__calc_own(c, c->status, &t);
  p->version = w->storage->version;
  if (c->status >= 0) return p->t = t;
  moon__unref(t);
  return NULL;
}
