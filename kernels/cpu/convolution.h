/* Convolutions as oneDNN sees them, and how they are cut.
 *
 * A problem is y = x * w with everything a direct convolution needs to know.
 * It is cut into tiles: some images, or some output rows of one image. A tile
 * is one call of a primitive, sized so that what it reads and writes stays in
 * the caches; a part is a run of tiles. Tiles of one form share a primitive.
 */
#ifndef MOON_CPU_CONVOLUTION_H
#define MOON_CPU_CONVOLUTION_H
#include "mask.h"
#include "packing.h"

/* x [n,c,h,w], w [k,c/groups,kh,kw] -> y [n,k,oh,ow], channels-last. Axis 0 is
 * height. `padding` is before and `after` behind. */
typedef struct conv_problem {
  int64_t n, c, h, w, groups, k, kh, kw, oh, ow;
  int64_t stride[2], padding[2], after[2], dilation[2];
} conv_problem;

/* Which of the three primitives computes a call. */
typedef enum conv_way { CONV_FORWARD, CONV_BACKWARD_X, CONV_BACKWARD_W }
    conv_way;

typedef struct conv_key {  /* whole words only */
  int64_t kernel;          /* MOON_K_* */
  conv_problem p;
  int64_t w_stride[4];
  int64_t has_bias, strict, bf16;
} conv_key;

typedef struct conv_tile {
  dnn_primitive *primitive;
  int64_t x, y;            /* first elements */
  int64_t numel_x, numel;  /* of x; of y */
} conv_tile;

struct winograd;   /* winograd.h */
struct depthwise;  /* depthwise.h */
typedef struct conv_state {
  conv_way way;
  bool by_ref;             /* oneDNN has only plain loops: nothing below */
  int parts;
  double ns;               /* of all parts */
  const cpu_order *order;  /* of the weights; of none in a weight gradient by
                              Winograd */
  const struct winograd *winograd;    /* or NULL */
  const struct depthwise *depthwise;  /* or NULL; neither: oneDNN's */
  const cpu_packing *packing;
  bool bf16;               /* factors are rounded to bf16, those of a tile in */
  int64_t room;            /* so many bf16 of each part's scratch */
  int64_t mask_room;       /* and so many f32, where dy is masked: a tile's */
  int n_tiles;
  conv_tile *tile;
} conv_state;

/* Where the call is one for oneDNN: f32, nothing empty, channels-last. */
bool moon_cpu_conv_fits(const moon_operand *x, const moon_operand *w,
                        const moon_operand *y, const moon_operand *bias);
/* Of a gradient: dy that has a mask may have other strides. */
bool moon_cpu_conv_grad_fits(const moon_operand *x, const moon_operand *w,
                             const moon_operand *dy, const moon_operand *db,
                             bool masked);
/* x and y are of the forward's shape. */
conv_key moon_cpu_conv_key(const moon_call *call, const moon_operand *x,
                           const moon_operand *w, const moon_operand *y,
                           bool has_bias);

/* conv_choice.c: the algorithm, by shape alone. */
conv_way moon_cpu_conv_choose(const conv_key *key);
/* The input gradient of p as a forward convolution. */
conv_problem moon_cpu_conv_turned(const conv_problem *p);

/* conv_cut.c: whether rounding to bf16 pays, by shape alone; nanoseconds on one
 * core, roughly; images per tile, bands of rows per image, parts. */
typedef struct conv_cut { int64_t images, bands, parts; } conv_cut;
bool moon_cpu_conv_rounds(const conv_problem *p, conv_way way);
double moon_cpu_conv_ns(const conv_problem *p, conv_way way);
conv_cut moon_cpu_conv_cut(const conv_problem *p, conv_way way);
/* Images n to n_end, output rows i to i_end (not included) of p as a problem,
 * and where it begins; false if no row of x meets it. */
typedef struct conv_range { int64_t n, n_end, i, i_end; } conv_range;
bool moon_cpu_conv_piece(const conv_problem *p, const conv_range *r,
                         conv_problem *piece, conv_tile *tile);

/* mask.c: a call with a mask has nobody else who could compute it. */
int moon_cpu_conv_no_memory(moon_fail *fail);

/* conv2d.c: a call whose tiles all read packed weights. Where they are not
 * packed yet (the call's operand `k` is absent), it begins with that. */
typedef struct conv_packed {
  const conv_state *state;
  float *x, *y, *bias;     /* of the problem; bias may be NULL */
  const float *w;
  float *packed;           /* or NULL: in scratch */
  bool relu;
  uint8_t *mask;           /* of y after ReLU, or NULL */
  cpu_masked dy;           /* of a gradient: x, if turned, or y */
} conv_packed;
/* m: the operand that is dy's mask, -1 of a forward. */
void moon_cpu_conv_plan_packed(const moon_call *call, int k, int m,
                               const conv_state *s, moon_plan *plan);
int moon_cpu_conv_run_packed(const conv_packed *c, const moon_plan *plan,
                             void *scratch, int phase, int part,
                             moon_fail *fail);

/* conv_round.c: bf16 that a tile's factors take; bytes of scratch for all
 * parts (0: nothing is rounded). Where the state says so, rounds the factors
 * among a tile's operands (x, w, y) into the part's room and points to them. */
int64_t moon_cpu_conv_room(const conv_state *s, const conv_tile *t);
size_t moon_cpu_conv_rooms(const conv_state *s);
void moon_cpu_conv_round(const conv_state *s, const conv_tile *t, void *rooms,
                         int part, void **data);

/* mask.c: where dy has a mask, the tile's dy as it leaves it, in the part's
 * room; and bytes of scratch for all parts. */
void moon_cpu_conv_mask(const conv_state *s, const conv_tile *t,
                        const cpu_masked *dy, float *rooms, int part,
                        void **data);
size_t moon_cpu_conv_mask_rooms(const conv_state *s);
/* See moon_kernel_table, as for what follows. */
int64_t moon_cpu_mask_bytes(const moon_call *call, const int wants[3]);
/* conv2d_pack.c */
int moon_cpu_weight_order(const moon_call *call, moon_order *out);

/* conv_state.c: whether this call can write the mask of y, or read dy's; false
 * too where that is not known before it is planned. */
bool moon_cpu_conv_masks(const conv_key *key);
/* The state of a key, found or made; NULL: see moon_dnn_find. */
const conv_state *moon_cpu_conv_state(const conv_key *key, bool may_create);

#endif
