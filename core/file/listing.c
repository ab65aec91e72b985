/* What a file says it holds, and which format says it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "file.h"

moon__entry *moon__listing_add(moon__listing *list) {
  if (list->n == list->capacity) {
    list->capacity = list->capacity ? 2 * list->capacity : 8;
    list->entry = moon__realloc(
        list->entry, (size_t)list->capacity * sizeof *list->entry);
  }
  moon__entry *e = &list->entry[list->n++];
  memset(e, 0, sizeof *e);
  return e;
}

void moon__listing_free(moon__listing *list) {
  for (int i = 0; i < list->n; i++) free(list->entry[i].name);
  free(list->entry);
  *list = (moon__listing){0};
}

int moon__entry_count(moon__entry *e, const char *path, moon_fail *fail) {
  const int64_t most = (int64_t)1 << 48;
  int64_t numel = 1;
  bool empty = false, over = false;
  for (int d = 0; d < e->ndim; d++) {
    empty |= e->shape[d] == 0;
    over |= __builtin_mul_overflow(numel, e->shape[d] ? e->shape[d] : 1,
                                   &numel);
    over |= numel > most;
  }
  if (over) {
    return moon__file_fail(fail, path,
                           "%s%sthe shape has more than 2^48 elements",
                           e->name, *e->name ? ": " : "");
  }
  e->numel = empty ? 0 : numel;
  return MOON_OK;
}

/* idx begins with two zeros and a type. So may the length of a safetensors
 * header, but then its upper half is zero and the header's brace follows. */
static bool is_idx(const uint8_t *head) {
  static const uint8_t none[4];
  return !head[0] && !head[1] && head[2] &&
         (memcmp(head + 4, none, sizeof none) || head[8] != '{');
}

int moon__file_list(moon__source *source, moon__listing *list,
                    moon_fail *fail) {
  uint8_t head[9] = {0};
  moon__reader r;
  /* Of gzip only idx is read, so its first bytes will do. */
  int64_t n = source->gzip ? 4 : source->nbytes < 9 ? source->nbytes : 9;
  if (n < 8 && !source->gzip) {
    return moon__file_fail(fail, source->path,
                           "has %" PRId64 " bytes, too few for idx or "
                           "safetensors",
                           n);
  }
  int status = moon__reader_open(&r, source, 0, fail);
  if (status < 0) return status;
  status = moon__reader_read(&r, head, (size_t)n, fail);
  moon__reader_close(&r);
  if (status < 0) return status;
  if (source->gzip && (head[0] || head[1])) {
    return moon__file_fail(fail, source->path,
                           "is gzip, but what it holds is no idx file");
  }
  return source->gzip || is_idx(head)
             ? moon__idx_list(source, list, fail)
             : moon__safetensors_list(source, list, fail);
}
