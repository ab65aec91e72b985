/* npz, NumPy's file of several arrays: a zip file whose members are npy files,
 * called after their arrays. */
#include <stdlib.h>
#include <string.h>
#include "file.h"

/* "name.npy" -> "name". */
static int cut_ending(moon__source *source, moon__member *m, moon_fail *fail) {
  size_t n = strlen(m->name);
  if (n >= 4 && !strcmp(m->name + n - 4, ".npy")) {
    m->name[n - 4] = 0;
    return MOON_OK;
  }
  return moon__file_fail(fail, source->path, "npz: the member '%.60s' is no "
                         "npy file", m->name);
}

static int list_member(moon__source *source, moon__member *m,
                       moon__listing *list, moon_fail *fail) {
  moon__reader r;
  int status = cut_ending(source, m, fail);
  if (status < 0) return status;
  moon__entry *e = moon__listing_add(list, source, moon__text_copy(m->name));
  e->part = m->part;
  status = moon__reader_open(&r, source, &e->part, 0, fail);
  if (status < 0) return status;
  status = moon__npy_header(&r, e, fail);
  moon__reader_close(&r);
  return status;
}

static int by_name(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static int check_names(const moon__listing *list, const char *path,
                       moon_fail *fail) {
  char **sorted = moon__malloc(((size_t)list->n + 1) * sizeof *sorted);
  int status = MOON_OK;
  for (int i = 0; i < list->n; i++) sorted[i] = list->entry[i].name;
  qsort(sorted, (size_t)list->n, sizeof *sorted, by_name);
  for (int i = 1; i < list->n && status == MOON_OK; i++) {
    if (strcmp(sorted[i - 1], sorted[i])) continue;
    status = moon__file_fail(fail, path, "npz: two arrays have the name "
                             "'%.60s'", sorted[i]);
  }
  free(sorted);
  return status;
}

int moon__npz_list(moon__source *source, moon__listing *list,
                   moon_fail *fail) {
  moon__zip zip;
  int status = moon__zip_open(source, &zip, fail);
  for (int i = 0; i < zip.n && status == MOON_OK; i++) {
    status = list_member(source, &zip.member[i], list, fail);
  }
  moon__zip_free(&zip);
  return status < 0 ? status : check_names(list, source->path, fail);
}
