/* one_hot: a 1 in the place that a number names.
 *
 *   y[..., k] = 1 where k = index[...], else 0     index i64 [...] -> y [...,K]
 *
 * An index out of range fails in the kernel: y carries the error. */
#include "shared.h"

int moon_one_hot(moon_ctx *ctx, moon_tensor *index, int64_t classes, int dtype,
                 moon_tensor **out) {
  int status = moon__check_index("one_hot", "index", index);
  if (status >= 0) status = moon__check_dtype("one_hot", dtype);
  if (status < 0) return status;
  if (classes < 0) {
    return moon__fail(MOON_E_VALUE, "one_hot: %lld classes",
                      (long long)classes);
  }
  moon__shape s = moon__shape_of(index);
  s.dim[s.ndim < MOON_MAX_DIMS ? s.ndim : 0] = classes;
  s.ndim++;
  status = moon__check_size("one_hot", s);
  if (status < 0) return status;
  moon_ctx quiet = moon__quiet(ctx);
  moon__calc c = {.ctx = &quiet};
  moon__shape list = {1, {index->numel}}, rows = {2, {index->numel, classes}};
  moon_tensor *y = moon__c_new(&c, index, dtype, s, MOON__ROWS);
  index = moon__c_rows(&c, moon__c_reshape(&c, index, list));
  moon__arg args[] = {{index, MOON__READ, NULL},
                      {moon__c_reshape(&c, y, rows), MOON__WRITE, NULL}};
  moon__c_run(&c, "one_hot", MOON_K_one_hot, NULL, args, 2);
  return moon__calc_finish(&c, y, out);
}
