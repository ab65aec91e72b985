/* The header of a safetensors file (see safetensors.c for the format). */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "file.h"

/* Text that grows. */
typedef struct text { char *at; size_t length, capacity; } text;

static void put(text *t, const char *from, size_t n) {
  if (t->length + n > t->capacity) {
    t->capacity = 2 * (t->length + n) + 256;
    t->at = moon__realloc(t->at, t->capacity);
  }
  memcpy(t->at + t->length, from, n);
  t->length += n;
}

static void put_format(text *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void put_format(text *t, const char *format, ...) {
  char piece[96];
  va_list list;
  va_start(list, format);
  int n = vsnprintf(piece, sizeof piece, format, list);
  va_end(list);
  put(t, piece, (size_t)n);
}

static void put_string(text *t, const char *s) {
  put(t, "\"", 1);
  for (; *s; s++) {
    uint8_t c = (uint8_t)*s;
    if (c == '"' || c == '\\') {
      put_format(t, "\\%c", c);
    } else if (c < 0x20 || c == 0x7f) {
      put_format(t, "\\u%04x", c);
    } else {
      put(t, s, 1);
    }
  }
  put(t, "\"", 1);
}

static void put_piece(text *t, const moon__piece *p) {
  put_string(t, p->name);
  put_format(t, ":{\"dtype\":\"%s\",\"shape\":[",
             moon__safetensors_dtype[p->x.dtype]);
  for (int d = 0; d < p->x.ndim; d++) {
    put_format(t, "%s%" PRId64, d ? "," : "", p->x.shape[d]);
  }
  put_format(t, "],\"data_offsets\":[%" PRId64 ",%" PRId64 "]}", p->at,
             p->at + p->nbytes);
}

/* Readers map the file and look at numbers where they lie: an f64 after an odd
 * count of bytes would be out of step. */
static void place(moon__piece *piece, int n) {
  int64_t at = 0;
  for (size_t size = 8; size > 0; size /= 2) {
    for (int i = 0; i < n; i++) {
      moon__piece *p = &piece[i];
      if (moon_dtype_size(p->x.dtype) != size) continue;
      p->at = at;
      p->nbytes = moon_operand_numel(&p->x) * (int64_t)size;
      at += p->nbytes;
    }
  }
}

static const char begin[] =
    "{\"__metadata__\":{\"moonseed.crc32\":\"00000000\"}";

void moon__header_set_crc(char *header, uint32_t crc) {
  char digits[9];
  snprintf(digits, sizeof digits, "%08" PRIx32, crc);
  memcpy(header + 8 + (strchr(begin, '0') - begin), digits, 8);
}

char *moon__header_write(moon__piece *piece, int n, size_t *nbytes) {
  text t = {0};
  place(piece, n);
  put(&t, "\0\0\0\0\0\0\0\0", 8);
  put(&t, begin, sizeof begin - 1);
  for (int i = 0; i < n; i++) {
    put(&t, ",", 1);
    put_piece(&t, &piece[i]);
  }
  put(&t, "}", 1);
  while (t.length % 8) put(&t, " ", 1);
  uint64_t length = t.length - 8;
  memcpy(t.at, &length, 8);
  *nbytes = t.length;
  if (length <= MOON_FILE_HEADER) return t.at;
  free(t.at);
  return NULL;
}

static int by_text(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int check_name(const char *name) {
  const char *end = name + strlen(name);
  if (!strcmp(name, "__metadata__")) {
    return moon__fail(MOON_E_VALUE,
                      "save: the name '__metadata__' is the format's own");
  }
  for (const char *s = name; s < end;) {
    int length = moon__utf8_length(s, end);
    if (length == 0) {
      return moon__fail(MOON_E_VALUE,
                        "save: byte %d of the name '%.80s' is not UTF-8",
                        (int)(s - name) + 1, name);
    }
    s += length;
  }
  return MOON_OK;
}

int moon__header_check_names(int n, const char *const *names) {
  const char **sorted = moon__malloc(((size_t)n + 1) * sizeof *sorted);
  int status = MOON_OK;
  for (int i = 0; i < n && status == MOON_OK; i++) {
    sorted[i] = names[i];
    status = check_name(names[i]);
  }
  if (status == MOON_OK) qsort(sorted, (size_t)n, sizeof *sorted, by_text);
  for (int i = 1; i < n && status == MOON_OK; i++) {
    if (!strcmp(sorted[i - 1], sorted[i])) {
      status = moon__fail(MOON_E_VALUE,
                          "save: two tensors have the name '%.80s'",
                          sorted[i]);
    }
  }
  free(sorted);
  return status;
}
