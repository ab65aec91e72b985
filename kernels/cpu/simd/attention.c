/* y = softmax(scale q k^T + mask) v; see ref/attention.c and attention.h. A
 * unit of work is a block of queries, which meets its keys block by block; the
 * softmax's maximum and sum so far go along, and what was summed shrinks when
 * the maximum grows (Milakov and Gimelshein 2018).
 */
#include "attention.h"

enum { Q, K, V, MASK, Y, LSE };

CPU_COVERS(attention) {
  return attend_covers(call->arg, &call->arg[Y]) && cpu_is_f32(&call->arg[LSE]);
}

/* Of a part; a lane is a query. */
typedef struct room {
  float *q, *s, *y;           /* [features], [keys], [values] x lanes */
  float *most, *sum, *shrink; /* [lanes] */
} room;

static size_t room_size(const attend *a) {
  int64_t rows = a->features + ATTEND_BLOCK + a->values + 3;
  return cpu_align64((size_t)(rows * ATTEND_BLOCK) * sizeof(float));
}

static room room_of(const attend *a, void *scratch, int part) {
  float *q = (float *)((char *)scratch + (size_t)part * room_size(a));
  float *s = q + a->features * ATTEND_BLOCK;
  float *y = s + ATTEND_BLOCK * ATTEND_BLOCK;
  float *most = y + a->values * ATTEND_BLOCK;
  return (room){q, s, y, most, most + ATTEND_BLOCK, most + 2 * ATTEND_BLOCK};
}

static int64_t blocks_of(const attend *a) {
  return (a->queries + ATTEND_BLOCK - 1) / ATTEND_BLOCK;
}

CPU_CUT(attention) {
  attend a = attend_of(call, call->arg, &call->arg[Y]);
  cpu_phase(plan, a.heads * blocks_of(&a), attend_work(&a), 0.3);
  plan->scratch = (size_t)plan->parts[0] * room_size(&a);
}

/* Maxima with this block's scores; shrink becomes what is left of the sums. A
 * lane whose scores are all minus infinity is measured from 0. */
static void raise(const attend_block *b, const float *restrict s,
                  float *restrict most, float *restrict shrink) {
  float top[ATTEND_BLOCK];
  memcpy(top, most, sizeof top);
  for (int64_t k = 0; k < b->m; k++, s += b->lanes) {
    for (int64_t l = 0; l < b->lanes; l++) {
      top[l] = s[l] > top[l] ? s[l] : top[l];
    }
  }
  for (int64_t l = 0; l < b->lanes; l++) {
    float base = top[l] == -INFINITY ? 0 : top[l];
    shrink[l] = simd_exp(most[l] - base);
    most[l] = top[l];
  }
}

/* s becomes exp(s - most), which is added to the sums. */
static void weigh(const attend_block *b, float *restrict s, const room *r) {
  float base[ATTEND_BLOCK], sum[ATTEND_BLOCK];
  for (int64_t l = 0; l < b->lanes; l++) {
    base[l] = r->most[l] == -INFINITY ? 0 : r->most[l];
    sum[l] = r->sum[l] * r->shrink[l];
  }
  for (int64_t k = 0; k < b->m; k++, s += b->lanes) {
    for (int64_t l = 0; l < b->lanes; l += WIDE) {
      wide p = wide_exp(wide_load(s + l) - wide_load(base + l));
      wide_store(s + l, p);
      wide_store(sum + l, wide_load(sum + l) + p);
    }
  }
  memcpy(r->sum, sum, (size_t)b->lanes * sizeof *sum);
}

/* Rows of n lanes times one row. */
static void scale_rows(int64_t rows, int64_t lanes, const float *restrict by,
                       float *restrict y) {
  for (int64_t c = 0; c < rows; c++, y += lanes) {
    for (int64_t l = 0; l < lanes; l++) y[l] *= by[l];
  }
}

/* What the keys of the block add to y. */
static void meet(const attend *a, const attend_block *b, const room *r,
                 attend_rows v) {
  if (b->j > 0) scale_rows(a->values, b->lanes, r->shrink, r->y);
  simd_product p = {.m = a->values, .k = b->m, .lanes = b->lanes,
                    .a = v.data + b->j * v.row, .a_row = 1, .a_column = v.row,
                    .b = r->s, .b_row = b->lanes, .c = r->y,
                    .c_row = b->lanes, .adds = b->j > 0};
  simd_multiply(&p);
}

static void finish(const moon_call *call, const attend *a,
                   const attend_block *b, const room *r) {
  const moon_operand *lse = &call->arg[LSE];
  attend_rows y = attend_rows_of(a, a->y, b->head);
  int64_t step = lse->stride[lse->ndim - 1];
  float *to = (float *)lse->data + attend_place(a, lse, b->head) + b->i * step;
  for (int64_t l = 0; l < b->lanes; l++) {
    float sum = r->sum[l];
    r->shrink[l] = sum == 0 ? 0 : 1 / sum;
    r->sum[l] = sum == 0 ? -INFINITY : r->most[l] + simd_log(sum);
  }
  for (int64_t l = 0; l < b->n; l++) to[l * step] = r->sum[l];
  scale_rows(a->values, b->lanes, r->shrink, r->y);
  simd_transpose_any(r->y, b->lanes, y.data + b->i * y.row, y.row, a->values,
                     b->n);
}

CPU_RUN(attention) {
  attend a = attend_of(call, call->arg, &call->arg[Y]);
  room r = room_of(&a, scratch, part);
  int64_t lo, hi, blocks = blocks_of(&a);
  cpu_share(plan, phase, part, a.heads * blocks, 1, &lo, &hi);
  for (int64_t u = lo; u < hi; u++) {
    attend_block b = attend_queries(&a, u / blocks, u % blocks);
    attend_rows q = attend_rows_of(&a, &call->arg[Q], b.head);
    attend_rows k = attend_rows_of(&a, &call->arg[K], b.head);
    attend_rows v = attend_rows_of(&a, &call->arg[V], b.head);
    attend_turn(&b, q, a.features, a.scale, r.q);
    for (int64_t l = 0; l < ATTEND_BLOCK; l++) {
      r.most[l] = -INFINITY;
      r.sum[l] = 0;
    }
    for (int64_t j = 0; attend_keys(&a, &b, j, a.keys); j += ATTEND_BLOCK) {
      attend_scores(&b, k, a.features, r.q, r.s);
      attend_mask(&a, &b, r.s);
      raise(&b, r.s, r.most, r.shrink);
      weigh(&b, r.s, &r);
      meet(&a, &b, &r, v);
    }
    finish(call, &a, &b, &r);
  }
  return MOON_OK;
}

SIMD_KERNEL(attention)
