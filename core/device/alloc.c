/* The caching allocator. Blocks come from the system once and are reused in
 * stream order: a freed block remembers who may still touch it, and its next
 * storage starts with these as hazards, so a reuse is ordered like any write.
 * Blocks whose users the asking stream already comes after are preferred.
 *
 * Sizes are rounded up to classes, four to a doubling. The loop thread takes
 * and gives blocks; a worker that has no room for scratch gives idle ones back
 * to the system, so the lists have a lock of their own.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "gpu.h"

enum {
  CLASSES = 4 * 48,
  ALIGN = 64,
  LOOK = 32,               /* blocks of a class looked at before a new one */
  HUGE_PAGE = 1 << 21,
  SHIFT = 4096 + 128,      /* see shift_of */
  SHIFTS = 61
};

/* Sizes 64, 80, 96, 112, 128, 160, ... */
static size_t class_size(int c) {
  return (size_t)(64 + 16 * (c % 4)) << (c / 4);
}

static int class_of(size_t nbytes) {
  if (nbytes <= 64) return 0;
  int log = 63 - __builtin_clzll(nbytes - 1);  /* 2^log < = nbytes - 1 */
  int c = 4 * (log - 6);
  while (class_size(c) < nbytes) c++;
  return c;
}

/* What tensors leave to scratch: what it once took, or a quarter of all. A
 * tensor that finds no room is collected for and tried again; a worker cannot
 * collect. */
static size_t left_to_scratch(const moon__memory *m) {
  size_t most = m->pressed ? 0 : m->scratch_most, quarter = m->limit / 4;
  if (most > quarter) most = quarter;
  size_t mapped = m->scratch_mapped;
  return most > mapped ? most - mapped : 0;
}

