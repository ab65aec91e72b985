/* The look at index values: one block, since it waits for nothing else and
 * indices are few. */
#include "check.h"
#include "block.h"
#include "walk.h"

template <typename T>
__global__ void look(const T *index, moon_places<1> walk, moon_range range,
                     int64_t *notice) {
  int64_t first = INT64_MAX;
  for (int64_t i = threadIdx.x; i < walk.n; i += blockDim.x) {
    int64_t at[1];
    walk.find(i, at);
    int64_t v = moon_load(index[at[0]]);
    bool good = (v >= 0 && v < range.size) || v == range.but;
    if (!good && i < first) first = i;
  }
  first = moon_block_fold(first, (int64_t)INT64_MAX, moon_smaller());
  if (threadIdx.x > 0 || first == INT64_MAX) return;
  int64_t at[1];
  walk.find(first, at);
  notice[1] = moon_load(index[at[0]]);
  notice[0] = first + 1;
}

template <typename T>
static int run_look(const moon_call *call, const moon_operand *index,
                    moon_range range, moon_fail *fail) {
  const moon_operand *o[] = {index};
  moon_places<1> walk = moon_places_of(o);
  if (walk.n == 0) return MOON_OK;
  MOON_LAUNCH_TOGETHER(look<T>, 1, 1024, call->queue, (const T *)index->data,
                       walk, range, call->notice);
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
