/* A forward convolution by Winograd's method, block by block; see winograd.h.
 * V and M are the thread's own memory, so that every part finds them in its
 * cache. */
#include <stdio.h>
#include <string.h>
#include "winograd.h"

enum { APART = 16 };  /* elements between matrices: not the same cache sets */

int moon_cpu_winograd_begin(const winograd *g, int part, winograd_part *out,
                            moon_fail *fail) {
  const cpu_winograd_simd *simd = moon_cpu_simd()->winograd;
  winograd_block *b = &out->block;
  *out = (winograd_part){.block.g = g};
  int slice = part / (int)g->ranges, range = part % (int)g->ranges;
  moon_part_range(g->p.k, (int)g->slices, slice, simd->panel, &b->k,
                  &b->k_end);
  moon_part_range(g->tiles, (int)g->ranges, range, 1, &b->first, &out->end);
  b->v_size = g->block * g->p.c + APART;
  b->m_size = g->block * (b->k_end - b->k) + APART;
  int64_t zeros = g->p.c > g->p.k ? g->p.c : g->p.k;
  int64_t numel = WINOGRAD_PLACES * (b->v_size + b->m_size) + zeros;
  float *pad = moon_cpu_pad((size_t)numel * sizeof *pad);
  if (!pad) {
    snprintf(fail->text, sizeof fail->text, "no memory for %lld tiles",
             (long long)g->block);
    return MOON_E_MEMORY;
  }
  b->v = pad;
  b->m = b->v + WINOGRAD_PLACES * b->v_size;
  b->zeros = b->m + WINOGRAD_PLACES * b->m_size;
  memset(pad + numel - zeros, 0, (size_t)zeros * sizeof *pad);
  return MOON_OK;
}

bool moon_cpu_winograd_next(winograd_part *p) {
  winograd_block *b = &p->block;
  b->first += b->count;
  int64_t left = p->end - b->first;
  b->count = left < b->g->block ? left : b->g->block;
  return left > 0;
}

int moon_cpu_winograd_run(const conv_packed *c, const float *u, int part,
                          moon_fail *fail) {
  const cpu_winograd_simd *simd = moon_cpu_simd()->winograd;
  winograd_part p;
  int status = moon_cpu_winograd_begin(c->state->winograd, part, &p, fail);
  if (status < 0) return status;
  while (moon_cpu_winograd_next(&p)) {
    simd->input(&p.block, c->x);
    simd->multiply(&p.block, u);
    simd->output(&p.block, c->bias, c->relu, c->y);
  }
  return MOON_OK;
}
