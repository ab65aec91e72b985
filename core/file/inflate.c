/* gzip (RFC 1952 members, one after the other) and bare deflate (RFC 1951),
 * inflated with zlib. Nothing is allocated by what the file says, so a small
 * file that inflates to a huge one costs only what its reader asks for. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include "file.h"

/* zlib's largest, with a gzip header, or without any. */
enum { GZIP_WINDOW = 15 + 16, BARE_WINDOW = -15 };

typedef struct moon__inflate {
  z_stream z;
  bool gzip;
  int64_t at, end; /* compressed bytes read so far; where they end */
  bool between;    /* a member is complete; of gzip another may follow */
  uint8_t in[1 << 16];
} moon__inflate;

moon__inflate *moon__inflate_new(const moon__part *part) {
  moon__inflate *s = moon__calloc(1, sizeof *s);
  s->gzip = part->packing == MOON__GZIP;
  s->at = part->begin;
  s->end = part->end;
  if (inflateInit2(&s->z, s->gzip ? GZIP_WINDOW : BARE_WINDOW) != Z_OK) {
    fprintf(stderr, "moonseed: the system has no memory for zlib\n");
    abort();
  }
  return s;
}

void moon__inflate_free(moon__inflate *s) {
  inflateEnd(&s->z);
  free(s);
}

/* More input when there is none; the count at hand, 0 at the end. */
static int64_t refill(moon__inflate *s, moon__source *source,
                      moon_fail *fail) {
  if (s->z.avail_in > 0) return s->z.avail_in;
  int64_t left = s->end - s->at;
  size_t n = left < (int64_t)sizeof s->in ? (size_t)left : sizeof s->in;
  ssize_t got;
  do {
    got = pread(source->fd, s->in, n, s->at);
  } while (got < 0 && errno == EINTR);
  if (got < 0) {
    return moon__file_fail(fail, source->path, "%s at byte %" PRId64,
                           strerror(errno), s->at);
  }
  s->at += got;
  s->z.next_in = s->in;
  s->z.avail_in = (uInt)got;
  return got;
}

int64_t moon__inflate_read(moon__inflate *s, moon__source *source, void *out,
                           size_t n, moon_fail *fail) {
  uInt room = n < 1u << 30 ? (uInt)n : 1u << 30;
  s->z.next_out = out;
  s->z.avail_out = room;
  while (s->z.avail_out == room) {
    if (s->between && !s->gzip) return 0;
    int64_t have = refill(s, source, fail);
    if (have < 0) return have;
    if (have == 0 && s->between) return 0;
    if (have == 0) {
      return moon__file_fail(fail, source->path,
                             "%s cut short: ends after %" PRId64 " bytes",
                             s->gzip ? "gzip" : "deflate", s->at);
    }
    if (s->between) inflateReset(&s->z);
    s->between = false;
    int code = inflate(&s->z, Z_NO_FLUSH);
    s->between = code == Z_STREAM_END;
    if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) {
      return moon__file_fail(fail, source->path,
                             "%s is damaged near byte %" PRId64 ": %s",
                             s->gzip ? "gzip" : "deflate",
                             s->at - s->z.avail_in,
                             s->z.msg ? s->z.msg : "no reason given");
    }
  }
  return (int64_t)(room - s->z.avail_out);
}
