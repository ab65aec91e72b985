/* This instruction set's kernels, by number. */
#include "simd.h"

#define KERNELS(X) X(fill) X(copy) X(unary) X(binary) X(add_into)

#define DECLARE(name) extern const moon_kernel MOON_NAME(name);
KERNELS(DECLARE)

#define ROW(name) [MOON_K_##name] = &MOON_NAME(name),
extern const cpu_weights_simd MOON_NAME(weights);
const cpu_simd MOON_NAME(simd) = {.kernel = {KERNELS(ROW)},
                                  .weights = &MOON_NAME(weights)};
