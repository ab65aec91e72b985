/* ReLU and its gradient on the way to and from convolutions; see ../mask.h. */
#include "mask.h"
#include "simd.h"

static void relu(int64_t n, float *y, uint8_t *mask) {
  for (int64_t i = 0; i < n; i += WIDE) {
    int64_t some = n - i < WIDE ? n - i : WIDE;
    wide v = wide_load_some(y + i, some);
    wide_store_some(y + i, wide_relu(v), (int)some);
    if (mask) mask_put(mask, i, wide_positive(v));
  }
}

/* n elements without gaps. */
static void keep(int64_t n, const float *restrict x,
                 const uint8_t *restrict mask, float *restrict y) {
  for (int64_t i = 0; i < n; i += WIDE) {
    wide_store(y + i, wide_keep(wide_load(x + i), mask_get(mask, i)));
  }
}

static bool is_dense(const cpu_masked *dy) {
  return dy->stride[2] == dy->channels &&
         dy->stride[1] == dy->stride[2] * dy->columns &&
         dy->stride[0] == dy->stride[1] * dy->rows;
}

static void apply(const cpu_masked *dy, int64_t lo, int64_t hi, float *y) {
  int64_t n = dy->channels;
  const uint8_t *mask = dy->mask + lo / 8;
  if (is_dense(dy)) {
    keep(hi - lo, dy->data + lo, mask, y);
    return;
  }
  for (int64_t at = lo; at < hi; at += n, y += n, mask += n / 8) {
    int64_t pixel = at / n, row = pixel / dy->columns;
    const float *x = dy->data + pixel % dy->columns * dy->stride[2] +
                     row % dy->rows * dy->stride[1] +
                     row / dy->rows * dy->stride[0];
    keep(n, x, mask, y);
  }
}

const cpu_mask_simd MOON_NAME(mask) = {relu, apply};
