/* A table of whole numbers, open addressing; the keys are numbers in a row. */
#include <stdlib.h>
#include "capture.h"

static int place_of(const moon__table *t, int64_t key) {
  uint64_t hash = (uint64_t)key * 0x9e3779b97f4a7c15u;
  int mask = t->room - 1, at = (int)(hash >> 40) & mask;
  while (t->key[at] && t->key[at] != key) at = (at + 1) & mask;
  return at;
}

int moon__table_find(const moon__table *t, int64_t key) {
  if (!t->room) return -1;
  int at = place_of(t, key);
  return t->key[at] ? t->value[at] : -1;
}

static void grow(moon__table *t) {
  moon__table old = *t;
  t->room = old.room ? 2 * old.room : 64;
  t->key = moon__calloc((size_t)t->room, sizeof *t->key);
  t->value = moon__calloc((size_t)t->room, sizeof *t->value);
  for (int i = 0; i < old.room; i++) {
    if (!old.key[i]) continue;
    int at = place_of(t, old.key[i]);
    t->key[at] = old.key[i];
    t->value[at] = old.value[i];
  }
  free(old.key);
  free(old.value);
}

void moon__table_put(moon__table *t, int64_t key, int value) {
  if (2 * (t->n + 1) > t->room) grow(t);
  int at = place_of(t, key);
  if (!t->key[at]) t->n++;
  t->key[at] = key;
  t->value[at] = value;
}

void moon__table_free(moon__table *t) {
  free(t->key);
  free(t->value);
  *t = (moon__table){0};
}
