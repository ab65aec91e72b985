/* A host's features h with a seed's output s, by as much as alpha says:
 *
 *   ADD       y = (1 - a) h + a s
 *   MULTIPLY  y = h (1 + a t)        t = tanh(s - x)
 *
 *   h, s, x and y of one shape [N,...]; alpha of one element, or [N,1,...,1]:
 *   one per image; of their dtype, or f32 beside bf16 and f16. x is what the
 *   seed was given, MULTIPLY's alone.
 *
 * Where a is 0 the seed has no say: y is h, bit for bit, whatever s is, NaN
 * included; it is selected, not multiplied. Where a is 1, ADD gives s in the
 * same way. s is optional: if it carries an error, a counts as 0 everywhere.
 *
 *   ADD       dh = (1 - a) dy        ds = a dy
 *             da = sum (s - h) dy
 *   MULTIPLY  dh = (1 + a t) dy      ds = h a (1 - t^2) dy      dx = -ds
 *             da = sum h t dy
 *
 * da is summed over what alpha is repeated over. Where a is 0, dh is dy, ds and
 * dx are 0, and what is not finite in s adds nothing to da; of a failed s, da
 * is 0. What counted as alpha (p) is kept for this, so that alpha may be
 * written for the next step before the backward of this one. */
#include "shared.h"

enum { H, S, ALPHA, X, INPUTS };
enum { P, SAVED_H, SAVED_S, SAVED_X };

static int backward(moon__back *b) {
  moon__calc c = {.ctx = b->ctx};
  moon_tensor *d[INPUTS] = {NULL};
  for (int i = 0; i < INPUTS; i++) {
    int dtype = b->node->input_dtype[i];
    if (moon__wants(b, i)) d[i] = moon__c_like(&c, b->dy, dtype);
  }
  moon__arg args[] = {{b->dy, MOON__READ, NULL},
                      {moon__saved_at(b, P), MOON__READ, &b->node->shape},
                      {moon__saved_at(b, SAVED_H), MOON__READ, NULL},
                      {moon__saved_at(b, SAVED_S), MOON__OPTIONAL, NULL},
                      {moon__saved_at(b, SAVED_X), MOON__READ, NULL},
                      {d[H], MOON__WRITE, NULL},
                      {d[S], MOON__WRITE, NULL},
                      {d[ALPHA], MOON__WRITE, NULL},
                      {d[X], MOON__WRITE, NULL}};
  moon__c_run(&c, "blend backward", MOON_K_blend_grad, &b->node->params, args,
              9);
  if (d[ALPHA]) {
    moon__shape s = b->node->input_shape[ALPHA];
    d[ALPHA] = moon__c_reshape(&c, moon__c_sum_to(&c, d[ALPHA], s), s);
  }
  for (int i = 0; i < INPUTS; i++) {
    if (d[i]) moon__calc_give(&c, b, i, d[i]);
  }
  return moon__calc_end(&c);
}

static const moon__rule rule = {"blend", backward};

static int check_like(const moon_tensor *h, const char *name,
                      const moon_tensor *t) {
  int status = moon__check_same_dtype("blend", h, t);
  if (status < 0) return status;
  if (moon__shape_equal(moon__shape_of(h), moon__shape_of(t))) return MOON_OK;
  return moon__fail(MOON_E_SHAPE, "blend: %s is %s, h is %s", name,
                    moon__text(t), moon__text(h));
}

static int check_alpha(const moon_tensor *h, const moon_tensor *alpha) {
  bool is_wide = alpha->dtype == moon__wide(h->dtype);
  int status = is_wide ? MOON_OK : moon__check_same_dtype("blend", h, alpha);
  if (status < 0 || alpha->numel == 1) return status;
  bool fits = alpha->ndim == h->ndim && h->ndim > 0 &&
              alpha->shape[0] == h->shape[0];
  for (int d = 1; d < alpha->ndim; d++) fits = fits && alpha->shape[d] == 1;
  if (fits) return MOON_OK;
  return moon__fail(MOON_E_SHAPE, "blend: alpha is %s; one element, or one "
                    "for each of the images (h %s)", moon__text(alpha),
                    moon__text(h));
}

static int check(int kind, const moon_blend_inputs *in) {
  if (kind != MOON_BLEND_ADD && kind != MOON_BLEND_MULTIPLY) {
    return moon__fail(MOON_E_VALUE, "blend: no kind %d", kind);
  }
  if (kind == MOON_BLEND_MULTIPLY && !in->x) {
    return moon__fail(MOON_E_VALUE, "blend: multiply needs x");
  }
  int status = moon__check_float("blend", in->h);
  if (status >= 0) status = check_like(in->h, "s", in->s);
  if (status >= 0 && kind == MOON_BLEND_MULTIPLY) {
    status = check_like(in->h, "x", in->x);
  }
  return status < 0 ? status : check_alpha(in->h, in->alpha);
}

/* What the gradients of those inputs that want one are computed from. */
static void save(moon__node *node, int kind, moon_tensor *const *input,
                 moon_tensor *p) {
  bool multiply = kind == MOON_BLEND_MULTIPLY, inner = false;
  for (int i = S; multiply && i < INPUTS; i++) {
    inner = inner || node->input[i];
  }
  bool alpha = node->input[ALPHA];
  moon__save(node, p);
  moon__save(node, alpha || inner ? input[H] : NULL);
  moon__save(node, alpha || multiply ? input[S] : NULL);
  moon__save(node, multiply ? input[X] : NULL);
}

static int run(moon_ctx *ctx, int kind, const moon_blend_inputs *in,
               moon_tensor **out) {
  int status = check(kind, in);
  if (status < 0) return status;
  moon_ctx quiet = moon__quiet(ctx);
  moon__calc c = {.ctx = &quiet};
  moon_tensor *input[INPUTS] = {in->h, in->s, in->alpha, NULL};
  if (kind == MOON_BLEND_MULTIPLY) input[X] = in->x;
  moon__shape s = moon__shape_of(in->h), one = moon__shape_of(in->alpha);
  int dtype = in->h->dtype;
  moon_tensor *y = moon__c_like(&c, in->h, dtype), *p = NULL;
  if (ctx->grad_mode > 0) {
    p = moon__c_new(&c, in->h, in->alpha->dtype, one, MOON__ROWS);
  }
  moon_params params = {.blend = {kind}};
  moon__arg args[] = {{in->h, MOON__READ, NULL},
                      {in->s, MOON__OPTIONAL, NULL},
                      {in->alpha, MOON__READ, &s},
                      {input[X], MOON__READ, NULL},
                      {y, MOON__WRITE, NULL},
                      {p, MOON__WRITE, &s}};
  moon__c_run(&c, "blend", MOON_K_blend, &params, args, 6);
  moon__node *node = moon__record(ctx, &rule, c.status, y, input, INPUTS);
  if (node) {
    node->params = params;
    save(node, kind, input, p);
  }
  return moon__calc_finish(&c, y, out);
}

int moon_blend(moon_ctx *ctx, int kind, const moon_blend_inputs *in,
               moon_tensor **out) {
  moon__calc c = {.ctx = ctx};
  moon_tensor *x = kind == MOON_BLEND_MULTIPLY ? in->x : NULL;
  moon_tensor *t[] = {in->h, in->s, x};
  if (moon__c_lift(&c, t, 3) >= 0) {
    moon_blend_inputs all = {.h = t[0], .s = t[1], .alpha = in->alpha,
                             .x = t[2]};
    c.status = run(ctx, kind, &all, out);
  }
  return moon__calc_end(&c);
}
