/* Regions of memory: who wrote last, who has read since, what they carry. */
#include <stdlib.h>
#include <string.h>
#include "device.h"

moon__region *moon__region_new(moon_runtime *rt, size_t lo, size_t hi) {
  moon__region *r = moon__pool_take(&rt->region_pool, sizeof *r);
  *r = (moon__region){.refs = 1, .lo = lo, .hi = hi,
                      .capacity = MOON_REGION_INLINE};
  r->reader = r->inlined;
  return r;
}

void moon__region_retain(moon__region *r) {
  atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
}

void moon__region_release(moon_runtime *rt, moon__region *r) {
  if (atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) != 1) return;
  moon__error_release(r->error);
  if (r->reader != r->inlined) free(r->reader);
  moon__pool_give(&rt->region_pool, r);
}

/* Drops readers that are complete, so that the list stays short. */
static void prune(moon_runtime *rt, moon__region *r) {
  int kept = 0;
  for (int i = 0; i < r->n_readers; i++) {
    if (!moon__use_complete(rt, r->reader[i])) r->reader[kept++] = r->reader[i];
  }
  r->n_readers = kept;
}

static void grow(moon__region *r) {
  moon__use *old = r->reader;
  r->capacity *= 2;
  r->reader = moon__malloc((size_t)r->capacity * sizeof *r->reader);
  memcpy(r->reader, old, (size_t)r->n_readers * sizeof *old);
  if (old != r->inlined) free(old);
}

void moon__region_add_reader(moon_runtime *rt, moon__region *r,
                             moon__use use) {
  for (int i = 0; i < r->n_readers; i++) {
    if (r->reader[i].stream != use.stream) continue;
    if (r->reader[i].sequence < use.sequence) r->reader[i] = use;
    return;
  }
  if (r->n_readers == r->capacity) {
    /* The sim's check wants every reader that was not waited for. */
    if (!rt->sim.options.check) prune(rt, r);
    if (r->n_readers == r->capacity) grow(r);
  }
  r->reader[r->n_readers++] = use;
}
