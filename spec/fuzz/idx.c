/* The idx reader, with and without gzip. */
#include "fuzz.h"

int fuzz_read(const uint8_t *data, size_t n, moon_fail *fail) {
  return fuzz_with(data, n, moon__idx_list, fail);
}
