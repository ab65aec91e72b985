/* What the places around a padded tensor show (PyTorch's modes of padding). */
#ifndef MOON_PADDING_H
#define MOON_PADDING_H
#include "../core/moonseed.h"
#include "inline.h"

/* The place in a dimension of n that place i outside of it stands for, or -1:
 * the constant. */
MOON_INLINE int64_t moon_padded_place(int mode, int64_t i, int64_t n) {
  if (i >= 0 && i < n) return i;
  switch (mode) {
    case MOON_PAD_REFLECT: return i < 0 ? -i : 2 * (n - 1) - i;
    case MOON_PAD_REPLICATE: return i < 0 ? 0 : n - 1;
    case MOON_PAD_CIRCULAR: return i < 0 ? i + n : i - n;
    default: return -1;
  }
}

#endif
