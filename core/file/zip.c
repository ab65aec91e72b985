/* zip (PKWARE's APPNOTE.TXT): members one after another, then a directory that
 * says where they lie, then a record that says where the directory is. Only the
 * directory is believed, and every place in it is checked against the file.
 * Stored and deflated members, also past 4 GiB (zip64); no encryption, no
 * several disks. Numbers are little-endian. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "file.h"

enum {
  END = 22, END64 = 56, LOCATOR = 20,  /* bytes of records without texts */
  CENTRAL = 46, LOCAL = 30,
  LONGEST_COMMENT = 65535,
  STORED = 0, DEFLATED = 8             /* methods */
};

typedef struct directory {
  moon__source *source;
  moon_fail *fail;
  int64_t at, nbytes;  /* where it lies */
  uint8_t *text;
} directory;

static uint64_t number(const uint8_t *at, int nbytes) {
  uint64_t v = 0;
  for (int i = nbytes - 1; i >= 0; i--) v = v << 8 | at[i];
  return v;
}

static int fail_zip(directory *d, const char *what) {
  return moon__file_fail(d->fail, d->source->path, "zip: %s", what);
}

static int read_at(directory *d, int64_t at, void *out, size_t n) {
  moon__reader r;
  moon__part whole = moon__source_whole(d->source);
  int status = moon__reader_open(&r, d->source, &whole, at, d->fail);
  if (status < 0) return status;
  status = moon__reader_read(&r, out, n, d->fail);
  moon__reader_close(&r);
  return status;
}

/* The record of files past 4 GiB, when the locator before `end` names one. */
static int read_end64(directory *d, int64_t end) {
  uint8_t locator[LOCATOR], record[END64];
  if (end < LOCATOR + END64) return fail_zip(d, "no room for a zip64 record");
  int status = read_at(d, end - LOCATOR, locator, LOCATOR);
  if (status < 0) return status;
  uint64_t at = number(locator + 8, 8);
  if (memcmp(locator, "PK\6\7", 4) || at > (uint64_t)(end - LOCATOR - END64)) {
    return fail_zip(d, "the zip64 record is not where it should be");
  }
  status = read_at(d, (int64_t)at, record, END64);
  if (status < 0) return status;
  if (memcmp(record, "PK\6\6", 4)) {
    return fail_zip(d, "the zip64 record is not where it should be");
  }
  uint64_t nbytes = number(record + 40, 8), begin = number(record + 48, 8);
  if (begin > at || nbytes > at - begin) {
    return fail_zip(d, "the directory is not where it should be");
  }
  d->at = (int64_t)begin;
  d->nbytes = (int64_t)nbytes;
  return MOON_OK;
}

/* `end` is where the last record lies, `record`. */
static int read_end(directory *d, const uint8_t *record, int64_t end) {
  uint64_t nbytes = number(record + 12, 4), begin = number(record + 16, 4);
  if (number(record + 10, 2) == UINT16_MAX || nbytes == UINT32_MAX ||
      begin == UINT32_MAX) {
    return read_end64(d, end);
  }
  if (begin > (uint64_t)end || nbytes > (uint64_t)end - begin) {
    return fail_zip(d, "the directory is not where it should be");
  }
  d->at = (int64_t)begin;
  d->nbytes = (int64_t)nbytes;
  return MOON_OK;
}

/* The last record ends the file, but for a comment whose length it states. */
static int find_directory(directory *d) {
  int64_t size = d->source->nbytes;
  int64_t n = size < END + LONGEST_COMMENT ? size : END + LONGEST_COMMENT;
  uint8_t *tail = moon__malloc((size_t)n + 1);
  int status = read_at(d, size - n, tail, (size_t)n);
  int64_t i = n - END;
  while (status == MOON_OK && i >= 0 &&
         (memcmp(tail + i, "PK\5\6", 4) ||
          (int64_t)number(tail + i + 20, 2) != n - END - i)) {
    i--;
  }
  if (status == MOON_OK) {
    status = i < 0 ? fail_zip(d, "cut short: it has no directory")
                   : read_end(d, tail + i, size - n + i);
  }
  free(tail);
  return status;
}

/* The sizes and the place of a member, in 32 bits or, where those are full, in
 * the extra field of zip64. */
static int read_sizes(const uint8_t *head, const uint8_t *extra, size_t n,
                      uint64_t size[3]) {
  const uint8_t *from = NULL;
  size_t left = 0;
  while (n >= 4 && number(extra + 2, 2) <= n - 4) {
    size_t length = (size_t)number(extra + 2, 2);
    if (number(extra, 2) == 1 && !from) {
      from = extra + 4;
      left = length;
    }
    extra += 4 + length;
    n -= 4 + length;
  }
  static const int place[3] = {24, 20, 42};  /* whole, packed, where */
  for (int i = 0; i < 3; i++) {
    size[i] = number(head + place[i], 4);
    if (size[i] != UINT32_MAX) continue;
    if (left < 8) return -1;
    size[i] = number(from, 8);
    from += 8;
    left -= 8;
  }
  return 0;
}

