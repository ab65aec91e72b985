/* A matrix product in blocks, made once for each key. See matmul.c. */
#ifndef MOON_CPU_MATMUL_H
#define MOON_CPU_MATMUL_H
#include "onednn.h"

typedef struct matmul_key {  /* whole words only */
  int64_t kernel, m, n, k;
  int64_t parts;             /* of one matrix, at most */
  int64_t a_stride[2], b_stride[2], y_stride;
  int64_t has_bias, adds, bf16;
} matmul_key;

enum { MATMUL_PART_NS = 250000 };  /* a part, roughly */

/* One dimension in blocks of `size`, the last one shorter. */
typedef struct matmul_cuts { int64_t total, size, count; } matmul_cuts;

typedef struct matmul_state {
  bool by_ref;  /* oneDNN has only plain loops: nothing below */
  bool direct;  /* blocks are computed in y itself */
  bool bf16, a_across, b_across;  /* across: columns have no gaps, not rows */
  int64_t a_room, b_room;  /* bf16 of each part's scratch, for a block */
  matmul_cuts m, n, k;
  dnn_primitive *primitive[2][2][2];  /* [last m][last n][last k] */
  double ns;
} matmul_state;

static inline int64_t matmul_size(const matmul_cuts *c, int64_t i) {
  return i == c->count - 1 ? c->total - i * c->size : c->size;
}

/* matmul_state.c: how it is cut, and primitives; NULL: see moon_dnn_find. */
const matmul_state *moon_cpu_matmul_state(const matmul_key *key,
                                          bool may_create);

#endif
