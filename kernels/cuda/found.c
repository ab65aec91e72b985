/* What was planned, by key: a hash table that only grows. Readers take no lock,
 * because a node never changes once it is reachable. See library.h. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "library.h"

typedef struct node {
  struct node *next;
  uint64_t hash;
  size_t size;
  const void *state;
  char key[];
} node;

enum { BUCKETS = 1024 };
static _Atomic(node *) bucket[BUCKETS];
static pthread_mutex_t creating = PTHREAD_MUTEX_INITIALIZER;

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
static int add(uint64_t hash, const void *key, size_t size,
               moon_cuda_make *make, const void **state, moon_fail *fail) {
  int status = make(key, state, fail);
  node *n = status < 0 ? NULL : malloc(sizeof *n + size);
  if (status < 0) return status;
  if (!n) return moon_library_fail(fail, MOON_E_MEMORY, "no memory for a plan");
  *n = (node){.hash = hash, .size = size, .state = *state};
  memcpy(n->key, key, size);
  _Atomic(node *) *head = &bucket[hash % BUCKETS];
  n->next = atomic_load_explicit(head, memory_order_relaxed);
  atomic_store_explicit(head, n, memory_order_release);
  return MOON_OK;
}

int moon_cuda_find(const void *key, size_t size, int may_create,
                   moon_cuda_make *make, const void **state,
                   moon_fail *fail) {
  uint64_t hash = hash_of(key, size);
  const node *n = look(hash, key, size);
  if (!n && !may_create) return MOON_E_BUSY;
  int status = MOON_OK;
  if (!n) {
    pthread_mutex_lock(&creating);
    n = look(hash, key, size);
    if (!n) status = add(hash, key, size, make, state, fail);
    pthread_mutex_unlock(&creating);
  }
  if (n) *state = n->state;
  return status;
}
