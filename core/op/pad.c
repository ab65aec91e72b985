/* pad: places before and behind each dimension.
 *
 *   y[i] = x[at(i - before)]      in each dimension, n long, by `mode`:
 *
 *   constant   `value` outside of [0, n); less than nothing crops
 *   reflect    -1, -2, .. -> 1, 2, ..     n, n + 1, .. -> n - 2, n - 3, ..
 *   replicate  0 before, n - 1 behind
 *   circular   i mod n
 *
 *   dx = the part of dy that is x's, for constant; else its places' sums of dy
 *
 * Memory is channels-last where x's is, else row-major: kernels see dimensions
 * in the order of memory. */
#include "shared.h"

/* Where padding is repeated values. */
static const char *const mode_names[] = {"constant", "reflect", "replicate",
                                         "circular"};

/* Kernels get row-major operands: the dimensions of a channels-last tensor in
 * the order of memory. */
static bool is_last(const moon_tensor *t) {
  return moon__is_channels_last(t) && !moon__is_contiguous(t);
}

static moon_tensor *in_memory(moon__calc *c, moon_tensor *t, bool last) {
  static const int32_t order[] = {0, 2, 3, 1};
  moon_tensor *v = NULL;
  if (c->status < 0 || !last) return t;
  return moon__calc_own(c, moon_permute(c->ctx, t, order, &v), &v);
}

static void run(moon__calc *c, int kernel, const moon_params *given,
                moon_tensor *from, moon_tensor *to) {
  if (c->status < 0) return;
  bool last = is_last(to);
  moon_params params = *given;
  if (last) {
    const int32_t *before = given->pad.before;
    params.pad.before[1] = before[2];
    params.pad.before[2] = before[3];
    params.pad.before[3] = before[1];
  }
  from = last ? moon__c_channels_last(c, from) : moon__c_rows(c, from);
  moon__arg args[] = {{in_memory(c, from, last), MOON__READ, NULL},
                      {in_memory(c, to, last), MOON__WRITE, NULL}};
  moon__c_run(c, kernel == MOON_K_pad ? "pad" : "pad backward", kernel,
              &params, args, 2);
}

/* Crops and zeros: constant padding by the opposite. */
static int constant_backward(moon__back *b) {
  moon_pad_params p = {.mode = MOON_PAD_CONSTANT};
  moon_tensor *dx;
  for (int d = 0; d < b->dy->ndim; d++) {
    p.before[d] = -(int64_t)b->node->params.pad.before[d];
    p.after[d] = b->node->input_shape[0].dim[d] - b->dy->shape[d] -
                 p.before[d];
  }
  int status = moon_pad(b->ctx, b->dy, &p, &dx);
  if (status >= 0) moon__give(b, 0, dx);
  return status;
}

static int backward(moon__back *b) {
  if (b->node->params.pad.mode == MOON_PAD_CONSTANT) {
    return constant_backward(b);
  }
  moon__calc c = {.ctx = b->ctx};
  moon__layout layout =
      is_last(b->dy) ? MOON__CHANNELS_LAST : MOON__ROWS;
  moon_tensor *dx = moon__c_new(&c, b->dy, b->node->dtype,
                                b->node->input_shape[0], layout);
  run(&c, MOON_K_pad_grad, &b->node->params, b->dy, dx);
  moon__calc_give(&c, b, 0, dx);
  return moon__calc_end(&c);
}

static const moon__rule rule = {"pad", backward};

static int check_dim(const moon_tensor *x, const moon_pad_params *p, int d) {
  int64_t most = INT32_MAX, least = 0, n = x->shape[d];
  if (p->mode == MOON_PAD_CONSTANT) least = -n;
  if (p->mode == MOON_PAD_REFLECT) most = n > 0 ? n - 1 : 0;
  if (p->mode == MOON_PAD_REPLICATE && n == 0) most = 0;
  if (p->mode == MOON_PAD_CIRCULAR) most = n;
  int64_t before = p->before[d], after = p->after[d];
  bool fits = before >= least && after >= least && before <= most &&
              after <= most && before <= INT32_MAX && after <= INT32_MAX &&
              n + before + after >= 0;
  if (fits) return MOON_OK;
  return moon__fail(MOON_E_VALUE, "pad: %lld before and %lld behind dimension "
                    "%d of %s, %s", (long long)before, (long long)after, d + 1,
                    moon__text(x), mode_names[p->mode]);
}

static int check(const moon_tensor *x, const moon_pad_params *p,
                 moon__shape *s) {
  int status = moon__check_live("pad", x);
  if (status < 0) return status;
  if (p->mode < MOON_PAD_CONSTANT || p->mode > MOON_PAD_CIRCULAR) {
    return moon__fail(MOON_E_VALUE, "pad: no mode %d", p->mode);
  }
  *s = moon__shape_of(x);
  for (int d = 0; d < x->ndim && status >= 0; d++) {
    status = check_dim(x, p, d);
    if (status < 0) return status;
    s->dim[d] += p->before[d] + p->after[d];
  }
  if (p->mode == MOON_PAD_CONSTANT) {
    status = moon__check_number("pad", x->dtype, p->value);
  }
  return status < 0 ? status : moon__check_size("pad", *s);
}

int moon_pad(moon_ctx *ctx, moon_tensor *x, const moon_pad_params *p,
             moon_tensor **out) {
  moon__shape s;
  int status = check(x, p, &s);
  if (status < 0) return status;
  moon_ctx quiet = moon__quiet(ctx);
  moon__calc c = {.ctx = &quiet};
  moon_params params = {.pad = {.value = p->value, .mode = p->mode}};
  for (int d = 0; d < s.ndim; d++) {
    params.pad.before[d] = (int32_t)p->before[d];
  }
  moon_tensor *y = moon__c_new(&c, x, x->dtype, s,
                               is_last(x) ? MOON__CHANNELS_LAST : MOON__ROWS);
  run(&c, MOON_K_pad, &params, x, y);
  moon__node *node = moon__record(ctx, &rule, c.status, y, &x, 1);
  if (node) node->params = params;
  return moon__calc_finish(&c, y, out);
}
