/* Depthwise convolution: every channel by itself, with a kernel of its own. And
 * the forward convolution of images of one channel, which is the same but that
 * all channels of y read that one.
 *
 * It costs what its bytes cost if each pixel comes from memory once and the
 * sums never leave the registers. So the work is lines: a line is a row of y
 * or, for the gradient dx, those pixels of a row that meet the same taps: every
 * stride-th. Pixel m of a line is, over all channels, which lie side by side,
 *
 *   y[m] = bias + sum over r < rows, t < taps of
 *          w[r, t] x[row r, first + m step + t reach]
 *
 * Columns outside of x are left out, so that a weight that is not finite does
 * not show there. The weights' gradient multiplies the same rows of x by dy.
 *
 * Weights are read as [kh, kw, lanes]: channels in whole vectors. For dx the
 * kernel is turned round by 180 degrees, so that there too columns ascend with
 * the taps.
 */
#ifndef MOON_CPU_DEPTHWISE_H
#define MOON_CPU_DEPTHWISE_H
#include "convolution.h"

/* How the weights lie in the user's memory: strides of channel, row and column;
 * `flip` turns the kernel round. And where they are brought to. */
typedef struct depthwise_weights {
  cpu_order order;         /* a unit: a tap */
  struct depthwise_weights *next;  /* the list of all */
  int64_t channels, lanes, kh, kw;
  int64_t stride[3];
  bool flip;
} depthwise_weights;

typedef struct depthwise {
  conv_problem p;
  bool back;               /* dx out of dy: x below is dy, and y is dx */
  const depthwise_weights *weights;
} depthwise;

typedef struct depthwise_line {
  const float *x, *w, *bias;     /* bias may be NULL */
  float *y;
  int64_t channels;              /* of y */
  int64_t x_step;                /* elements of x from column to column */
  int64_t first_w;               /* elements before the first tap that counts */
  int64_t rows, x_row, w_row;    /* elements from row to row */
  int64_t fresh;                 /* rows, the last, that no line before had */
  int64_t taps, w_tap;           /* elements from tap to tap */
  int64_t width, first, step, reach;  /* columns of x */
  int64_t places, y_step;        /* pixels; elements from one to the next */
  bool spread;                   /* x has one channel, for all of y's */
  bool far;                      /* memory is asked for ahead */
  bool relu, past;               /* y goes past the caches; see simd/store.h */
  uint8_t *mask;                 /* of y after ReLU, or NULL */
} depthwise_line;

/* What simd/ gives: depthwise.c and depthwise_weights.c. */
typedef struct cpu_depthwise_simd {
  /* Whether y may go past the caches; after all lines, end(past). */
  bool (*goes_past)(const float *y, int64_t numel, int64_t channels);
  void (*line)(const depthwise_line *l);
  void (*end)(bool past);
} cpu_depthwise_simd;

typedef struct cpu_depthwise_weights_simd {
  /* w [rows, taps, lanes] += dy, as y of the line, times x; db += dy, unless
   * it is NULL. */
  void (*add)(const depthwise_line *l, const float *dy, float *dw, float *db);
} cpu_depthwise_weights_simd;

/* Elements of dw and db together. */
static inline int64_t moon_cpu_depthwise_sums(const depthwise_weights *w) {
  return w->order.numel + w->lanes;
}

/* depthwise_choice.c: which convolutions, by shape alone; the rest of a state.
 * False: no memory. */
bool moon_cpu_depthwise_suits(const conv_problem *p, conv_way way);
bool moon_cpu_depthwise_make(conv_state *s, const conv_key *key);

/* depthwise.c: rows of all images, of y or dx; the line that begins at pixel
 * `phase` of one, without y. One part of y or dx out of packed weights. */
int64_t moon_cpu_depthwise_rows(const depthwise *g);
depthwise_line moon_cpu_depthwise_line(const depthwise *g, const float *x,
                                       int64_t row, int64_t phase);
void moon_cpu_depthwise_run(const conv_packed *c, const float *packed,
                            int part);

/* depthwise_grad.c: the weights' gradient. */
void moon_cpu_depthwise_plan_w(const conv_state *s, moon_plan *plan);
void moon_cpu_depthwise_run_w(const moon_call *call, const moon_plan *plan,
                              void *scratch, int phase, int part);

#endif
