/* This instruction set's kernels, by number. */
#include "simd.h"

#define KERNELS(X)                                                          \
  X(fill) X(copy) X(unary) X(binary) X(add_into) X(relu_grad) X(reduce)     \
  X(softmax) X(softmax_grad) X(cross_entropy) X(cross_entropy_grad)         \
  X(max_pool2d) X(max_pool2d_grad) X(batch_norm) X(batch_norm_eval)         \
  X(batch_norm_grad) X(dropout) X(random) X(index_select) X(step)           \
  X(statistics) X(batch_images) X(group_norm) X(group_norm_grad) X(blend)   \
  X(blend_grad) X(attention) X(attention_grad) X(layer_norm)                \
  X(layer_norm_grad) X(index_add) X(gather) X(scatter_add) X(unary_grad)    \
  X(where) X(any) X(cumsum) X(log_softmax) X(log_softmax_grad)              \
  X(arg_reduce) X(affine) X(jitter) X(cutout) X(mixup) X(pad) X(pad_grad)   \
  X(avg_pool2d) X(avg_pool2d_grad) X(triangle) X(sort) X(one_hot)

#define DECLARE(name) extern const moon_kernel MOON_NAME(name);
KERNELS(DECLARE)

#define ROW(name) [MOON_K_##name] = &MOON_NAME(name),
extern const cpu_weights_simd MOON_NAME(weights);
extern bool MOON_NAME(multiply)(const cpu_product *p);
extern const struct cpu_winograd_simd MOON_NAME(winograd);
extern const struct cpu_winograd_product_simd MOON_NAME(winograd_product);
extern const struct cpu_winograd_weights_simd MOON_NAME(winograd_weights);
extern const struct cpu_depthwise_simd MOON_NAME(depthwise);
extern const struct cpu_depthwise_weights_simd MOON_NAME(depthwise_weights);
extern const struct cpu_mask_simd MOON_NAME(mask);
const cpu_simd MOON_NAME(simd) = {.kernel = {KERNELS(ROW)},
                                  .weights = &MOON_NAME(weights),
                                  .multiply = MOON_NAME(multiply),
                                  .winograd = &MOON_NAME(winograd),
                                  .winograd_product =
                                      &MOON_NAME(winograd_product),
                                  .winograd_weights =
                                      &MOON_NAME(winograd_weights),
                                  .depthwise = &MOON_NAME(depthwise),
                                  .depthwise_weights =
                                      &MOON_NAME(depthwise_weights),
                                  .mask = &MOON_NAME(mask)};
