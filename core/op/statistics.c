/* What a tensor looks like in three f32 numbers, without a wait:
 *
 *   y = { sqrt(sum x^2), share of zeros, count of NaN and infinite values }
 */
#include "shared.h"

int moon_statistics(moon_ctx *ctx, moon_tensor *x, moon_tensor **out) {
  int status = moon__check_float("statistics", x);
  if (status < 0) return status;
  moon_tensor *y;
  moon__shape s = {1, {3}};
  status = moon__tensor_new(ctx, x->storage->device, MOON_F32, s, MOON__ROWS,
                            &y);
  if (status < 0) return status;
  moon__arg args[] = {{x, MOON__READ, NULL}, {y, MOON__WRITE, NULL}};
  status = moon__run(ctx, "statistics", MOON_K_statistics, NULL, args, 2);
  return moon__finish(status, y, out);
}
