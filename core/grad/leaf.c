/* Leaves: which tensors want a gradient, and the gradient they have. */
#include "../op/shared.h"

int moon_tensor_set_requires_grad(moon_tensor *t, int on) {
  if (on && !moon__dtype_is_float(t->dtype)) {
    return moon__fail(MOON_E_DTYPE, "requires_grad: %s; only f32 and f64 have "
                      "gradients", moon__dtype_name(t->dtype));
  }
  if (!moon_tensor_is_leaf(t)) {
    const moon__rule *rule = t->node ? t->node->rule : NULL;
    return on ? MOON_OK
              : moon__fail(MOON_E_GRAD, "requires_grad: the tensor is the "
                           "output of %s; detach it",
                           rule ? rule->name : "a view");
  }
  t->requires_grad = on != 0;
  if (!on && t->node) moon__node_leave(t);
  return MOON_OK;
}

int moon_tensor_needs_grad(const moon_tensor *t) {
  if (moon__is_stale(t)) t = t->base;
  return t->requires_grad || (t->node && t->node->rule);
}

int moon_tensor_is_leaf(const moon_tensor *t) {
  if (moon__is_stale(t) && moon_tensor_needs_grad(t->base)) return 0;
  return !t->node || !t->node->rule;
}

moon_tensor *moon_tensor_grad(moon_ctx *ctx, moon_tensor *t) {
  if (ctx->task->recording) moon__note_look(ctx, t);
  if (t->node) moon__leaf_fold(t->node);
  return t->grad ? moon_tensor_retain(t->grad) : NULL;
}

int moon_tensor_set_grad(moon_ctx *ctx, moon_tensor *t, moon_tensor *grad) {
  int status = grad ? moon__check_live("grad", grad) : MOON_OK;
  if (status >= 0 && grad) status = moon__check_same_device("grad", t, grad);
  if (status < 0) return status;
  if (grad && (grad->dtype != t->dtype ||
               !moon__shape_equal(moon__shape_of(t), moon__shape_of(grad)))) {
    return moon__fail(MOON_E_SHAPE, "grad: %s %s for a tensor %s %s",
                      moon__dtype_name(grad->dtype), moon__text(grad),
                      moon__dtype_name(t->dtype), moon__text(t));
  }
  if (t->node) moon__leaf_forget(t->node);
  if (grad) moon_tensor_retain(grad);
  moon__unref(t->grad);
  t->grad = grad;
  if (ctx->task->recording) moon__note_grad(ctx, t, grad, false);
  return MOON_OK;
}

int moon_detach(moon_ctx *ctx, moon_tensor *x, moon_tensor **out) {
  moon__release_list_drain(ctx->rt);
  int status = moon__check_live("detach", x);
  if (status < 0) return status;
  *out = moon__tensor_alias(x);
  return MOON_OK;
}

static int no_rule(moon__back *b) {
  (void)b;
  return moon__fail(MOON_E_GRAD, "user-defined op: its gradient is Lua's");
}

static const moon__rule user_rule = {"user-defined op", no_rule};

int moon_user_node(moon_ctx *ctx, moon_tensor *out, int n,
                   moon_tensor *const *inputs, double id) {
  if (out->node && out->node->rule) {
    return moon__fail(MOON_E_GRAD, "user-defined op: its forward recorded a "
                      "graph; compute the output under no_grad");
  }
  moon__node *node = moon__record(ctx, &user_rule, 0, out, inputs, n);
  if (node) {
    node->user_id = id;
    return 1;
  }
  return 0;
}
