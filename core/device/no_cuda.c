/* Where the GPU will plug in. This build has no CUDA backend: libmoonseed_cuda
 * is opened from here once it exists, and until then "cuda:N" says why not. */
#include "device.h"

const char *moon__cuda_absent(void) {
  return "this build has no CUDA backend (libmoonseed_cuda.so)";
}
