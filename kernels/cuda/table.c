/* The kernels of a CUDA device. What is missing is reported by name: `no kernel
 * on cuda`. */
#include "../kernel.h"

#define KERNELS(X)                                                          \
  X(fill) X(arange) X(copy) X(unary) X(binary) X(add_into) X(relu_grad)     \
  X(unary_grad) X(where) X(any) X(cumsum) X(log_softmax)                    \
  X(log_softmax_grad) X(reduce) X(arg_reduce) X(softmax) X(softmax_grad)    \
  X(cross_entropy) X(cross_entropy_grad) X(matmul) X(conv2d)                \
  X(conv2d_grad_x) X(conv2d_grad_w) X(max_pool2d) X(max_pool2d_grad)        \
  X(avg_pool2d) X(avg_pool2d_grad) X(batch_norm) X(running)                 \
  X(batch_norm_eval) X(batch_norm_grad) X(group_norm) X(group_norm_grad)    \
  X(layer_norm) X(layer_norm_grad) X(blend) X(blend_grad) X(dropout)        \
  X(random) X(randperm) X(index_select) X(index_add) X(gather)              \
  X(scatter_add) X(step) X(statistics) X(batch_images) X(pad) X(pad_grad)   \
  X(triangle) X(one_hot) X(sort) X(multinomial) X(affine) X(jitter)     \
  X(cutout) X(mixup) X(attention) X(attention_grad)

#define DECLARE(name) extern const moon_kernel moon_cuda_##name;
KERNELS(DECLARE)

#define ROW(name) [MOON_K_##name] = &moon_cuda_##name,
extern const moon_kernel_table moon_cuda_table;
const moon_kernel_table moon_cuda_table = {
    .name = "cuda", .kernel = {KERNELS(ROW)}, .computes_halves = 1,
    .adds_to_conv2d = 1, .pools_batch_norm = 1};
