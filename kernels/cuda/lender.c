/* A thread's lender of device memory. */
#include "lender.h"

static _Thread_local const moon_gpu_lender *lender;

void moon_cuda_borrow(const moon_gpu_lender *from) { lender = from; }

void *moon_cuda_take(size_t nbytes) {
  return lender ? lender->take(lender->of, nbytes) : NULL;
}

void moon_cuda_give(void *p, size_t nbytes) {
  lender->give(lender->of, p, nbytes);
}
