/* Bare oneDNN: a convolution's three primitives in channels-last memory, with
 * buffers that are made once and reused. What the benches compare Moonseed
 * with; it uses nothing of Moonseed.
 *
 * Primitives run on OpenMP's threads, as many as omp_set_num_threads said when
 * the convolution was made. Any failure ends the process with a message.
 */
#ifndef BENCH_BARE_H
#define BENCH_BARE_H
#include <stddef.h>
#include "oneapi/dnnl/dnnl.h"

/* x [n,c,h,h], w [k,c/groups,r,r], both sides padded by `padding`. */
typedef struct bare_shape {
  int n, c, h, k, r, stride, padding, groups;
} bare_shape;

typedef struct bare_call {  /* a primitive with its arguments */
  dnnl_primitive_t primitive;
  dnnl_exec_arg_t arg[4];
  int n;
} bare_call;

typedef struct bare_conv {
  bare_shape shape;
  int out;                     /* the output's height and width */
  float *x, *y, *dx, *dy;      /* n h w c */
  float *w, *dw, *b, *db;      /* w and dw in the forward primitive's layout */
  size_t n_w;                  /* floats in w and dw */
  bare_call forward, data, weights;
  bare_call w_to_data, dw_to_w;  /* layout changes; no primitive: none needed */
} bare_conv;

enum { BARE_RELU = 1, BARE_NO_DX = 2, BARE_NO_BIAS = 4 };

/* Fills in everything; x is borrowed when given, else made. */
void bare_conv_make(bare_conv *conv, const bare_shape *shape, float *x,
                    int flags);
void bare_run(const bare_call *call);  /* and waits for it */

float *bare_floats(size_t n);                /* 64-aligned, zero */
void bare_fill(float *p, size_t n, float scale);  /* in [-scale, scale] */
double bare_ms(void);                        /* a clock in milliseconds */
double bare_median(double *values, int n);   /* sorts them */
/* A peer's loop: sends what was printed, waits for the runner's next line; 0
 * when there is none. */
int bare_next_round(void);

#endif
