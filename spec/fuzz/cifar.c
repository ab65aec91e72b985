/* The readers of CIFAR-10, whose corpus this is, and of CIFAR-100. */
#include "fuzz.h"

int fuzz_read(const uint8_t *data, size_t n, moon_fail *fail) {
  fuzz_with(data, n, moon__cifar100_list, fail);
  return fuzz_with(data, n, moon__cifar10_list, fail);
}
