/* npy, the format of NumPy's arrays (numpy.org/doc: numpy.lib.format): a magic,
 * a version, the header's length, the header, then the numbers. The header is a
 * dictionary as Python writes it, with a dtype, an order and a shape:
 *
 *   {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
 *
 * Of Python's language no more is read than such a dictionary needs; pickled
 * objects and records are refused. */
#include <stdlib.h>
#include <string.h>
#include "file.h"

enum { MOST_HEADER = 1 << 16 };  /* bytes; NumPy writes some 128 */

/* NumPy's kind and bytes of a number, and what becomes of it. */
static const struct { const char *name; int32_t dtype, stored; } kinds[] = {
    {"f4", MOON_F32, MOON__AS_IS},    {"f8", MOON_F64, MOON__AS_IS},
    {"f2", MOON_F16, MOON__AS_IS},    {"i8", MOON_I64, MOON__AS_IS},
    {"i4", MOON_I32, MOON__AS_IS},    {"i2", MOON_I32, MOON__FROM_I16},
    {"i1", MOON_I32, MOON__FROM_I8},  {"u1", MOON_U8, MOON__AS_IS},
    {"u2", MOON_I32, MOON__FROM_U16}, {"u4", MOON_I64, MOON__FROM_U32},
    {"b1", MOON_BOOL, MOON__AS_IS}};

/* The text that is left, and whose errors these are. */
typedef struct literal {
  const char *text, *at, *end;
  const moon__source *source;
  moon_fail *fail;
} literal;

static int fail_at(literal *l, const char *expected) {
  return moon__file_fail(l->fail, l->source->path,
                         "npy header byte %d: expected %s",
                         (int)(l->at - l->text), expected);
}

static bool accept(literal *l, const char *text) {
  size_t n = strlen(text);
  while (l->at < l->end && *l->at == ' ') l->at++;
  if ((size_t)(l->end - l->at) < n || memcmp(l->at, text, n)) return false;
  l->at += n;
  return true;
}

static int expect(literal *l, const char *text) {
  return accept(l, text) ? MOON_OK : fail_at(l, text);
}

/* A short string in single or double quotes. */
static int read_string(literal *l, char out[16]) {
  const char *quote = accept(l, "'") ? "'" : accept(l, "\"") ? "\"" : NULL;
  size_t n = 0;
  if (!quote) return fail_at(l, "a short string");
  while (l->at < l->end && *l->at != *quote && n < 15) out[n++] = *l->at++;
  out[n] = 0;
  return accept(l, quote) ? MOON_OK : fail_at(l, "the end of a short string");
}

static int read_descr(literal *l, moon__entry *e) {
  char text[16];
  if (accept(l, "[")) {
    return moon__file_fail(l->fail, l->source->path,
                           "npy: %.40s%sholds records, not numbers", e->name,
                           *e->name ? ": " : "");
  }
  int status = read_string(l, text);
  if (status < 0) return status;
  bool ordered = *text && strchr("<>|=", *text);
  const char *kind = text + ordered;
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    if (strcmp(kinds[i].name, kind)) continue;
    e->dtype = kinds[i].dtype;
    e->stored = kinds[i].stored;
    e->swapped = *text == '>';
    return MOON_OK;
  }
  return moon__file_fail(l->fail, l->source->path,
                         "npy: %.40s%sdtype '%s' has no equal here; f2 f4 f8 "
                         "i1 i2 i4 i8 u1 u2 u4 b1 are read", e->name,
                         *e->name ? ": " : "", text);
}

static int read_order(literal *l, moon__entry *e) {
  e->columns = accept(l, "True");
  if (e->columns || accept(l, "False")) return MOON_OK;
  return fail_at(l, "True or False");
}

static int read_count(literal *l, int64_t *out) {
  int64_t value = 0;
  accept(l, "");
  const char *start = l->at;
  for (; l->at < l->end && *l->at >= '0' && *l->at <= '9'; l->at++) {
    if (__builtin_mul_overflow(value, 10, &value) ||
        __builtin_add_overflow(value, *l->at - '0', &value)) {
      return fail_at(l, "a number below 2^63");
    }
  }
  if (l->at == start) return fail_at(l, "a number, not negative");
  accept(l, "L");  /* Python 2's long */
  *out = value;
  return MOON_OK;
}

