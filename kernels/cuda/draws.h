/* Draws on the device: element i in logical order of the call's counter, in
 * whatever order the elements lie. philox.h says what they are.
 */
#ifndef MOON_CUDA_DRAWS_H
#define MOON_CUDA_DRAWS_H
#include "../philox.h"
#include "each.h"

/* An operand whose places are the logical numbers of o's elements: for
 * moon_each, among the operands, never loaded. */
static inline moon_operand moon_numbers_of(const moon_operand *o) {
  moon_operand numbers = *o;
  int64_t step = 1;
  numbers.data = NULL;
  for (int d = o->ndim - 1; d >= 0; d--) {
    numbers.stride[d] = step;
    step *= o->shape[d];
  }
  return numbers;
}

/* Words i to i + N - 1 of a draw. */
template <int N>
MOON_DEVICE void moon_words(uint64_t key, uint64_t counter, uint64_t i,
                            uint32_t (&word)[N]) {
  if constexpr (N % 4 == 0) {  /* then i is a multiple of N, too */
    for (int j = 0; j < N; j += 4) {
      moon_philox r = moon_philox_block(key, counter, (i + j) / 4);
      for (int k = 0; k < 4; k++) word[j + k] = r.word[k];
    }
  } else {
    for (int j = 0; j < N; j++) {
      word[j] = moon_philox_word(key, counter, i + j);
    }
  }
}

#endif
