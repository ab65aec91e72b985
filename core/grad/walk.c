/* The backward walk: visits the reachable nodes by falling key, program order
 * reversed, whatever ran first; enqueues each node's gradients on the stream
 * of its forward; adds up what several consumers give in that same order.
 *
 * A node is visited when all its consumers were (keys of tasks that exchanged
 * tensors need not fall along every edge), the latest key first. Activations
 * go as soon as their node has been visited.
 */
#include <stdio.h>
#include <stdlib.h>
#include "../op/shared.h"

/* A reachable node, and what a walk that waits for Lua had left in it: Lua may
 * start another one meanwhile, which ends first. */
typedef struct touched {
  moon__node *node;
  int64_t walk;
  int consumers;
  moon_tensor *dy;
} touched;

struct moon_walk {
  moon_ctx ctx;
  moon_ctx *caller;
  int64_t mark;
  moon__node **heap;
  int n, capacity;
  touched *touched;          /* all reachable nodes */
  int n_touched, cap_touched;
  int64_t visited;
  moon__back open;           /* of the node that waits: for Lua to answer, or
                                for memory to hand on what was answered */
};

static void touch(moon_walk *w, moon__node *node) {
  if (w->n_touched == w->cap_touched) {
    w->cap_touched = w->cap_touched ? 2 * w->cap_touched : 64;
    w->touched = moon__realloc(
        w->touched, (size_t)w->cap_touched * sizeof *w->touched);
  }
  w->touched[w->n_touched++] = (touched){moon__node_retain(node), node->walk,
                                         node->consumers, node->dy};
  node->walk = w->mark;
  node->consumers = 0;
  node->dy = NULL;
}

static void untouch(const touched *was) {
  moon__node *node = was->node;
  moon__unref(node->dy);
  node->walk = was->walk;
  node->consumers = was->consumers;
  node->dy = was->dy;
  moon__node_release(node);
}

static bool later(const moon__node *a, const moon__node *b) {
  if (!a->rule || !b->rule) return !b->rule && a->rule;  /* leaves come last */
  return moon__key_compare(a->key, b->key) > 0;
}

static void heap_push(moon_walk *w, moon__node *node) {
  if (w->n == w->capacity) {
    w->capacity = w->capacity ? 2 * w->capacity : 64;
    w->heap = moon__realloc(w->heap, (size_t)w->capacity * sizeof *w->heap);
  }
  int i = w->n++;
  for (; i > 0 && later(node, w->heap[(i - 1) / 2]); i = (i - 1) / 2) {
    w->heap[i] = w->heap[(i - 1) / 2];
  }
  w->heap[i] = node;
}

static moon__node *heap_pop(moon_walk *w) {
  moon__node *top = w->heap[0], *last = w->heap[--w->n];
  int i = 0;
  for (;;) {
    int child = 2 * i + 1;
    if (child >= w->n) break;
    if (child + 1 < w->n && later(w->heap[child + 1], w->heap[child])) child++;
    if (!later(w->heap[child], last)) break;
    w->heap[i] = w->heap[child];
    i = child;
  }
  w->heap[i] = last;
  return top;
}

/* sim's mutation: any node that is due, as if run order decided. */
static moon__node *next_node(moon_walk *w) {
  moon_runtime *rt = w->ctx.rt;
  if (w->n > 1 && rt->device[w->heap[0]->device].sim &&
      rt->sim.options.mutate == MOON_MUTATE_RUN_ORDER) {
    int i = (int)(moon__sim_draw(rt) % (uint64_t)w->n);
    moon__node *node = w->heap[i];
    w->heap[i] = w->heap[--w->n];
    return node;
  }
  return heap_pop(w);
}

/* Counts the consumers of every reachable node. */
static void reach(moon_walk *w, moon__node *root) {
  touch(w, root);
  for (int at = 0; at < w->n_touched; at++) {
    moon__node *node = w->touched[at].node;
    for (int i = 0; i < node->n_inputs; i++) {
      moon__node *from = node->input[i];
      if (!from) continue;
      if (from->walk != w->mark) touch(w, from);
      from->consumers++;
    }
  }
}

