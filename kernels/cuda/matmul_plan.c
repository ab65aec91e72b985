/* cuBLASLt's descriptors and algorithm of a product, by key. See matmul.h. */
#include <stdlib.h>
#include "matmul.h"

/* As cuBLAS recommends for Hopper. */
static const uint64_t most_workspace = 32u << 20;

static int failed(const moon_cublaslt *lib, const matmul_key *q,
                  cublasStatus_t error, moon_fail *fail) {
  int status = error == CUBLAS_STATUS_NOT_SUPPORTED ? MOON_E_KERNEL
                                                    : MOON_E_BACKEND;
  return moon_library_fail(
      fail, status, "cuBLASLt: %s (m %lld, n %lld, k %lld, %lld times)",
      lib->cublasLtGetStatusString(error), (long long)q->m, (long long)q->n,
      (long long)q->k, (long long)q->batch);
}

static cudaDataType_t data_type(int dtype) {
  switch (dtype) {
    case MOON_F64: return CUDA_R_64F;
    case MOON_BF16: return CUDA_R_16BF;
    case MOON_F16: return CUDA_R_16F;
    default: return CUDA_R_32F;
  }
}

/* --- descriptors ------------------------------------------------------ */
static cublasStatus_t describe_side(const moon_cublaslt *lib,
                                    const matmul_key *q, matmul_side s,
                                    int64_t rows, int64_t columns,
                                    cublasLtMatrixLayoutOpaque_t *out) {
  int32_t batch = (int32_t)q->batch;
  cublasStatus_t error = lib->cublasLtMatrixLayoutInit_internal(
      out, sizeof *out, data_type(q->dtype), (uint64_t)rows,
      (uint64_t)columns, s.ld);
  if (!error) {
    error = lib->cublasLtMatrixLayoutSetAttribute(
        out, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &batch, sizeof batch);
  }
  if (!error) {
    error = lib->cublasLtMatrixLayoutSetAttribute(
        out, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &s.batch_stride,
        sizeof s.batch_stride);
  }
  return error;
}

static bool has_bias(const matmul_key *q) {
  return q->epilogue == CUBLASLT_EPILOGUE_BIAS ||
         q->epilogue == CUBLASLT_EPILOGUE_RELU_BIAS;
}

/* The left factor is b^T [n,k], the right one a^T [k,m], y^T [n,m]; where y
 * lies in columns, a [m,k], b [k,n] and y [m,n]. */
static cublasStatus_t describe(const moon_cublaslt *lib, matmul_plan *p) {
  const matmul_key *q = &p->key;
  bool plain = q->y.across;
  matmul_side left = plain ? q->a : q->b, right = plain ? q->b : q->a;
  int64_t rows = plain ? q->m : q->n, columns = plain ? q->n : q->m;
  /* In columns already: a matrix of ours that lies across. */
  bool left_turns = plain != left.across, right_turns = plain != right.across;
  cublasOperation_t op[] = {left_turns ? CUBLAS_OP_T : CUBLAS_OP_N,
                            right_turns ? CUBLAS_OP_T : CUBLAS_OP_N};
  cublasLtEpilogue_t epilogue = (cublasLtEpilogue_t)q->epilogue;
  /* For the heuristics, which look at its alignment. */
  void *bias = has_bias(q) ? (void *)(uintptr_t)MATMUL_BIAS_ALIGN : NULL;
  cudaDataType_t scale = q->dtype == MOON_F64 ? CUDA_R_64F : CUDA_R_32F;
  cublasStatus_t error = lib->cublasLtMatmulDescInit_internal(
      &p->product, sizeof p->product, (cublasComputeType_t)q->compute, scale);
  const struct { int name; const void *value; size_t size; } attribute[] = {
      {CUBLASLT_MATMUL_DESC_TRANSA, &op[0], sizeof *op},
      {CUBLASLT_MATMUL_DESC_TRANSB, &op[1], sizeof *op},
      {CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue},
      {CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias, sizeof bias}};
  for (int i = 0; i < (bias ? 4 : 3) && !error; i++) {
    error = lib->cublasLtMatmulDescSetAttribute(
        &p->product, (cublasLtMatmulDescAttributes_t)attribute[i].name,
        attribute[i].value, attribute[i].size);
  }
  if (!error) {
    error = describe_side(lib, q, left, left_turns ? q->k : rows,
                          left_turns ? rows : q->k, &p->left);
  }
  if (!error) {
    error = describe_side(lib, q, right, right_turns ? columns : q->k,
                          right_turns ? q->k : columns, &p->right);
  }
  return error ? error : describe_side(lib, q, q->y, rows, columns, &p->y);
}

