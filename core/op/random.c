/* Random tensors, from the task's generator: each call is one draw of it, and
 * element i (in logical order) is told by the draw and by i alone.
 *
 *   uniform in [a, b), normal of mean a and deviation b, whole in [a, b)
 *   randperm: 0 .. n - 1 in random order, i64 */
#include <math.h>
#include "shared.h"

static int draw(moon_ctx *ctx, const char *name, int kernel,
                moon_params *params, moon_tensor *y, moon_tensor **out) {
  moon__task_draw(ctx->task, &params->random.key, &params->random.counter);
  moon__arg args[] = {{y, MOON__WRITE, NULL}};
  int status = moon__run(ctx, name, kernel, params, args, 1);
  return moon__finish(status, y, out);
}

static int check(int dtype, int kind, double a, double b) {
  bool whole = kind == MOON_RAND_INT;
  if (kind < MOON_RAND_UNIFORM || kind > MOON_RAND_INT) {
    return moon__fail(MOON_E_VALUE, "random: no kind %d", kind);
  }
  bool fine = dtype == MOON_F32 || dtype == MOON_F64;
  if (whole ? moon_dtype_is_half(dtype) : !fine) {
    return moon__fail(MOON_E_DTYPE, "random: %s; take %s",
                      moon__dtype_name(dtype),
                      whole ? "another dtype" : "f32 or f64");
  }
  bool fits = isfinite(a) && isfinite(b);
  if (kind == MOON_RAND_UNIFORM) fits = fits && a <= b;
  if (kind == MOON_RAND_NORMAL) fits = fits && b >= 0;
  if (whole) {
    fits = fits && a < b && a == floor(a) && b == floor(b) && a >= -0x1p63 &&
           b <= 0x1p63;
  }
  if (!fits) {
    return moon__fail(MOON_E_VALUE, "random: %s %g and %g",
                      whole ? "whole numbers between"
                      : kind == MOON_RAND_NORMAL ? "mean and deviation"
                                                 : "numbers between", a, b);
  }
  if (!whole) return MOON_OK;
  int status = moon__check_number("random", dtype, a);
  return status < 0 ? status : moon__check_number("random", dtype, b - 1);
}

int moon_random(moon_ctx *ctx, int dtype, int kind, double a, double b,
                int ndim, const int64_t *shape, moon_tensor **out) {
  moon__shape s;
  int status = moon__check_creation(ctx, "random", dtype, ndim);
  if (status >= 0) status = check(dtype, kind, a, b);
  if (status >= 0) status = moon__check_shape("random", ndim, shape, &s);
  if (status < 0) return status;
  moon_tensor *y;
  status = moon__tensor_new(ctx, ctx->device, dtype, s, MOON__ROWS, &y);
  if (status < 0) return status;
  moon_params params = {.random = {.a = a, .b = b, .kind = kind}};
  return draw(ctx, "random", MOON_K_random, &params, y, out);
}

int moon_randperm(moon_ctx *ctx, int64_t n, moon_tensor **out) {
  moon__shape s;
  int status = moon__check_creation(ctx, "randperm", MOON_I64, 1);
  if (status >= 0) status = moon__check_shape("randperm", 1, &n, &s);
  if (status < 0) return status;
  moon_tensor *y;
  status = moon__tensor_new(ctx, ctx->device, MOON_I64, s, MOON__ROWS, &y);
  if (status < 0) return status;
  moon_params params = {.random = {0}};
  return draw(ctx, "randperm", MOON_K_randperm, &params, y, out);
}
