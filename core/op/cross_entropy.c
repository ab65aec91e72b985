/* Softmax and the mean negative log-likelihood in one:
 *
 *   loss = 1/N sum_n (lse_n - x[n, l_n])     lse_n = log sum_c exp x[n, c]
 *   dx[n, c] = dloss / N (exp(x[n, c] - lse_n) - (c = l_n))
 *
 * x [N,C], l i64 [N] in [0, C) -> a scalar. Of an empty batch the mean is
 * NaN. A label out of range fails in the kernel: the loss carries the error.
 */
#include "shared.h"

static int backward(moon__back *b) {
  moon_tensor *x = moon__saved_at(b, 0);
  moon__calc c = {.ctx = b->ctx};
  moon_tensor *dx = moon__c_like(&c, x, x->dtype);
  moon__arg args[] = {{b->dy, MOON__READ, NULL},
                      {x, MOON__READ, NULL},
                      {moon__saved_at(b, 1), MOON__READ, NULL},
                      {moon__saved_at(b, 2), MOON__READ, NULL},
                      {dx, MOON__WRITE, NULL}};
  moon__c_run(&c, "cross_entropy backward", MOON_K_cross_entropy_grad, NULL,
              args, 5);
  moon__calc_give(&c, b, 0, dx);
  return moon__calc_end(&c);
}

static const moon__rule rule = {"cross_entropy", backward};

static int check(const moon_tensor *x, const moon_tensor *labels) {
  const char *op = "cross_entropy";
  int status = moon__check_ndim(op, "logits", x, 2);
  if (status >= 0) status = moon__check_float(op, x);
  if (status >= 0) status = moon__check_ndim(op, "labels", labels, 1);
  if (status >= 0) status = moon__check_index(op, "labels", labels);
  if (status < 0) return status;
  if (labels->shape[0] != x->shape[0]) {
    return moon__fail(MOON_E_SHAPE, "%s: %lld labels for %lld rows "
                      "(logits %s)", op, (long long)labels->shape[0],
                      (long long)x->shape[0], moon__text(x));
  }
  if (x->shape[1] > 0) return MOON_OK;
  return moon__fail(MOON_E_SHAPE, "%s: no classes (logits %s)", op,
                    moon__text(x));
}

int moon_cross_entropy(moon_ctx *ctx, moon_tensor *logits, moon_tensor *labels,
                       moon_tensor **out) {
  int status = check(logits, labels);
  if (status < 0) return status;
  moon_ctx quiet = moon__quiet(ctx);
  moon__calc c = {.ctx = &quiet};
  moon__shape scalar = {.ndim = 0}, rows = {2, {2, logits->shape[0]}};
  int dtype = logits->dtype;
  moon_tensor *loss = moon__c_new(&c, logits, dtype, scalar, MOON__ROWS);
  moon_tensor *sums = moon__c_new(&c, logits, dtype, rows, MOON__ROWS);
  moon__arg args[] = {{logits, MOON__READ, NULL},
                      {labels, MOON__READ, NULL},
                      {loss, MOON__WRITE, NULL},
                      {sums, MOON__WRITE, NULL}};
  moon__c_run(&c, "cross_entropy", MOON_K_cross_entropy, NULL, args, 4);
  moon__node *node = moon__record(ctx, &rule, c.status, loss, &logits, 1);
  if (node) {
    moon__save(node, logits);
    moon__save(node, labels);
    moon__save(node, sums);
  }
  return moon__calc_finish(&c, loss, out);
}
