/* Matrix product, of many pairs of matrices where there are more dimensions:
 *
 *   y = a b                    a [...,M,K], b [...,K,N] -> y [...,M,N]
 *   da = dy b^T   db = a^T dy
 *
 * The dimensions in front broadcast; a gradient is summed over what was
 * repeated. A vector is a row on the left, a column on the right, and leaves no
 * dimension behind (PyTorch's matmul). Matrices may lie in memory as they like.
 * The gradient of a leaf that has one already is added to it in the kernel. */
#include "shared.h"

/* Rows or columns without repeated or overlapping elements, for which kernels
 * are fast; others (a sum's gradient is one number, repeated) are copied. */
moon_tensor *moon__c_plain(moon__calc *c, moon_tensor *t) {
  if (c->status < 0) return NULL;
  const int64_t *shape = t->shape + t->ndim - 2;
  const int64_t *stride = t->stride + t->ndim - 2;
  bool by_rows = (shape[1] == 1 || stride[1] == 1) &&
                 (shape[0] == 1 || stride[0] >= shape[1]);
  bool by_columns = (shape[0] == 1 || stride[0] == 1) &&
                    (shape[1] == 1 || stride[1] >= shape[0]);
  return by_rows || by_columns ? t : moon__c_rows(c, t);
}

moon_params moon__product_params(const moon_ctx *ctx, const moon_tensor *x) {
  return (moon_params){.matmul = {.strict = ctx->rt->strict,
                                  .bf16 = moon__rounds(ctx, x)}};
}

/* s with the last two dimensions of t. */
static moon__shape with_matrix_of(moon__shape s, const moon_tensor *t) {
  for (int k = 1; k <= 2; k++) s.dim[s.ndim - k] = t->shape[t->ndim - k];
  return s;
}

void moon__c_product(moon__calc *c, moon_tensor *a, moon_tensor *b,
                     moon_tensor *y, moon_params params) {
  if (c->status < 0) return;
  moon__shape as = with_matrix_of(moon__shape_of(y), a);
  moon__shape bs = with_matrix_of(moon__shape_of(y), b);
  moon__mode mode = params.matmul.accumulate ? MOON__UPDATE : MOON__WRITE;
  moon__arg args[] = {{a, MOON__READ, &as},
                      {b, MOON__READ, &bs},
                      {y, mode, NULL}};
  moon__c_run(c, "matmul", MOON_K_matmul, &params, args, 3);
}

moon_params moon__product_like(const moon__back *b) {
  moon_params params = b->node->params;
  params.matmul.epilogue = MOON_EPILOGUE_NONE;
  return params;
}

/* The shape of a b for tensors of two dimensions or more; false where the
 * dimensions in front do not broadcast. */
static bool product_shape(const moon_tensor *a, const moon_tensor *b,
                          moon__shape *s) {
  bool fits = true;
  s->ndim = a->ndim > b->ndim ? a->ndim : b->ndim;
  for (int k = 3; k <= s->ndim; k++) {
    int64_t m = k <= a->ndim ? a->shape[a->ndim - k] : 1;
    int64_t n = k <= b->ndim ? b->shape[b->ndim - k] : 1;
    fits = fits && (m == n || m == 1 || n == 1);
    s->dim[s->ndim - k] = m == 1 ? n : m;
  }
  s->dim[s->ndim - 2] = a->shape[a->ndim - 2];
  s->dim[s->ndim - 1] = b->shape[b->ndim - 1];
  return fits;
}

/* --- gradients -------------------------------------------------------- */
/* The leaf's gradient that the kernel adds to, or NULL: it needs a new one. */
static moon_tensor *sum_of(const moon__back *b, int input) {
  moon_tensor *sum = moon__accumulate_into(b, input);
  return sum && moon__is_contiguous(sum) ? sum : NULL;
}

