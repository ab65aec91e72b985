/* Writing an npz file (see npz.c and zip.c): members stored as they are, since
 * weights do not shrink; in zip64 only what 32 bits cannot say. */
#include <stdlib.h>
#include <string.h>
#include "writer.h"

enum {
  VERSION = 20, VERSION64 = 45,
  UTF8 = 1 << 11,       /* a flag: of the name */
  FIRST_DAY = 0x21,     /* 1980-01-01; the same tensors, the same bytes */
  ROOM = 128
};
static const uint64_t full = UINT32_MAX;
static const char ending[] = ".npy";

/* What a member is known by. */
typedef struct member {
  const char *name;
  int64_t at, nbytes;
  uint32_t crc;
} member;

/* A record being made, little-endian. */
typedef struct record { uint8_t at[ROOM]; size_t n; } record;

static void put(record *r, uint64_t value, int nbytes) {
  for (int i = 0; i < nbytes; i++) r->at[r->n++] = (uint8_t)(value >> 8 * i);
}

static uint64_t narrow(int64_t value) {
  return (uint64_t)value < full ? (uint64_t)value : full;
}

/* zip64's field: the sizes and (of the directory) the place that 32 bits cannot
 * say, in this order. */
static record extra_field(const member *m, bool central) {
  record values = {.n = 0}, field = {.n = 0};
  for (int i = 0; i < 2; i++) {
    if (narrow(m->nbytes) == full) put(&values, (uint64_t)m->nbytes, 8);
  }
  if (central && narrow(m->at) == full) put(&values, (uint64_t)m->at, 8);
  if (values.n == 0) return field;
  put(&field, 1, 2);
  put(&field, values.n, 2);
  memcpy(field.at + field.n, values.at, values.n);
  field.n += values.n;
  return field;
}

/* The header before a member, or its record in the directory. */
static int put_header(moon__writer *w, const member *m, bool central) {
  record r = {.n = 0}, extra = extra_field(m, central);
  put(&r, central ? 0x02014b50 : 0x04034b50, 4);
  if (central) put(&r, VERSION64, 2);
  put(&r, extra.n ? VERSION64 : VERSION, 2);
  put(&r, UTF8, 2);
  put(&r, 0, 4);  /* stored; midnight */
  put(&r, FIRST_DAY, 2);
  put(&r, m->crc, 4);
  put(&r, narrow(m->nbytes), 4);
  put(&r, narrow(m->nbytes), 4);
  put(&r, strlen(m->name) + strlen(ending), 2);
  put(&r, extra.n, 2);
  if (central) {
    put(&r, 0, 8);  /* no comment, the first disk, */
    put(&r, 0, 2);  /* no attributes */
    put(&r, narrow(m->at), 4);
  }
  int status = moon__writer_put(w, r.at, r.n);
  if (status == MOON_OK) {
    status = moon__writer_put(w, m->name, strlen(m->name));
  }
  if (status == MOON_OK) status = moon__writer_put(w, ending, strlen(ending));
  return status < 0 ? status : moon__writer_put(w, extra.at, extra.n);
}

/* Where the directory is: at `at`, of `n` members. */
static int put_end(moon__writer *w, int64_t at, int n) {
  record r = {.n = 0};
  int64_t nbytes = w->nbytes - at, end = w->nbytes;
  if (n >= UINT16_MAX || (uint64_t)end >= full) {
    put(&r, 0x06064b50, 4);
    put(&r, 44, 8);  /* bytes of this record that follow */
    put(&r, VERSION64, 2);
    put(&r, VERSION64, 2);
    put(&r, 0, 8);
    put(&r, (uint64_t)n, 8);
    put(&r, (uint64_t)n, 8);
    put(&r, (uint64_t)nbytes, 8);
    put(&r, (uint64_t)at, 8);
    put(&r, 0x07064b50, 4);
    put(&r, 0, 4);
    put(&r, (uint64_t)end, 8);
    put(&r, 1, 4);
  }
  uint64_t few = n < UINT16_MAX ? (uint64_t)n : UINT16_MAX;
  put(&r, 0x06054b50, 4);
  put(&r, 0, 4);
  put(&r, few, 2);
  put(&r, few, 2);
  put(&r, (uint64_t)nbytes < full ? (uint64_t)nbytes : full, 4);
  put(&r, (uint64_t)at < full ? (uint64_t)at : full, 4);
  put(&r, 0, 2);
  return moon__writer_put(w, r.at, r.n);
}

/* Twice: a member's checksum stands before it. */
static int put_member(moon__writer *w, const moon__piece *p, member *m) {
  moon__writer sums;
  if (strlen(p->name) + strlen(ending) > UINT16_MAX) {
    return moon__file_fail(w->fail, w->path, "npz: a name of %zu bytes",
                           strlen(p->name));
  }
  moon__writer_sums(&sums, w->fail);
  int status = moon__writer_close(&sums, moon__npy_put(&sums, p));
  *m = (member){p->name, w->nbytes, sums.nbytes, sums.crc};
  if (status == MOON_OK) status = put_header(w, m, false);
  return status < 0 ? status : moon__npy_put(w, p);
}

int moon__npz_write(moon__writer *w, moon__piece *piece, int n) {
  member *all = moon__calloc((size_t)n + 1, sizeof *all);
  int status = MOON_OK;
  for (int i = 0; i < n && status == MOON_OK; i++) {
    status = put_member(w, &piece[i], &all[i]);
  }
  int64_t at = w->nbytes;
  for (int i = 0; i < n && status == MOON_OK; i++) {
    status = put_header(w, &all[i], true);
  }
  free(all);
  return status < 0 ? status : put_end(w, at, n);
}
