/* The windows of a pooling along one axis. An adaptive one (`kernel` 0) has
 * windows that begin at floor(i size / places) and end before
 * ceil((i + 1) size / places), so that they cover the axis whatever its size
 * (PyTorch's adaptive pooling). */
#ifndef MOON_WINDOWS_H
#define MOON_WINDOWS_H
#include <stdint.h>
#include "inline.h"

typedef struct moon_windows {
  int64_t size, places;             /* of the input, of the output */
  int64_t kernel, stride, padding;
} moon_windows;

/* What of window i lies on the axis: lo to hi, not included. */
MOON_INLINE void moon_window_at(const moon_windows *w, int64_t i,
                                int64_t *lo, int64_t *hi) {
  if (w->kernel == 0) {
    *lo = i * w->size / w->places;
    *hi = ((i + 1) * w->size + w->places - 1) / w->places;
    return;
  }
  int64_t first = i * w->stride - w->padding, end = first + w->kernel;
  *lo = first < 0 ? 0 : first;
  *hi = end < w->size ? end : w->size;
  if (*hi < *lo) *hi = *lo;
}

/* Places of window i on the axis or its padding: the last may reach further. */
MOON_INLINE int64_t moon_window_padded(const moon_windows *w, int64_t i) {
  int64_t room = w->size + 2 * w->padding - i * w->stride;
  return w->kernel < room ? w->kernel : room;
}

/* About how many places a window has: for estimates. */
MOON_INLINE double moon_window_extent(const moon_windows *w) {
  return (double)(w->kernel ? w->kernel : w->size / w->places + 1);
}

/* The windows that hold place h: lo to hi, not included. */
MOON_INLINE void moon_windows_over(const moon_windows *w, int64_t h,
                                   int64_t *lo, int64_t *hi) {
  if (w->kernel == 0) {
    *lo = h * w->places / w->size;
    *hi = ((h + 1) * w->places + w->size - 1) / w->size;
    return;
  }
  int64_t last = h + w->padding, first = last - w->kernel + 1;
  *lo = first > 0 ? (first + w->stride - 1) / w->stride : 0;
  *hi = last / w->stride + 1;
  if (*hi > w->places) *hi = w->places;
}

#endif
