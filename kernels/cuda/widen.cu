/* Channels of zeros for a convolution: see epilogue.h. */
#include "epilogue.h"
#include "types.h"

struct widening {
  int64_t places, pieces;     /* n, h and w; 16-byte pieces of each */
  int64_t channels, height, width;
  int64_t stride[4];
};

/* A thread writes one piece: some channels of one place. */
template <typename T, int N>
__global__ void widen(const T *x, moon_vector<T, N> *y, widening s) {
  MOON_EACH(i, s.places * s.pieces) {
    int64_t place = i / s.pieces, first = i % s.pieces * N;
    int64_t w = place % s.width, h = place / s.width % s.height;
    int64_t n = place / (s.width * s.height);
    const T *from = x + n * s.stride[0] + h * s.stride[2] + w * s.stride[3];
    moon_vector<T, N> v;
    for (int k = 0; k < N; k++) {
      int64_t c = first + k;
      v.at[k] = c < s.channels ? from[c * s.stride[1]] : T(0);
    }
    y[i] = v;
  }
}

template <typename T>
static int widen_of(const moon_operand *x, int64_t channels, void *y,
                    void *queue, moon_fail *fail) {
  enum { EACH = 16 / sizeof(T) };
  widening s = {x->shape[0] * x->shape[2] * x->shape[3], channels / EACH,
                x->shape[1], x->shape[2], x->shape[3],
                {x->stride[0], x->stride[1], x->stride[2], x->stride[3]}};
  int64_t n = s.places * s.pieces;
  if (n == 0) return MOON_OK;
  MOON_LAUNCH((widen<T, EACH>), moon_blocks(n, 1), MOON_THREADS, queue,
              (const T *)x->data, (moon_vector<T, EACH> *)y, s);
  return moon_launched(fail);
}

extern "C" int moon_cuda_widen(const moon_operand *x, int64_t channels,
                               void *y, void *queue, moon_fail *fail) {
  return MOON_SIZES(moon_dtype_size(x->dtype), widen_of, x, channels, y,
                    queue, fail);
}
