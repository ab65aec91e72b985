/* Writing a safetensors file (see safetensors.c for the format). */
#include <stdlib.h>
#include <string.h>
#include "writer.h"

/* What is put: the header, then the tensors in the order of their places, wide
 * elements first. */
static int put_all(moon__writer *w, const char *header, size_t length,
                   const moon__piece *piece, int n) {
  int status = moon__writer_put(w, header, length);
  for (size_t size = 8; size > 0; size /= 2) {
    for (int i = 0; i < n && status == MOON_OK; i++) {
      if (moon_dtype_size(piece[i].x.dtype) != size) continue;
      status = moon__writer_put_operand(w, &piece[i].x);
    }
  }
  return status;
}

/* Twice: what the checksum in the header is must be known first. */
int moon__safetensors_write(moon__writer *w, moon__piece *piece, int n) {
  size_t length;
  char *header = moon__header_write(piece, n, &length);
  if (!header) {
    return moon__file_fail(w->fail, w->path,
                           "the header of %d tensors is longer than %d bytes",
                           n, MOON_FILE_HEADER);
  }
  moon__writer sums;
  moon__writer_sums(&sums, w->fail);
  int status = put_all(&sums, header, length, piece, n);
  status = moon__writer_close(&sums, status);
  moon__header_set_crc(header, sums.crc);
  if (status == MOON_OK) status = put_all(w, header, length, piece, n);
  free(header);
  return status;
}
