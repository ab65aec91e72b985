/* Rows of a table by their numbers:
 *
 *   y[..., :] = w[index[...], :]     index i64 [...], w [V,D] -> y [...,D]
 *   dw[v] = sum of dy over the places with index v
 *
 * The row `padding` (-1: none) gets no gradient. An index out of range fails in
 * the kernel: y carries the error. */
#include "shared.h"

/* The places in one row. */
static moon__shape as_list(moon__shape s, int64_t columns) {
  moon__shape list = {2, {1, columns}};
  for (int d = 0; d < s.ndim - 1; d++) list.dim[0] *= s.dim[d];
  return list;
}

static int backward(moon__back *b) {
  moon__calc c = {.ctx = b->ctx};
  moon__shape s = b->node->input_shape[0];
  int64_t padding = b->node->params.view.start;
  moon_tensor *dy =
      moon__c_reshape(&c, b->dy, as_list(b->node->shape, s.dim[1]));
  moon_tensor *dw = moon__c_new(&c, b->dy, b->node->dtype, s, MOON__ROWS);
  dy = moon__c_rows(&c, dy);
  moon_params params = {.dim = {0}};
  moon__arg args[] = {{dy, MOON__READ, NULL},
                      {moon__saved_at(b, 0), MOON__READ, NULL},
                      {dw, MOON__WRITE, NULL}};
  moon__c_run(&c, "embedding backward", MOON_K_index_add, &params, args, 3);
  if (padding >= 0) {
    moon__arg row[] = {{moon__c_narrow(&c, dw, 0, padding, 1), MOON__WRITE,
                        NULL}};
    moon__c_run(&c, "embedding backward", MOON_K_fill,
                &(moon_params){.fill = {0}}, row, 1);
  }
  moon__calc_give(&c, b, 0, dw);
  return moon__calc_end(&c);
}

static const moon__rule rule = {"embedding", backward};

static int check(const moon_tensor *index, const moon_tensor *w,
                 int64_t padding) {
  int status = moon__check_index("embedding", "index", index);
  if (status >= 0) status = moon__check_ndim("embedding", "weight", w, 2);
  if (status < 0) return status;
  if (padding >= -1 && padding < w->shape[0]) return MOON_OK;
  return moon__fail(MOON_E_INDEX, "embedding: padding %lld is outside "
                    "[0, %lld) (weight %s)", (long long)padding,
                    (long long)w->shape[0], moon__text(w));
}

int moon_embedding(moon_ctx *ctx, moon_tensor *index, moon_tensor *weight,
                   int64_t padding, moon_tensor **out) {
  int status = check(index, weight, padding);
  if (status < 0) return status;
  moon__shape s = moon__shape_of(index);
  s.dim[s.ndim < MOON_MAX_DIMS ? s.ndim : 0] = weight->shape[1];
  s.ndim++;
  status = moon__check_size("embedding", s);
  if (status < 0) return status;
  moon_ctx quiet = moon__quiet(ctx);
  moon__calc c = {.ctx = &quiet};
  moon__shape rows = as_list(s, weight->shape[1]);
  moon_tensor *list =
      moon__c_reshape(&c, index, (moon__shape){1, {rows.dim[0]}});
  moon_tensor *y = moon__c_new(&c, weight, weight->dtype, s, MOON__ROWS);
  moon_params params = {.dim = {0}};
  moon__arg args[] = {{moon__c_rows(&c, weight), MOON__READ, NULL},
                      {list, MOON__READ, NULL},
                      {moon__c_reshape(&c, y, rows), MOON__WRITE, NULL}};
  moon__c_run(&c, "embedding", MOON_K_index_select, &params, args, 3);
  moon__node *node = moon__record(ctx, &rule, c.status, y, &weight, 1);
  if (node) {
    node->params = (moon_params){.view = {.start = padding}};
    moon__save(node, list);
  }
  return moon__calc_finish(&c, y, out);
}