static int read_shape(literal *l, moon__entry *e) {
  int status = expect(l, "(");
  while (status == MOON_OK && !accept(l, ")")) {
    if (e->ndim == MOON_MAX_DIMS) {
      return moon__file_fail(l->fail, l->source->path,
                             "npy: more than %d dimensions", MOON_MAX_DIMS);
    }
    status = read_count(l, &e->shape[e->ndim++]);
    if (status == MOON_OK && !accept(l, ",")) {
      return e->ndim == 1 ? fail_at(l, ",") : expect(l, ")");
    }
  }
  return status;
}

static int read_dictionary(literal *l, moon__entry *e) {
  static const struct {
    const char *name;
    int (*read)(literal *l, moon__entry *e);
  } fields[] = {{"descr", read_descr}, {"fortran_order", read_order},
                {"shape", read_shape}};
  unsigned seen = 0;
  int status = expect(l, "{");
  while (status == MOON_OK && !accept(l, "}")) {
    char name[16];
    int f = 0;
    status = read_string(l, name);
    while (f < 3 && strcmp(name, fields[f].name)) f++;
    if (status == MOON_OK && (f == 3 || seen & 1u << f)) {
      return fail_at(l, "descr, fortran_order and shape, once each");
    }
    seen |= 1u << f;
    if (status == MOON_OK) status = expect(l, ":");
    if (status == MOON_OK) status = fields[f].read(l, e);
    if (status == MOON_OK && !accept(l, ",")) {
      status = expect(l, "}");
      break;
    }
  }
  if (status < 0) return status;
  if (seen != 7) return fail_at(l, "descr, fortran_order and shape");
  while (l->at < l->end && strchr(" \n", *l->at) && *l->at) l->at++;
  return l->at == l->end ? MOON_OK : fail_at(l, "nothing");
}

/* The bytes before the header; its length. */
static int read_preface(moon__reader *r, uint32_t *length, moon_fail *fail) {
  uint8_t head[8], size[4] = {0};
  int status = moon__reader_read(r, head, sizeof head, fail);
  if (status < 0) return status;
  if (memcmp(head, "\x93NUMPY", 6)) {
    return moon__file_fail(fail, r->source->path, "is no npy file");
  }
  if (head[6] < 1 || head[6] > 3 || head[7]) {
    return moon__file_fail(fail, r->source->path,
                           "npy: version %d.%d; 1.0 to 3.0 are read", head[6],
                           head[7]);
  }
  status = moon__reader_read(r, size, head[6] == 1 ? 2 : 4, fail);
  if (status < 0) return status;
  *length = (uint32_t)size[3] << 24 | (uint32_t)size[2] << 16 |
            (uint32_t)size[1] << 8 | size[0];
  if (*length <= MOST_HEADER) return MOON_OK;
  return moon__file_fail(fail, r->source->path,
                         "npy: states a header of %u bytes; at most %d are "
                         "read", *length, MOST_HEADER);
}

int moon__npy_header(moon__reader *r, moon__entry *e, moon_fail *fail) {
  uint32_t length = 0;
  int status = read_preface(r, &length, fail);
  if (status < 0) return status;
  char *text = moon__malloc((size_t)length + 1);
  status = moon__reader_read(r, text, length, fail);
  if (status == MOON_OK) {
    literal l = {text, text, text + length, r->source, fail};
    status = read_dictionary(&l, e);
  }
  free(text);
  if (status == MOON_OK) status = moon__entry_count(e, r->source->path, fail);
  if (status < 0) return status;
  e->at = r->at;
  e->nbytes = e->numel * (int64_t)moon__entry_width(e);
  e->last = true;
  return moon__entry_check_length(r->source, e, fail);
}

int moon__npy_list(moon__source *source, moon__listing *list,
                   moon_fail *fail) {
  moon__reader r;
  moon__entry *e = moon__listing_add(list, source, NULL);
  int status = moon__reader_open(&r, source, &e->part, 0, fail);
  if (status < 0) return status;
  status = moon__npy_header(&r, e, fail);
  moon__reader_close(&r);
  return status;
}
