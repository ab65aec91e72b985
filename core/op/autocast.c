/* Mixed precision, by the context's `autocast`; what is f64 takes no part.
 *
 * On a device that computes with bf16 and f16, as torch.amp does it:
 *
 *   products   cast their operands down, by an op of the graph, and give
 *              tensors of that dtype: conv2d, conv_transpose2d, linear,
 *              matmul, bmm, attention
 *   sums       and what else loses in few bits cast halves up to f32, or give
 *              f32: sums, means, norms, variances, products over dimensions,
 *              cumsum, softmax and its logarithm, losses, exp, log, pow
 *   meetings   of a half and an f32 tensor cast the half up: binary, where,
 *              blend
 *   in place   a target keeps its dtype, and what it takes is cast to it: add_
 *              (copy_ and fill_ cast anywhere)
 *
 * A weight stays f32, and so does its gradient: the gradient of a cast is cast
 * back. A weight is cast anew at each use, where torch.amp keeps the cast until
 * the region ends: in a step in which each weight is used once both cast it
 * once, as the graph keeps the half for the backward
 * (spec/cuda/mixed_graph_spec.lua counts), and nothing can go stale.
 * Products give a weight's gradient in the half, too, as in torch.amp: for f32
 * out of halves cuDNN 9.19 has no engine on an H100.
 *
 * Elsewhere tensors stay f32; products round their factors in the kernel
 * (params.conv, params.matmul), and f16 means nothing. */
#include "shared.h"

static bool computes_halves(const moon_ctx *ctx, const moon_tensor *x) {
  return ctx->rt->device[x->storage->device].table->computes_halves;
}

bool moon__rounds(const moon_ctx *ctx, const moon_tensor *x) {
  return ctx->autocast == MOON_BF16 && x->dtype == MOON_F32 &&
         !computes_halves(ctx, x);
}

bool moon__lifts(const moon_ctx *ctx, const moon_tensor *x) {
  return ctx->autocast && moon_dtype_is_half(x->dtype) &&
         computes_halves(ctx, x);
}

/* What cannot be cast is left for the op to speak about. */
static bool can_cast(const moon_ctx *ctx, const moon_tensor *t) {
  bool is_f32 = t->dtype == MOON_F32 || moon_dtype_is_half(t->dtype);
  return is_f32 && computes_halves(ctx, t) && !t->storage->disposed;
}

static int cast_all(moon__calc *c, moon_tensor **t, int n, int dtype) {
  for (int i = 0; i < n; i++) {
    if (!t[i] || t[i]->dtype == dtype || !can_cast(c->ctx, t[i])) continue;
    t[i] = moon__c_cast(c, t[i], dtype);
    if (c->status < 0) break;
  }
  return c->status;
}

static bool has(moon_tensor *const *t, int n, int dtype) {
  for (int i = 0; i < n; i++) {
    if (t[i] && t[i]->dtype == dtype) return true;
  }
  return false;
}

int moon__c_lower(moon__calc *c, moon_tensor **t, int n) {
  int dtype = c->ctx->autocast;
  if (!dtype || has(t, n, MOON_F64)) return c->status;
  return cast_all(c, t, n, dtype);
}

int moon__c_lift(moon__calc *c, moon_tensor **t, int n) {
  if (!c->ctx->autocast || (n > 1 && !has(t, n, MOON_F32))) return c->status;
  return cast_all(c, t, n, MOON_F32);
}

int moon__c_meet(moon__calc *c, moon_tensor **x, const moon_tensor *y) {
  if (!c->ctx->autocast || !can_cast(c->ctx, y)) return c->status;
  return cast_all(c, x, 1, y->dtype);
}

/* x and w are cast into the memory in which GPUs read them, or they would be
 * copied there. */
int moon__c_lower_conv(moon__calc *c, moon_tensor *t[3]) {
  int dtype = c->ctx->autocast;
  if (!dtype || has(t, 3, MOON_F64)) return c->status;
  for (int i = 0; i < 2 && c->status >= 0; i++) {
    moon_tensor *y = NULL;
    if (t[i]->dtype == dtype || t[i]->ndim != 4) continue;
    if (!can_cast(c->ctx, t[i])) continue;
    t[i] = moon__calc_own(c, moon__cast_image(c->ctx, t[i], dtype, &y), &y);
  }
  return c->status < 0 ? c->status : moon__c_lower(c, t, 3);
}

moon_tensor *moon__c_weight(moon__calc *c, moon_tensor *w) {
  if (c->status < 0) return NULL;
  bool stays = moon_dtype_is_half(w->dtype) && moon__is_channels_last(w);
  return stays ? w : moon__c_rows(c, w);
}

int moon__wide(int dtype) {
  return moon_dtype_is_half(dtype) ? MOON_F32 : dtype;
}

int moon__check_beside(const char *op, const char *arg, const moon_tensor *t,
                       const moon_tensor *x) {
  if (t->dtype == x->dtype || t->dtype == moon__wide(x->dtype)) return MOON_OK;
  return moon__fail(MOON_E_DTYPE, "%s: %s is %s, x is %s; cast one", op, arg,
                    moon__dtype_name(t->dtype), moon__dtype_name(x->dtype));
}
