/* What a file says it holds, and which format says it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "file.h"

moon__entry *moon__listing_add(moon__listing *list,
                               const moon__source *source, char *name) {
  if (list->n == list->capacity) {
    list->capacity = list->capacity ? 2 * list->capacity : 8;
    list->entry = moon__realloc(
        list->entry, (size_t)list->capacity * sizeof *list->entry);
  }
  moon__entry *e = &list->entry[list->n++];
  memset(e, 0, sizeof *e);
  e->name = name ? name : moon__calloc(1, 1);
  if (source) e->part = moon__source_whole(source);
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

size_t moon__entry_width(const moon__entry *e) {
  switch (e->stored) {
    case MOON__FROM_I8: return 1;
    case MOON__FROM_I16:
    case MOON__FROM_U16: return 2;
    case MOON__FROM_U32: return 4;
    default: return moon_dtype_size(e->dtype);
  }
}

int moon__entry_check_length(const moon__source *source, const moon__entry *e,
                             moon_fail *fail) {
  int64_t stated = e->at + e->nbytes, held = e->part.nbytes;
  int64_t packed = e->part.end - e->part.begin;
  if (stated == held) return MOON_OK;
  if (held < 0 && stated / MOON__MOST_INFLATED <= packed) return MOON_OK;
  if (held < 0) {
    return moon__file_fail(fail, source->path,
                           "states %" PRId64 " bytes, more than %" PRId64
                           " bytes of gzip can hold",
                           stated, packed);
  }
  return moon__file_fail(fail, source->path,
                         "%s%s%s: the header states %" PRId64
                         " bytes, the file has %" PRId64,
                         e->name, *e->name ? ": " : "",
                         held < stated ? "cut short" : "too long", stated,
                         held);
}

/* --- formats ------------------------------------------------------------ */
enum { HEAD = 9 };  /* bytes by which formats are told */

/* `with` has HEAD characters at most. */
static bool begins(const uint8_t *head, const char *with) {
  return !memcmp(head, with, strlen(with));
}

/* The length of a header below 2^32, then its brace. */
static bool is_safetensors(const uint8_t *head) {
  static const uint8_t none[4];
  return !memcmp(head + 4, none, sizeof none) && head[8] == '{';
}

static bool is_idx(const uint8_t *head) {
  return !head[0] && !head[1] && head[2];
}

static bool is_npy(const uint8_t *head) { return begins(head, "\x93NUMPY"); }

/* With members, or without any. */
static bool is_npz(const uint8_t *head) {
  return begins(head, "PK\3\4") || begins(head, "PK\5\6");
}

static bool is_png(const uint8_t *head) {
  return begins(head, "\x89PNG\r\n\x1a\n");
}

static bool is_jpeg(const uint8_t *head) {
  return begins(head, "\xff\xd8\xff");
}

/* In the order in which they are tried: a safetensors header may be as long as
 * another format's first bytes say. */
static const struct format {
  const char *name;
  bool (*is)(const uint8_t *head);  /* NULL: its bytes tell nothing */
  moon__lister *list;
  bool gzip;  /* read from gzip, too */
} formats[] = {{"safetensors", is_safetensors, moon__safetensors_list, false},
               {"idx", is_idx, moon__idx_list, true},
               {"npy", is_npy, moon__npy_list, false},
               {"npz", is_npz, moon__npz_list, false},
               {"png", is_png, moon__picture_list, false},
               {"jpeg", is_jpeg, moon__picture_list, false},
               {"cifar10", NULL, moon__cifar10_list, false},
               {"cifar100", NULL, moon__cifar100_list, false}};

enum { FORMATS = sizeof formats / sizeof *formats };

static const struct format *find_format(const char *name) {
  for (int i = 0; i < FORMATS; i++) {
    if (!strcmp(formats[i].name, name)) return &formats[i];
  }
  return NULL;
}

static const struct format *told_format(const uint8_t *head, bool gzip) {
  for (int i = 0; i < FORMATS; i++) {
    if (gzip && !formats[i].gzip) continue;
    if (formats[i].is && formats[i].is(head)) return &formats[i];
  }
  return NULL;
}

/* The first bytes of the content; zeros where it is shorter. */
static int read_head(moon__source *source, uint8_t head[HEAD],
                     moon_fail *fail) {
  moon__part whole = moon__source_whole(source);
  moon__reader r;
  memset(head, 0, HEAD);
  int status = moon__reader_open(&r, source, &whole, 0, fail);
  if (status < 0) return status;
  int64_t got = 1;
  for (size_t have = 0; have < HEAD && got > 0; have += (size_t)got) {
    got = moon__reader_some(&r, head + have, HEAD - have, fail);
    if (got < 0) status = (int)got;
  }
  moon__reader_close(&r);
  return status;
}

int moon__file_list(moon__source *source, const char *format,
                    moon__listing *list, moon_fail *fail) {
  uint8_t head[HEAD];
  const char *path = source->path;
  int status = read_head(source, head, fail);
  if (status < 0) return status;
  const struct format *told = told_format(head, source->gzip);
  const struct format *f = format ? find_format(format) : told;
  if (format && !f) {
    return moon__file_fail(fail, path, "there is no format '%s'", format);
  }
  if (source->gzip && !(f && f->gzip)) {
    return moon__file_fail(fail, path, "is gzip, but what it holds is no idx "
                           "file");
  }
  if (told && f && f != told && f->is) {
    return moon__file_fail(fail, path, "is %s, not %s", told->name, f->name);
  }
  if (!f && source->nbytes < 8) {
    return moon__file_fail(fail, path, "has %" PRId64 " bytes, too few for "
                           "any format that is read", source->nbytes);
  }
  return f ? f->list(source, list, fail)
           : moon__safetensors_list(source, list, fail);
}