/* --- algorithms ------------------------------------------------------- */
/* Slices of k are summed in f32 in a fixed order, or there are none. */
static cublasStatus_t choose(const moon_cublaslt *lib, cublasLtHandle_t handle,
                             matmul_plan *p) {
  const matmul_key *q = &p->key;
  bool plain = q->y.across;
  uint32_t reduction = CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;
  uint32_t left = (uint32_t)(plain ? q->a.align : q->b.align);
  uint32_t right = (uint32_t)(plain ? q->b.align : q->a.align);
  uint32_t y = (uint32_t)q->y.align;
  const struct { int name; const void *value; size_t size; } attribute[] = {
      {CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &most_workspace,
       sizeof most_workspace},
      {CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, &reduction,
       sizeof reduction},
      {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, &left, sizeof left},
      {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, &right, sizeof right},
      {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, &y, sizeof y},
      {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, &y, sizeof y}};
  cublasLtMatmulPreferenceOpaque_t wish;
  cublasStatus_t error =
      lib->cublasLtMatmulPreferenceInit_internal(&wish, sizeof wish);
  for (int i = 0; i < 6 && !error; i++) {
    error = lib->cublasLtMatmulPreferenceSetAttribute(
        &wish, (cublasLtMatmulPreferenceAttributes_t)attribute[i].name,
        attribute[i].value, attribute[i].size);
  }
  cublasLtMatmulHeuristicResult_t best;
  int found = 0;
  if (!error) {
    error = lib->cublasLtMatmulAlgoGetHeuristic(
        handle, &p->product, &p->left, &p->right, &p->y, &p->y, &wish, 1,
        &best, &found);
  }
  if (error) return error;
  if (found == 0) return CUBLAS_STATUS_NOT_SUPPORTED;
  p->algorithm = best.algo;
  p->workspace = best.workspaceSize;
  return best.state;
}

/* As asked for, or without the epilogue, which a kernel of ours does then. */
static cublasStatus_t find_algorithm(const moon_cublaslt *lib,
                                     cublasLtHandle_t handle,
                                     matmul_plan *p) {
  cublasStatus_t error = describe(lib, p);
  if (!error) error = choose(lib, handle, p);
  if (!error || p->key.epilogue == CUBLASLT_EPILOGUE_DEFAULT) return error;
  p->key.epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  error = describe(lib, p);
  return error ? error : choose(lib, handle, p);
}

static int make(const void *key, const void **state, moon_fail *fail) {
  cublasLtHandle_t handle;
  const moon_cublaslt *lib = moon_cublaslt_open(fail);
  if (!lib) return MOON_E_BACKEND;
  int status = moon_cublaslt_handle(lib, &handle, fail);
  matmul_plan *p = status < 0 ? NULL : calloc(1, sizeof *p);
  if (status < 0) return status;
  if (!p) return moon_library_fail(fail, MOON_E_MEMORY, "no memory");
  p->key = *(const matmul_key *)key;
  cublasStatus_t error = find_algorithm(lib, handle, p);
  if (error) {
    status = failed(lib, &p->key, error, fail);
    free(p);
    return status;
  }
  *state = p;
  return MOON_OK;
}

int moon_matmul_find(const matmul_key *key, int may_create,
                     const matmul_plan **out, moon_fail *fail) {
  const void *state;
  int status = moon_cuda_find(key, sizeof *key, may_create, make, &state,
                              fail);
  if (status >= 0) *out = state;
  return status;
}

int moon_matmul_run(const matmul_plan *plan, void *const data[4],
                    void *workspace, void *queue, moon_fail *fail) {
  cublasLtHandle_t handle;
  const matmul_key *q = &plan->key;
  void *y = data[2], *bias = data[3];
  const moon_cublaslt *lib = moon_cublaslt_open(fail);
  if (!lib) return MOON_E_BACKEND;
  int status = moon_cublaslt_handle(lib, &handle, fail);
  if (status < 0) return status;
  matmul_plan own = *plan;    /* the bias's address is the descriptor's */
  double one = 1, sum = q->adds;
  float one_f = 1, sum_f = (float)q->adds;
  bool is_double = q->dtype == MOON_F64, plain = q->y.across;
  cublasStatus_t error = CUBLAS_STATUS_SUCCESS;
  if (bias) {
    error = lib->cublasLtMatmulDescSetAttribute(
        &own.product, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias, sizeof bias);
  }
  if (!error) {
    error = lib->cublasLtMatmul(
        handle, &own.product, is_double ? (void *)&one : (void *)&one_f,
        data[plain ? 0 : 1], &own.left, data[plain ? 1 : 0], &own.right,
        is_double ? (void *)&sum : (void *)&sum_f, y, &own.y, y, &own.y,
        &own.algorithm, workspace, plan->workspace, (cudaStream_t)queue);
  }
  return error ? failed(lib, q, error, fail) : MOON_OK;
}
