/* The graph through in-place ops on views.
 *
 * A view has a base: the tensor whose memory it shows, and whose graph it is a
 * part of. What is written to the view changes the base, so it is the base
 * that gets a new node (PyTorch's CopySlices); its other views are renewed
 * when they are used next, from what the base has become.
 *
 *   base' = base but for the slice     slice' = x, a value, or slice + alpha x
 *
 *   replaced   d(base) = d(base') with zeros in the slice   dx = its slice
 *   added      d(base) = d(base')                           dx = alpha slice
 *   renewed    v = slice of base'      d(base') = zeros, dv in the slice (its
 *                                      sum where the view repeats elements)
 *
 * Nodes keep the places of the slice and of the base, not their memory. */
#include "shared.h"

enum { SLICE, BASE };  /* saved */

static void save_places(moon__node *node, const moon_tensor *slice,
                        const moon_tensor *base) {
  moon_tensor *t[] = {moon_tensor_ghost(slice), moon_tensor_ghost(base)};
  for (int i = SLICE; i <= BASE; i++) {
    node->saved[node->n_saved++] =
        (moon__saved){t[i], t[i]->storage->version};
  }
}

/* Elements from a tensor's first to its last in memory. */
static int64_t span(const moon_tensor *t) {
  int64_t last = 0;
  for (int d = 0; d < t->ndim; d++) last += (t->shape[d] - 1) * t->stride[d];
  return t->numel ? last + 1 : 0;
}

/* Where elements are repeated, once. */
static moon_tensor *place(moon__calc *c, const moon_tensor *flat,
                          const moon_tensor *as, int64_t offset) {
  moon__shape s = moon__shape_of(as);
  for (int d = 0; d < s.ndim; d++) {
    if (as->stride[d] == 0 && s.dim[d] > 1) s.dim[d] = 1;
  }
  moon_tensor *v = moon__tensor_view(flat, s, as->stride, offset);
  return moon__calc_own(c, MOON_OK, &v);
}

/* Memory laid out as the base's, holes and all, not yet written, and the slice
 * of it. */
static moon_tensor *new_base(moon__calc *c, moon__back *b,
                             moon_tensor **slice) {
  const moon_tensor *of = moon__saved_at(b, SLICE);
  const moon_tensor *base = moon__saved_at(b, BASE);
  moon__shape s = {1, {span(base)}};
  moon_tensor *flat = moon__c_new(c, b->dy, b->node->dtype, s, MOON__ROWS);
  if (!flat) return NULL;
  *slice = place(c, flat, of, of->offset - base->offset);
  return place(c, flat, base, 0);
}

static void run_copy(moon__calc *c, moon_tensor *from, moon_tensor *to) {
  moon__arg args[] = {{from, MOON__READ, NULL}, {to, MOON__WRITE, NULL}};
  moon__c_run(c, "in place backward", MOON_K_copy, NULL, args, 2);
}

static void run_zeros(moon__calc *c, moon_tensor *to) {
  moon_params params = {.fill = {0}};
  moon__arg args[] = {{to, MOON__WRITE, NULL}};
  moon__c_run(c, "in place backward", MOON_K_fill, &params, args, 1);
}

static void give_x(moon__calc *c, moon__back *b, moon_tensor *slice,
                   double alpha) {
  if (!moon__wants(b, 1)) return;
  moon_tensor *dx = moon__c_copy(c, slice);
  dx = moon__c_sum_to(c, dx, b->node->input_shape[1]);
  if (alpha != 1) dx = moon__c_scale(c, dx, alpha);
  moon__calc_give(c, b, 1, moon__c_cast(c, dx, b->node->input_dtype[1]));
}

static int replaced_backward(moon__back *b) {
  moon__calc c = {.ctx = b->ctx};
  moon_tensor *slice = NULL, *d = new_base(&c, b, &slice);
  run_copy(&c, b->dy, d);
  give_x(&c, b, slice, 1);
  run_zeros(&c, slice);
  if (moon__wants(b, 0)) moon__calc_give(&c, b, 0, d);
  return moon__calc_end(&c);
}

static int added_backward(moon__back *b) {
  moon__calc c = {.ctx = b->ctx};
  if (moon__wants(b, 1)) {
    moon_tensor *slice = NULL, *d = new_base(&c, b, &slice);
    run_copy(&c, b->dy, d);
    give_x(&c, b, slice, b->node->params.scale.alpha);
  }
  if (moon__wants(b, 0)) moon__calc_give(&c, b, 0, b->dy);
  return moon__calc_end(&c);
}

static int renewed_backward(moon__back *b) {
  moon__calc c = {.ctx = b->ctx};
  moon_tensor *slice = NULL, *d = new_base(&c, b, &slice);
  run_zeros(&c, d);
  if (c.status >= 0) {
    run_copy(&c, moon__c_sum_to(&c, b->dy, moon__shape_of(slice)), slice);
  }
  moon__calc_give(&c, b, 0, d);
  return moon__calc_end(&c);
}

static const moon__rule replaced_rule = {"in place", replaced_backward};
static const moon__rule added_rule = {"add_", added_backward};
static const moon__rule renewed_rule = {"view", renewed_backward};

moon__node *moon__slice_record(moon_ctx *ctx, bool adds, moon_tensor *slice,
                               moon_tensor *base,
                               moon_tensor *const inputs[2]) {
  moon__node *node = moon__record(ctx, adds ? &added_rule : &replaced_rule,
                                  MOON_OK, base, inputs, 2);
  if (node) save_places(node, slice, base);
  return node;
}

bool moon__is_stale(const moon_tensor *t) {
  return t->base && !t->requires_grad && !t->unrecorded &&
         t->base_version != t->base->base_version;
}

void moon__view_renew(moon_ctx *ctx, moon_tensor *v) {
  if (!moon__is_stale(v)) return;
  moon_tensor *base = v->base;
  v->base_version = base->base_version;
  if (v->node) moon__node_leave(v);
  moon__node *node =
      moon__record(ctx, &renewed_rule, MOON_OK, v, &base, 1);
  if (node) save_places(node, v, base);
}
