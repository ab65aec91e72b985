/* Whether any, or all, of a block of bool are true; see ref/reduce.c. A part is
 * some of the results; of many neighbours in memory, a tile at a time.
 */
#include "simd.h"

enum { TILE = 1024 };

typedef struct plane {
  cpu_loop kept;         /* of x (operand 0) and y */
  cpu_loop block;        /* of x: what becomes one element */
  int64_t width, tiles;  /* results side by side in x; tiles of them */
} plane;

static plane plane_of(const moon_call *call) {
  const moon_operand *x = &call->arg[0], *y = &call->arg[1];
  moon_operand heads = *x, block = *x;
  for (int d = 0; d < x->ndim; d++) {
    bool reduced = call->params.reduce.dims >> d & 1;
    *(reduced ? &heads.shape[d] : &block.shape[d]) = 1;
  }
  const moon_operand *kept[] = {&heads, y}, *inside[] = {&block};
  plane p = {cpu_loop_of(kept, 2), cpu_loop_of(inside, 1), 1, 1};
  if (cpu_inner(&p.kept, 0) == 1 && cpu_inner(&p.kept, 1) == 1) {
    p.width = p.kept.shape[p.kept.ndim - 1];
    p.tiles = (p.width + TILE - 1) / TILE;
  }
  return p;
}

CPU_COVERS(any) { return moon_operand_numel(&call->arg[0]) > 0; }

CPU_CUT(any) {
  plane p = plane_of(call);
  double n = (double)moon_operand_numel(&call->arg[0]);
  cpu_phase(plan, p.kept.numel / p.width * p.tiles, n, 0.1);
}

/* found |= (x != 0) == wanted, n elements `stride` apart. */
static bool look(int64_t n, const uint8_t *x, int64_t stride, bool wanted) {
  uint8_t found = 0;
  if (stride == 1) {
    for (int64_t i = 0; i < n; i++) found |= (x[i] != 0) == wanted;
  } else {
    for (int64_t i = 0; i < n; i++) found |= (x[i * stride] != 0) == wanted;
  }
  return found;
}

static void look_aside(int64_t n, const uint8_t *restrict x, bool wanted,
                       uint8_t *restrict found) {
  for (int64_t i = 0; i < n; i++) found[i] |= (x[i] != 0) == wanted;
}

/* n results from x and to y on: any of all that are true is found, of all none
 * that is false. */
static void run_tile(const plane *p, int64_t n, const uint8_t *x, bool is_any,
                     uint8_t *y) {
  uint8_t found[TILE] = {0};
  int64_t step = cpu_inner(&p->block, 0);
  cpu_walk w = cpu_walk_from(&p->block, 0, p->block.numel, INT64_MAX);
  for (; w.n > 0; cpu_walk_next(&w)) {
    if (n == 1) {
      found[0] |= look(w.n, x + w.at[0], step, is_any);
      continue;
    }
    for (int64_t i = 0; i < w.n; i++) {
      look_aside(n, x + w.at[0] + i * step, is_any, found);
    }
  }
  for (int64_t i = 0; i < n; i++) y[i] = found[i] ? is_any : !is_any;
}

CPU_RUN(any) {
  plane p = plane_of(call);
  const uint8_t *x = call->arg[0].data;
  uint8_t *y = call->arg[1].data;
  bool is_any = call->params.reduce.kind == MOON_R_ANY;
  int64_t lo, hi;
  cpu_share(plan, phase, part, p.kept.numel / p.width * p.tiles, 1, &lo, &hi);
  for (int64_t u = lo; u < hi; u++) {
    int64_t column = u % p.tiles * TILE, left = p.width - column;
    int64_t first = u / p.tiles * p.width + column;
    cpu_walk w = cpu_walk_from(&p.kept, first, first + 1, 1);
    run_tile(&p, left < TILE ? left : TILE, x + w.at[0], is_any, y + w.at[1]);
  }
  return MOON_OK;
}

SIMD_KERNEL(any)
