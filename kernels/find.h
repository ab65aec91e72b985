/* States by key: a hash table that only grows. Readers take no lock, because a
 * node never changes once it is reachable. Keys are compared byte by byte: no
 * gaps in them, and a multiple of eight bytes.
 */
#ifndef MOON_FIND_H
#define MOON_FIND_H
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct moon_found {
  struct moon_found *next;
  uint64_t hash;
  size_t size;
  const void *state;
  char key[];
} moon_found;

enum { MOON_FIND_BUCKETS = 4096 };
typedef struct moon_finder {
  _Atomic(moon_found *) bucket[MOON_FIND_BUCKETS];
  pthread_mutex_t creating;
} moon_finder;
#define MOON_FINDER {.creating = PTHREAD_MUTEX_INITIALIZER}

/* The state of a new key, kept for good, or NULL. One at a time. */
typedef const void *moon_find_make(const void *key, void *with);

static inline uint64_t moon_find_hash(const void *key, size_t size) {
  uint64_t hash = size, word;
  for (size_t i = 0; i < size; i += sizeof word) {
    memcpy(&word, (const char *)key + i, sizeof word);
    hash = (hash ^ word) * 0x9E3779B97F4A7C15u;
    hash ^= hash >> 29;
  }
  return hash;
}

static inline const void *moon_find_look(const moon_finder *f, uint64_t hash,
                                         const void *key, size_t size) {
  const moon_found *n = atomic_load_explicit(
      &f->bucket[hash % MOON_FIND_BUCKETS], memory_order_acquire);
  for (; n; n = n->next) {
    if (n->hash == hash && n->size == size && !memcmp(n->key, key, size)) {
      return n->state;
    }
  }
  return NULL;
}

/* With `creating` held. */
static inline const void *moon_find_add(moon_finder *f, uint64_t hash,
                                        const void *key, size_t size,
                                        const void *state) {
  moon_found *n = state ? malloc(sizeof *n + size) : NULL;
  if (!n) return NULL;
  _Atomic(moon_found *) *head = &f->bucket[hash % MOON_FIND_BUCKETS];
  *n = (moon_found){.hash = hash, .size = size, .state = state};
  memcpy(n->key, key, size);
  n->next = atomic_load_explicit(head, memory_order_relaxed);
  atomic_store_explicit(head, n, memory_order_release);
  return state;
}

/* A key's state: found, or, with `make`, made. NULL: neither. */
static inline const void *moon_find(moon_finder *f, const void *key,
                                    size_t size, moon_find_make *make,
                                    void *with) {
  uint64_t hash = moon_find_hash(key, size);
  const void *state = moon_find_look(f, hash, key, size);
  if (state || !make) return state;
  pthread_mutex_lock(&f->creating);
  state = moon_find_look(f, hash, key, size);
  if (!state) state = moon_find_add(f, hash, key, size, make(key, with));
  pthread_mutex_unlock(&f->creating);
  return state;
}

#endif
