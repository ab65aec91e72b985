/* tile: each dimension repeated as a whole (NumPy's tile), one after the other,
 * from the last on: a new dimension, expanded, and copied into one.
 *
 *   y[.., i, ..] = x[.., i mod n, ..]      dx = dy summed over the repeats */
#include "shared.h"

/* Dimension d of x, times `count`. */
static moon_tensor *repeat(moon__calc *c, moon_tensor *x, int d,
                           int64_t count) {
  if (c->status < 0) return NULL;
  moon__shape s = moon__shape_of(x), one = {3, {1, 1, 1}}, many;
  for (int k = 0; k < s.ndim; k++) one.dim[k < d ? 0 : 2] *= s.dim[k];
  many = one;
  many.dim[1] = count;
  s.dim[d] *= count;
  x = moon__c_reshape(c, x, one);
  return moon__c_reshape(c, moon__c_expand(c, x, many), s);
}

int moon_tile(moon_ctx *ctx, moon_tensor *x, int n, const int64_t *counts,
              moon_tensor **out) {
  int status = moon__check_live("tile", x);
  if (status < 0) return status;
  moon__shape s = {.ndim = n > x->ndim ? n : x->ndim}, whole;
  int before = s.ndim - x->ndim, skipped = s.ndim - n;
  if (n < 0 || s.ndim > MOON_MAX_DIMS) {
    return moon__fail(MOON_E_SHAPE, "tile: %d dimensions, at most %d", n,
                      MOON_MAX_DIMS);
  }
  for (int d = 0; d < s.ndim; d++) {
    s.dim[d] = d < before ? 1 : x->shape[d - before];
  }
  whole = s;
  for (int i = 0; i < n; i++) {
    int64_t *size = &whole.dim[skipped + i];
    if (counts[i] < 0 || counts[i] > INT32_MAX || *size > INT32_MAX) {
      return moon__fail(MOON_E_VALUE, "tile: %lld times dimension %d of %s",
                        (long long)counts[i], skipped + i + 1,
                        moon__shape_text(s));
    }
    *size *= counts[i];
  }
  status = moon__check_size("tile", whole);
  if (status < 0) return status;
  moon__calc c = {.ctx = ctx};
  moon_tensor *y = moon__c_reshape(&c, x, s);
  for (int i = n - 1; i >= 0; i--) {
    if (counts[i] != 1) y = repeat(&c, y, skipped + i, counts[i]);
  }
  if (y && moon_tensor_shares(y, x)) {  /* one element repeated, or nothing */
    moon_tensor *copy = NULL;
    y = moon__calc_own(&c, moon_clone(ctx, y, &copy), &copy);
  }
  return moon__calc_finish(&c, y, out);
}
