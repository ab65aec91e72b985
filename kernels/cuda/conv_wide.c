/* Few input channels keep a convolution off the tensor cores: cuDNN wants a
 * multiple of eight there (16 bytes in bf16 and f16; in TF32 four would do, but
 * then it copies x once more by itself). For the gradients it adds channels of
 * its own where that helps, and in f16 it has kernels for few; what is left is
 * the forward, for which conv2d.c copies x and w into scratch when cuDNN's own
 * choice has no tensor cores and, with more channels, its choice has
 * (spec/cuda/plan_spec.lua). Kernels of 1x1 take too little work to make up for
 * the copy.
 */
#include "conv_key.h"

enum { WIDTH = 8, MOST = 2 * WIDTH };

bool moon_conv_widen(const conv_key *key, conv_key *wide) {
  const int64_t *w = key->shape[CONV_W];
  int64_t channels = key->shape[CONV_X][1];
  bool is_whole = channels == w[1], is_one_place = w[2] * w[3] == 1;
  bool has_cores = key->dtype != MOON_F64 && !key->strict;
  if (key->way != CONV_FORWARD || !has_cores || !is_whole || is_one_place ||
      channels % WIDTH == 0 || channels > MOST) {
    return false;
  }
  *wide = *key;
  for (int role = CONV_X; role <= CONV_W; role++) {
    int64_t *shape = wide->shape[role], *stride = wide->stride[role];
    shape[1] = (channels + WIDTH - 1) / WIDTH * WIDTH;
    moon_channels_last(shape, stride);
  }
  return true;
}
