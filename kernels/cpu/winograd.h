/* Convolution by Winograd's minimal filtering F(4x4, 3x3): 36 multiplications
 * where the direct way takes 144 (Lavin & Gray 2016, "Fast algorithms for
 * convolutional neural networks").
 *
 * y is cut into tiles of 4 x 4 pixels; a tile needs 6 x 6 pixels d of x. With
 * the matrices of simd/winograd.h,
 *
 *   y = A' [ (G g G') . (B' d B) ] A        "." summed over input channels
 *
 * so for each of the 36 places there is one product of matrices:
 *
 *   V [tiles, C]  =  B' d B                 rows
 *   U [C, K]      =  G g G'                 panels; made once per weight
 *   M [tiles, K]  =  V U                    panels
 *
 * and for the weights' gradient
 *
 *   Z [tiles, K]  =  A dy A'                panels
 *   S [C, K]      =  V' Z                   panels; dw = G' S G
 *
 * The last tiles of a row or column of tiles may have 2 or 3 pixels of y along
 * it, and do with fewer places. F(2, 3) and F(3, 3) have the same U: their
 * points are some of F(4, 3)'s, and what G differs in by point is a factor,
 * which their B' takes over (simd/winograd.h).
 *
 * A matrix in panels is cut into `panel` columns (the last panel fewer), each
 * stored as rows of its own, one after the other. Some tiles are transformed
 * at a time, so that V and M stay in the caches. All of it in channels-last
 * memory; channels are whole multiples of 16.
 */
#ifndef MOON_CPU_WINOGRAD_H
#define MOON_CPU_WINOGRAD_H
#include "convolution.h"

enum {
  WINOGRAD_PLACES = 36, WINOGRAD_TILE = 4, WINOGRAD_CHANNELS = 16,
  WINOGRAD_SLICE = 64  /* where output channels may be cut: whole panels */
};

/* Elements from one of 36 matrices to the next: more than they have, so that
 * the same place of all is not the same set of a cache. */
static inline int64_t winograd_apart(int64_t rows, int64_t columns) {
  return rows * columns + 16;
}

/* Tiles of one size: `rows` times `columns` of each image, the first at pixel
 * (i, j) of y. They are numbered region by region, image by image. */
typedef struct winograd_region {
  int64_t rows, columns, i, j;
  int height, width;   /* pixels that are computed: 2 to 4 */
  int64_t end;         /* one more than the last tile's number */
} winograd_region;

/* Of fewer rows; whole; of fewer columns; of fewer of both. In this order the
 * tiles that need a place follow each other. */
enum {
  WINOGRAD_LOW, WINOGRAD_WHOLE, WINOGRAD_NARROW, WINOGRAD_CORNER,
  WINOGRAD_REGIONS
};

/* A forward convolution, or the weights' gradient of one, and its cut: each of
 * `ranges` times `slices` parts takes some tiles and some output channels. */
typedef struct winograd {
  conv_problem p;
  winograd_region region[WINOGRAD_REGIONS];
  int64_t tiles;           /* of all images */
  double products;         /* places of all tiles that are needed */
  int64_t block;           /* tiles at a time */
  int64_t ranges, slices;
} winograd;

/* Whether a tile of `size` pixels needs point 0 to 5 (0, a, -a, b, -b,
 * infinity) along a dimension. */
static inline bool winograd_needs(int size, int point) {
  return (point != 3 || size >= 3) && (point != 4 || size >= 4);
}

/* The tiles and output channels that are computed at once. */
typedef struct winograd_block {
  const winograd *g;
  int64_t first, count;    /* tiles */
  int64_t k, k_end;        /* output channels, from a panel's first on */
  float *v, *m;            /* 36 matrices each; m is M or Z of these channels */
  int64_t v_size, m_size;  /* elements from matrix to matrix */
  float *part;             /* a tile that is half transformed */
  const float *zeros;      /* a pixel outside of x or dy */
} winograd_block;

/* How the weights lie in the user's memory: strides of input channel, output
 * channel, row and column of the kernel; `flip` turns the kernel round by 180
 * degrees. And where they are transformed to: U [C, K]. */
typedef struct winograd_weights {
  cpu_order order;         /* a unit: one input channel */
  struct winograd_weights *next;  /* the list of all */
  int64_t c, k;
  int64_t stride[4];
  bool flip;
} winograd_weights;

/* The sum of n matrices S, `size` elements apart, becomes (or is added to) dw,
 * [K,C,3,3] in rows, for input channels c to c_end. */
typedef struct winograd_sum {
  const float *s;
  int64_t n, size, c_all, k_all;
  float *dw;
  bool add;
} winograd_sum;

/* What simd/ gives: winograd.c, */
typedef struct cpu_winograd_simd {
  void (*input)(const winograd_block *b, const cpu_masked *x);  /* V */
  void (*output)(const winograd_block *b, const conv_packed *c);  /* c's y */
  /* Z; adds dy's sums over the pixels to db (NULL: none) */
  void (*gradient)(const winograd_block *b, const cpu_masked *dy, float *db);
} cpu_winograd_simd;

/* winograd_product.c, */
typedef struct cpu_winograd_product_simd {
  int64_t grain;  /* V and M have whole multiples of it as rows */
  void (*multiply)(const winograd_block *b, const float *u);  /* M */
  /* S = or += V' Z; s are the matrices of all channels */
  void (*accumulate)(const winograd_block *b, bool add, float *s);
} cpu_winograd_product_simd;

/* and winograd_weights.c. */
typedef struct cpu_winograd_weights_simd {
  /* U for input channels c to c_end */
  void (*weights)(const winograd_weights *w, const float *from, float *u,
                  int64_t c, int64_t c_end);
  void (*finish)(const winograd_sum *s, int64_t c, int64_t c_end);
} cpu_winograd_weights_simd;

/* winograd_choice.c: which convolutions, by shape alone; how they are cut; the
 * rest of a state. False: no memory. */
bool moon_cpu_winograd_suits(const conv_problem *p, conv_way way);
bool moon_cpu_winograd_make(conv_state *s, const conv_key *key,
                            const conv_problem *p);

/* x without gaps, all of which counts. */
cpu_masked moon_cpu_winograd_plain(const winograd *g, const float *x);

/* winograd.c: block i of a part's tiles, in the calling thread's own memory;
 * false when there are no more. */
typedef struct winograd_part {
  winograd_block block;
  int64_t end;  /* of its tiles */
} winograd_part;
int moon_cpu_winograd_begin(const winograd *g, int part, winograd_part *out,
                            moon_fail *fail);
bool moon_cpu_winograd_next(winograd_part *p);
/* One part of a forward convolution whose weights are U. */
int moon_cpu_winograd_run(const conv_packed *c, const float *u, int part,
                          moon_fail *fail);

/* winograd_grad.c: the weights' gradient. */
void moon_cpu_winograd_plan_w(const conv_state *s, moon_plan *plan);
int moon_cpu_winograd_run_w(const moon_call *call, const moon_plan *plan,
                            void *scratch, int phase, int part,
                            moon_fail *fail);

#endif
