/* What attention's forward and gradient share. Both take queries and keys in
 * blocks (FlashAttention; Dao et al. 2022) and keep a block of scores with a
 * key per row and a query per lane: maxima and sums over keys then go down the
 * rows, and every product has rows of lanes. Lanes beyond the last query are
 * computed and dropped.
 */
#ifndef MOON_SIMD_ATTENTION_H
#define MOON_SIMD_ATTENTION_H
#include "elementary.h"
#include "multiply.h"
#include "transpose.h"

enum { ATTEND_BLOCK = 64 };  /* queries, and keys */

/* The operands that both have, in their order. */
enum { ATTEND_Q, ATTEND_K, ATTEND_V, ATTEND_MASK };

typedef struct attend {
  const moon_operand *in;  /* q, k, v, mask */
  const moon_operand *y;   /* its dimensions in front count heads */
  int64_t heads, queries, keys, features, values;
  float scale;
  bool causal, has_mask;
} attend;

static inline attend attend_of(const moon_call *call, const moon_operand *in,
                               const moon_operand *y) {
  const moon_operand *q = &in[ATTEND_Q], *k = &in[ATTEND_K];
  attend a = {.in = in, .y = y, .heads = 1,
              .queries = q->shape[q->ndim - 2],
              .keys = k->shape[k->ndim - 2],
              .features = q->shape[q->ndim - 1],
              .values = y->shape[y->ndim - 1],
              .scale = (float)call->params.attention.scale,
              .causal = call->params.attention.causal != 0,
              .has_mask = in[ATTEND_MASK].data != NULL};
  for (int d = 0; d < y->ndim - 2; d++) a.heads *= y->shape[d];
  return a;
}

/* f32 with contiguous rows. */
static inline bool attend_is_rows(const moon_operand *o) {
  int last = o->ndim - 1;
  return cpu_is_f32(o) && (o->shape[last] == 1 || o->stride[last] == 1);
}

static inline bool attend_covers(const moon_operand *in,
                                 const moon_operand *y) {
  const moon_operand *mask = &in[ATTEND_MASK];
  return attend_is_rows(&in[ATTEND_Q]) && attend_is_rows(&in[ATTEND_K]) &&
         attend_is_rows(&in[ATTEND_V]) && attend_is_rows(y) &&
         moon_operand_numel(y) > 0 && moon_operand_numel(&in[ATTEND_K]) > 0 &&
         (!mask->data || mask->dtype == MOON_BOOL || cpu_is_f32(mask));
}

/* Element visits of one forward, products counted by sixteen. */
static inline double attend_work(const attend *a) {
  double pairs = (double)a->heads * (double)a->queries * (double)a->keys;
  return pairs * ((double)(a->features + a->values) / 16 + 2) *
         (a->causal ? 0.5 : 1);
}

/* Where a head begins in an operand, in elements. */
static inline int64_t attend_place(const attend *a, const moon_operand *o,
                                   int64_t head) {
  int64_t at = 0;
  for (int d = a->y->ndim - 3; d >= 0; d--) {
    at += head % a->y->shape[d] * o->stride[d];
    head /= a->y->shape[d];
  }
  return at;
}

/* Rows of a head, `row` apart. */
typedef struct attend_rows { float *data; int64_t row; } attend_rows;

static inline attend_rows attend_rows_of(const attend *a,
                                         const moon_operand *o,
                                         int64_t head) {
  return (attend_rows){(float *)o->data + attend_place(a, o, head),
                       o->stride[o->ndim - 2]};
}

static inline int64_t attend_round(int64_t n) {
  return (n + SIMD_GRAIN - 1) / SIMD_GRAIN * SIMD_GRAIN;
}

/* Queries i to i + n, and keys j to j + m, of a head. */
typedef struct attend_block {
  int64_t head, i, n, lanes, j, m;
} attend_block;

