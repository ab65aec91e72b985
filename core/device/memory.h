/* Memory: regions, the unit of dependency, and the blocks that tensors are in.
 * The loop thread owns both; L: guarded by the runtime's lock. */
#ifndef MOON_MEMORY_H
#define MOON_MEMORY_H
#include <pthread.h>
#include <stdatomic.h>
#include "../base/base.h"

/* --- regions: the unit of dependency ---------------------------------- */
typedef struct moon__use { int32_t stream; int64_t sequence; } moon__use;

enum { MOON_REGION_INLINE = 4 };
typedef struct moon__region {
  _Atomic int refs;         /* the storage's and those of ops in flight */
  size_t lo, hi;            /* bytes of the storage */
  moon__use writer;         /* the last; sequence 0: none */
  int n_readers, capacity;  /* since then, at most one per stream */
  moon__use *reader, inlined[MOON_REGION_INLINE];
  struct moon__error *error; /* what the bytes carry instead of values */
} moon__region;

moon__region *moon__region_new(moon_runtime *rt, size_t lo, size_t hi);
void moon__region_retain(moon__region *region);
void moon__region_release(moon_runtime *rt, moon__region *region);
void moon__region_add_reader(moon_runtime *rt, moon__region *region,
                             moon__use use);

/* --- memory (alloc.c): blocks are the loop thread's, scratch the workers',
 * who may trim the lists of free blocks --------------------------------- */
typedef struct moon__block {
  void *data;
  size_t nbytes;                   /* of its size class */
  size_t shift;                    /* of data in what the system gave */
  int size_class;
  int n_uses, capacity;            /* who may still touch it */
  moon__use *use;
  struct moon__memory *memory;     /* that it is of */
  struct moon__block *next;
} moon__block;

typedef struct moon__memory {
  pthread_mutex_t lists;           /* of free blocks, and `cached`; innermost */
  moon__block **free;              /* by size class */
  _Atomic size_t limit, cached;
  _Atomic size_t mapped;           /* from the system, scratch included */
  _Atomic size_t scratch_mapped, scratch_most;  /* now; in use at once, ever */
  size_t scratch_used;             /* L */
  bool pressed;                    /* see moon_memory_press */
  size_t live;
  int64_t allocated, shifts;
  _Atomic int64_t system_allocs;
  struct moon__scratch *scratch;   /* L; the host's alone */
  struct moon__gpu *gpu;           /* whose it is; NULL: the host's */
} moon__memory;

/* The memory that a device's tensors are in. */
moon__memory *moon__memory_of(moon_runtime *rt, int device);

/* A block of at least nbytes for a first use on `stream`; `*region` gets the
 * hazards of its former life. MOON_E_MEMORY over the limit. */
int moon__block_take(moon_runtime *rt, int stream, size_t nbytes,
                     moon__block **block, moon__region **region);
/* As above, of the host's memory, and nothing in flight may touch it. */
int moon__block_take_idle(moon_runtime *rt, size_t nbytes,
                          moon__block **block, moon__region **region);
/* Back to the cache; `regions` say who may still touch it. */
void moon__block_give(moon_runtime *rt, moon__block *block, int n,
                      moon__region *const *regions);
/* Any thread, with the lock held. */
void *moon__scratch_take(moon_runtime *rt, size_t nbytes);
void moon__scratch_give(moon_runtime *rt, void *p);
void moon__scratch_trim(moon_runtime *rt);
/* Any thread. From the system, within the limit and with `left` bytes to spare,
 * or NULL; and back. */
void *moon__memory_map(moon__memory *m, size_t nbytes, size_t left);
void moon__memory_unmap(moon__memory *m, void *p, size_t nbytes);
/* Any thread: blocks that nobody uses go back to the system. */
void moon__blocks_trim(moon_runtime *rt, moon__memory *m);
size_t moon__memory_default_limit(void);  /* limit.c */
void moon__memory_open(moon__memory *m, size_t limit);
void moon__memory_close(moon__memory *m);

#endif
