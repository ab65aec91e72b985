/* A forward convolution by Winograd's method, block by block; see winograd.h.
 * V and M are the thread's own memory, so that every part finds them in its
 * cache. */
#include <stdio.h>
#include <string.h>
#include "winograd.h"

int moon_cpu_winograd_begin(const winograd *g, int part, winograd_part *out,
                            moon_fail *fail) {
  winograd_block *b = &out->block;
  *out = (winograd_part){.block.g = g};
  int slice = part / (int)g->ranges, range = part % (int)g->ranges;
  moon_part_range(g->p.k, (int)g->slices, slice, WINOGRAD_SLICE, &b->k,
                  &b->k_end);
  moon_part_range(g->tiles, (int)g->ranges, range, 1, &b->first, &out->end);
  b->v_size = winograd_apart(g->block, g->p.c);
  b->m_size = winograd_apart(g->block, b->k_end - b->k);
  int64_t most = g->p.c > g->p.k ? g->p.c : g->p.k;
  int64_t numel = WINOGRAD_PLACES * (b->v_size + b->m_size + most) + most;
  float *pad = moon_cpu_pad((size_t)numel * sizeof *pad);
  if (!pad) {
    snprintf(fail->text, sizeof fail->text, "no memory for %lld tiles",
             (long long)g->block);
    return MOON_E_MEMORY;
  }
  b->v = pad;
  b->m = b->v + WINOGRAD_PLACES * b->v_size;
  b->part = b->m + WINOGRAD_PLACES * b->m_size;
  b->zeros = b->part + WINOGRAD_PLACES * most;
  memset(pad + numel - most, 0, (size_t)most * sizeof *pad);
  return MOON_OK;
}

bool moon_cpu_winograd_next(winograd_part *p) {
  winograd_block *b = &p->block;
  b->first += b->count;
  int64_t left = p->end - b->first;
  b->count = left < b->g->block ? left : b->g->block;
  return left > 0;
}

cpu_masked moon_cpu_winograd_plain(const winograd *g, const float *x) {
  const conv_problem *p = &g->p;
  return (cpu_masked){.data = x,
                      .stride = {p->h * p->w * p->c, p->w * p->c, p->c},
                      .channels = p->c, .rows = p->h, .columns = p->w};
}

int moon_cpu_winograd_run(const conv_packed *c, const float *u, int part,
                          moon_fail *fail) {
  const cpu_winograd_simd *simd = moon_cpu_simd()->winograd;
  const winograd *g = c->state->winograd;
  cpu_masked x = c->dy.mask ? c->dy : moon_cpu_winograd_plain(g, c->x);
  winograd_part p;
  int status = moon_cpu_winograd_begin(g, part, &p, fail);
  if (status < 0) return status;
  while (moon_cpu_winograd_next(&p)) {
    simd->input(&p.block, &x);
    moon_cpu_simd()->winograd_product->multiply(&p.block, u);
    simd->output(&p.block, c);
  }
  return MOON_OK;
}
