/* Weights into a kernel's order and gradients back out of it, a block of 16
 * rows by 16 columns at a time; see ../packing.h. And what convolutions do to
 * their results. */
#include "../../half.h"
#include "../packing.h"
#include "transpose.h"

enum { BLOCK = PACKING_BLOCK };

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* --- pack ----------------------------------------------------------------- */
/* Rows are neighbours in packed memory, columns in the user's. */
static void pack_square(const cpu_packing *p, const float *rows, float *packed,
                        int64_t r, int64_t j) {
  simd_u16 a[BLOCK];
  for (int i = 0; i < BLOCK; i++) {
    a[i] = *(const simd_u16 *)(rows + p->row[r + i] + p->column[j]);
  }
  simd_transpose(a);
  for (int i = 0; i < BLOCK; i++) {
    float *to = packed + p->packed_row[r] + p->packed_column[j + i];
    *(simd_u16 *)to = a[i];
  }
}

/* Rows are neighbours in packed memory. */
static void pack_column(const cpu_packing *p, const float *rows, float *packed,
                        int64_t r, int64_t j) {
  float *to = packed + p->packed_row[r] + p->packed_column[j];
  if (p->column[j] < 0) {
    memset(to, 0, BLOCK * sizeof *to);
    return;
  }
  const float *from = rows + p->column[j];
  const int32_t *row = p->row + r;
  for (int i = 0; i < BLOCK; i++) to[i] = from[row[i]];
}

/* The same for all taps of one input channel at once, where they are neighbours
 * in reverse order; false where reading whole vectors would go too far. */
static bool pack_strip(const cpu_packing *p, const float *rows, float *packed,
                       int64_t r, int64_t j) {
  int64_t first = p->column[j + p->strip - 1];
  if (first < 0 || p->row[r + BLOCK - 1] + first + BLOCK > p->extent) {
    return false;
  }
  simd_u16 a[BLOCK];
  for (int i = 0; i < BLOCK; i++) {
    a[i] = *(const simd_u16 *)(rows + p->row[r + i] + first);
  }
  simd_transpose(a);
  for (int i = 0; i < p->strip; i++) {
    float *to = packed + p->packed_row[r] + p->packed_column[j + i];
    *(simd_u16 *)to = a[p->strip - 1 - i];
  }
  return true;
}

static void pack_each(const cpu_packing *p, const float *rows, float *packed,
                      int64_t r, int64_t j) {
  bool real = p->row[r] >= 0 && p->column[j] >= 0;
  packed[p->packed_row[r] + p->packed_column[j]] =
      real ? rows[p->row[r] + p->column[j]] : 0;
}

static void pack_strips(const cpu_packing *p, const float *rows,
                        float *packed, int64_t r) {
  for (int64_t j = 0; j < p->columns; j += p->strip) {
    if (pack_strip(p, rows, packed, r, j)) continue;
    for (int64_t k = j; k < j + p->strip; k++) {
      pack_column(p, rows, packed, r, k);
    }
  }
}

static void pack(const cpu_packing *p, const float *rows, float *packed,
                 int64_t lo, int64_t hi) {
  for (int64_t r = lo; r < hi; r += BLOCK) {
    bool row_block = p->row_block[r / BLOCK];
    if (row_block && p->strip) {
      pack_strips(p, rows, packed, r);
      continue;
    }
    for (int64_t j = 0; j < p->columns; j += BLOCK) {
      int64_t end = least(p->columns, j + BLOCK);
      if (row_block && p->column_block[j / BLOCK]) {
        pack_square(p, rows, packed, r, j);
      } else if (row_block) {
        for (int64_t k = j; k < end; k++) pack_column(p, rows, packed, r, k);
      } else {
        for (int64_t i = r; i < least(hi, r + BLOCK); i++) {
          for (int64_t k = j; k < end; k++) pack_each(p, rows, packed, i, k);
        }
      }
    }
  }
}

/* --- pack to bf16 --------------------------------------------------------- */
/* Whether 16 rows are every second element of packed memory (of pairs, whose
 * other half is another column), and all real. */
static bool is_paired(const cpu_packing *p, int64_t r, int64_t hi) {
  if (r + BLOCK > hi || p->packed_row[r] % 2) return false;
  for (int64_t i = 0; i < BLOCK; i++) {
    if (p->packed_row[r + i] != p->packed_row[r] + 2 * i) return false;
    if (p->row[r + i] < 0) return false;
  }
  return true;
}

/* One column of 16 paired rows at place `at`, as words of which it keeps the
 * other half (x86's order: the first element is the low half). */
static void put_halves(uint16_t *packed, int64_t at, const float *w) {
  simd_u16 *pairs = (simd_u16 *)(packed + at / 2 * 2), half = {0};
  for (int i = 0; i < BLOCK; i++) half[i] = moon_bf16_from_f32(w[i]);
  *pairs = at % 2 ? (*pairs & 0xffff) | half << 16
                  : (*pairs & 0xffff0000) | half;
}