static inline attend_block attend_queries(const attend *a, int64_t head,
                                          int64_t number) {
  int64_t i = number * ATTEND_BLOCK, left = a->queries - i;
  int64_t n = left < ATTEND_BLOCK ? left : ATTEND_BLOCK;
  return (attend_block){head, i, n, attend_round(n), 0, 0};
}

/* Moves on to the keys from j on, up to `end`; false where there are none that
 * these queries meet. */
static inline bool attend_keys(const attend *a, attend_block *b, int64_t j,
                               int64_t end) {
  int64_t last = a->causal && b->i + b->n < end ? b->i + b->n : end;
  b->j = j;
  b->m = last - j < ATTEND_BLOCK ? last - j : ATTEND_BLOCK;
  return b->m > 0;
}

/* to[c, lane] = by x[lane, c]: a block's rows as lanes, zeros beyond. */
static inline void attend_turn(const attend_block *b, attend_rows x,
                               int64_t columns, float by, float *to) {
  int64_t lanes = b->lanes;
  simd_transpose_any(x.data + b->i * x.row, x.row, to, lanes, b->n, columns);
  for (int64_t c = 0; c < columns; c++) {
    for (int64_t l = b->n; l < lanes; l++) to[c * lanes + l] = 0;
  }
  if (by == 1) return;
  for (int64_t k = 0; k < columns * lanes; k++) to[k] *= by;
}

/* s[key, lane] = x[key] . t[lane]: rows of x from key j on, t as lanes. */
static inline void attend_scores(const attend_block *b, attend_rows x,
                                 int64_t columns, const float *t, float *s) {
  simd_product p = {.m = b->m, .k = columns, .lanes = b->lanes,
                    .a = x.data + b->j * x.row, .a_row = x.row, .a_column = 1,
                    .b = t, .b_row = b->lanes, .c = s, .c_row = b->lanes};
  simd_multiply(&p);
}

/* One key's mask, of which every query has an element of its own. */
static inline void attend_mask_lanes(const attend_block *b,
                                     const moon_operand *mask, int64_t at,
                                     float *s) {
  int64_t step = mask->stride[mask->ndim - 2];
  if (mask->dtype == MOON_BOOL) {
    const uint8_t *m = (const uint8_t *)mask->data + at;
    for (int64_t l = 0; l < b->n; l++) {
      s[l] = m[l * step] ? s[l] : -INFINITY;
    }
  } else {
    const float *m = (const float *)mask->data + at;
    for (int64_t l = 0; l < b->n; l++) s[l] += m[l * step];
  }
}

static inline void attend_mask_key(const attend_block *b,
                                   const moon_operand *mask, int64_t at,
                                   float *s) {
  float more = mask->dtype == MOON_BOOL
                   ? (((const uint8_t *)mask->data)[at] ? 0 : -INFINITY)
                   : ((const float *)mask->data)[at];
  if (more == 0) return;
  for (int64_t l = 0; l < b->lanes; l++) s[l] += more;
}

/* What does not take part becomes minus infinity; biases are added. */
static inline void attend_mask(const attend *a, const attend_block *b,
                               float *s) {
  const moon_operand *mask = &a->in[ATTEND_MASK];
  int64_t first = 0, row = 0, column = 0;
  if (a->has_mask) {
    row = mask->stride[mask->ndim - 2];
    column = mask->stride[mask->ndim - 1];
    first = attend_place(a, mask, b->head) + b->i * row;
  }
  for (int64_t k = 0; k < b->m; k++, s += b->lanes) {
    int64_t key = b->j + k, at = first + key * column;
    if (a->has_mask && row == 0) attend_mask_key(b, mask, at, s);
    if (a->has_mask && row != 0) attend_mask_lanes(b, mask, at, s);
    for (int64_t l = 0; a->causal && l < b->lanes && b->i + l < key; l++) {
      s[l] = -INFINITY;
    }
  }
}

#endif
