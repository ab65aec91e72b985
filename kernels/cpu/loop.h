/* Elementwise loops over operands of one shape, whatever their strides.
 *
 * Dimensions are sorted by the first operand's strides, those of size 1 are
 * dropped and neighbours are merged, so that dense operands in one order give
 * one long row. A walk then visits pieces of rows:
 *
 *   cpu_loop l = cpu_loop_of(o, n);
 *   for (cpu_walk w = cpu_walk_from(&l, lo, hi, max); w.n > 0;
 *        cpu_walk_next(&w)) ...
 *
 * w.n elements begin at w.at[k] of operand k and lie cpu_inner(&l, k) apart.
 */
#ifndef MOON_CPU_LOOP_H
#define MOON_CPU_LOOP_H
#include "cpu.h"

enum { CPU_OPERANDS = 6 };

typedef struct cpu_loop {
  int n, ndim;                    /* operands; dimensions, at least 1 */
  int64_t numel;
  int64_t shape[MOON_MAX_DIMS];
  int64_t stride[CPU_OPERANDS][MOON_MAX_DIMS];
} cpu_loop;

static inline void cpu_loop_swap(cpu_loop *l, int d, int e) {
  int64_t extent = l->shape[d];
  l->shape[d] = l->shape[e];
  l->shape[e] = extent;
  for (int k = 0; k < l->n; k++) {
    int64_t stride = l->stride[k][d];
    l->stride[k][d] = l->stride[k][e];
    l->stride[k][e] = stride;
  }
}

/* Whether dimension d + 1 continues dimension d in every operand. */
static inline bool cpu_loop_continues(const cpu_loop *l, int d, int next) {
  for (int k = 0; k < l->n; k++) {
    if (l->stride[k][d] != l->stride[k][next] * l->shape[next]) return false;
  }
  return true;
}

static inline void cpu_loop_merge(cpu_loop *l) {
  int last = 0;
  for (int d = 1; d < l->ndim; d++) {
    if (cpu_loop_continues(l, last, d)) {
      l->shape[last] *= l->shape[d];
    } else {
      l->shape[++last] = l->shape[d];
    }
    for (int k = 0; k < l->n; k++) l->stride[k][last] = l->stride[k][d];
  }
  l->ndim = last + 1;
}

/* All operands have the first one's shape, which has elements. */
static inline cpu_loop cpu_loop_of(const moon_operand *const *o, int n) {
  cpu_loop l = {.n = n, .numel = 1};
  for (int d = 0; d < o[0]->ndim; d++) {
    if (o[0]->shape[d] == 1) continue;
    int at = l.ndim++;
    l.shape[at] = o[0]->shape[d];
    l.numel *= o[0]->shape[d];
    for (int k = 0; k < n; k++) l.stride[k][at] = o[k]->stride[d];
    for (; at > 0 && l.stride[0][at - 1] < l.stride[0][at]; at--) {
      cpu_loop_swap(&l, at - 1, at);
    }
  }
  if (l.ndim == 0) {
    l.ndim = 1;
    l.shape[0] = 1;
    for (int k = 0; k < n; k++) l.stride[k][0] = 1;
  }
  cpu_loop_merge(&l);
  return l;
}

static inline int64_t cpu_inner(const cpu_loop *l, int k) {
  return l->stride[k][l->ndim - 1];
}

/* Whether operand k is visited in the order of its memory, without gaps. */
static inline bool cpu_loop_is_flat(const cpu_loop *l) {
  if (l->ndim > 1) return false;
  for (int k = 0; k < l->n; k++) {
    if (l->stride[k][0] != 1) return false;
  }
  return true;
}

typedef struct cpu_walk {
  const cpu_loop *loop;
  int64_t n;                      /* elements of this piece; 0: the end */
  int64_t at[CPU_OPERANDS];
  int64_t left, max;
  int64_t index[MOON_MAX_DIMS];
} cpu_walk;

static inline void cpu_walk_piece(cpu_walk *w) {
  const cpu_loop *l = w->loop;
  int64_t row = l->shape[l->ndim - 1] - w->index[l->ndim - 1];
  w->n = row < w->left ? row : w->left;
  if (w->n > w->max) w->n = w->max;
}

/* Elements lo to hi (not included) in the loop's order, in pieces of at most
 * `max`. */
static inline cpu_walk cpu_walk_from(const cpu_loop *l, int64_t lo, int64_t hi,
                                     int64_t max) {
  cpu_walk w = {.loop = l, .left = hi - lo, .max = max};
  for (int d = l->ndim - 1; d >= 0; d--) {
    w.index[d] = lo % l->shape[d];
    lo /= l->shape[d];
    for (int k = 0; k < l->n; k++) w.at[k] += w.index[d] * l->stride[k][d];
  }
  cpu_walk_piece(&w);
  return w;
}

static inline void cpu_walk_next(cpu_walk *w) {
  const cpu_loop *l = w->loop;
  int64_t step = w->n;
  w->left -= step;
  for (int d = l->ndim - 1; d >= 0; d--, step = 1) {
    w->index[d] += step;
    for (int k = 0; k < l->n; k++) w->at[k] += step * l->stride[k][d];
    if (w->index[d] < l->shape[d]) break;
    for (int k = 0; k < l->n; k++) {
      w->at[k] -= w->index[d] * l->stride[k][d];
    }
    w->index[d] = 0;
  }
  cpu_walk_piece(w);
}

#endif
