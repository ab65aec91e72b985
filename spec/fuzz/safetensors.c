/* The safetensors reader; and what it accepts, the writer writes such that the
 * reader finds the same again. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "fuzz.h"

enum { MOST_REWRITTEN = 1 << 20 };

static void compare(const moon__listing *a, const moon__listing *b) {
  fuzz_check(a->n == b->n, "as many tensors as were written");
  for (int i = 0; i < a->n; i++) {
    const moon__entry *x = &a->entry[i], *y = &b->entry[i];
    fuzz_check(!strcmp(x->name, y->name), "the names that were written");
    fuzz_check(x->dtype == y->dtype && x->ndim == y->ndim &&
                   !memcmp(x->shape, y->shape, sizeof x->shape),
               "the shapes that were written");
    size_t size = moon_dtype_size(y->dtype);
    fuzz_check(y->at % (int64_t)size == 0, "aligned places");
  }
}

static void check_names(const moon__listing *list) {
  const char **name = malloc(((size_t)list->n + 1) * sizeof *name);
  for (int i = 0; i < list->n; i++) name[i] = list->entry[i].name;
  fuzz_check(moon__header_check_names(list->n, name) == MOON_OK,
             "names that were read can be written");
  free(name);
}

/* A file of zeros with these tensors. */
static moon__source *rewrite(const moon__listing *list, size_t nbytes) {
  moon__piece *piece = calloc((size_t)list->n + 1, sizeof *piece);
  for (int i = 0; i < list->n; i++) {
    const moon__entry *e = &list->entry[i];
    piece[i].name = e->name;
    piece[i].x = (moon_operand){.dtype = e->dtype, .ndim = e->ndim};
    memcpy(piece[i].x.shape, e->shape, sizeof e->shape);
  }
  size_t n;
  char *header = moon__header_write(piece, list->n, &n);
  fuzz_check(header != NULL, "a header that was read can be written");
  header = realloc(header, n + nbytes);
  memset(header + n, 0, nbytes);
  moon__header_set_crc(
      header, (uint32_t)crc32_z(0, (const uint8_t *)header, n + nbytes));
  moon__source *source = fuzz_source((uint8_t *)header, n + nbytes);
  free(header);
  free(piece);
  return source;
}

int fuzz_read(const uint8_t *data, size_t n, moon_fail *fail) {
  moon__source *source = fuzz_source(data, n);
  moon__listing list = {0}, again = {0};
  int status = fuzz_load(source, moon__safetensors_list, &list, fail);
  if (status == MOON_OK && n < MOST_REWRITTEN) {
    moon_fail unexpected;
    size_t nbytes = 0;
    for (int i = 0; i < list.n; i++) nbytes += (size_t)list.entry[i].nbytes;
    check_names(&list);
    moon__source *copy = rewrite(&list, nbytes);
    fuzz_check(fuzz_load(copy, moon__safetensors_list, &again,
                         &unexpected) == MOON_OK,
               "what was written is read");
    compare(&list, &again);
    moon__listing_free(&again);
    moon__source_release(copy);
  }
  moon__listing_free(&list);
  moon__source_release(source);
  return status;
}
