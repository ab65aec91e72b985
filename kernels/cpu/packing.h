/* Weights in the order in which a kernel reads them.
 *
 * Weights are a matrix: a row per output channel, a column per input channel
 * (of the group) and tap. An element's place is the sum of a row's and a
 * column's place, in the user's memory and in packed memory alike, so four
 * lists say all; blocked layouts are padded, with zeros.
 */
#ifndef MOON_CPU_PACKING_H
#define MOON_CPU_PACKING_H
#include "onednn.h"

enum { PACKING_BLOCK = 16 };

/* An order of weights, the first member of what describes it; see moon_order
 * of kernels/kernel.h. */
typedef struct cpu_order {
  int64_t numel;  /* floats of packed memory */
  int64_t units;  /* that packing can be cut in */
  double ns;      /* of packing, on one core */
  void (*pack)(const struct cpu_order *o, const float *w, float *packed,
               int64_t unit, int64_t unit_end);
} cpu_order;

/* A phase that packs. */
static inline void cpu_pack_phase(const cpu_order *o, moon_plan *plan) {
  cpu_phase(plan, o->units, (double)o->numel, o->ns / (double)o->numel);
}

typedef struct cpu_packing {
  cpu_order order;           /* a unit: PACKING_BLOCK rows */
  struct cpu_packing *next;  /* the list of all, see packing.c */
  size_t nbytes;             /* of this and its lists */
  int64_t rows, columns;  /* with padding */
  int32_t *packed_row, *packed_column;
  int32_t *row, *column;  /* in the user's memory; -1: padding */
  /* Whether the 16 from 16 i on are neighbours: rows in packed memory, columns
   * in the user's; with no padding among them. */
  uint8_t *row_block, *column_block;
  /* Taps of one input channel, 2 to 16, if they are neighbours in the user's
   * memory in reverse order; else 0. */
  int strip;
  int64_t extent;         /* elements of the user's memory */
} cpu_packing;

/* The user's side: strides of group, output channel, input channel, row and
 * column of the kernel; `flip` turns the kernel round by 180 degrees. */
typedef struct cpu_weights {
  int64_t stride[5];
  bool flip;
} cpu_weights;

/* `layout` has four dimensions, or five with groups first; f32, or bf16, which
 * packing rounds to. The same order is
 * the same packing, kept for good; one caller at a time. NULL when there is no
 * memory, the layout is none of the blocked ones, or a place is 2^31 or
 * more. */
const cpu_packing *moon_cpu_packing_of(const dnnl_memory_desc_t *layout,
                                  const cpu_weights *w);

/* rows = (or +=) the sum of n packed matrices that follow each other, added in
 * that order. */
typedef struct cpu_sum {
  const float *packed;
  int n;
  float *rows;
  bool add;
} cpu_sum;

/* simd/pack.c does both, for rows lo to hi of the matrix (multiples of 16, or
 * the end): pack(p, rows, packed, lo, hi) and unpack(p, sum, lo, hi). */

#endif