static void pack_paired(const cpu_packing *p, const float *rows,
                        uint16_t *packed, int64_t r, int64_t j) {
  union { simd_u16 bits[BLOCK]; float w[BLOCK][BLOCK]; } a;
  int64_t n = least(p->columns - j, BLOCK);
  if (p->column_block[j / BLOCK]) {
    for (int i = 0; i < BLOCK; i++) {
      a.bits[i] = *(const simd_u16 *)(rows + p->row[r + i] + p->column[j]);
    }
    simd_transpose(a.bits);
  } else {
    for (int64_t k = 0; k < n; k++) {
      int32_t column = p->column[j + k];
      for (int i = 0; i < BLOCK; i++) {
        a.w[k][i] = column < 0 ? 0 : rows[p->row[r + i] + column];
      }
    }
  }
  for (int64_t k = 0; k < n; k++) {
    put_halves(packed, p->packed_row[r] + p->packed_column[j + k], a.w[k]);
  }
}

static void pack_rounded(const cpu_packing *p, const float *rows,
                         float *packed, int64_t lo, int64_t hi) {
  uint16_t *to = (uint16_t *)packed;
  for (int64_t r = lo; r < hi; r += BLOCK) {
    bool paired = is_paired(p, r, hi);
    for (int64_t j = 0; paired && j < p->columns; j += BLOCK) {
      pack_paired(p, rows, to, r, j);
    }
    for (int64_t i = r; !paired && i < least(hi, r + BLOCK); i++) {
      for (int64_t j = 0; j < p->columns; j++) {
        bool real = p->row[i] >= 0 && p->column[j] >= 0;
        float w = real ? rows[p->row[i] + p->column[j]] : 0;
        to[p->packed_row[i] + p->packed_column[j]] = moon_bf16_from_f32(w);
      }
    }
  }
}

/* --- unpack --------------------------------------------------------------- */
typedef float simd_f16
    __attribute__((vector_size(64), aligned(4), may_alias));

static void unpack_square(const cpu_packing *p, const cpu_sum *s, int64_t r,
                          int64_t j) {
  union { simd_f16 sum[BLOCK]; simd_u16 bits[BLOCK]; } a;
  for (int i = 0; i < BLOCK; i++) {
    const float *from = s->packed + p->packed_row[r] + p->packed_column[j + i];
    a.sum[i] = *(const simd_f16 *)from;
    for (int k = 1; k < s->n; k++) {
      from += p->order.numel;
      a.sum[i] += *(const simd_f16 *)from;
    }
  }
  simd_transpose(a.bits);
  for (int i = 0; i < BLOCK; i++) {
    float *to = s->rows + p->row[r + i] + p->column[j];
    if (s->add) a.sum[i] = *(const simd_f16 *)to + a.sum[i];
    *(simd_f16 *)to = a.sum[i];
  }
}

static void unpack_each(const cpu_packing *p, const cpu_sum *s, int64_t r,
                        int64_t j) {
  if (p->row[r] < 0 || p->column[j] < 0) return;
  const float *from = s->packed + p->packed_row[r] + p->packed_column[j];
  float *to = s->rows + p->row[r] + p->column[j], sum = *from;
  for (int k = 1; k < s->n; k++) sum += from[k * p->order.numel];
  *to = s->add ? *to + sum : sum;
}

static void unpack(const cpu_packing *p, const cpu_sum *s, int64_t lo,
                   int64_t hi) {
  for (int64_t r = lo; r < hi; r += BLOCK) {
    bool row_block = p->row_block[r / BLOCK];
    for (int64_t j = 0; j < p->columns; j += BLOCK) {
      if (row_block && p->column_block[j / BLOCK]) {
        unpack_square(p, s, r, j);
        continue;
      }
      int64_t end = least(p->columns, j + BLOCK);
      for (int64_t i = r; i < least(hi, r + BLOCK); i++) {
        for (int64_t k = j; k < end; k++) unpack_each(p, s, i, k);
      }
    }
  }
}

/* --- on results ----------------------------------------------------------- */
static void add(int64_t n, const float *restrict x, float *restrict y) {
  for (int64_t i = 0; i < n; i++) y[i] += x[i];
}

static void relu(int64_t n, float *y) {
  for (int64_t i = 0; i < n; i++) y[i] = y[i] < 0 ? 0 : y[i];
}

/* --- on factors ----------------------------------------------------------- */
static void round_lines(int64_t lines, int64_t n, const float *restrict x,
                        int64_t stride, uint16_t *restrict y) {
  for (int64_t l = 0; l < lines; l++, x += stride, y += n) {
    for (int64_t i = 0; i < n; i++) y[i] = moon_bf16_from_f32(x[i]);
  }
}

const cpu_weights_simd MOON_NAME(weights) = {.pack = pack, .unpack = unpack,
                                             .add = add, .relu = relu,
                                             .round = round_lines,
                                             .pack_rounded = pack_rounded};
