/* The kernels of a CUDA device. What is missing is reported by name: `no kernel
 * on cuda`. */
#include "../kernel.h"

#define KERNELS(X)                                                          \
  X(fill) X(arange) X(copy) X(matmul) X(conv2d) X(conv2d_grad_x)            \
  X(conv2d_grad_w) X(unary) X(unary_grad) X(binary) X(add_into) X(where)    \
  X(relu_grad) X(reduce) X(arg_reduce) X(any) X(softmax)                    \
  X(softmax_grad) X(log_softmax) X(log_softmax_grad) X(cross_entropy)       \
  X(cross_entropy_grad) X(blend) X(blend_grad) X(dropout) X(random)         \
  X(randperm) X(cumsum)

#define DECLARE(name) extern const moon_kernel moon_cuda_##name;
KERNELS(DECLARE)

#define ROW(name) [MOON_K_##name] = &moon_cuda_##name,
extern const moon_kernel_table moon_cuda_table;
const moon_kernel_table moon_cuda_table = {"cuda", {KERNELS(ROW)}, NULL, 1};