/* Where the content begins: after the member's own header, which has texts of
 * its own length. */
static int read_local(directory *d, moon__part *part, uint64_t place) {
  uint8_t head[LOCAL];
  int64_t packed = part->end;
  if (place > (uint64_t)d->at || (uint64_t)d->at - place < LOCAL) {
    return fail_zip(d, "a member is not before the directory");
  }
  int status = read_at(d, (int64_t)place, head, LOCAL);
  if (status < 0) return status;
  if (memcmp(head, "PK\3\4", 4)) {
    return fail_zip(d, "a member is not where the directory says");
  }
  part->begin = (int64_t)place + LOCAL + (int64_t)number(head + 26, 2) +
                (int64_t)number(head + 28, 2);
  if (part->begin > d->at || packed > d->at - part->begin) {
    return fail_zip(d, "a member is longer than the file");
  }
  part->end = part->begin + packed;
  return MOON_OK;
}

static int check_name(directory *d, const uint8_t *name, size_t n) {
  const char *s = (const char *)name, *end = s + n;
  while (s < end && *s) {
    int length = moon__utf8_length(s, end);
    if (length == 0) break;
    s += length;
  }
  return s == end ? MOON_OK : fail_zip(d, "a member's name is not UTF-8");
}

/* One record of the directory, `head`, whose texts follow. */
static int read_member(directory *d, const uint8_t *head, moon__zip *zip) {
  size_t n = (size_t)number(head + 28, 2), extra = (size_t)number(head + 30, 2);
  uint64_t size[3], method = number(head + 10, 2);
  int status = check_name(d, head + CENTRAL, n);
  if (status < 0) return status;
  if (number(head + 8, 2) & 1) return fail_zip(d, "a member is encrypted");
  if (method != STORED && method != DEFLATED) {
    return moon__file_fail(d->fail, d->source->path,
                           "zip: a member is packed by method %d; stored and "
                           "deflated are read", (int)method);
  }
  if (read_sizes(head, head + CENTRAL + n, extra, size) < 0) {
    return fail_zip(d, "a member has no zip64 sizes");
  }
  if (size[1] > (uint64_t)d->source->nbytes ||
      (method == STORED && size[0] != size[1]) ||
      size[0] / MOON__MOST_INFLATED > size[1]) {
    return fail_zip(d, "a member states more bytes than the file can hold");
  }
  moon__member *m = &zip->member[zip->n++];
  m->name = moon__malloc(n + 1);
  memcpy(m->name, head + CENTRAL, n);
  m->name[n] = 0;
  m->part = (moon__part){
      .end = (int64_t)size[1], .nbytes = (int64_t)size[0], .sums = true,
      .packing = method == STORED ? MOON__PLAIN : MOON__DEFLATED,
      .crc = (uint32_t)number(head + 16, 4)};
  return read_local(d, &m->part, size[2]);
}

static int read_members(directory *d, moon__zip *zip) {
  int64_t at = 0, packed = 0;
  int status = MOON_OK;
  zip->member = moon__calloc((size_t)(d->nbytes / CENTRAL) + 1,
                             sizeof *zip->member);
  while (status == MOON_OK && at < d->nbytes) {
    const uint8_t *head = d->text + at;
    int64_t left = d->nbytes - at;
    if (left < CENTRAL || memcmp(head, "PK\1\2", 4)) {
      return fail_zip(d, "the directory is damaged");
    }
    at += CENTRAL + (int64_t)(number(head + 28, 2) + number(head + 30, 2) +
                              number(head + 32, 2));
    if (at > d->nbytes) return fail_zip(d, "the directory is damaged");
    status = read_member(d, head, zip);
    if (status < 0) break;
    const moon__part *part = &zip->member[zip->n - 1].part;
    packed += part->end - part->begin;
    if (packed > d->at) return fail_zip(d, "members lie over one another");
  }
  return status;
}

int moon__zip_open(moon__source *source, moon__zip *zip, moon_fail *fail) {
  directory d = {.source = source, .fail = fail};
  *zip = (moon__zip){0};
  int status = find_directory(&d);
  if (status < 0) return status;
  if (d.nbytes > MOON_FILE_HEADER) {
    return moon__file_fail(fail, source->path,
                           "zip: a directory of %" PRId64 " bytes; at most %d "
                           "are read", d.nbytes, MOON_FILE_HEADER);
  }
  d.text = moon__malloc((size_t)d.nbytes + 1);
  status = read_at(&d, d.at, d.text, (size_t)d.nbytes);
  if (status == MOON_OK) status = read_members(&d, zip);
  free(d.text);
  return status;
}

void moon__zip_free(moon__zip *zip) {
  for (int i = 0; i < zip->n; i++) free(zip->member[i].name);
  free(zip->member);
  *zip = (moon__zip){0};
}
