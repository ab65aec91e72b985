/* What a convolution with ReLU keeps for its gradients.
 *
 * dy counts where y > 0. A device may keep that as bits, which its convolution
 * writes and its gradients read while they read dy; then y itself is not kept,
 * and no pass of its own masks dy. Other devices keep y (relu.c). The bits of
 * the results are the same. */
#include "shared.h"

enum { MAX_ARGS = 5 };

moon_tensor *moon__c_mask(moon__calc *c, const moon_ctx *ctx,
                          const moon_params *params, const moon__arg *arg,
                          moon_tensor *const inputs[3]) {
  moon_operand operand[MAX_ARGS];
  moon_call call = {.kernel = MOON_K_conv2d, .n = MAX_ARGS, .arg = operand,
                    .params = *params};
  int wants[3];
  if (c->status < 0 || params->conv.epilogue != MOON_EPILOGUE_RELU) return NULL;
  const moon__device *d = &c->ctx->rt->device[arg[0].t->storage->device];
  if (!d->table->mask_bytes) return NULL;
  for (int i = 0; i < 3; i++) {
    wants[i] = inputs[i] && moon__trains(ctx, inputs[i]);
  }
  if (!wants[0] && !wants[1] && !wants[2]) return NULL;
  for (int i = 0; i < MAX_ARGS; i++) {
    operand[i].data = NULL;
    if (!arg[i].t) continue;
    if (arg[i].t->storage->disposed) return NULL;
    operand[i] = moon__operand(arg[i].t);
  }
  moon__shape s = {1, {d->table->mask_bytes(&call, wants)}};
  if (s.dim[0] == 0) {  /* or the device does not know yet */
    moon__note_unsure(ctx);
    return NULL;
  }
  return moon__c_new(c, arg[0].t, MOON_U8, s, MOON__ROWS);
}

moon_tensor *moon__c_any_pixels(moon__calc *c, moon_tensor *dy) {
  bool joined = dy->ndim == 4 && (dy->stride[1] == 1 || dy->shape[1] == 1);
  return joined ? dy : moon__c_channels_last(c, dy);
}
