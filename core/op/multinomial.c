/* Rows drawn with replacement, each as often as its weight says: w [N] -> i64
 * [n]. What is wrong with a weight's value fails in the kernel: the result
 * carries the error. */
#include "shared.h"

int moon_multinomial(moon_ctx *ctx, moon_tensor *w, int64_t n,
                     moon_tensor **out) {
  const char *op = "multinomial";
  moon__shape s;
  int status = moon__check_float(op, w);
  if (status >= 0) status = moon__check_ndim(op, "w", w, 1);
  if (status >= 0) status = moon__check_live(op, w);
  if (status >= 0) status = moon__check_shape(op, 1, &n, &s);
  if (status < 0) return status;
  if (w->shape[0] == 0) {
    return moon__fail(MOON_E_SHAPE, "%s: no weights", op);
  }
  moon_tensor *y;
  status = moon__tensor_new(ctx, w->storage->device, MOON_I64, s, MOON__ROWS,
                            &y);
  if (status < 0) return status;
  moon_params params = {.random = {0}};
  moon__task_draw(ctx->task, &params.random.key, &params.random.counter);
  moon__arg args[] = {{w, MOON__READ, NULL}, {y, MOON__WRITE, NULL}};
  status = moon__run(ctx, op, MOON_K_multinomial, &params, args, 2);
  return moon__finish(status, y, out);
}
