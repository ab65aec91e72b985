/* From a call to its problem and key. See convolution.h. */
#include <string.h>
#include "convolution.h"

/* What is behind the last window is not read, but oneDNN wants the symmetric
 * padding stated. */
static conv_problem problem_of(const moon_operand *x, const moon_operand *w,
                               const moon_operand *y, const moon_params *q) {
  conv_problem p = {
      .n = x->shape[0], .c = x->shape[1], .h = x->shape[2], .w = x->shape[3],
      .groups = q->conv.groups, .k = w->shape[0], .kh = w->shape[2],
      .kw = w->shape[3], .oh = y->shape[2], .ow = y->shape[3]};
  for (int i = 0; i < 2; i++) {
    p.stride[i] = q->conv.stride[i];
    p.padding[i] = p.after[i] = q->conv.padding[i];
    p.dilation[i] = q->conv.dilation[i];
  }
  return p;
}

/* Whether all but y's strides is as it should be. */
static bool nearly_fits(const moon_operand *x, const moon_operand *w,
                        const moon_operand *y, const moon_operand *bias) {
  if (!cpu_is_f32(x) || !cpu_is_f32(w) || !cpu_is_f32(y)) return false;
  if (!moon_operand_numel(x) || !moon_operand_numel(w) ||
      !moon_operand_numel(y)) {
    return false;
  }
  if (bias && !cpu_is_vector(bias, w->shape[0])) return false;
  for (int d = 0; d < 4; d++) {
    if (w->stride[d] < 0 || (w->stride[d] == 0 && w->shape[d] > 1)) {
      return false;
    }
  }
  return cpu_is_channels_last(x);
}

bool moon_cpu_conv_fits(const moon_operand *x, const moon_operand *w,
                        const moon_operand *y, const moon_operand *bias) {
  return nearly_fits(x, w, y, bias) && cpu_is_channels_last(y);
}

bool moon_cpu_conv_grad_fits(const moon_operand *x, const moon_operand *w,
                             const moon_operand *dy, const moon_operand *db,
                             bool masked) {
  return nearly_fits(x, w, dy, db) && (masked || cpu_is_channels_last(dy));
}

conv_key moon_cpu_conv_key(const moon_call *call, const moon_operand *x,
                           const moon_operand *w, const moon_operand *y,
                           bool has_bias) {
  conv_key key = {.kernel = call->kernel,
                  .p = problem_of(x, w, y, &call->params),
                  .has_bias = has_bias,
                  .strict = call->params.conv.strict,
                  .bf16 = call->params.conv.bf16 && moon_has_bf16()};
  memcpy(key.w_stride, w->stride, sizeof key.w_stride);
  return key;
}
