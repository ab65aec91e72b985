/* A batch out of a set of images, augmented on the way:
 *
 *   y[j] = x[index[j]], mirrored and shifted as place position + j of the
 *          epoch tells                       x [N,C,H,W] -> y [B,C,H,W] f32
 *
 * u8 is divided by 255. y is channels-last. No gradient. An index out of
 * range fails in the kernel: y carries the error. */
#include "shared.h"

static int check(const moon_tensor *x, const moon_tensor *index,
                 int64_t position, const moon_batch_params *p) {
  const char *op = "batch_images";
  int status = moon__check_ndim(op, "x", x, 4);
  if (status >= 0 && x->dtype != MOON_F32 && x->dtype != MOON_U8) {
    return moon__fail(MOON_E_DTYPE, "%s: x is %s; f32 or u8 needed", op,
                      moon__dtype_name(x->dtype));
  }
  if (status >= 0) status = moon__check_ndim(op, "index", index, 1);
  if (status >= 0) status = moon__check_index(op, "index", index);
  if (status < 0) return status;
  if (position < 0) {
    return moon__fail(MOON_E_VALUE, "%s: position %lld", op,
                      (long long)position);
  }
  if (p->crop >= 0 && (p->crop == 0 || (p->crop < x->shape[2] &&
                                        p->crop < x->shape[3]))) {
    return MOON_OK;
  }
  return moon__fail(MOON_E_VALUE, "%s: crop %d of images %s", op, p->crop,
                    moon__text(x));
}

int moon_batch_images(moon_ctx *ctx, moon_tensor *x, moon_tensor *index,
                      int64_t position, const moon_batch_params *p,
                      moon_tensor **out) {
  int status = check(x, index, position, p);
  if (status < 0) return status;
  moon__shape s = moon__shape_of(x);
  s.dim[0] = index->shape[0];
  moon_tensor *y;
  status = moon__tensor_new(ctx, x->storage->device, MOON_F32, s,
                            MOON__CHANNELS_LAST, &y);
  if (status < 0) return status;
  moon_params params = {.batch = {*p, position}};
  moon__arg args[] = {{x, MOON__READ, NULL},
                      {index, MOON__READ, NULL},
                      {y, MOON__WRITE, NULL}};
  status = moon__run(ctx, "batch_images", MOON_K_batch_images, &params, args,
                     3);
  return moon__finish(status, y, out);
}
