/* What attention's forward and gradient share (ref's attention.c has the
 * equations): heads, and the scores of a tile of queries and keys, computed
 * where they are wanted (FlashAttention; Dao et al. 2022). A block has a tile of
 * rows of one result, and as many of its columns as a tile has: a wider result
 * has several blocks, each of which computes the scores again.
 */
#ifndef MOON_CUDA_ATTENTION_H
#define MOON_CUDA_ATTENTION_H
#include "block.h"
#include "line.h"
#include "tile.h"
#include "walk.h"

/* The last two dimensions of o. */
template <typename T> static moon_sheet<T> moon_sheet_of(const moon_operand *o) {
  int last = o->ndim - 1;
  return moon_sheet<T>{(const T *)o->data, o->stride[last - 1],
                       o->stride[last], o->shape[last - 1], o->shape[last]};
}

/* That of a head, whose matrices begin at `at`. */
template <typename T>
MOON_DEVICE moon_sheet<T> moon_sheet_at(moon_sheet<T> s, int64_t at) {
  s.data += at;
  return s;
}

/* Of o, the dimensions in front, of which there are `ndim`; nothing of what is
 * absent. */
static inline moon_operand moon_heads_of(const moon_operand *o, int ndim,
                                         const moon_operand *y) {
  moon_operand front = *y;
  front.ndim = ndim;
  for (int d = 0; d < ndim; d++) {
    front.stride[d] = o && o->data ? o->stride[d] : 0;
  }
  return front;
}

/* What is added to a score, if it takes part. */
template <typename T> struct moon_attend_scores {
  const void *mask;             /* NULL, bool or T */
  int64_t mask_row, mask_column, queries, keys;
  moon_computed<T> scale;
  int is_bool, causal;

  MOON_DEVICE moon_computed<T> of(moon_computed<T> dot, int64_t head,
                                  int64_t i, int64_t j) const {
    typedef moon_computed<T> A;
    const A none = -(A)INFINITY;
    if (i >= queries || j >= keys || (causal && j > i)) return none;
    if (!mask) return scale * dot;
    int64_t at = head + i * mask_row + j * mask_column;
    if (!is_bool) return scale * dot + (A)moon_load(((const T *)mask)[at]);
    return ((const uint8_t *)mask)[at] ? scale * dot : none;
  }
};

template <typename T>
static moon_attend_scores<T> moon_scores_of(const moon_call *call,
                                            const moon_operand *q,
                                            const moon_operand *k,
                                            const moon_operand *mask) {
  int last = mask->ndim - 1;
  moon_attend_scores<T> s = {};
  s.mask = mask->data;
  if (s.mask) {
    s.mask_row = mask->stride[last - 1];
    s.mask_column = mask->stride[last];
    s.is_bool = mask->dtype == MOON_BOOL;
  }
  s.queries = q->shape[q->ndim - 2];
  s.keys = k->shape[k->ndim - 2];
  s.scale = (moon_computed<T>)call->params.attention.scale;
  s.causal = call->params.attention.causal != 0;
  return s;
}

/* The block's tile of rows and of columns, and its head. */
struct moon_attend_grid {
  int64_t heads, tiles, chunks;
  MOON_DEVICE int64_t chunk() const { return blockIdx.x % chunks; }
  MOON_DEVICE int64_t tile() const { return blockIdx.x / chunks % tiles; }
  MOON_DEVICE int64_t head() const { return blockIdx.x / chunks / tiles; }
  unsigned blocks() const { return (unsigned)(heads * tiles * chunks); }
};

static inline moon_attend_grid moon_attend_grid_of(int64_t heads, int64_t rows,
                                                   int64_t columns, int side) {
  int64_t chunks = (columns + side - 1) / side;
  return moon_attend_grid{heads, (rows + side - 1) / side,
                          chunks < 1 ? 1 : chunks};
}

/* Small tiles, where large ones would be half empty or would not fill a GPU. */
static inline bool moon_attend_is_small(int64_t heads, int64_t rows) {
  return rows <= 32 || heads * ((rows + 63) / 64) < 132;
}

/* R of the others; those of f64 would need more shared memory than there is. */
template <typename T> constexpr int moon_attend_large() {
  return sizeof(moon_computed<T>) == 4 ? 4 : 2;
}

/* v of the threads of a row of the tile; all get it. */
template <typename V, typename F> MOON_DEVICE V moon_tile_fold(V v, F f) {
  for (int mask = MOON_TILE_SIDE / 2; mask > 0; mask /= 2) {
    v = f(v, moon_shuffle_xor(v, mask));
  }
  return v;
}

#endif
