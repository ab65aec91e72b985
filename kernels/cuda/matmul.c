/* y = a b + bias by cuBLASLt (ref's matmul.c). f32 is multiplied in TF32 unless
 * strict, halves are, and all are added in f32.
 *
 * Dimensions in front become one batch where strides allow, and calls in turn
 * where not. What cuBLASLt has no epilogue for is done by a kernel after it.
 */
#include <string.h>
#include "epilogue.h"
#include "matmul.h"

extern const moon_kernel moon_cuda_fill;

enum { A, B, Y, BIAS };

/* Reads a matrix's strides; false where neither rows nor columns are without
 * gaps. A row or column alone may be either, and counts as rows. */
static bool side_of(const moon_operand *o, matmul_side *out) {
  int64_t rows = o->shape[o->ndim - 2], columns = o->shape[o->ndim - 1];
  int64_t row = o->stride[o->ndim - 2], column = o->stride[o->ndim - 1];
  bool by_rows = (columns == 1 || column == 1) && (rows == 1 || row >= columns);
  bool by_columns = (rows == 1 || row == 1) && (columns == 1 || column >= rows);
  if (by_rows) {
    out->ld = rows == 1 ? columns : row;
    out->across = 0;
  } else if (by_columns) {
    out->ld = columns == 1 ? rows : column;
    out->across = 1;
  }
  uintptr_t address = (uintptr_t)o->data | 16;
  out->align = (int32_t)(address & -address);
  return by_rows || by_columns;
}

/* The dimensions in front, from the last on, that are one batch in all three;
 * the rest are looped over: `outer` of them. */
static int batch_of(const moon_call *call, matmul_key *key) {
  const moon_operand *o[] = {&call->arg[A], &call->arg[B], &call->arg[Y]};
  matmul_side *side[] = {&key->a, &key->b, &key->y};
  int d = o[Y]->ndim - 3;
  key->batch = 1;
  for (; d >= 0; d--) {
    int64_t size = o[Y]->shape[d];
    if (size == 1) continue;
    bool fits = key->batch * size <= INT32_MAX;
    for (int k = 0; k < 3 && key->batch > 1; k++) {
      fits &= o[k]->stride[d] == side[k]->batch_stride * key->batch;
    }
    if (!fits) break;
    for (int k = 0; k < 3 && key->batch == 1; k++) {
      side[k]->batch_stride = o[k]->stride[d];
    }
    key->batch *= size;
  }
  return d + 1;
}

/* Addresses of every batch of a loop keep what the first one promises. */
static void lessen_alignment(const moon_operand *o, int outer,
                             matmul_side *s) {
  size_t each = moon_dtype_size(o->dtype);
  uintptr_t all = (uintptr_t)s->align | (uintptr_t)s->batch_stride * each;
  for (int d = 0; d < outer; d++) all |= (uintptr_t)o->stride[d] * each;
  s->align = (int32_t)(all & -all);
}

static const moon_operand *bias_of(const moon_call *call) {
  return call->n > BIAS && call->arg[BIAS].data ? &call->arg[BIAS] : NULL;
}

/* Bias and ReLU in cuBLASLt: rows without gaps, and not in f64. Its kernels
 * may read a bias 16 bytes at a time. */
static bool fuses(const moon_call *call, const matmul_key *key) {
  const moon_operand *bias = bias_of(call);
  bool is_dense = !bias || bias->stride[0] == 1 || key->n == 1;
  bool is_aligned = !bias || (uintptr_t)bias->data % MATMUL_BIAS_ALIGN == 0;
  return key->dtype != MOON_F64 && !key->y.across && is_dense && is_aligned;
}

static int32_t compute_of(const moon_call *call) {
  const moon_operand *a = &call->arg[A];
  if (a->dtype == MOON_F64) return CUBLAS_COMPUTE_64F;
  if (a->dtype == MOON_F32 && !call->params.matmul.strict) {
    return CUBLAS_COMPUTE_32F_FAST_TF32;
  }
  return CUBLAS_COMPUTE_32F;
}

static int strides_refused(const moon_call *call, moon_fail *fail) {
  long long s[3][2];
  for (int k = 0; k < 3; k++) {
    const moon_operand *o = &call->arg[k];
    s[k][0] = (long long)o->stride[o->ndim - 2];
    s[k][1] = (long long)o->stride[o->ndim - 1];
  }
  return moon_library_fail(fail, MOON_E_KERNEL, "matrices of strides %lld,%lld "
                           "(a), %lld,%lld (b) and %lld,%lld (y) on cuda",
                           s[0][0], s[0][1], s[1][0], s[1][1], s[2][0],
                           s[2][1]);
}

