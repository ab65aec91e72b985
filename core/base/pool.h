/* A pool of equal records: any thread gives back, the loop thread takes.
 *
 * Giving back pushes on a list with one atomic exchange; taking pops from a
 * private list and, when that is empty, takes over all that was given back.
 * Records are linked through their first pointer. */
#ifndef MOON_POOL_H
#define MOON_POOL_H
#include <stdatomic.h>
#include <stdlib.h>
#include "base.h"

typedef struct moon__pooled { struct moon__pooled *next; } moon__pooled;

typedef struct moon__pool {
  moon__pooled *mine;
  _Atomic(moon__pooled *) given;
} moon__pool;

/* Under AddressSanitizer every record comes from malloc, so that it sees the
 * use of one that was given back. */
#ifdef __SANITIZE_ADDRESS__
enum { MOON_POOLING = 0 };
#else
enum { MOON_POOLING = 1 };
#endif

static inline void *moon__pool_take(moon__pool *pool, size_t nbytes) {
  if (!pool->mine) {
    if (!atomic_load_explicit(&pool->given, memory_order_relaxed)) {
      return moon__malloc(nbytes);
    }
    pool->mine =
        atomic_exchange_explicit(&pool->given, NULL, memory_order_acquire);
  }
  moon__pooled *record = pool->mine;
  pool->mine = record->next;
  return record;
}

/* From the loop thread. */
static inline void moon__pool_keep(moon__pool *pool, void *p) {
  if (!MOON_POOLING) {
    free(p);
    return;
  }
  moon__pooled *record = p;
  record->next = pool->mine;
  pool->mine = record;
}

/* From any thread. */
static inline void moon__pool_give(moon__pool *pool, void *p) {
  if (!MOON_POOLING) {
    free(p);
    return;
  }
  moon__pooled *record = p;
  moon__pooled *head =
      atomic_load_explicit(&pool->given, memory_order_relaxed);
  do {
    record->next = head;
  } while (!atomic_compare_exchange_weak_explicit(
      &pool->given, &head, record, memory_order_release,
      memory_order_relaxed));
}

static inline void moon__pool_close(moon__pool *pool) {
  moon__pooled *list[2] = {pool->mine, atomic_load(&pool->given)};
  for (int i = 0; i < 2; i++) {
    while (list[i]) {
      moon__pooled *next = list[i]->next;
      free(list[i]);
      list[i] = next;
    }
  }
}

#endif