static void *from_host(size_t nbytes) {
  size_t align = nbytes >= HUGE_PAGE ? HUGE_PAGE : ALIGN;
  void *p = aligned_alloc(align, (nbytes + align - 1) / align * align);
  if (p && align == HUGE_PAGE) {  /* but what lies behind the last whole one */
    madvise(p, nbytes / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
  }
  return p;
}

void *moon__memory_map(moon__memory *m, size_t nbytes, size_t left) {
  size_t mapped = atomic_fetch_add(&m->mapped, nbytes) + nbytes;
  bool fits = mapped + left <= m->limit;
  void *p = !fits ? NULL : m->gpu ? moon__gpu_memory_new(m->gpu, nbytes)
                                  : from_host(nbytes);
  if (!p) {
    atomic_fetch_sub(&m->mapped, nbytes);
    return NULL;
  }
  atomic_fetch_add(&m->system_allocs, 1);
  return p;
}

/* Large blocks begin at different places of their first page, in turn. Where
 * several begin alike, a loop over all of them finds its lines in one set of
 * the nearest cache, which may tell them apart by a few address bits only. */
static size_t shift_of(moon__memory *m, size_t nbytes) {
  return nbytes < HUGE_PAGE ? 0 : (size_t)(m->shifts++ % SHIFTS) * SHIFT;
}

void moon__memory_unmap(moon__memory *m, void *p, size_t nbytes) {
  if (m->gpu) {
    moon__gpu_memory_free(m->gpu, p);
  } else {
    free(p);
  }
  atomic_fetch_sub(&m->mapped, nbytes);
}

static bool block_ordered(const moon_runtime *rt, const moon__block *b,
                          int stream) {
  for (int i = 0; i < b->n_uses; i++) {
    if (stream < 0 ? !moon__use_complete(rt, b->use[i])
                   : !moon__use_ordered(rt, stream, b->use[i])) {
      return false;
    }
  }
  return true;
}

/* Takes the first block that is in order for `stream` (-1: idle) out of the
 * class's list; with `any`, the first block. */
static moon__block *from_cache(moon_runtime *rt, moon__memory *m, int c,
                               int stream, bool any) {
  moon__block *b = NULL, **link = &m->free[c];
  pthread_mutex_lock(&m->lists);
  for (int i = 0; *link && i < LOOK; i++, link = &(*link)->next) {
    if (!any && !block_ordered(rt, *link, stream)) continue;
    b = *link;
    *link = b->next;
    m->cached -= b->nbytes;
    break;
  }
  pthread_mutex_unlock(&m->lists);
  return b;
}

static moon__block *block_new(moon__memory *m, int c) {
  size_t nbytes = class_size(c), shift = m->gpu ? 0 : shift_of(m, nbytes);
  char *p = moon__memory_map(m, nbytes + shift, left_to_scratch(m));
  if (!p) return NULL;
  moon__block *b = moon__calloc(1, sizeof *b);
  b->data = p + shift;
  b->shift = shift;
  b->nbytes = nbytes;
  b->size_class = c;
  b->memory = m;
  return b;
}

static void block_free(moon__block *b) {
  moon__memory_unmap(b->memory, (char *)b->data - b->shift,
                     b->nbytes + b->shift);
  free(b->use);
  free(b);
}

void moon_memory_press(moon_runtime *rt, int on) { rt->memory.pressed = on; }

static int out_of_memory(const moon__memory *m, size_t nbytes) {
  if (m->gpu && m->gpu->lost) {
    return moon__fail(MOON_E_BACKEND, "memory: %s", m->gpu->why);
  }
  return moon__fail(MOON_E_MEMORY,
                    "memory: %zu bytes asked for%s, %zu live, %zu cached, "
                    "limit %zu", nbytes, m->gpu ? " on the GPU" : "", m->live,
                    m->cached, m->limit);
}

static int take(moon_runtime *rt, int stream, size_t nbytes,
                moon__block **block, moon__region **region) {
  moon__memory *m = stream < 0
      ? &rt->memory : moon__memory_of(rt, rt->stream[stream]->device);
  if (nbytes > (size_t)1 << 46) return out_of_memory(m, nbytes);
  int c = class_of(nbytes);
  bool mutated = stream >= 0 && rt->device[rt->stream[stream]->device].sim &&
                 rt->sim.options.mutate == MOON_MUTATE_REUSE_BLOCK;
  moon__block *b = from_cache(rt, m, c, stream, mutated);
  if (!b) b = block_new(m, c);
  if (!b && stream >= 0) b = from_cache(rt, m, c, stream, true);
  if (!b) {
    if (m->gpu) {
      moon__blocks_trim(rt, m);
    } else {
      moon_memory_trim(rt);
    }
    b = block_new(m, c);
  }
  if (!b) return out_of_memory(m, nbytes);
  moon__region *r = moon__region_new(rt, 0, nbytes);
  for (int i = 0; i < b->n_uses && !mutated; i++) {
    if (!moon__use_complete(rt, b->use[i])) {
      moon__region_add_reader(rt, r, b->use[i]);
    }
  }
  b->n_uses = 0;
  if (rt->sim.options.check) moon__sim_forget(rt, b->data, b->nbytes);
  m->live += b->nbytes;
  m->allocated += (int64_t)b->nbytes;
  *block = b;
  *region = r;
  return MOON_OK;
}

int moon__block_take(moon_runtime *rt, int stream, size_t nbytes,
                     moon__block **block, moon__region **region) {
  return take(rt, stream, nbytes, block, region);
}

int moon__block_take_idle(moon_runtime *rt, size_t nbytes,
                          moon__block **block, moon__region **region) {
  return take(rt, -1, nbytes, block, region);
}

static void add_use(moon_runtime *rt, moon__block *b, moon__use use) {
  if (!use.sequence || moon__use_complete(rt, use)) return;
  for (int i = 0; i < b->n_uses; i++) {
    if (b->use[i].stream != use.stream) continue;
    if (b->use[i].sequence < use.sequence) b->use[i] = use;
    return;
  }
  if (b->n_uses == b->capacity) {
    b->capacity = b->capacity ? 2 * b->capacity : 4;
    b->use = moon__realloc(b->use, (size_t)b->capacity * sizeof *b->use);
  }
  b->use[b->n_uses++] = use;
}

void moon__block_give(moon_runtime *rt, moon__block *b, int n,
                      moon__region *const *regions) {
  for (int i = 0; i < n; i++) {
    const moon__region *r = regions[i];
    add_use(rt, b, r->writer);
    for (int k = 0; k < r->n_readers; k++) add_use(rt, b, r->reader[k]);
  }
  moon__memory *m = b->memory;
  m->live -= b->nbytes;
  pthread_mutex_lock(&m->lists);
  m->cached += b->nbytes;
  b->next = m->free[b->size_class];
  m->free[b->size_class] = b;
  pthread_mutex_unlock(&m->lists);
}

void moon__blocks_trim(moon_runtime *rt, moon__memory *m) {
  moon__block *idle = NULL;  /* freed without the lock: a GPU takes its time */
  pthread_mutex_lock(&m->lists);
  for (int c = 0; c < CLASSES; c++) {
    moon__block **link = &m->free[c];
    while (*link) {
      moon__block *b = *link;
      if (!block_ordered(rt, b, -1)) {
        link = &b->next;
        continue;
      }
      *link = b->next;
      m->cached -= b->nbytes;
      b->next = idle;
      idle = b;
    }
  }
  pthread_mutex_unlock(&m->lists);
  while (idle) {
    moon__block *b = idle;
    idle = b->next;
    block_free(b);
  }
}

moon__memory *moon__memory_of(moon_runtime *rt, int device) {
  moon__gpu *gpu = rt->device[device].gpu;
  return gpu ? &gpu->memory : &rt->memory;
}

void moon_memory_trim(moon_runtime *rt) {
  moon__blocks_trim(rt, &rt->memory);
  for (int i = 0; i < rt->n_devices; i++) {
    moon__gpu *gpu = rt->device[i].gpu;
    if (gpu) moon__blocks_trim(rt, &gpu->memory);
  }
  moon__lock(rt);
  moon__scratch_trim(rt);
  moon__unlock(rt);
}

void moon__memory_open(moon__memory *m, size_t limit) {
  m->free = moon__calloc(CLASSES, sizeof *m->free);
  m->limit = limit;
  pthread_mutex_init(&m->lists, NULL);
}

/* Its blocks were trimmed. */
void moon__memory_close(moon__memory *m) {
  free(m->free);
  pthread_mutex_destroy(&m->lists);
}

/* --- scratch: kernels' working memory, by worker threads; L ----------- */
typedef struct moon__scratch {
  struct moon__scratch *next;
  size_t nbytes;
} moon__scratch;

enum { SCRATCH_HEAD = 64 };  /* the list's own bytes, kept aligned */

static moon__scratch *scratch_new(moon_runtime *rt, size_t want) {
  moon__scratch *s = moon__memory_map(&rt->memory, want, 0);
  if (!s) {  /* other sizes may be idle, and tensors' blocks */
    moon__scratch_trim(rt);
    moon__blocks_trim(rt, &rt->memory);
    s = moon__memory_map(&rt->memory, want, 0);
  }
  if (!s) return NULL;
  s->nbytes = want;
  rt->memory.scratch_mapped += want;
  return s;
}

void *moon__scratch_take(moon_runtime *rt, size_t nbytes) {
  moon__memory *m = &rt->memory;
  size_t want = class_size(class_of(nbytes + SCRATCH_HEAD));
  moon__scratch **link = &m->scratch;
  while (*link && (*link)->nbytes != want) link = &(*link)->next;
  moon__scratch *s = *link;
  if (s) {
    *link = s->next;
  } else {
    s = scratch_new(rt, want);
  }
  if (!s) return NULL;
  m->scratch_used += want;
  if (m->scratch_used > m->scratch_most) m->scratch_most = m->scratch_used;
  return (char *)s + SCRATCH_HEAD;
}

void moon__scratch_give(moon_runtime *rt, void *p) {
  moon__scratch *s = (void *)((char *)p - SCRATCH_HEAD);
  rt->memory.scratch_used -= s->nbytes;
  s->next = rt->memory.scratch;
  rt->memory.scratch = s;
}

void moon__scratch_trim(moon_runtime *rt) {
  while (rt->memory.scratch) {
    moon__scratch *s = rt->memory.scratch;
    rt->memory.scratch = s->next;
    rt->memory.scratch_mapped -= s->nbytes;
    moon__memory_unmap(&rt->memory, s, s->nbytes);
  }
}
