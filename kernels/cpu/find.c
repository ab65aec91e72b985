/* States by key: a hash table that only grows. Readers take no lock, because a
 * node never changes once it is reachable. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "onednn.h"

typedef struct node {
  struct node *next;
  uint64_t hash;
  size_t size;
  const void *state;
  char key[];
} node;

enum { BUCKETS = 4096 };
static _Atomic(node *) bucket[BUCKETS];
static pthread_mutex_t creating = PTHREAD_MUTEX_INITIALIZER;

/* Eight bytes at a time; `size` is a multiple of eight. */
static uint64_t hash_of(const void *key, size_t size) {
  uint64_t hash = size, word;
  for (size_t i = 0; i < size; i += sizeof word) {
    memcpy(&word, (const char *)key + i, sizeof word);
    hash = (hash ^ word) * 0x9E3779B97F4A7C15u;
    hash ^= hash >> 29;
  }
  return hash;
}

static const node *look(uint64_t hash, const void *key, size_t size) {
  const node *n = atomic_load_explicit(&bucket[hash % BUCKETS],
                                       memory_order_acquire);
  for (; n; n = n->next) {
    if (n->hash == hash && n->size == size && !memcmp(n->key, key, size)) {
      return n;
    }
  }
  return NULL;
}

/* With `creating` held. */
static const void *add(uint64_t hash, const void *key, size_t size,
                       dnn_make *make) {
  node *n = malloc(sizeof *n + size);
  if (!n) return NULL;
  *n = (node){.hash = hash, .size = size, .state = make(key)};
  memcpy(n->key, key, size);
  if (!n->state) {
    free(n);
    return NULL;
  }
  _Atomic(node *) *head = &bucket[hash % BUCKETS];
  n->next = atomic_load_explicit(head, memory_order_relaxed);
  atomic_store_explicit(head, n, memory_order_release);
  return n->state;
}

const void *moon_dnn_find(const void *key, size_t size, bool may_create,
                          dnn_make *make) {
  uint64_t hash = hash_of(key, size);
  const node *n = look(hash, key, size);
  if (n || !may_create) return n ? n->state : NULL;
  pthread_mutex_lock(&creating);
  n = look(hash, key, size);
  const void *state = n ? n->state : add(hash, key, size, make);
  pthread_mutex_unlock(&creating);
  return state;
}
