/* The idx reader, with and without gzip. */
#include "fuzz.h"

int fuzz_read(const uint8_t *data, size_t n, moon_fail *fail) {
  moon__source *source = fuzz_source(data, n);
  moon__listing list = {0};
  int status = fuzz_load(source, moon__idx_list, &list, fail);
  moon__listing_free(&list);
  moon__source_release(source);
  return status;
}
