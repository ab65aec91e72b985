/* How an op is written: check shapes, make outputs, run a kernel, record the
 * gradient rule. Look at softmax.c for a small one. Loop thread only.
 *
 *   static int backward(moon__back *b) {
 *     ... one moon__give(b, input, dx) for each input that wants one ...
 *   }
 *   static const moon__rule rule = {"exp", backward};
 *
 *   int moon_exp(moon_ctx *ctx, moon_tensor *x, moon_tensor **out) {
 *     moon_tensor *y;
 *     int status = moon__tensor_like(ctx, x, x->dtype, &y);
 *     if (status < 0) return status;
 *     moon__arg args[] = {{x, MOON__READ}, {y, MOON__WRITE}};
 *     status = moon__run(ctx, "exp", MOON_K_unary, &params, args, 2);
 *     moon__node *node = moon__record(ctx, &rule, status, y, &x, 1);
 *     if (node) moon__save(node, y);
 *     return moon__finish(status, y, out);
 *   }
 */
#ifndef MOON_OP_H
#define MOON_OP_H
#include "../tensor/tensor.h"

/* An operand: a tensor, how it is used, and the shape it is repeated to
 * (NULL: its own). A NULL tensor is an absent operand. */
typedef struct moon__arg {
  moon_tensor *t;
  moon__mode mode;
  const moon__shape *as;
} moon__arg;

/* Queues one kernel call. Checks that all tensors are on one device and not
 * disposed, and raises the version of what is updated in place. */
int moon__run(moon_ctx *ctx, const char *name, int kernel,
              const moon_params *params, const moon__arg *args, int n);
/* Hands `y` out, or releases it when status is negative; returns status. */
int moon__finish(int status, moon_tensor *y, moon_tensor **out);

/* grad_mode of what ops do inside: as the user's 0, and its views are nobody's,
 * so they keep no base. */
enum { MOON__QUIET = -1 };

/* --- the graph: a node is held by its output and holds its inputs' ---- */
struct moon__back;
typedef struct moon__rule {
  const char *name;
  /* Enqueues the gradients of b->node's inputs; a status. What it adds in
   * place to a leaf's gradient comes last: after MOON_E_MEMORY it is called
   * again from the start. */
  int (*backward)(struct moon__back *b);
} moon__rule;

typedef struct moon__saved { moon_tensor *t; int64_t version; } moon__saved;

enum { MOON_NODE_SAVED = 6 };
typedef struct moon__node {
  int refs;
  const moon__rule *rule;     /* NULL: a leaf */
  moon_runtime *rt;
  moon__key key;
  int32_t stream, device;
  bool released;              /* its saved tensors were dropped by a walk */
  int64_t recording;          /* that it was made in; 0: in none */
  double user_id;
  moon_tensor *leaf;          /* not owned; NULL once it is gone */
  moon__path *owner;          /* of the leaf's gradient, see grad/share.c */
  struct moon__share *shares;
  int n_inputs, n_saved;
  struct moon__node **input;  /* NULL where no gradient is wanted */
  moon__shape *input_shape;
  int32_t *input_dtype;
  moon__saved saved[MOON_NODE_SAVED];
  moon_params params;
  moon__shape shape;          /* of the output */
  int32_t dtype;
  /* during a walk: */
  moon_tensor *dy;
  int consumers;              /* that were not visited yet */
  int64_t walk;
  struct moon__node *next_dead;
} moon__node;

/* The node of a new output, or NULL: grad mode off, status negative, no input
 * that needs a gradient, or y is not floating. `inputs` may hold NULLs. */
moon__node *moon__record(moon_ctx *ctx, const moon__rule *rule, int status,
                         moon_tensor *y, moon_tensor *const *inputs, int n);
/* Keeps t (which may be NULL) for the backward; saved tensors are numbered in
 * the order of the calls. Safe for y itself: an alias without graph is kept. */
void moon__save(moon__node *node, moon_tensor *t);

/* A view whose base was changed in place has a node of the past until it is
 * renewed; does nothing for others (slice.c). */
