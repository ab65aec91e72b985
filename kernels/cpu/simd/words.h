/* Random words many at a time: element i of a draw uses word i % 4 of block
 * i / 4 (philox.h). */
#ifndef MOON_SIMD_WORDS_H
#define MOON_SIMD_WORDS_H
#include "../../philox.h"
#include "simd.h"

enum { SIMD_BLOCKS = SIMD_STAGE / 4 + 2 };

/* Words of elements i to i + n; n <= SIMD_STAGE. They begin in `room` where
 * the result points to. `far`: added to the blocks' numbers. */
static inline const uint32_t *simd_words_of(uint64_t key, uint64_t counter,
                                            int64_t i, int64_t n, uint64_t far,
                                            uint32_t room[4 * SIMD_BLOCKS]) {
  uint64_t first = (uint64_t)i / 4;
  int64_t blocks = (int64_t)(((uint64_t)(i + n) + 3) / 4 - first);
  for (int64_t k = 0; k < blocks; k++) {
    moon_philox r = moon_philox_block(key, counter, far + first + (uint64_t)k);
    for (int j = 0; j < 4; j++) room[4 * k + j] = r.word[j];
  }
  return room + i % 4;
}

static inline const uint32_t *simd_words(uint64_t key, uint64_t counter,
                                         int64_t i, int64_t n,
                                         uint32_t room[4 * SIMD_BLOCKS]) {
  return simd_words_of(key, counter, i, n, 0, room);
}

/* The low halves of moon_philox_word64. */
static inline const uint32_t *simd_low_words(uint64_t key, uint64_t counter,
                                             int64_t i, int64_t n,
                                             uint32_t room[4 * SIMD_BLOCKS]) {
  return simd_words_of(key, counter, i, n, (uint64_t)1 << 63, room);
}

#endif
