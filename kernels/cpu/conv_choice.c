/* Which algorithm computes a convolution: a rule on shapes, never a timing, so
 * that the same call always gives the same bits.
 *
 * Depthwise ones and Winograd's have rules of their own (depthwise_choice.c and
 * winograd_choice.c); the others are oneDNN's direct convolution. Its forward
 * is the fastest of its three: an input gradient of stride 1 is a forward
 * convolution of dy with w turned round by 180 degrees and its channels
 * swapped, and took half the time that way at 64 and 128 channels, but more at
 * 10 (AVX-512).
 */
#include "convolution.h"

enum { TURN_CHANNELS = 16 };

static bool turns(const conv_problem *p) {
  for (int i = 0; i < 2; i++) {
    int64_t kernel = i == 0 ? p->kh : p->kw;
    if (p->stride[i] != 1) return false;
    if (p->padding[i] > p->dilation[i] * (kernel - 1)) return false;
  }
  return p->c / p->groups >= TURN_CHANNELS &&
         p->k / p->groups >= TURN_CHANNELS;
}

conv_way moon_cpu_conv_choose(const conv_key *key) {
  switch (key->kernel) {
    case MOON_K_conv2d: return CONV_FORWARD;
    case MOON_K_conv2d_grad_w: return CONV_BACKWARD_W;
    default: return turns(&key->p) ? CONV_FORWARD : CONV_BACKWARD_X;
  }
}

conv_problem moon_cpu_conv_turned(const conv_problem *p) {
  conv_problem t = *p;
  t.c = p->k;
  t.k = p->c;
  t.h = p->oh;
  t.w = p->ow;
  t.oh = p->h;
  t.ow = p->w;
  t.padding[0] = p->dilation[0] * (p->kh - 1) - p->padding[0];
  t.padding[1] = p->dilation[1] * (p->kw - 1) - p->padding[1];
  t.after[0] = t.padding[0];
  t.after[1] = t.padding[1];
  return t;
}
