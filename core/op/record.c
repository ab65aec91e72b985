/* Recording: a node for a new output, and what a backward asks of it. */
#include <string.h>
#include "op.h"

/* The node that x's gradient flows to, or NULL. */
static moon__node *source(moon_tensor *x) {
  if (!x) return NULL;
  if (x->node) return x->node;
  return x->requires_grad ? moon__leaf_node(x) : NULL;
}

moon__node *moon__record(moon_ctx *ctx, const moon__rule *rule, int status,
                         moon_tensor *y, moon_tensor *const *inputs, int n) {
  bool wanted = false;
  if (status < 0 || ctx->grad_mode <= 0 || !moon__dtype_is_float(y->dtype)) {
    return NULL;
  }
  for (int i = 0; i < n; i++) {
    if (inputs[i]) moon__view_renew(ctx, inputs[i]);
    wanted |= source(inputs[i]) != NULL;
    if (inputs[i] && ctx->task->recording) moon__note_source(ctx, inputs[i]);
  }
  if (!wanted) return NULL;
  moon__node *node = moon__node_new(ctx->rt, rule, n);
  moon_task *task = ctx->task;
  node->key = (moon__key){moon__path_retain(task->path), task->sequence++};
  node->recording = moon__recording_id(ctx);
  node->device = y->storage->device;
  node->stream = moon__stream_for(ctx, node->device);
  node->shape = moon__shape_of(y);
  node->dtype = y->dtype;
  for (int i = 0; i < n; i++) {
    moon__node *from = source(inputs[i]);
    node->input[i] = from ? moon__node_retain(from) : NULL;
    if (!inputs[i]) continue;
    node->input_shape[i] = moon__shape_of(inputs[i]);
    node->input_dtype[i] = inputs[i]->dtype;
  }
  if (y->node) moon__node_release(y->node);
  y->node = node;
  return node;
}

void moon__save(moon__node *node, moon_tensor *t) {
  moon__saved *s = &node->saved[node->n_saved++];
  s->t = t ? moon__tensor_alias(t) : NULL;
  s->version = t ? t->storage->version : 0;
}

moon_tensor *moon__saved_at(const moon__back *b, int i) {
  return b->node->saved[i].t;
}

bool moon__wants(const moon__back *b, int input) {
  return b->node->input[input] != NULL;
}

void moon__give(moon__back *b, int input, moon_tensor *dx) {
  moon__unref(b->dx[input]);
  b->dx[input] = dx;
}

moon_tensor *moon__accumulate_into(const moon__back *b, int input) {
  moon__node *from = b->node->input[input];
  if (!from || from->rule) return NULL;
  /* Another consumer of this walk may still add to a fresh sum. */
  if (from->dy || from->consumers > 1) return NULL;
  if (from->leaf && b->ctx->task->recording) {
    moon__note_look(b->ctx, from->leaf);
  }
  moon_tensor *sum = moon__leaf_target(from, b->ctx->task->path);
  return sum && !sum->storage->disposed ? sum : NULL;
}

int moon__sum_to_shape(moon_ctx *ctx, moon_tensor *g, moon__shape s,
                       moon_tensor **out) {
  int32_t dims[MOON_MAX_DIMS];
  int n = 0, extra = g->ndim - s.ndim;
  for (int d = 0; d < g->ndim; d++) {
    if (d < extra || (s.dim[d - extra] == 1 && g->shape[d] != 1)) {
      dims[n++] = d;
    }
  }
  if (n == 0) {
    *out = moon_tensor_retain(g);
    return MOON_OK;
  }
  moon_tensor *sum;
  int status = moon_reduce(ctx, MOON_R_SUM, g, n, dims, 1, &sum);
  if (status < 0) return status;
  status = moon_reshape(ctx, sum, s.ndim, s.dim, out);
  moon__unref(sum);
  return status;
}
