/* What conv2d.c, which prepares operands, wants of what convolves them: cuDNN
 * (conv.h), or on the emulated GPU the reference (emulated_conv.cc).
 *
 * A key says all that a plan depends on. Images and weights are 4-D in the
 * order N, C, H, W (weights K, C/G, kH, kW); both lie channels-last.
 */
#ifndef MOON_CUDA_CONV_KEY_H
#define MOON_CUDA_CONV_KEY_H
#include <stdbool.h>
#include "../kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum conv_way { CONV_FORWARD, CONV_GRAD_X, CONV_GRAD_W } conv_way;
/* Of an epilogue, which has a bias if it has anything: max(conv + z + b, 0).
 * cuDNN's engines add in this order. */
enum { CONV_PLAIN = 0, CONV_BIAS = 1, CONV_RELU = 2, CONV_ADD = 4 };
/* The tensors of a graph, and operands in a run. */
enum { CONV_X, CONV_W, CONV_Y, CONV_B, CONV_Z, CONV_TENSORS };

typedef struct conv_key {
  int32_t way, dtype, epilogue;
  int32_t device;             /* and `tuned`: moon_conv_find says which */
  int32_t strict;             /* f32 without tensor cores */
  int32_t adds;               /* CONV_GRAD_W: to what dw holds */
  int32_t align;              /* of all pointers, up to 16 bytes */
  int32_t tuned;              /* chosen by a clock (conv_tune.c) */
  int64_t shape[3][4], stride[3][4];   /* of x, w, y; z lies like y */
  int64_t step[2], padding[2], dilation[2];
} conv_key;

static inline void moon_channels_last(const int64_t shape[4],
                                      int64_t stride[4]) {
  stride[1] = 1;
  stride[3] = shape[1];
  stride[2] = shape[1] * shape[3];
  stride[0] = stride[2] * shape[2];
}

/* What a plan begins with. */
typedef struct conv_found {
  conv_key key;
  int64_t workspace;          /* bytes */
  /* Whether it is on tensor cores, or any of those that it was timed with. */
  int32_t has_tensor_cores, unused;
} conv_found;

/* The key of the same convolution with more input channels, all zero, in x and
 * w. False where that can gain nothing (conv_wide.c). */
bool moon_conv_widen(const conv_key *key, conv_key *wide);

/* The current device's plan of a key, kept for good; MOON_E_BUSY: it is not
 * made yet. */
int moon_conv_find(const conv_key *key, int may_create,
                   const conv_found **out, moon_fail *fail);
int moon_conv_run(const conv_found *plan, void *const data[CONV_TENSORS],
                  void *workspace, void *queue, moon_fail *fail);

#ifdef __cplusplus
}
#endif
#endif