/* Fills the key; `outer` is how many dimensions in front are looped over. */
static int key_of(const moon_call *call, matmul_key *key, int *outer,
                  moon_fail *fail) {
  const moon_operand *a = &call->arg[A], *b = &call->arg[B];
  const moon_operand *y = &call->arg[Y], *bias = bias_of(call);
  memset(key, 0, sizeof *key);
  if (!side_of(a, &key->a) || !side_of(b, &key->b) || !side_of(y, &key->y)) {
    return strides_refused(call, fail);
  }
  key->m = y->shape[y->ndim - 2];
  key->n = y->shape[y->ndim - 1];
  key->k = a->shape[a->ndim - 1];
  key->dtype = y->dtype;
  key->compute = compute_of(call);
  key->adds = call->params.matmul.accumulate != 0;
  key->epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  if (fuses(call, key)) {
    bool relu = call->params.matmul.epilogue == MOON_EPILOGUE_RELU;
    key->epilogue = bias ? relu ? CUBLASLT_EPILOGUE_RELU_BIAS
                                : CUBLASLT_EPILOGUE_BIAS
                         : relu ? CUBLASLT_EPILOGUE_RELU
                                : CUBLASLT_EPILOGUE_DEFAULT;
  }
  *outer = batch_of(call, key);
  lessen_alignment(a, *outer, &key->a);
  lessen_alignment(b, *outer, &key->b);
  lessen_alignment(y, *outer, &key->y);
  return MOON_OK;
}

static int plan_matmul(const moon_call *call, moon_plan *plan, int may_create,
                       moon_fail *fail) {
  const moon_operand *a = &call->arg[A], *y = &call->arg[Y];
  plan->phases = 1;
  plan->parts[0] = 1;
  for (int k = 0; k < call->n; k++) {
    bool is_float = y->dtype <= MOON_F64 || moon_dtype_is_half(y->dtype);
    if (is_float && call->arg[k].dtype == y->dtype) continue;
    if (k == BIAS && !call->arg[k].data) continue;
    return moon_library_fail(fail, MOON_E_DTYPE, "dtypes that cuBLASLt does "
                             "not multiply");
  }
  if (moon_operand_numel(y) == 0 || a->shape[a->ndim - 1] == 0) {
    return MOON_OK;
  }
  matmul_key key;
  const matmul_plan *found;
  int device, outer, status = key_of(call, &key, &outer, fail);
  if (status < 0) return status;
  cudaError_t error = cudaGetDevice(&device);
  if (error != cudaSuccess) {
    return moon_library_fail(fail, MOON_E_BACKEND, "device: %s",
                             cudaGetErrorString(error));
  }
  key.device = device;
  status = moon_matmul_find(&key, may_create, &found, fail);
  if (status < 0) return status;
  plan->state = found;
  plan->scratch = found->workspace;
  return MOON_OK;
}

/* A sum of nothing is zero. */
static int run_empty(const moon_call *call, moon_fail *fail) {
  moon_operand y = call->arg[Y];
  moon_call fill = {
      .kernel = MOON_K_fill, .n = 1, .arg = &y, .queue = call->queue};
  moon_plan plan = {0};
  if (moon_operand_numel(&y) == 0 || call->params.matmul.accumulate) {
    return MOON_OK;
  }
  return moon_cuda_fill.run(&fill, &plan, NULL, 0, 0, fail);
}

/* The batch number `i` of the dimensions that are looped over. */
static char *place(const moon_operand *o, const moon_operand *y, int outer,
                   int64_t i) {
  int64_t at = 0;
  for (int d = outer - 1; d >= 0; d--) {
    at += i % y->shape[d] * o->stride[d];
    i /= y->shape[d];
  }
  return (char *)o->data + at * (int64_t)moon_dtype_size(o->dtype);
}

static int run_matmul(const moon_call *call, const moon_plan *plan,
                      void *scratch, int phase, int part, moon_fail *fail) {
  (void)phase, (void)part;
  const moon_operand *a = &call->arg[A], *b = &call->arg[B];
  const moon_operand *y = &call->arg[Y], *bias = bias_of(call);
  bool relu = call->params.matmul.epilogue == MOON_EPILOGUE_RELU, fused = false;
  int status = MOON_OK;
  if (plan->state) {
    const matmul_plan *found = plan->state;
    matmul_key key;
    int outer;
    status = key_of(call, &key, &outer, fail);
    fused = found->key.epilogue != CUBLASLT_EPILOGUE_DEFAULT;
    int64_t times = 1;
    for (int d = 0; d < outer; d++) times *= y->shape[d];
    for (int64_t i = 0; i < times && status >= 0; i++) {
      void *data[] = {place(a, y, outer, i), place(b, y, outer, i),
                      place(y, y, outer, i),
                      fused && bias ? bias->data : NULL};
      status = moon_matmul_run(found, data, scratch, call->queue, fail);
    }
  } else {
    status = run_empty(call, fail);
  }
  if (status < 0 || fused || (!bias && !relu)) return status;
  return moon_cuda_finish(y, bias, relu, call->queue, fail);
}

const moon_kernel moon_cuda_matmul = {"matmul", plan_matmul, run_matmul};
