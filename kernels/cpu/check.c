/* Labels and indices, before anything is written. */
#include <stdio.h>
#include "cpu.h"

int moon_cpu_check_index_but(const moon_operand *index, const char *what,
                             int64_t size, const int64_t *but,
                             moon_fail *fail) {
  const int64_t *v = index->data;
  for (int64_t i = 0; i < index->shape[0]; i++) {
    int64_t at = v[i * index->stride[0]];
    if ((at >= 0 && at < size) || (but && at == *but)) continue;
    snprintf(fail->text, sizeof fail->text,
             "%s %lld at position %lld is outside [0, %lld)", what,
             (long long)at, (long long)i + 1, (long long)size);
    return MOON_E_INDEX;
  }
  return MOON_OK;
}

int moon_cpu_check_index(const moon_operand *index, const char *what,
                         int64_t size, moon_fail *fail) {
  return moon_cpu_check_index_but(index, what, size, NULL, fail);
}
