/* Writing an npy file (see npy.c for the format): version 1.0, row-major, byte
 * for byte what NumPy 2 writes. Its header leaves room for a first dimension of
 * 21 digits, and the numbers begin at a multiple of 64. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "writer.h"

enum { PREFACE = 10, ALIGN = 64, GROWTH = 21, ROOM = 448 };

/* NumPy has no bf16; save.c refuses it. */
static const char *const descr[MOON_DTYPES] = {
    [MOON_F32] = "<f4", [MOON_F64] = "<f8", [MOON_I64] = "<i8",
    [MOON_I32] = "<i4", [MOON_U8] = "|u1",  [MOON_BOOL] = "|b1",
    [MOON_F16] = "<f2"};

/* "(3, 4)", "(3,)", "()"; the count of characters. */
static int put_shape(char *to, size_t room, const moon_operand *x) {
  int n = snprintf(to, room, "(");
  for (int d = 0; d < x->ndim; d++) {
    n += snprintf(to + n, room - (size_t)n, "%s%" PRId64, d ? ", " : "",
                  x->shape[d]);
  }
  return n + snprintf(to + n, room - (size_t)n, x->ndim == 1 ? ",)" : ")");
}

int moon__npy_put(moon__writer *w, const moon__piece *p) {
  char head[ROOM] = "\x93NUMPY\1";
  int n = PREFACE;
  n += snprintf(head + n, ROOM - (size_t)n,
                "{'descr': '%s', 'fortran_order': False, 'shape': ",
                descr[p->x.dtype]);
  n += put_shape(head + n, ROOM - (size_t)n, &p->x);
  n += snprintf(head + n, ROOM - (size_t)n, ", }");
  int end = n + 1;
  if (p->x.ndim > 0) {
    end += GROWTH - snprintf(NULL, 0, "%" PRId64, p->x.shape[0]);
  }
  end = (end / ALIGN + 1) * ALIGN;
  memset(head + n, ' ', (size_t)(end - n));
  head[end - 1] = '\n';
  head[8] = (char)((end - PREFACE) & 255);
  head[9] = (char)((end - PREFACE) >> 8);
  int status = moon__writer_put(w, head, (size_t)end);
  return status < 0 ? status : moon__writer_put_operand(w, &p->x);
}

int moon__npy_write(moon__writer *w, moon__piece *piece, int n) {
  (void)n;
  return moon__npy_put(w, piece);
}
