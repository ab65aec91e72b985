/* cuDNN and cuBLASLt, opened at their first use: where they are not installed,
 * everything but convolution and matmul still works.
 *
 * Each is looked for in $MOONSEED_CUDNN (folders, a:b), on the linker's path,
 * in CUDA's own folder and in Python's packages.
 */
#ifndef MOON_CUDA_LIBRARY_H
#define MOON_CUDA_LIBRARY_H
#include <cublasLt.h>
#include <cuda_runtime_api.h>
#include <cudnn.h>
#include "../kernel.h"

#define MOON_CUDNN(X)                                                      \
  X(cudnnGetVersion) X(cudnnCreate) X(cudnnSetStream)                      \
  X(cudnnGetErrorString) X(cudnnGetLastErrorString)                        \
  X(cudnnBackendCreateDescriptor) X(cudnnBackendDestroyDescriptor)         \
  X(cudnnBackendSetAttribute) X(cudnnBackendGetAttribute)                  \
  X(cudnnBackendFinalize) X(cudnnBackendExecute)
#define MOON_CUBLASLT(X)                                                   \
  X(cublasLtCreate) X(cublasLtGetStatusString) X(cublasLtMatmul)           \
  X(cublasLtMatmulDescInit_internal) X(cublasLtMatmulDescSetAttribute)     \
  X(cublasLtMatrixLayoutInit_internal)                                     \
  X(cublasLtMatrixLayoutSetAttribute)                                      \
  X(cublasLtMatmulPreferenceInit_internal)                                 \
  X(cublasLtMatmulPreferenceSetAttribute)                                  \
  X(cublasLtMatmulAlgoGetHeuristic)

#define MOON_LIBRARY_FIELD(name) __typeof__(name) *name;
typedef struct moon_cudnn { MOON_CUDNN(MOON_LIBRARY_FIELD) } moon_cudnn;
typedef struct moon_cublaslt {
  MOON_CUBLASLT(MOON_LIBRARY_FIELD)
} moon_cublaslt;

/* NULL with the reason in `fail`: MOON_E_BACKEND. */
const moon_cudnn *moon_cudnn_open(moon_fail *fail);
const moon_cublaslt *moon_cublaslt_open(moon_fail *fail);

/* The calling thread's handle for its current device, working on `queue`. */
int moon_cudnn_handle(const moon_cudnn *lib, void *queue, cudnnHandle_t *out,
                      moon_fail *fail);
int moon_cublaslt_handle(const moon_cublaslt *lib, cublasLtHandle_t *out,
                         moon_fail *fail);

/* Sets the text; returns `status`. */
int moon_library_fail(moon_fail *fail, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* --- what was planned, by key ------------------------------------------
 * A key is bytes without gaps, a multiple of eight. `make` is called once for
 * each key that it succeeds for, by one thread at a time; states are kept. */
typedef int moon_cuda_make(const void *key, const void **state,
                           moon_fail *fail);
int moon_cuda_find(const void *key, size_t size, int may_create,
                   moon_cuda_make *make, const void **state, moon_fail *fail);

#endif
