/* The look at index values: one block, since it waits for nothing else and
 * indices are few. */
#include "check.h"
#include "block.h"

/* Element i in logical order, which is how the text counts. */
template <typename T>
MOON_DEVICE int64_t index_at(const moon_operand &o, int64_t i) {
  int64_t at = 0;
  for (int d = o.ndim - 1; d >= 0; d--) {
    at += i % o.shape[d] * o.stride[d];
    i /= o.shape[d];
  }
  return moon_load(((const T *)o.data)[at]);
}

template <typename T>
__global__ void look(moon_operand index, int64_t n, moon_range range,
                     int64_t *notice) {
  int64_t first = INT64_MAX;
  for (int64_t i = threadIdx.x; i < n; i += blockDim.x) {
    int64_t v = index_at<T>(index, i);
    bool good = (v >= 0 && v < range.size) || v == range.but;
    if (!good && i < first) first = i;
  }
  first = moon_block_fold(first, (int64_t)INT64_MAX, moon_smaller());
  if (threadIdx.x > 0 || first == INT64_MAX) return;
  notice[1] = index_at<T>(index, first);
  notice[0] = first + 1;
}

template <typename T>
static int run_look(const moon_call *call, const moon_operand *index,
                    moon_range range, moon_fail *fail) {
  int64_t n = moon_operand_numel(index);
  if (n == 0) return MOON_OK;
  MOON_LAUNCH_TOGETHER(look<T>, 1, n < 512 ? 64 : 1024, call->queue, *index, n,
                       range, call->notice);
  return moon_launched(fail);
}

int moon_check_values(const moon_call *call, const moon_operand *index,
                      moon_range range, moon_fail *fail) {
  switch (index->dtype) {
    case MOON_I64: return run_look<int64_t>(call, index, range, fail);
    case MOON_I32: return run_look<int32_t>(call, index, range, fail);
    default: return moon_no_dtype(index->dtype, fail);
  }
}

int moon_check_notice(const moon_call *call, const char *what, int64_t size,
                      moon_fail *fail) {
  if (call->notice[0] == 0) return MOON_OK;
  snprintf(fail->text, sizeof fail->text,
           "%s %lld at position %lld is outside [0, %lld)", what,
           (long long)call->notice[1], (long long)call->notice[0],
           (long long)size);
  return MOON_E_INDEX;
}