/* Adds g (owned, unless this fails) to what the node has been given so far. */
static int add_gradient(moon_walk *w, moon__node *node, moon_tensor *g) {
  if (!node->dy) {
    node->dy = g;
    return MOON_OK;
  }
  moon_tensor *sum;
  int status = moon_binary(&w->ctx, MOON_B_ADD, node->dy, g, &sum);
  if (status < 0) return status;
  moon__unref(g);
  moon__unref(node->dy);
  node->dy = sum;
  return MOON_OK;
}

static int check_saved(const moon__node *node) {
  if (node->released) {
    return moon__fail(MOON_E_GRAD, "backward: the graph of %s was already "
                      "used and its activations released", node->rule->name);
  }
  for (int i = 0; i < node->n_saved; i++) {
    const moon__saved *s = &node->saved[i];
    if (!s->t || s->t->storage->version == s->version) continue;
    return moon__fail(MOON_E_GRAD, "backward: a tensor %s that %s needs was "
                      "changed in place (version %lld, saved at %lld)",
                      moon__text(s->t), node->rule->name,
                      (long long)s->t->storage->version,
                      (long long)s->version);
  }
  return MOON_OK;
}

/* A replay has no graph to walk, so what is recorded walks none but its own. */
static int check_recorded(const moon_walk *w, const moon__node *node) {
  int64_t recording = moon__recording_id(&w->ctx);
  if (!recording || node->recording == recording) return MOON_OK;
  return moon__fail(MOON_E_GRAD, "backward: comes to %s, which was computed "
                    "before the captured function was called; compute it in "
                    "there, or detach it", node->rule->name);
}

static void drop(moon__back *b) {
  for (int i = 0; b->dx && i < b->node->n_inputs; i++) moon__unref(b->dx[i]);
  free(b->dx);
  *b = (moon__back){0};
}

/* Hands dx on to the inputs, from the first that has not had it; an input is
 * due when it was its last consumer. Short of memory, the rest waits in
 * w->open. */
static int hand_on(moon_walk *w, moon__back *b) {
  moon__node *node = b->node;
  for (; b->next < node->n_inputs; b->next++) {
    moon__node *from = node->input[b->next];
    moon_tensor *dx = b->dx[b->next];
    if (!from) continue;
    int status = dx ? add_gradient(w, from, dx) : MOON_OK;
    if (status < 0) {
      w->open = *b;
      return status;
    }
    b->dx[b->next] = NULL;
    if (--from->consumers == 0) heap_push(w, from);
  }
  drop(b);
  w->open = (moon__back){0};
  node->released = true;
  moon__node_drop_saved(node);
  moon__unref(node->dy);
  node->dy = NULL;
  return MOON_OK;
}

/* The allocator knows no ops. */
static int name_failure(const moon__node *node) {
  char text[256];
  snprintf(text, sizeof text, "%s", moon_last_error());
  return moon__fail(MOON_E_MEMORY, "%s backward: %s", node->rule->name, text);
}

static int visit_leaf(moon_walk *w, moon__node *node) {
  int status = node->dy ? moon__leaf_add(&w->ctx, node, node->dy) : MOON_OK;
  if (status < 0) return status;
  moon__unref(node->dy);
  node->dy = NULL;
  return MOON_OK;
}

/* 1: the node is Lua's. */
static int visit(moon_walk *w, moon__node *node) {
  if (!node->rule) return visit_leaf(w, node);
  moon__back b = {.ctx = &w->ctx, .node = node, .dy = node->dy};
  b.dx = moon__calloc((size_t)node->n_inputs, sizeof *b.dx);
  w->ctx.stream = node->stream;
  w->ctx.device = node->device;
  if (!node->dy) return hand_on(w, &b);  /* nothing came this way */
  int status = check_recorded(w, node);
  if (status >= 0) status = check_saved(node);
  if (status == MOON_OK && node->user_id != 0) {
    w->open = b;
    return 1;
  }
  if (status == MOON_OK) status = node->rule->backward(&b);
  if (status == MOON_E_MEMORY) status = name_failure(node);
  if (status >= 0) return hand_on(w, &b);
  drop(&b);
  return status;
}

