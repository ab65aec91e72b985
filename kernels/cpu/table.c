/* The cpu backend's table: the vectorised kernels of the best instruction set
 * that the processor has, and oneDNN's convolutions and matrix product. What
 * is missing here is taken from ref.
 *
 * The environment variable MOONSEED_ISA (plain, avx2) chooses a lower one.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "convolution.h"

#define MOON_SETS(X) X(plain) X(avx2) X(avx512)
#define DECLARE(isa) extern const cpu_simd moon_##isa##_simd;
MOON_SETS(DECLARE)

enum { PLAIN, AVX2, AVX512, SETS };
#define NAME(isa) #isa,
static const char *const names[] = {MOON_SETS(NAME)};
#define SET(isa) &moon_##isa##_simd,
static const cpu_simd *const sets[] = {MOON_SETS(SET)};

#define DNN(X)                                              \
  X(matmul) X(conv2d) X(conv2d_grad_x) X(conv2d_grad_w)     \
  X(conv2d_pack)
#define DECLARE_DNN(name) extern const moon_kernel moon_cpu_##name;
DNN(DECLARE_DNN)

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int chosen;
static moon_kernel_table table;

static int best(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") ||
      !__builtin_cpu_supports("f16c")) {
    return PLAIN;
  }
  bool wide = __builtin_cpu_supports("avx512f") &&
              __builtin_cpu_supports("avx512bw") &&
              __builtin_cpu_supports("avx512cd") &&
              __builtin_cpu_supports("avx512dq") &&
              __builtin_cpu_supports("avx512vl");
  return wide ? AVX512 : AVX2;
#else
  return PLAIN;
#endif
}

static void choose(void) {
  const char *wish = getenv("MOONSEED_ISA");
  chosen = best();
  for (int i = 0; wish && i < chosen; i++) {
    if (strcmp(wish, names[i]) == 0) chosen = i;
  }
  table.name = "cpu";
  memcpy(table.kernel, sets[chosen]->kernel, sizeof table.kernel);
#define ROW(name) table.kernel[MOON_K_##name] = &moon_cpu_##name;
  DNN(ROW)
  table.weight_order = moon_cpu_weight_order;
  table.mask_bytes = moon_cpu_mask_bytes;
}

const moon_kernel_table *moon_cpu_table(void) {
  pthread_once(&once, choose);
  return &table;
}

const char *moon_isa(void) {
  pthread_once(&once, choose);
  return names[chosen];
}

int moon_has_bf16(void) {
  pthread_once(&once, choose);
#if defined(__x86_64__)
  return chosen == AVX512 && __builtin_cpu_supports("avx512bf16");
#else
  return 0;
#endif
}

const cpu_simd *moon_cpu_simd(void) {
  pthread_once(&once, choose);
  return sets[chosen];
}
