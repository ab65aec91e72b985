/* safetensors (github.com/huggingface/safetensors): a little-endian u64, that
 * many bytes of JSON, then the tensors' bytes. The JSON maps each name to its
 * dtype, shape and [begin, end) after the header; together they cover the rest
 * of the file without holes. `__metadata__` maps strings to strings; of these
 * `moonseed.crc32`, which save.c writes, is a checksum that has to hold. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "file.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "safetensors bytes are read and written as they are");

const char *const moon__safetensors_dtype[MOON_DTYPES] = {
    [MOON_F32] = "F32",   [MOON_F64] = "F64",   [MOON_I64] = "I64",
    [MOON_I32] = "I32",   [MOON_U8] = "U8",     [MOON_BOOL] = "BOOL",
    [MOON_BF16] = "BF16", [MOON_F16] = "F16"};

static bool fail_json(moon__json *j, const char *expected) {
  if (!j->error) j->error = expected;
  return false;
}

static bool parse_dtype(moon__json *j, moon__entry *e) {
  char *name = moon__json_string(j);
  if (!name) return false;
  e->dtype = -1;
  for (int i = 0; i < MOON_DTYPES; i++) {
    if (!strcmp(name, moon__safetensors_dtype[i])) e->dtype = i;
  }
  free(name);
  return e->dtype >= 0 ||
         fail_json(j, "F32, F64, BF16, F16, I64, I32, U8 or BOOL");
}

/* [count, ...], at most `most` of them; how many, or -1. */
static int parse_counts(moon__json *j, int64_t *out, int most) {
  if (!moon__json_expect(j, '[')) return -1;
  if (moon__json_accept(j, ']')) return 0;
  for (int n = 0; n < most;) {
    if (!moon__json_count(j, &out[n++])) return -1;
    if (moon__json_accept(j, ']')) return n;
    if (!moon__json_expect(j, ',')) return -1;
  }
  fail_json(j, "fewer numbers in this list");
  return -1;
}

static bool parse_offsets(moon__json *j, moon__entry *e) {
  int64_t offset[2];
  int n = parse_counts(j, offset, 2);
  if (n < 0) return false;
  if (n < 2 || offset[1] < offset[0]) return fail_json(j, "[begin, end]");
  e->at = offset[0];
  e->nbytes = offset[1] - offset[0];
  return true;
}

static bool parse_shape(moon__json *j, moon__entry *e) {
  e->ndim = parse_counts(j, e->shape, MOON_MAX_DIMS);
  return e->ndim >= 0;
}

static bool parse_entry(moon__json *j, moon__entry *e) {
  static const struct {
    const char *name;
    bool (*parse)(moon__json *j, moon__entry *e);
  } fields[] = {{"dtype", parse_dtype}, {"shape", parse_shape},
                {"data_offsets", parse_offsets}};
  unsigned seen = 0;
  if (!moon__json_expect(j, '{')) return false;
  do {
    char *name = moon__json_string(j);
    if (!name || !moon__json_expect(j, ':')) {
      free(name);
      return false;
    }
    int f = 0;
    while (f < 3 && strcmp(name, fields[f].name)) f++;
    free(name);
    if (f == 3 || seen & 1u << f) {
      return fail_json(j, "dtype, shape and data_offsets, once each");
    }
    seen |= 1u << f;
    if (!fields[f].parse(j, e)) return false;
  } while (moon__json_accept(j, ','));
  if (seen != 7) return fail_json(j, "dtype, shape and data_offsets");
  return moon__json_expect(j, '}');
}

/* Notes a checksum as save.c writes it: eight digits, as they are. */
static bool note_crc(moon__json *j, moon__listing *list, const char *name,
                     const char *value) {
  if (!name || !value || strcmp(name, "moonseed.crc32")) return true;
  const char *digits = j->at - 9;
  if (strlen(value) != 8 || strspn(value, "0123456789abcdef") != 8 ||
      memcmp(digits, value, 8)) {
    return fail_json(j, "a checksum of eight digits before it");
  }
  list->crc = (uint32_t)strtoul(value, NULL, 16);
  list->crc_at = digits - j->text;
  return true;
}

static bool parse_metadata(moon__json *j, moon__listing *list) {
  if (!moon__json_expect(j, '{')) return false;
  if (moon__json_accept(j, '}')) return true;
  do {
    char *name = moon__json_string(j);
    moon__json_expect(j, ':');
    char *value = moon__json_string(j);
    note_crc(j, list, name, value);
    free(name);
    free(value);
  } while (!j->error && moon__json_accept(j, ','));
  return moon__json_expect(j, '}');
}

/* The whole header; whether it is as it should be. */
static bool parse_header(moon__json *j, const moon__source *source,
                         moon__listing *list) {
  bool metadata = false;
  if (!moon__json_expect(j, '{')) return false;
  if (!moon__json_accept(j, '}')) {
    do {
      char *name = moon__json_string(j);
      if (!name) return false;
      if (!strcmp(name, "__metadata__")) {
        free(name);
        if (metadata) return fail_json(j, "__metadata__ once");
        metadata = true;
        if (!moon__json_expect(j, ':') || !parse_metadata(j, list)) {
          return false;
        }
        continue;
      }
      moon__entry *e = moon__listing_add(list, source, name);
      if (!moon__json_expect(j, ':') || !parse_entry(j, e)) return false;
    } while (moon__json_accept(j, ','));
    if (!moon__json_expect(j, '}')) return false;
  }
  moon__json_accept(j, ' ');
  while (j->at < j->end && *j->at == ' ') j->at++;
  return j->at == j->end || fail_json(j, "nothing after the last '}'");
}

static int by_name(const void *a, const void *b) {
  return strcmp((*(moon__entry *const *)a)->name,
                (*(moon__entry *const *)b)->name);
}

