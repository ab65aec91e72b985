/* Memory of the device for a plan while it is made, from the thread's lender
 * (gpu.h): within the user's limit, where cudaMalloc would know of none. */
#ifndef MOON_CUDA_LENDER_H
#define MOON_CUDA_LENDER_H
#include "../gpu.h"

#ifdef __cplusplus
extern "C" {
#endif

void moon_cuda_borrow(const moon_gpu_lender *lender);
/* NULL: there is no more, or no lender. */
void *moon_cuda_take(size_t nbytes);
void moon_cuda_give(void *p, size_t nbytes);

#ifdef __cplusplus
}
#endif
#endif