bool moon__is_stale(const moon_tensor *t);
void moon__view_renew(moon_ctx *ctx, moon_tensor *v);

typedef struct moon__back {
  moon_ctx *ctx;              /* the node's stream; grad mode off */
  moon__node *node;
  moon_tensor *dy;            /* borrowed */
  moon_tensor **dx;           /* n_inputs, what was given */
  int next;                   /* the first input that was not given its dx */
} moon__back;

bool moon__wants(const moon__back *b, int input);
/* Hands over a reference. */
void moon__give(moon__back *b, int input, moon_tensor *dx);
/* A saved tensor, borrowed. */
moon_tensor *moon__saved_at(const moon__back *b, int i);
/* Where the gradient of this input may be accumulated by the kernel itself:
 * the leaf's own gradient (borrowed), or NULL. Give it back with
 * moon__give(b, input, moon_tensor_retain(t)). */
moon_tensor *moon__accumulate_into(const moon__back *b, int input);
/* Sums g (borrowed) over what broadcasting repeated; g itself when nothing
 * was. New reference. */
int moon__sum_to_shape(moon_ctx *ctx, moon_tensor *g, moon__shape s,
                       moon_tensor **out);

/* --- checks that ops share; each fails with the op's name and numbers -- */
int moon__check_float(const char *op, const moon_tensor *t);  /* f32, f64 */
int moon__check_same_dtype(const char *op, const moon_tensor *a,
                           const moon_tensor *b);
int moon__check_same_device(const char *op, const moon_tensor *a,
                            const moon_tensor *b);
int moon__check_ndim(const char *op, const char *arg, const moon_tensor *t,
                     int ndim);
/* 0-based, negative not allowed; the message counts from 1 as users do. */
int moon__check_dim(const char *op, const moon_tensor *t, int dim);
/* In-place target: not a leaf that requires grad while grad mode is on, and
 * not overlapping itself (stride 0). */
int moon__check_inplace(moon_ctx *ctx, const char *op, const moon_tensor *y);

/* moon__node lifetime (grad/graph.c) */
moon__node *moon__node_new(moon_runtime *rt, const moon__rule *rule,
                           int n_inputs);
void moon__node_drop_saved(moon__node *node);
/* Gradients of leaves (grad/share.c). Adds g (borrowed) for ctx's task; where
 * that task's sum is, or NULL; sums up all tasks' for somebody who looks;
 * drops what is not summed up. */
int moon__leaf_add(moon_ctx *ctx, moon__node *node, moon_tensor *g);
moon_tensor *moon__leaf_target(moon__node *node, moon__path *path);
void moon__leaf_fold(moon__node *node);
void moon__leaf_forget(moon__node *node);
/* Of core/capture, called where ctx's task has a recording: an op was queued;
 * a batch's statistics are to move s's (running.c); somebody looks at a leaf's
 * gradient; it has become another (NULL: none; `owned`: the sum of ctx's task);
 * whether x needs a gradient has made a difference. */
void moon__note_run(const moon_ctx *ctx, const char *name, int kernel,
                    const moon_params *params, const moon__arg *args, int n);
void moon__note_late(const moon_ctx *ctx, const moon_batch_norm_state *s,
                     moon_tensor *m, moon_tensor *v, double momentum);
void moon__note_look(const moon_ctx *ctx, moon_tensor *leaf);
void moon__note_grad(const moon_ctx *ctx, moon_tensor *leaf,
                     moon_tensor *grad, bool owned);
void moon__note_source(const moon_ctx *ctx, moon_tensor *x);
/* What is going on cannot be replayed; why, in words that stay. Next time it
 * may be something faster. Both also where there is no recording. */
void moon__note_never(const moon_ctx *ctx, const char *why);
void moon__note_unsure(const moon_ctx *ctx);
int64_t moon__recording_id(const moon_ctx *ctx);  /* 0: none */
moon__node *moon__node_retain(moon__node *node);
void moon__node_release(moon__node *node);
moon__node *moon__leaf_node(moon_tensor *t);

#endif
