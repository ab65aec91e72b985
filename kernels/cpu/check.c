/* Labels and indices, before anything is written. */
#include <stdio.h>
#include "cpu.h"

int moon_cpu_check_index(const moon_operand *index, cpu_range range,
                         const char *what, int64_t size, moon_fail *fail) {
  const int64_t *v = index->data;
  for (int64_t i = range.lo; i < range.hi; i++) {
    int64_t at = v[i * index->stride[0]];
    if (at >= 0 && at < size) continue;
    snprintf(fail->text, sizeof fail->text,
             "%s %lld at position %lld is outside [0, %lld)", what,
             (long long)at, (long long)i + 1, (long long)size);
    return MOON_E_INDEX;
  }
  return MOON_OK;
}
