/* How a convolution would be planned for a device that is only described: for
 * machines without a GPU. spec/cuda/plan_spec.lua asks. */
#ifndef MOON_CUDA_CONV_INSPECT_H
#define MOON_CUDA_CONV_INSPECT_H
#include <stddef.h>
#include <stdint.h>

typedef struct moon_conv_question {
  int32_t way;                /* 0 forward, 1 gradient of x, 2 of w */
  int32_t dtype;              /* moon_dtype */
  int32_t epilogue;           /* conv_key's: 1 bias, 2 ReLU, 4 z */
  int32_t strict, adds, align;
  int64_t x[4], w[4];         /* N,C,H,W and K,C/G,kH,kW, channels-last */
  int64_t step, padding, dilation;
  int32_t files;              /* 1: read from its file, or written to it */
  int32_t wide;               /* 1: with more channels, where that may gain */
  /* What a clock would say of each choice in each round, or NULL: no choice is
   * timed. */
  const double *times;        /* [8][6] */
} moon_conv_question;

typedef struct moon_conv_answer {
  int64_t engine, workspace;  /* -1: the plan came from a file */
  int32_t plans, has_tensor_cores, is_deterministic, is_compiled;
  int32_t choices;            /* that were looked at */
  int32_t channels;           /* of x */
} moon_conv_answer;

/* `device` is cuDNN's JSON of a device's properties. 0, or a status with
 * `why`. */
int moon_cuda_inspect_convolution(const char *device,
                                  const moon_conv_question *question,
                                  moon_conv_answer *out, char *why,
                                  size_t size);

#endif
