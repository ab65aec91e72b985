/* Products by cuBLASLt: what matmul.c and matmul_plan.c share.
 *
 * cuBLASLt thinks in columns, so y = a b is asked for as y^T = b^T a^T: rows of
 * ours are columns of its. Then its bias runs along our last dimension. */
#ifndef MOON_CUDA_MATMUL_H
#define MOON_CUDA_MATMUL_H
#include <stdbool.h>
#include "library.h"

/* Bytes that divide a bias's address where it is added by cuBLASLt. */
enum { MATMUL_BIAS_ALIGN = 16 };

/* A matrix as cuBLASLt has it: `across` when it must be transposed. */
typedef struct matmul_side {
  int64_t ld, batch_stride;
  int32_t across, align;
} matmul_side;

typedef struct matmul_key {
  int64_t m, n, k, batch;
  matmul_side a, b, y;        /* y's `across`: its columns are contiguous */
  int32_t dtype, device, compute, epilogue, adds, unused;
} matmul_key;

typedef struct matmul_plan {
  matmul_key key;             /* without an epilogue that there is none for */
  cublasLtMatmulDescOpaque_t product;
  cublasLtMatrixLayoutOpaque_t left, right, y;
  cublasLtMatmulAlgo_t algorithm;
  size_t workspace;
} matmul_plan;

int moon_matmul_find(const matmul_key *key, int may_create,
                     const matmul_plan **out, moon_fail *fail);
/* One batch of products; data are a, b, y and the bias, which may be NULL. */
int moon_matmul_run(const matmul_plan *plan, void *const data[4],
                    void *workspace, void *queue, moon_fail *fail);

#endif
