/* Padding of row-major operands and its gradient; see ref/pad.c. Rows run along
 * the last dimension that is padded; what lies inside it moves as one piece.
 */
#include "../../padding.h"
#include "simd.h"

enum { FROM, TO };  /* x, y; or dy, dx */

/* The padded tensor and the other as [outer dimensions, length, inner]. */
typedef struct padding {
  const moon_operand *wide, *narrow;  /* y or dy, x or dx */
  int mode, dim;                      /* of the rows */
  int64_t inner, length, from;        /* length of wide, places before */
} padding;

static padding padding_of(const moon_call *call, const moon_operand *wide,
                          const moon_operand *narrow) {
  padding p = {wide, narrow, call->params.pad.mode, wide->ndim - 1, 1, 0, 0};
  while (p.dim > 0 && wide->shape[p.dim] == narrow->shape[p.dim] &&
         call->params.pad.before[p.dim] == 0) {
    p.inner *= wide->shape[p.dim--];
  }
  p.length = wide->shape[p.dim];
  p.from = call->params.pad.before[p.dim];
  return p;
}

static bool covers(const moon_call *call) {
  const moon_operand *from = &call->arg[FROM], *to = &call->arg[TO];
  return from->ndim > 0 && cpu_is_rows(from) && cpu_is_rows(to) &&
         moon_operand_numel(from) > 0 && moon_operand_numel(to) > 0;
}

/* The row of `narrow` that row `row` of `wide` shows, or -1. */
static int64_t row_of(const moon_call *call, const padding *p, int64_t row) {
  int64_t at = 0, step = 1;
  for (int d = p->dim - 1; d >= 0; d--) {
    int64_t i = row % p->wide->shape[d], n = p->narrow->shape[d];
    i = moon_padded_place(p->mode, i - call->params.pad.before[d], n);
    if (i < 0) return -1;
    at += i * step;
    step *= n;
    row /= p->wide->shape[d];
  }
  return at;
}

/* --- forward ---------------------------------------------------------- */
CPU_COVERS(pad) { return covers(call); }

CPU_CUT(pad) {
  const moon_operand *y = &call->arg[TO];
  padding p = padding_of(call, y, &call->arg[FROM]);
  int64_t n = moon_operand_numel(y), rows = n / (p.length * p.inner);
  double words = (double)n * (double)moon_dtype_size(y->dtype) / 4;
  cpu_phase(plan, rows, words + 16 * (double)rows, 0.3);
}

/* n elements of the constant. */
static void fill(const moon_call *call, int64_t n, char *y) {
  double value = call->params.pad.value;
  int dtype = call->arg[TO].dtype;
  if (dtype == MOON_F32) {
    for (int64_t i = 0; i < n; i++) ((float *)y)[i] = (float)value;
  } else if (dtype == MOON_F64) {
    for (int64_t i = 0; i < n; i++) ((double *)y)[i] = value;
  } else if (dtype == MOON_I64) {
    for (int64_t i = 0; i < n; i++) ((int64_t *)y)[i] = (int64_t)value;
  } else if (dtype == MOON_I32) {
    for (int64_t i = 0; i < n; i++) ((int32_t *)y)[i] = (int32_t)value;
  } else if (n > 0) {
    memset(y, (int)value, (size_t)n);
  }
}

/* A row of y from one of x: what is before x's, x's own, what is behind. */
static void pad_row(const moon_call *call, const padding *p, const char *x,
                    char *y) {
  int64_t size = (int64_t)moon_dtype_size(p->wide->dtype) * p->inner;
  int64_t n = p->narrow->shape[p->dim];
  int64_t lo = p->from > 0 ? p->from : 0, hi = p->from + n;
  if (hi > p->length) hi = p->length;
  if (p->mode == MOON_PAD_CONSTANT) {
    fill(call, lo * p->inner, y);
    fill(call, (p->length - hi) * p->inner, y + hi * size);
  }
  memcpy(y + lo * size, x + (lo - p->from) * size, (size_t)((hi - lo) * size));
  if (p->mode == MOON_PAD_CONSTANT) return;
  for (int64_t j = 0; j < p->length; j = j + 1 == lo ? hi : j + 1) {
    if (j >= lo && j < hi) continue;
    int64_t i = moon_padded_place(p->mode, j - p->from, n);
    memcpy(y + j * size, x + i * size, (size_t)size);
  }
}

CPU_RUN(pad) {
  const moon_operand *x = &call->arg[FROM], *y = &call->arg[TO];
  padding p = padding_of(call, y, x);
  int64_t size = (int64_t)moon_dtype_size(y->dtype) * p.inner, lo, hi;
  int64_t rows = moon_operand_numel(y) / (p.length * p.inner);
  cpu_share(plan, phase, part, rows, 1, &lo, &hi);
  for (int64_t row = lo; row < hi; row++) {
    char *to = (char *)y->data + row * p.length * size;
    int64_t from = row_of(call, &p, row);
    if (from < 0) {
      fill(call, p.length * p.inner, to);
    } else {
      const char *of_x = (const char *)x->data +
                         from * x->shape[p.dim] * size;
      pad_row(call, &p, of_x, to);
    }
  }
  return MOON_OK;
}

SIMD_KERNEL(pad)

/* --- gradient --------------------------------------------------------- */
/* The dimensions in front that are not padded are shared out. */
static int64_t units_of(const moon_call *call, const padding *p) {
  int64_t n = 1;
  for (int d = 0; d < p->dim && call->params.pad.before[d] == 0 &&
                  p->wide->shape[d] == p->narrow->shape[d]; d++) {
    n *= p->narrow->shape[d];
  }
  return n;
}

CPU_COVERS(pad_grad) { return covers(call) && cpu_is_f32(&call->arg[TO]); }

CPU_CUT(pad_grad) {
  padding p = padding_of(call, &call->arg[FROM], &call->arg[TO]);
  cpu_phase(plan, units_of(call, &p),
            2 * (double)moon_operand_numel(&call->arg[FROM]), 0.3);
}

static void add(int64_t n, const float *restrict dy, float *restrict dx) {
  for (int64_t i = 0; i < n; i++) dx[i] += dy[i];
}

static void add_row(const padding *p, const float *dy, float *dx) {
  int64_t n = p->narrow->shape[p->dim], c = p->inner;
  int64_t hi = p->from + n;
  for (int64_t j = 0; j < p->from; j++) {
    add(c, dy + j * c, dx + moon_padded_place(p->mode, j - p->from, n) * c);
  }
  add(n * c, dy + p->from * c, dx);
  for (int64_t j = hi; j < p->length; j++) {
    add(c, dy + j * c, dx + moon_padded_place(p->mode, j - p->from, n) * c);
  }
}

CPU_RUN(pad_grad) {
  const moon_operand *dy = &call->arg[FROM], *dx = &call->arg[TO];
  padding p = padding_of(call, dy, dx);
  int64_t lo, hi, units = units_of(call, &p), of_dx = moon_operand_numel(dx);
  int64_t rows = moon_operand_numel(dy) / (p.length * p.inner * units);
  of_dx /= units;
  cpu_share(plan, phase, part, units, 1, &lo, &hi);
  memset((float *)dx->data + lo * of_dx, 0,
         (size_t)((hi - lo) * of_dx) * sizeof(float));
  for (int64_t row = lo * rows; row < hi * rows; row++) {
    add_row(&p, (const float *)dy->data + row * p.length * p.inner,
            (float *)dx->data +
                row_of(call, &p, row) * dx->shape[p.dim] * p.inner);
  }
  return MOON_OK;
}

SIMD_KERNEL(pad_grad)
