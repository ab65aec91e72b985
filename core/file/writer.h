/* Writing a file that appears whole or not at all: without a name, synced, then
 * given one in the same folder (.moonseed-PROCESS-NUMBER.tmp) and renamed, so
 * that a process that is killed leaves nothing. Where the file system has no
 * files without a name (NFS, say), it has that name from the start. */
#ifndef MOON_WRITER_H
#define MOON_WRITER_H
#include "file.h"

typedef struct moon__writer {
  const char *path;      /* what it will be called; borrowed */
  char *temporary;       /* NULL: no name yet */
  int fd;
  int64_t nbytes;        /* written or buffered so far */
  bool sums;             /* what is put goes into `crc`, not into a file */
  uint32_t crc;
  size_t used;
  char *chunk;
  moon_fail *fail;
} moon__writer;

/* MOON_E_FILE if the path cannot be written to. The old file stays. */
int moon__writer_open(moon__writer *w, const char *path, moon_fail *fail);
/* One that writes nothing: what is put to it is summed up in w->crc, a CRC-32,
 * complete once it is closed. */
void moon__writer_sums(moon__writer *w, moon_fail *fail);
int moon__writer_put(moon__writer *w, const void *data, size_t n);
/* The operand's elements in logical (row-major) order. */
int moon__writer_put_operand(moon__writer *w, const moon_operand *x);
/* With MOON_OK the file takes its name; otherwise, and on any error here, what
 * was written is removed. Returns the status, the first error's. */
int moon__writer_close(moon__writer *w, int status);

/* The formats: safetensors_write.c, npy_write.c, npz_write.c. */
moon__write_pieces moon__safetensors_write, moon__npy_write, moon__npz_write;
/* One npy file, put to w. */
int moon__npy_put(moon__writer *w, const moon__piece *p);

#endif
