/* Places in the program: paths and the order of keys. See base.h. */
#include <stdatomic.h>
#include <stdlib.h>
#include "base.h"

moon__path *moon__path_new(moon__path *parent, int64_t sequence,
                           int64_t child) {
  moon__path *path = moon__malloc(sizeof *path);
  atomic_init(&path->refs, 1);
  path->depth = parent ? parent->depth + 1 : 0;
  path->parent = parent ? moon__path_retain(parent) : NULL;
  path->parent_sequence = sequence;
  path->child = child;
  return path;
}

moon__path *moon__path_retain(moon__path *path) {
  atomic_fetch_add_explicit(&path->refs, 1, memory_order_relaxed);
  return path;
}

void moon__path_release(moon__path *path) {
  while (path &&
         atomic_fetch_sub_explicit(&path->refs, 1, memory_order_acq_rel) == 1) {
    moon__path *parent = path->parent;
    free(path);
    path = parent;
  }
}

/* The ancestor at `depth`, and the place in it that leads to `key`; `below`
 * says whether key lies in a child there rather than in the ancestor. */
static moon__key lift(moon__key key, int depth, int64_t *child) {
  *child = -1;
  while (key.path->depth > depth) {
    *child = key.path->child;
    key = (moon__key){key.path->parent, key.path->parent_sequence};
  }
  return key;
}

static int compare(int64_t a, int64_t b) { return (a > b) - (a < b); }

int moon__key_compare(moon__key a, moon__key b) {
  if (a.path == b.path) return compare(a.sequence, b.sequence);
  int depth =
      a.path->depth < b.path->depth ? a.path->depth : b.path->depth;
  int64_t ca, cb;
  a = lift(a, depth, &ca);
  b = lift(b, depth, &cb);
  while (a.path != b.path) {  /* siblings or cousins: rise together */
    if (!a.path->parent || !b.path->parent) {
      return compare(a.path->child, b.path->child);  /* two roots */
    }
    ca = a.path->child;
    cb = b.path->child;
    a = (moon__key){a.path->parent, a.path->parent_sequence};
    b = (moon__key){b.path->parent, b.path->parent_sequence};
  }
  /* In one path: by sequence; the op at a sequence before what it spawned. */
  int order = compare(a.sequence, b.sequence);
  return order ? order : compare(ca, cb);
}
