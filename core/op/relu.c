/* The gradient of y = max(x, 0), told by y alone:
 *
 *   dx = y > 0 ? dy : 0        (0 at 0, as everywhere)
 *
 * The forward is a row of unary.c, and the epilogue of conv2d and linear,
 * which need the bias gradient db[c] = sum of dx over channel c as well. */
#include "shared.h"

moon_tensor *moon__c_relu_grad(moon__calc *c, moon_tensor *dy, moon_tensor *y,
                               moon_tensor **db) {
  moon_tensor *dx = moon__c_like(c, y, y->dtype), *sum = NULL;
  if (db) {
    moon__shape s = {1, {y->shape[1]}};
    *db = sum = moon__c_new(c, y, y->dtype, s, MOON__ROWS);
  }
  moon__arg args[] = {{dy, MOON__READ, NULL},
                      {y, MOON__READ, NULL},
                      {dx, MOON__WRITE, NULL},
                      {sum, MOON__WRITE, NULL}};
  moon__c_run(c, "relu backward", MOON_K_relu_grad, NULL, args, db ? 4 : 3);
  return c->status < 0 ? NULL : dx;
}
