/* An open file, and reading its content forwards, compressed or not. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include "file.h"

int moon__file_fail(moon_fail *fail, const char *path, const char *format,
                    ...) {
  size_t length = strlen(path), room = sizeof fail->text;
  bool cut = length > MOON_FILE_PATH;
  int n = snprintf(fail->text, room, "%s%s: ", cut ? "..." : "",
                   cut ? path + length - MOON_FILE_PATH : path);
  va_list list;
  va_start(list, format);
  vsnprintf(fail->text + n, room - (size_t)n, format, list);
  va_end(list);
  return MOON_E_FILE;
}

char *moon__text_copy(const char *text) {
  return strcpy(moon__malloc(strlen(text) + 1), text);
}

/* What kind of file it is, how long, and whether it is compressed. */
static int inspect(moon__source *s, moon_fail *fail) {
  struct stat st;
  uint8_t magic[2];
  if (fstat(s->fd, &st)) {
    return moon__file_fail(fail, s->path, "%s", strerror(errno));
  }
  if (!S_ISREG(st.st_mode)) {
    return moon__file_fail(fail, s->path, "is %s",
                           S_ISDIR(st.st_mode) ? "a folder" : "no plain file");
  }
  s->nbytes = st.st_size;
  ssize_t n = pread(s->fd, magic, 2, 0);
  if (n < 0) return moon__file_fail(fail, s->path, "%s", strerror(errno));
  s->gzip = n == 2 && magic[0] == 0x1f && magic[1] == 0x8b;
  return MOON_OK;
}

int moon__source_of(int fd, const char *path, moon__source **out,
                    moon_fail *fail) {
  moon__source *s = moon__calloc(1, sizeof *s);
  atomic_init(&s->refs, 1);
  s->fd = fd;
  s->path = moon__text_copy(path);
  int status = inspect(s, fail);
  if (status < 0) {
    moon__source_release(s);
  } else {
    *out = s;
  }
  return status;
}

int moon__source_open(const char *path, moon__source **out, moon_fail *fail) {
  /* Not to wait for the other end of a pipe. */
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return moon__file_fail(fail, path, "%s", strerror(errno));
  return moon__source_of(fd, path, out, fail);
}

moon__source *moon__source_retain(moon__source *s) {
  atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
  return s;
}

void moon__source_release(moon__source *s) {
  if (!s) return;
  if (atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1) return;
  close(s->fd);
  free(s->path);
  free(s);
}

moon__part moon__source_whole(const moon__source *s) {
  return (moon__part){.end = s->nbytes,
                      .packing = s->gzip ? MOON__GZIP : MOON__PLAIN,
                      .nbytes = s->gzip ? -1 : s->nbytes};
}

static int64_t read_plain(moon__reader *r, void *out, size_t n,
                          moon_fail *fail) {
  moon__source *s = r->source;
  int64_t at = r->part.begin + r->at, left = r->part.end - at;
  if ((int64_t)n > left) n = left > 0 ? (size_t)left : 0;
  ssize_t got;
  do {
    got = pread(s->fd, out, n, at);
  } while (got < 0 && errno == EINTR);
  if (got >= 0) return got;
  return moon__file_fail(fail, s->path, "%s at byte %" PRId64,
                         strerror(errno), at);
}

int64_t moon__reader_some(moon__reader *r, void *out, size_t n,
                          moon_fail *fail) {
  int64_t got = r->inflate
                    ? moon__inflate_read(r->inflate, r->source, out, n, fail)
                    : read_plain(r, out, n, fail);
  if (got <= 0) return got;
  if (r->part.sums) r->crc = (uint32_t)crc32_z(r->crc, out, (size_t)got);
  r->at += got;
  return got;
}

int moon__reader_read(moon__reader *r, void *out, size_t n, moon_fail *fail) {
  int64_t start = r->at;
  for (size_t have = 0; have < n;) {
    int64_t got = moon__reader_some(r, (char *)out + have, n - have, fail);
    if (got < 0) return (int)got;
    if (got == 0) {
      return moon__file_fail(fail, r->source->path,
                             "cut short: ends after %" PRId64
                             " bytes%s, %" PRId64 " needed",
                             r->at, r->inflate ? " of content" : "",
                             start + (int64_t)n);
    }
    have += (size_t)got;
  }
  return MOON_OK;
}

int moon__reader_end(moon__reader *r, moon_fail *fail) {
  char byte;
  int64_t before = r->at, got = moon__reader_some(r, &byte, 1, fail);
  if (got < 0) return (int)got;
  if (got > 0) {
    return moon__file_fail(fail, r->source->path,
                           "goes on after the %" PRId64
                           " bytes that its header states",
                           before);
  }
  if (!r->part.sums || r->crc == r->part.crc) return MOON_OK;
  return moon__file_fail(fail, r->source->path,
                         "damaged: the checksum of what lies at byte %" PRId64
                         " is %08" PRIx32 ", stated is %08" PRIx32,
                         r->part.begin, r->crc, r->part.crc);
}

int moon__reader_open(moon__reader *r, moon__source *source,
                      const moon__part *part, int64_t at, moon_fail *fail) {
  *r = (moon__reader){.source = source, .part = *part};
  bool packed = part->packing != MOON__PLAIN;
  if (packed) r->inflate = moon__inflate_new(part);
  if (!packed && !part->sums) r->at = at;
  char skipped[512];
  int status = MOON_OK;
  while (status == MOON_OK && r->at < at) {
    size_t n = sizeof skipped;
    if ((int64_t)n > at - r->at) n = (size_t)(at - r->at);
    status = moon__reader_read(r, skipped, n, fail);
  }
  if (status < 0) moon__reader_close(r);
  return status;
}

void moon__reader_close(moon__reader *r) {
  if (r->inflate) moon__inflate_free(r->inflate);
  r->inflate = NULL;
}
