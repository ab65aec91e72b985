/* Fully connected layer, with bias and ReLU in the same kernel:
 *
 *   y = x w^T + b, or its ReLU     x [..., I], w [O,I], b [O] -> y [..., O]
 *
 *   dz = dy, or ReLU's gradient of it
 *   dx = dz w    dw = dz^T x    db = sum of dz over the rows
 *
 * x is taken as a matrix [R,I] of all its rows. */
#include "shared.h"

/* What `s` looks like as a matrix of rows. */
static moon__shape as_matrix(moon__shape s) {
  moon__shape m = {2, {1, s.dim[s.ndim - 1]}};
  for (int d = 0; d < s.ndim - 1; d++) m.dim[0] *= s.dim[d];
  return m;
}

static int backward(moon__back *b) {
  moon_tensor *x = moon__saved_at(b, 0), *w = moon__saved_at(b, 1);
  moon_tensor *y = moon__saved_at(b, 2), *db = NULL;
  moon__calc c = {.ctx = b->ctx};
  moon_tensor *dz = moon__c_reshape(&c, b->dy, as_matrix(b->node->shape));
  dz = moon__c_plain(&c, dz);
  if (y) dz = moon__c_relu_grad(&c, dz, y, moon__wants(b, 2) ? &db : NULL);
  if (moon__wants(b, 0)) {
    moon__shape s = b->node->input_shape[0];
    moon_tensor *dx =
        moon__c_new(&c, b->dy, b->node->dtype, as_matrix(s), MOON__ROWS);
    moon__c_product(&c, dz, w, dx, moon__product_like(b));
    moon__calc_give(&c, b, 0, moon__c_reshape(&c, dx, s));
  }
  if (moon__wants(b, 2)) {
    moon__shape s = b->node->input_shape[2];
    if (!y) db = moon__c_sum_to(&c, dz, s);
    moon__calc_give(&c, b, 2, db);
  }
  if (moon__wants(b, 1)) {
    moon__give_product(&c, b, 1, moon__c_swap(&c, dz), x);
  }
  return moon__calc_end(&c);
}

static const moon__rule rule = {"linear", backward};

static int check(const moon_tensor *x, const moon_tensor *w,
                 const moon_tensor *b, int epilogue) {
  int status = moon__check_ndim("linear", "w", w, 2);
  if (status >= 0) status = moon__check_same_dtype("linear", x, w);
  if (status >= 0) status = moon__check_float("linear", x);
  if (status < 0) return status;
  if (x->ndim < 1 || x->shape[x->ndim - 1] != w->shape[1]) {
    return moon__fail(MOON_E_SHAPE, "linear: w expects %lld inputs, x has "
                      "%lld (x %s, w %s)", (long long)w->shape[1],
                      x->ndim ? (long long)x->shape[x->ndim - 1] : 0,
                      moon__text(x), moon__text(w));
  }
  if (b) status = moon__check_vector("linear", "b", b, w->shape[0], x);
  return status < 0 ? status : moon__check_epilogue("linear", epilogue);
}

/* inputs: x, w, b */
static int multiply(moon_ctx *ctx, moon_tensor *const inputs[3], int epilogue,
                    moon_tensor **out) {
  moon_tensor *x = inputs[0], *w = inputs[1], *b = inputs[2];
  int status = check(x, w, b, epilogue);
  if (status < 0) return status;
  moon__shape s = moon__shape_of(x), in = as_matrix(s);
  s.dim[s.ndim - 1] = w->shape[0];
  status = moon__check_size("linear", s);
  if (status < 0) return status;
  moon_ctx quiet = moon__quiet(ctx);
  moon__calc c = {.ctx = &quiet};
  moon_tensor *rows = moon__c_plain(&c, moon__c_reshape(&c, x, in));
  w = moon__c_plain(&c, w);
  moon_tensor *y = moon__c_new(&c, x, x->dtype, s, MOON__ROWS);
  moon_tensor *matrix = moon__c_reshape(&c, y, as_matrix(s));
  moon_params params = moon__product_params(ctx, x);
  params.matmul.epilogue = epilogue;
  moon__arg args[] = {{rows, MOON__READ, NULL},
                      {moon__c_swap(&c, w), MOON__READ, NULL},
                      {matrix, MOON__WRITE, NULL},
                      {b, MOON__READ, NULL}};
  moon__c_run(&c, "linear", MOON_K_matmul, &params, args, b ? 4 : 3);
  moon__node *node = moon__record(ctx, &rule, c.status, y, inputs, 3);
  if (node) {
    node->params = params;
    moon__save(node, moon_tensor_needs_grad(inputs[1]) ? rows : NULL);
    moon__save(node, moon_tensor_needs_grad(x) ? w : NULL);
    moon__save(node, epilogue == MOON_EPILOGUE_RELU ? matrix : NULL);
  }
  return moon__calc_finish(&c, y, out);
}

int moon_linear(moon_ctx *ctx, moon_tensor *x, moon_tensor *w, moon_tensor *b,
                int epilogue, moon_tensor **out) {
  moon__calc c = {.ctx = ctx};
  moon_tensor *in[] = {x, w, b};
  if (moon__c_lower(&c, in, 3) >= 0) {
    c.status = multiply(ctx, in, epilogue, out);
  }
  return moon__calc_end(&c);
}
