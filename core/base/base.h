/* What everything in core/ stands on: error text, memory, time, keys. */
#ifndef MOON_BASE_H
#define MOON_BASE_H
#include <stdbool.h>
#include "../moonseed.h"

/* Sets the calling thread's error text; returns `status`. Texts name the
 * operation, the fact and the numbers. */
int moon__fail(int status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Small metadata only; they end the process when the system has no more.
 * Tensor memory goes through the allocator, which reports. */
void *moon__malloc(size_t nbytes);
void *moon__calloc(size_t n, size_t nbytes);
void *moon__realloc(void *p, size_t nbytes);

/* --- program order ------------------------------------------------------
 * A key is a place in the program: a task's path and a sequence in it. A path
 * is the parent's path, the parent's sequence at the spawn, and the child's
 * number there. Keys compare as the program would have run had every child
 * run to its end where it was spawned; so a child's ops come after what its
 * parent did before the spawn and before what it did after. */
typedef struct moon__path {
  _Atomic int refs;
  int depth;
  struct moon__path *parent;
  int64_t parent_sequence, child;
} moon__path;

typedef struct moon__key { moon__path *path; int64_t sequence; } moon__key;

moon__path *moon__path_new(moon__path *parent, int64_t sequence,
                           int64_t child);
moon__path *moon__path_retain(moon__path *path);
void moon__path_release(moon__path *path);
int moon__key_compare(moon__key a, moon__key b);  /* < 0: a is earlier */

#endif
