/* The reference backend: every kernel of kernel.h as a readable definition,
 * but for save, which is the file system's (core/file/save.c), and conv2d_pack,
 * which none here needs. */
#include "../kernel.h"

#define KERNELS(X)                                                          \
  X(fill) X(arange) X(copy) X(unary) X(binary) X(add_into) X(relu_grad)     \
  X(reduce) X(arg_reduce) X(softmax) X(softmax_grad) X(cross_entropy)       \
  X(cross_entropy_grad) X(matmul) X(conv2d) X(conv2d_grad_x)                \
  X(conv2d_grad_w) X(max_pool2d) X(max_pool2d_grad) X(batch_norm)           \
  X(running) X(batch_norm_eval) X(batch_norm_grad) X(dropout) X(random)     \
  X(randperm) X(index_select) X(index_add) X(gather) X(scatter_add) X(step) \
  X(statistics) X(batch_images) X(store) X(group_norm) X(group_norm_grad)   \
  X(layer_norm) X(layer_norm_grad) X(blend) X(blend_grad) X(attention)      \
  X(attention_grad) X(unary_grad) X(where) X(any) X(cumsum) X(log_softmax)  \
  X(log_softmax_grad) X(affine) X(jitter) X(cutout) X(mixup) X(multinomial) \
  X(pad) X(pad_grad) X(avg_pool2d) X(avg_pool2d_grad) X(triangle) X(sort)   \
  X(one_hot)

#define DECLARE(name) extern const moon_kernel moon_ref_##name;
KERNELS(DECLARE)

#define ROW(name) [MOON_K_##name] = &moon_ref_##name,
const moon_kernel_table moon_ref_table = {.name = "ref",
                                          .kernel = {KERNELS(ROW)},
                                          .adds_to_conv2d = 1};
