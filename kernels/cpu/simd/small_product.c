/* One of many small products, where a call of oneDNN would cost as much. b is
 * brought into rows of whole vectors where it does not lie so, and y comes from
 * such rows.
 */
#include "multiply.h"
#include "transpose.h"

bool MOON_NAME(multiply)(const cpu_product *p);

/* b [k, n] as rows of `lanes`, zeros beyond n. */
static void pack(const cpu_product *p, int64_t lanes, float *to) {
  int64_t row = p->b_stride[0], column = p->b_stride[1];
  if (lanes > p->n) memset(to, 0, (size_t)(p->k * lanes) * sizeof *to);
  if (column != 1 && p->n != 1) {  /* then rows are contiguous */
    simd_transpose_any(p->b, column, to, lanes, p->n, p->k);
    return;
  }
  for (int64_t i = 0; i < p->k; i++) {
    memcpy(to + i * lanes, p->b + i * row, (size_t)p->n * sizeof *to);
  }
}

static void store(const cpu_product *p, int64_t lanes, const float *rows) {
  for (int64_t i = 0; i < p->m; i++) {
    const float *restrict from = rows + i * lanes;
    float *restrict y = p->y + i * p->y_stride;
    for (int64_t j = 0; j < p->n; j++) {
      y[j] = p->adds ? y[j] + from[j] : from[j];
    }
  }
}

bool MOON_NAME(multiply)(const cpu_product *p) {
  int64_t lanes = (p->n + SIMD_GRAIN - 1) / SIMD_GRAIN * SIMD_GRAIN;
  bool whole = lanes == p->n, packs = !whole || p->b_stride[1] != 1;
  simd_product q = {.m = p->m, .k = p->k, .lanes = lanes, .a = p->a,
                    .a_row = p->a_stride[0], .a_column = p->a_stride[1],
                    .b = p->b, .b_row = p->b_stride[0], .c = p->y,
                    .c_row = p->y_stride, .adds = p->adds};
  if (packs) {
    float *room = moon_cpu_pad((size_t)((p->k + p->m) * lanes) *
                               sizeof(float));
    if (!room) return false;
    pack(p, lanes, room);
    q.b = room;
    q.b_row = lanes;
    if (!whole) {
      q.c = room + p->k * lanes;
      q.c_row = lanes;
      q.adds = false;
    }
  }
  simd_multiply(&q);
  if (!whole) store(p, lanes, q.c);
  return true;
}