int moon_backward_step(moon_walk *w) {
  w->ctx.task = w->caller->task;
  if (w->open.node) {
    moon__back b = w->open;
    int status = hand_on(w, &b);
    if (status < 0) return status;
  }
  while (w->n > 0) {
    moon__node *node = next_node(w);
    int status = visit(w, node);
    /* What its rule had queued is dropped; so it can be visited again. */
    if (status == MOON_E_MEMORY && !w->open.node) heap_push(w, node);
    if (status != MOON_OK) return status;
    w->visited++;
  }
  return MOON_OK;
}

static int check_start(const moon_tensor *y, const moon_tensor *dy) {
  int status = moon__check_live("backward", y);
  if (status >= 0 && dy) status = moon__check_live("backward", dy);
  if (status < 0) return status;
  if (!moon_tensor_needs_grad(y)) {
    return moon__fail(MOON_E_GRAD, "backward: the tensor %s needs no gradient: "
                      "nothing it was computed from requires one",
                      moon__text(y));
  }
  if (!dy && y->numel != 1) {
    return moon__fail(MOON_E_SHAPE, "backward: starts at one value, this "
                      "tensor is %s; give its gradient", moon__text(y));
  }
  if (dy && (dy->dtype != y->dtype ||
             !moon__shape_equal(moon__shape_of(dy), moon__shape_of(y)))) {
    return moon__fail(MOON_E_SHAPE, "backward: gradient %s %s for a tensor "
                      "%s %s", moon__dtype_name(dy->dtype), moon__text(dy),
                      moon__dtype_name(y->dtype), moon__text(y));
  }
  if (dy) status = moon__check_same_device("backward", y, dy);
  if (status < 0) return status;
  if (dy && moon_tensor_needs_grad(dy)) {
    return moon__fail(MOON_E_GRAD, "backward: second derivatives are not "
                      "supported; detach the given gradient");
  }
  return MOON_OK;
}

int moon_backward_begin(moon_ctx *ctx, moon_tensor *y, moon_tensor *dy,
                        moon_walk **out) {
  static int64_t marks;
  int status = check_start(y, dy);
  if (status < 0) return status;
  moon_ctx recording = *ctx;
  recording.grad_mode = 1;
  moon__view_renew(&recording, y);
  moon__node *root = y->node ? y->node : moon__leaf_node(y);
  moon_walk *w = moon__calloc(1, sizeof *w);
  w->ctx = *ctx;
  w->ctx.grad_mode = MOON__QUIET;
  w->ctx.autocast = 0;  /* dtypes are the forward's */
  w->ctx.device = y->storage->device;
  w->caller = ctx;
  w->mark = ++marks;
  moon_tensor *start = NULL;
  if (dy) {
    start = moon_tensor_retain(dy);
  } else {
    status = moon_full(&w->ctx, y->dtype, y->ndim, y->shape, 1, &start);
  }
  if (status < 0) {
    free(w);
    return status;
  }
  reach(w, root);
  root->dy = start;
  heap_push(w, root);
  *out = w;
  return MOON_OK;
}

void moon_backward_end(moon_walk *w) {
  drop(&w->open);
  for (int i = 0; i < w->n_touched; i++) untouch(&w->touched[i]);
  free(w->touched);
  free(w->heap);
  free(w);
}

int64_t moon_walk_visited(const moon_walk *w) { return w->visited; }

double moon_walk_user_id(const moon_walk *w) { return w->open.node->user_id; }

moon_tensor *moon_walk_user_gradient(const moon_walk *w) { return w->open.dy; }

int moon_walk_user_give(moon_walk *w, int input, moon_tensor *dx) {
  const moon__node *node = w->open.node;
  if (input < 0 || input >= node->n_inputs) {
    return moon__fail(MOON_E_GRAD, "user-defined op: gradient %d of %d inputs",
                      input + 1, node->n_inputs);
  }
  if (!node->input[input] || !dx) return MOON_OK;
  if (dx->dtype != node->input_dtype[input] ||
      !moon__shape_equal(moon__shape_of(dx), node->input_shape[input])) {
    return moon__fail(MOON_E_SHAPE, "user-defined op: gradient %d is %s %s, "
                      "its input %s %s", input + 1,
                      moon__dtype_name(dx->dtype), moon__text(dx),
                      moon__dtype_name(node->input_dtype[input]),
                      moon__shape_text(node->input_shape[input]));
  }
  moon__give(&w->open, input, moon_tensor_retain(dx));
  return MOON_OK;
}
