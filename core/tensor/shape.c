/* Shapes, dtypes, memory orders: facts about extents and strides. */
#include <stdio.h>
#include <string.h>
#include "tensor.h"

static const struct { const char *name; bool is_float; } dtypes[MOON_DTYPES] = {
    [MOON_F32] = {"f32", true}, [MOON_F64] = {"f64", true},
    [MOON_I64] = {"i64", false}, [MOON_I32] = {"i32", false},
    [MOON_U8] = {"u8", false}, [MOON_BOOL] = {"bool", false},
    [MOON_BF16] = {"bf16", true}, [MOON_F16] = {"f16", true}};

const char *moon__dtype_name(int dtype) { return dtypes[dtype].name; }

bool moon__dtype_is_float(int dtype) { return dtypes[dtype].is_float; }

moon__shape moon__shape_of(const moon_tensor *t) {
  moon__shape s = {.ndim = t->ndim};
  memcpy(s.dim, t->shape, sizeof s.dim);
  return s;
}

bool moon__shape_equal(moon__shape a, moon__shape b) {
  return a.ndim == b.ndim &&
         !memcmp(a.dim, b.dim, (size_t)a.ndim * sizeof *a.dim);
}

int moon__shape_numel(const char *op, moon__shape s, int64_t *numel) {
  const int64_t most = (int64_t)1 << 48;
  int64_t n = 1;
  if (s.ndim < 0 || s.ndim > MOON_MAX_DIMS) {
    return moon__fail(MOON_E_SHAPE, "%s: %d dimensions, at most %d", op,
                      s.ndim, MOON_MAX_DIMS);
  }
  for (int d = 0; d < s.ndim; d++) {
    if (s.dim[d] < 0) {
      return moon__fail(MOON_E_SHAPE, "%s: negative size %lld in dimension %d",
                        op, (long long)s.dim[d], d + 1);
    }
  }
  bool empty = false;
  for (int d = 0; d < s.ndim; d++) {  /* strides count a 0 as 1 */
    int64_t extent = s.dim[d] ? s.dim[d] : 1;
    if (extent > most / n) {
      return moon__fail(MOON_E_SHAPE, "%s: shape %s has more than 2^48 "
                        "elements", op, moon__shape_text(s));
    }
    n *= extent;
    empty |= s.dim[d] == 0;
  }
  *numel = empty ? 0 : n;
  return MOON_OK;
}

int moon__shape_join(const char *op, moon__shape *s, const moon_tensor *t) {
  moon__shape a = *s;
  int ndim = a.ndim > t->ndim ? a.ndim : t->ndim;
  for (int d = 0; d < ndim; d++) {
    int da = d - (ndim - a.ndim), dt = d - (ndim - t->ndim);
    int64_t na = da < 0 ? 1 : a.dim[da], nt = dt < 0 ? 1 : t->shape[dt];
    if (na != nt && na != 1 && nt != 1) {
      return moon__fail(MOON_E_SHAPE, "%s: shapes %s and %s do not broadcast "
                        "(%lld and %lld)", op, moon__shape_text(a),
                        moon__text(t), (long long)na, (long long)nt);
    }
    s->dim[d] = na == 1 ? nt : na;
  }
  s->ndim = ndim;
  return MOON_OK;
}

int moon__shape_broadcast(const char *op, const moon_tensor *a,
                          const moon_tensor *b, moon__shape *out) {
  moon__shape s = moon__shape_of(a);
  int status = moon__shape_join(op, &s, b);
  if (status >= 0) *out = s;
  return status;
}

const char *moon__shape_text(moon__shape s) {
  static char buffer[8][160];
  static int turn;
  char *text = buffer[turn++ % 8];
  int at = 0;
  if (s.ndim <= 0) return "scalar";
  for (int d = 0; d < s.ndim && d < MOON_MAX_DIMS; d++) {
    at += snprintf(text + at, sizeof buffer[0] - (size_t)at, "%s%lld",
                   d ? "x" : "", (long long)s.dim[d]);
  }
  return text;
}

const char *moon__text(const moon_tensor *t) {
  return moon__shape_text(moon__shape_of(t));
}

bool moon__is_contiguous(const moon_tensor *t) {
  int64_t want = 1;
  for (int d = t->ndim - 1; d >= 0; d--) {
    if (t->shape[d] != 1 && t->stride[d] != want) return false;
    want *= t->shape[d];
  }
  return true;
}

bool moon__is_channels_last(const moon_tensor *t) {
  static const int order[4] = {1, 3, 2, 0};
  int64_t want = 1;
  if (t->ndim != 4) return false;
  for (int k = 0; k < 4; k++) {
    int d = order[k];
    if (t->shape[d] != 1 && t->stride[d] != want) return false;
    want *= t->shape[d];
  }
  return true;
}

bool moon__is_dense(const moon_tensor *t) {
  int64_t want = 1;
  bool used[MOON_MAX_DIMS] = {false};
  for (int left = t->ndim; left > 0; left--) {
    int found = -1;
    for (int d = t->ndim - 1; d >= 0 && found < 0; d--) {
      if (!used[d] && (t->shape[d] == 1 || t->stride[d] == want)) found = d;
    }
    if (found < 0) return t->numel == 0;
    used[found] = true;
    want *= t->shape[found];
  }
  return true;
}
