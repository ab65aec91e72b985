/* Lists of places out of a layout of oneDNN's. See packing.h. */
#include "packing.h"
#include <stdlib.h>
#include <string.h>

static const double PACK_NS = 0.3;  /* per element */

/* Where index i of dimension d lies: the innermost blocks first, then the
 * stride between whole blocks. */
static int64_t place(const dnnl_memory_desc_t *m, int d, int64_t i) {
  const dnnl_blocking_desc_t *b = &m->format_desc.blocking;
  int64_t at = 0, step = 1;
  for (int k = b->inner_nblks - 1; k >= 0; k--) {
    if (b->inner_idxs[k] == d) {
      at += i % b->inner_blks[k] * step;
      i /= b->inner_blks[k];
    }
    step *= b->inner_blks[k];
  }
  return at + i * b->strides[d];
}

static void list_rows(cpu_packing *p, const dnnl_memory_desc_t *m,
                      const cpu_weights *w) {
  int grouped = m->ndims == 5;
  int64_t outputs = m->padded_dims[grouped];
  for (int64_t r = 0; r < p->rows; r++) {
    int64_t g = r / outputs, o = r % outputs;
    bool real = o < m->dims[grouped] && (!grouped || g < m->dims[0]);
    p->packed_row[r] = (int32_t)(place(m, grouped, o) +
                                 (grouped ? place(m, 0, g) : 0));
    p->row[r] = real ? (int32_t)(g * w->stride[0] + o * w->stride[1]) : -1;
  }
}

static void list_columns(cpu_packing *p, const dnnl_memory_desc_t *m,
                         const cpu_weights *w) {
  int input = m->ndims - 3, h = input + 1, v = input + 2;
  int64_t height = m->dims[h], width = m->dims[v];
  for (int64_t j = 0; j < p->columns; j++) {
    int64_t c = j / (height * width);
    int64_t y = j / width % height, x = j % width;
    p->packed_column[j] =
        (int32_t)(place(m, input, c) + place(m, h, y) + place(m, v, x));
    if (w->flip) {
      y = height - 1 - y;
      x = width - 1 - x;
    }
    int64_t at = c * w->stride[2] + y * w->stride[3] + x * w->stride[4];
    p->column[j] = c < m->dims[input] ? (int32_t)at : -1;
  }
}

/* Whether 16 places from `i` on follow each other and are all real. */
static bool is_block(const int32_t *places, const int32_t *real, int64_t i,
                     int64_t end) {
  if (i + PACKING_BLOCK > end) return false;
  for (int64_t k = i; k < i + PACKING_BLOCK; k++) {
    if (places[k] != places[i] + k - i || real[k] < 0) return false;
  }
  return true;
}

/* Elements from the first to the last weight in the user's memory. */
static int64_t extent(const dnnl_memory_desc_t *m, const cpu_weights *w) {
  int64_t last = 0;
  for (int d = 0; d < m->ndims; d++) {
    last += (m->dims[d] - 1) * w->stride[d + 5 - m->ndims];
  }
  return last + 1;
}

static int strip_of(const dnnl_memory_desc_t *m, const cpu_weights *w) {
  int64_t taps = m->dims[m->ndims - 2] * m->dims[m->ndims - 1];
  bool dense = w->stride[4] == 1 && w->stride[3] == m->dims[m->ndims - 1];
  bool fits = taps > 1 && taps <= PACKING_BLOCK;
  return w->flip && dense && fits ? (int)taps : 0;
}

static int64_t blocks_in(int64_t n) {
  return (n + PACKING_BLOCK - 1) / PACKING_BLOCK;
}

static cpu_packing *sized(int64_t rows, int64_t columns) {
  size_t words = 2 * (size_t)(rows + columns);
  size_t flags = (size_t)(blocks_in(rows) + blocks_in(columns));
  size_t nbytes = sizeof(cpu_packing) + words * sizeof(int32_t) + flags;
  cpu_packing *p = calloc(1, nbytes);
  if (!p) return NULL;
  p->nbytes = nbytes;
  p->rows = rows;
  p->columns = columns;
  p->packed_row = (int32_t *)(p + 1);
  p->row = p->packed_row + rows;
  p->packed_column = p->row + rows;
  p->column = p->packed_column + columns;
  p->row_block = (uint8_t *)(p->column + columns);
  p->column_block = p->row_block + blocks_in(rows);
  return p;
}

static bool same(const cpu_packing *a, const cpu_packing *b) {
  return a->nbytes == b->nbytes && a->rows == b->rows &&
         a->columns == b->columns && a->order.numel == b->order.numel &&
         a->strip == b->strip && a->extent == b->extent &&
         a->order.pack == b->order.pack &&
         !memcmp(a + 1, b + 1, a->nbytes - sizeof *a);
}

/* p, or one like it that is known already. */
static const cpu_packing *kept(cpu_packing *p) {
  static cpu_packing *known;
  for (cpu_packing *k = known; k; k = k->next) {
    if (!same(k, p)) continue;
    free(p);
    return k;
  }
  p->next = known;
  return known = p;
}

static void pack(const cpu_order *o, const float *w, float *packed,
                 int64_t unit, int64_t unit_end) {
  const cpu_packing *p = (const cpu_packing *)o;
  int64_t end = unit_end * PACKING_BLOCK;
  moon_cpu_simd()->weights->pack(p, w, packed, unit * PACKING_BLOCK,
                                 end < p->rows ? end : p->rows);
}

static void pack_rounded(const cpu_order *o, const float *w, float *packed,
                         int64_t unit, int64_t unit_end) {
  const cpu_packing *p = (const cpu_packing *)o;
  int64_t end = unit_end * PACKING_BLOCK;
  moon_cpu_simd()->weights->pack_rounded(p, w, packed, unit * PACKING_BLOCK,
                                         end < p->rows ? end : p->rows);
}

const cpu_packing *moon_cpu_packing_of(const dnnl_memory_desc_t *m,
                                       const cpu_weights *w) {
  if (m->format_kind != dnnl_blocked || m->extra.flags) return NULL;
  size_t nbytes = dnnl_memory_desc_get_size(m), whole = sizeof(float);
  int64_t numel = (int64_t)((nbytes + whole - 1) / whole);
  if (numel > INT32_MAX || extent(m, w) > INT32_MAX) return NULL;
  int grouped = m->ndims == 5, input = m->ndims - 3;
  int64_t rows = m->padded_dims[grouped] * (grouped ? m->padded_dims[0] : 1);
  int64_t columns = m->padded_dims[input] * m->dims[input + 1] *
                    m->dims[input + 2];
  cpu_packing *p = sized(rows, columns);
  if (!p) return NULL;
  p->order = (cpu_order){numel, blocks_in(rows), PACK_NS * (double)numel,
                         m->data_type == dnnl_bf16 ? pack_rounded : pack};
  p->extent = extent(m, w);
  p->strip = strip_of(m, w);
  list_rows(p, m, w);
  list_columns(p, m, w);
  for (int64_t i = 0; i < blocks_in(rows); i++) {
    p->row_block[i] =
        is_block(p->packed_row, p->row, i * PACKING_BLOCK, rows);
  }
  for (int64_t i = 0; i < blocks_in(columns); i++) {
    p->column_block[i] =
        is_block(p->column, p->column, i * PACKING_BLOCK, columns);
  }
  return kept(p);
}
