/* Matrix product of two matrices, which may lie in memory as they like:
 *
 *   y = a b                    a [M,K], b [K,N] -> y [M,N]
 *   da = dy b^T   db = a^T dy
 *
 * The gradient of a leaf that has one already is added to it in the kernel. */
#include "shared.h"

/* Rows or columns without repeated or overlapping elements, for which kernels
 * are fast; others (a sum's gradient is one number, repeated) are copied. */
moon_tensor *moon__c_plain(moon__calc *c, moon_tensor *t) {
  if (c->status < 0) return NULL;
  int64_t rows = t->shape[0], columns = t->shape[1];
  bool by_rows = (columns == 1 || t->stride[1] == 1) &&
                 (rows == 1 || t->stride[0] >= columns);
  bool by_columns = (rows == 1 || t->stride[0] == 1) &&
                    (columns == 1 || t->stride[1] >= rows);
  return by_rows || by_columns ? t : moon__c_rows(c, t);
}

void moon__c_product(moon__calc *c, moon_tensor *a, moon_tensor *b,
                     moon_tensor *y, bool accumulate) {
  moon_params params = {.matmul = {MOON_EPILOGUE_NONE, accumulate}};
  moon__arg args[] = {{a, MOON__READ, NULL},
                      {b, MOON__READ, NULL},
                      {y, accumulate ? MOON__UPDATE : MOON__WRITE, NULL}};
  moon__c_run(c, "matmul", MOON_K_matmul, &params, args, 3);
}

/* The leaf's gradient that the kernel adds to, or NULL: it needs a new one. */
static moon_tensor *sum_of(const moon__back *b, int input) {
  moon_tensor *sum = moon__accumulate_into(b, input);
  return sum && moon__is_contiguous(sum) ? sum : NULL;
}

void moon__give_product(moon__calc *c, moon__back *b, int input,
                        moon_tensor *left, moon_tensor *right) {
  moon_tensor *sum = sum_of(b, input);
  moon_tensor *y = sum ? sum
                       : moon__c_new(c, b->dy, b->node->dtype,
                                     b->node->input_shape[input], MOON__ROWS);
  moon__c_product(c, left, right, y, sum != NULL);
  moon__calc_give(c, b, input, y);
}

static int backward(moon__back *b) {
  moon_tensor *a = moon__saved_at(b, 0), *w = moon__saved_at(b, 1);
  moon__calc c = {.ctx = b->ctx};
  moon_tensor *dy = moon__c_plain(&c, b->dy);
  moon_tensor *at = NULL, *wt = NULL;  /* each is kept if its partner wants */
  if (moon__wants(b, 0)) wt = moon__c_plain(&c, moon__c_swap(&c, w));
  if (moon__wants(b, 1)) at = moon__c_plain(&c, moon__c_swap(&c, a));
  int first = sum_of(b, 0) ? 1 : 0;  /* what needs memory, see moon__rule */
  for (int k = 0; k < 2; k++) {
    int input = k ^ first;
    if (!moon__wants(b, input)) continue;
    if (input == 0) moon__give_product(&c, b, 0, dy, wt);
    else moon__give_product(&c, b, 1, at, dy);
  }
  return moon__calc_end(&c);
}

static const moon__rule rule = {"matmul", backward};

static int check(const moon_tensor *a, const moon_tensor *b) {
  int status = moon__check_ndim("matmul", "a", a, 2);
  if (status >= 0) status = moon__check_ndim("matmul", "b", b, 2);
  if (status >= 0) status = moon__check_same_dtype("matmul", a, b);
  if (status >= 0) status = moon__check_float("matmul", a);
  if (status < 0 || a->shape[1] == b->shape[0]) return status;
  return moon__fail(MOON_E_SHAPE, "matmul: %lld columns and %lld rows "
                    "(a %s, b %s)", (long long)a->shape[1],
                    (long long)b->shape[0], moon__text(a), moon__text(b));
}

int moon_matmul(moon_ctx *ctx, moon_tensor *a, moon_tensor *b,
                moon_tensor **out) {
  int status = check(a, b);
  if (status < 0) return status;
  moon__shape s = {2, {a->shape[0], b->shape[1]}};
  status = moon__check_size("matmul", s);
  if (status < 0) return status;
  moon_ctx quiet = moon__quiet(ctx);
  moon__calc c = {.ctx = &quiet};
  moon_tensor *y = moon__c_new(&c, a, a->dtype, s, MOON__ROWS);
  moon__c_product(&c, moon__c_plain(&c, a), moon__c_plain(&c, b), y, false);
  moon_tensor *inputs[] = {a, b};
  moon__node *node = moon__record(ctx, &rule, c.status, y, inputs, 2);
  if (node) {
    moon__save(node, moon_tensor_needs_grad(b) ? a : NULL);
    moon__save(node, moon_tensor_needs_grad(a) ? b : NULL);
  }
  return moon__calc_finish(&c, y, out);
}