void moon__give_product(moon__calc *c, moon__back *b, int input,
                        moon_tensor *left, moon_tensor *right) {
  if (c->status < 0) return;
  moon__shape s = b->node->input_shape[input], all;
  product_shape(left, right, &all);
  moon_tensor *sum = moon__shape_equal(s, all) ? sum_of(b, input) : NULL;
  moon_tensor *y = sum ? sum
                       : moon__c_new(c, b->dy, b->node->dtype, all,
                                     MOON__ROWS);
  moon_params params = moon__product_like(b);
  params.matmul.accumulate = sum != NULL;
  moon__c_product(c, left, right, y, params);
  moon__calc_give(c, b, input, moon__c_sum_to(c, y, s));
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

/* --- forward ---------------------------------------------------------- */
static int check(const char *op, const moon_tensor *a, const moon_tensor *b) {
  int status = moon__check_same_dtype(op, a, b);
  if (status >= 0) status = moon__check_float(op, a);
  if (status < 0) return status;
  if (a->ndim == 0 || b->ndim == 0) {
    return moon__fail(MOON_E_SHAPE, "%s: no dimensions (a %s, b %s)", op,
                      moon__text(a), moon__text(b));
  }
  int64_t columns = a->shape[a->ndim - 1];
  int64_t rows = b->shape[b->ndim > 1 ? b->ndim - 2 : 0];
  if (columns == rows) return MOON_OK;
  return moon__fail(MOON_E_SHAPE, "%s: %lld columns and %lld rows (a %s, "
                    "b %s)", op, (long long)columns, (long long)rows,
                    moon__text(a), moon__text(b));
}

static int matrices(moon_ctx *ctx, moon_tensor *a, moon_tensor *b,
                    moon_tensor **out) {
  moon__shape s;
  if (!product_shape(a, b, &s)) {
    return moon__fail(MOON_E_SHAPE, "matmul: the matrices of %s and %s do not "
                      "broadcast", moon__text(a), moon__text(b));
  }
  int status = moon__check_size("matmul", s);
  if (status < 0) return status;
  moon_ctx quiet = moon__quiet(ctx);
  moon__calc c = {.ctx = &quiet};
  moon_tensor *y = moon__c_new(&c, a, a->dtype, s, MOON__ROWS);
  moon_params params = moon__product_params(ctx, a);
  moon__c_product(&c, moon__c_plain(&c, a), moon__c_plain(&c, b), y, params);
  moon_tensor *inputs[] = {a, b};
  moon__node *node = moon__record(ctx, &rule, c.status, y, inputs, 2);
  if (node) {
    node->params = params;
    moon__save(node, moon_tensor_needs_grad(b) ? a : NULL);
    moon__save(node, moon_tensor_needs_grad(a) ? b : NULL);
  }
  return moon__calc_finish(&c, y, out);
}

/* Rows that many matrices have are one matrix's where they all meet the same
 * b. */
static moon__shape all_rows(const moon_tensor *a) {
  moon__shape s = {2, {1, a->shape[a->ndim - 1]}};
  for (int d = 0; d < a->ndim - 1; d++) s.dim[0] *= a->shape[d];
  return s;
}

/* Through matrices of other shapes, on the graph. */
static int reshaped(moon_ctx *ctx, moon_tensor *a, moon_tensor *b,
                    moon_tensor **out) {
  moon__calc c = {.ctx = ctx};
  bool row = a->ndim == 1, column = b->ndim == 1;
  moon__shape s;
  if (row) a = moon__c_reshape(&c, a, (moon__shape){2, {1, a->shape[0]}});
  if (column) b = moon__c_reshape(&c, b, (moon__shape){2, {b->shape[0], 1}});
  if (c.status < 0) return moon__calc_end(&c);
  product_shape(a, b, &s);
  if (row) s.dim[s.ndim - 2] = s.dim[s.ndim - 1];
  s.ndim -= row + column;
  if (a->ndim > 2 && b->ndim == 2) a = moon__c_reshape(&c, a, all_rows(a));
  moon_tensor *y = NULL;
  if (c.status >= 0) {
    y = moon__calc_own(&c, matrices(ctx, a, b, &y), &y);
  }
  return moon__calc_finish(&c, moon__c_reshape(&c, y, s), out);
}

static int multiply(moon_ctx *ctx, moon_tensor *a, moon_tensor *b,
                    moon_tensor **out) {
  int status = check("matmul", a, b);
  if (status < 0) return status;
  bool is_row = a->ndim == 1, folds = a->ndim > 2 && b->ndim == 2;
  if (is_row || b->ndim == 1 || folds) return reshaped(ctx, a, b, out);
  return matrices(ctx, a, b, out);
}

int moon_matmul(moon_ctx *ctx, moon_tensor *a, moon_tensor *b,
                moon_tensor **out) {
  moon__calc c = {.ctx = ctx};
  moon_tensor *in[] = {a, b};
  if (moon__c_lower(&c, in, 2) >= 0) {
    c.status = multiply(ctx, in[0], in[1], out);
  }
  return moon__calc_end(&c);
}

static int multiply_pairs(moon_ctx *ctx, moon_tensor *a, moon_tensor *b,
                          moon_tensor **out) {
  int status = moon__check_ndim("bmm", "a", a, 3);
  if (status >= 0) status = moon__check_ndim("bmm", "b", b, 3);
  if (status >= 0) status = check("bmm", a, b);
  if (status < 0) return status;
  if (a->shape[0] == b->shape[0]) return matrices(ctx, a, b, out);
  return moon__fail(MOON_E_SHAPE, "bmm: %lld and %lld matrices (a %s, b %s)",
                    (long long)a->shape[0], (long long)b->shape[0],
                    moon__text(a), moon__text(b));
}

int moon_bmm(moon_ctx *ctx, moon_tensor *a, moon_tensor *b,
             moon_tensor **out) {
  moon__calc c = {.ctx = ctx};
  moon_tensor *in[] = {a, b};
  if (moon__c_lower(&c, in, 2) >= 0) {
    c.status = multiply_pairs(ctx, in[0], in[1], out);
  }
  return moon__calc_end(&c);
}
