/* Errors that ride along with data, and the tasks they are raised in. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "device.h"

moon__error *moon__error_new(int status, moon__key key, const char *text) {
  moon__error *e = moon__malloc(sizeof *e);
  atomic_init(&e->refs, 1);
  atomic_init(&e->raised, 0);
  e->status = status;
  e->key = (moon__key){moon__path_retain(key.path), key.sequence};
  snprintf(e->text, sizeof e->text, "%s", text);
  return e;
}

moon__error *moon__error_retain(moon__error *e) {
  if (e) atomic_fetch_add_explicit(&e->refs, 1, memory_order_relaxed);
  return e;
}

void moon__error_release(moon__error *e) {
  if (!e) return;
  if (atomic_fetch_sub_explicit(&e->refs, 1, memory_order_acq_rel) != 1) return;
  moon__path_release(e->key.path);
  free(e);
}

moon__error *moon__error_earlier(moon__error *a, moon__error *b) {
  if (!a || !b) return a ? a : b;
  return moon__key_compare(a->key, b->key) <= 0 ? a : b;
}

int moon__error_raise(moon__error *e) {
  atomic_store(&e->raised, 1);
  return moon__fail(e->status, "%s", e->text);
}
