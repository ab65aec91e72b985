/* What a convolution with ReLU keeps of y for its gradients. See mask.h. */
#include <stdio.h>
#include "convolution.h"

cpu_masked moon_cpu_masked(const moon_call *call, int k, int m) {
  const moon_operand *dy = &call->arg[k], *mask = cpu_optional(call, m);
  return (cpu_masked){
      .data = dy->data, .mask = mask ? mask->data : NULL,
      .stride = {dy->stride[0], dy->stride[2], dy->stride[3]},
      .channels = dy->shape[1], .rows = dy->shape[2], .columns = dy->shape[3]};
}

/* --- tile by tile: where the product itself knows no mask ----------------- */
void moon_cpu_conv_mask(const conv_state *s, const conv_tile *t,
                        const cpu_masked *dy, float *rooms, int part,
                        void **data) {
  if (!dy->mask) return;
  bool turned = s->way == CONV_FORWARD;
  int64_t lo = turned ? t->x : t->y, n = turned ? t->numel_x : t->numel;
  float *to = rooms + part * s->mask_room;
  moon_cpu_simd()->mask->apply(dy, lo, lo + n, to);
  data[turned ? 0 : 2] = to;
}

size_t moon_cpu_conv_mask_rooms(const conv_state *s) {
  return (size_t)(s->parts * s->mask_room) * sizeof(float);
}

/* --- for whom ------------------------------------------------------------- */
enum { X, W, Y, B };

static bool masks(conv_key *key, int kernel, bool has_bias) {
  key->kernel = kernel;
  key->has_bias = has_bias;
  return moon_cpu_conv_masks(key);
}

int64_t moon_cpu_mask_bytes(const moon_call *call, const int wants[3]) {
  const moon_operand *x = &call->arg[X], *w = &call->arg[W];
  const moon_operand *y = &call->arg[Y], *b = cpu_optional(call, B);
  if (w->shape[0] % 16 || (wants[2] && !wants[1])) return 0;
  if (!moon_cpu_conv_fits(x, w, y, b)) return 0;
  conv_key key = moon_cpu_conv_key(call, x, w, y, b != NULL);
  bool all = masks(&key, MOON_K_conv2d, b != NULL) &&
             (!wants[0] || masks(&key, MOON_K_conv2d_grad_x, false)) &&
             (!wants[1] || masks(&key, MOON_K_conv2d_grad_w, wants[2]));
  return all ? moon_operand_numel(y) / 8 : 0;
}

int moon_cpu_conv_no_memory(moon_fail *fail) {
  snprintf(fail->text, sizeof fail->text, "no memory for a plan");
  return MOON_E_MEMORY;
}