static int by_place(const void *a, const void *b) {
  const moon__entry *x = *(moon__entry *const *)a;
  const moon__entry *y = *(moon__entry *const *)b;
  if (x->at != y->at) return x->at < y->at ? -1 : 1;
  return (x->nbytes > y->nbytes) - (x->nbytes < y->nbytes);
}

static int check_entry(moon__entry *e, const char *path, moon_fail *fail) {
  int status = moon__entry_count(e, path, fail);
  if (status < 0) return status;
  int64_t nbytes = e->numel * (int64_t)moon_dtype_size(e->dtype);
  if (nbytes == e->nbytes) return MOON_OK;
  return moon__file_fail(fail, path,
                         "%.40s: the shape needs %" PRId64
                         " bytes, the offsets span %" PRId64,
                         e->name, nbytes, e->nbytes);
}

/* Names are different, and the tensors cover `rest` bytes without holes. */
static int check_all(moon__entry **sorted, int n, int64_t rest,
                     const char *path, moon_fail *fail) {
  qsort(sorted, (size_t)n, sizeof *sorted, by_name);
  for (int i = 1; i < n; i++) {
    if (!by_name(&sorted[i - 1], &sorted[i])) {
      return moon__file_fail(fail, path, "two tensors have the name '%.60s'",
                             sorted[i]->name);
    }
  }
  qsort(sorted, (size_t)n, sizeof *sorted, by_place);
  int64_t at = 0;
  for (int i = 0; i < n; i++) {
    if (sorted[i]->at != at) {
      return moon__file_fail(fail, path,
                             "%.40s: begins at %" PRId64
                             ", the tensor before ends at %" PRId64,
                             sorted[i]->name, sorted[i]->at, at);
    }
    at += sorted[i]->nbytes;
  }
  if (at == rest) return MOON_OK;
  return moon__file_fail(fail, path,
                         "%s: the tensors take %" PRId64
                         " bytes, after the header are %" PRId64,
                         rest < at ? "cut short" : "too long", at, rest);
}

static int check_listing(moon__listing *list, int64_t header, int64_t rest,
                         const char *path, moon_fail *fail) {
  moon__entry **sorted = moon__malloc(((size_t)list->n + 1) * sizeof *sorted);
  int status = MOON_OK;
  for (int i = 0; i < list->n && status == MOON_OK; i++) {
    sorted[i] = &list->entry[i];
    status = check_entry(sorted[i], path, fail);
  }
  if (status == MOON_OK) {
    status = check_all(sorted, list->n, rest, path, fail);
  }
  free(sorted);
  for (int i = 0; i < list->n; i++) list->entry[i].at += header;
  return status;
}

static int parse_text(const char *text, int64_t length, moon__source *source,
                      moon__listing *list, moon_fail *fail) {
  moon__json j = {text, text, text + length, NULL};
  if (!parse_header(&j, source, list)) {
    return moon__file_fail(fail, source->path,
                           "header byte %" PRId64 ": expected %s",
                           (int64_t)(j.at - text), j.error);
  }
  return check_listing(list, 8 + length, source->nbytes - 8 - length,
                       source->path, fail);
}

/* The CRC-32 of the file, the digits that state it taken for 0. `r` is behind
 * the header. */
static int check_crc(moon__reader *r, char *text, uint64_t length,
                     const moon__listing *list, moon_fail *fail) {
  int64_t left = r->source->nbytes - 8 - (int64_t)length;
  uint8_t *chunk = moon__malloc(MOON_FILE_CHUNK);
  memset(text + list->crc_at, '0', 8);
  uint32_t crc = (uint32_t)crc32_z(0, (const uint8_t *)&length, 8);
  crc = (uint32_t)crc32_z(crc, (const uint8_t *)text, (size_t)length);
  int status = MOON_OK;
  while (left > 0 && status == MOON_OK) {
    size_t n = left < MOON_FILE_CHUNK ? (size_t)left : MOON_FILE_CHUNK;
    status = moon__reader_read(r, chunk, n, fail);
    if (status == MOON_OK) crc = (uint32_t)crc32_z(crc, chunk, n);
    left -= (int64_t)n;
  }
  free(chunk);
  if (status < 0 || crc == list->crc) return status;
  return moon__file_fail(fail, r->source->path,
                         "altered since it was written: its checksum is "
                         "%08" PRIx32 ", the header states %08" PRIx32,
                         crc, list->crc);
}

static int list_content(moon__reader *r, moon__listing *list,
                        moon_fail *fail) {
  moon__source *source = r->source;
  uint64_t length = 0;
  int status = moon__reader_read(r, &length, 8, fail);
  if (status < 0) return status;
  if (length > MOON_FILE_HEADER || (int64_t)length > source->nbytes - 8) {
    return moon__file_fail(fail, source->path,
                           "no safetensors file: states a header of %" PRIu64
                           " bytes, has %" PRId64 "; at most %d are read",
                           length, source->nbytes, MOON_FILE_HEADER);
  }
  char *text = moon__malloc((size_t)length + 1);
  status = moon__reader_read(r, text, (size_t)length, fail);
  if (status == MOON_OK) {
    status = parse_text(text, (int64_t)length, source, list, fail);
  }
  if (status == MOON_OK && list->crc_at > 0) {
    status = check_crc(r, text, length, list, fail);
  }
  free(text);
  return status;
}

int moon__safetensors_list(moon__source *source, moon__listing *list,
                           moon_fail *fail) {
  moon__reader r;
  moon__part whole = moon__source_whole(source);
  int status = moon__reader_open(&r, source, &whole, 0, fail);
  if (status < 0) return status;
  status = list_content(&r, list, fail);
  moon__reader_close(&r);
  return status;
}
