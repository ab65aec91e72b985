/* arange: numbers at equal distances, from start on, before stop.
 *
 *   y[i] = start + i step     ceil((stop - start) / step) of them */
#include <math.h>
#include "shared.h"

/* Past this the elements would not fit into memory anyway. */
static const double most = 0x1p48;

static int check(int dtype, double start, double stop, double step,
                 int64_t *n) {
  int status = moon__check_number("arange", dtype, start);
  if (status >= 0) status = moon__check_number("arange", dtype, step);
  if (status < 0) return status;
  if (dtype == MOON_BOOL) {
    return moon__fail(MOON_E_DTYPE, "arange: bool; take a number dtype");
  }
  double count = ceil((stop - start) / step);
  if (step == 0 || !isfinite(step) || !isfinite(start) || !isfinite(stop) ||
      count < 0 || count > most) {
    return moon__fail(MOON_E_VALUE, "arange: from %g to %g by %g", start,
                      stop, step);
  }
  *n = (int64_t)count;
  if (*n == 0) return MOON_OK;
  return moon__check_number("arange", dtype, start + (count - 1) * step);
}

int moon_arange(moon_ctx *ctx, int dtype, double start, double stop,
                double step, moon_tensor **out) {
  moon__shape s = {.ndim = 1};
  int status = check(dtype, start, stop, step, &s.dim[0]);
  if (status < 0) return status;
  moon_tensor *y;
  status = moon__check_creation(ctx, "arange", dtype, 1);
  if (status < 0) return status;
  status = moon__tensor_new(ctx, ctx->device, dtype, s, MOON__ROWS, &y);
  if (status < 0) return status;
  moon_params params = {.arange = {start, step}};
  moon__arg args[] = {{y, MOON__WRITE, NULL}};
  status = moon__run(ctx, "arange", MOON_K_arange, &params, args, 1);
  return moon__finish(status, y, out);
}
