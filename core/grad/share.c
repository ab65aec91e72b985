/* A leaf's gradient, and what tasks side by side have given it.
 *
 * Walks of several tasks reach a shared leaf in run order, but sums must not
 * depend on it. So the gradient belongs to the task that gave first, and adds
 * up in place for that task alone; every other task has a share of its own.
 * When the gradient is asked for, shares are added in the order of the tasks'
 * paths, the owner's where it belongs: a left fold, so the same bits whoever
 * came first (a + b is b + a, but not (a + b) + c is a + (b + c)). */
#include <stdlib.h>
#include "../op/op.h"

struct moon__share {
  struct moon__share *next;  /* by path, the earliest first */
  moon_tensor *sum;
  moon_ctx ctx;              /* of the walk; holds its task */
};

typedef struct moon__share share;

static int path_order(moon__path *a, moon__path *b) {
  return moon__key_compare((moon__key){a, 0}, (moon__key){b, 0});
}

static bool is_own_memory(const moon_tensor *g) {
  return g->refs == 1 && g->storage->refs == 1 && moon__is_dense(g);
}

/* g itself, or a copy if somebody else may hold its memory. */
static int own(moon_ctx *ctx, moon_tensor *g, moon_tensor **out) {
  if (!is_own_memory(g)) return moon_clone(ctx, g, out);
  *out = moon_tensor_retain(g);
  return MOON_OK;
}

/* Where the share of `path` is, or belongs. */
static share **find(moon__node *node, moon__path *path) {
  share **link = &node->shares;
  while (*link && (*link)->ctx.task->path != path &&
         path_order((*link)->ctx.task->path, path) < 0) {
    link = &(*link)->next;
  }
  return link;
}

moon_tensor *moon__leaf_target(moon__node *node, moon__path *path) {
  if (!node->leaf || !node->leaf->grad) return NULL;
  if (node->owner == path) return node->leaf->grad;
  share *s = *find(node, path);
  return s && s->ctx.task->path == path ? s->sum : NULL;
}

int moon__leaf_add(moon_ctx *ctx, moon__node *node, moon_tensor *g) {
  moon__path *path = ctx->task->path;
  if (node->leaf && ctx->task->recording) moon__note_look(ctx, node->leaf);
  moon_tensor *target = moon__leaf_target(node, path);
  if (!node->leaf || g == target) return MOON_OK;
  if (target) return moon_add_into(ctx, target, g, 1);
  moon_tensor *sum;
  int status = own(ctx, g, &sum);
  if (status < 0) return status;
  if (!node->leaf->grad) {
    node->leaf->grad = sum;
    node->owner = moon__path_retain(path);
    if (ctx->task->recording) moon__note_grad(ctx, node->leaf, sum, true);
    return MOON_OK;
  }
  share **link = find(node, path), *s = moon__malloc(sizeof *s);
  *s = (share){*link, sum, *ctx};
  moon__note_never(ctx, "gradients of several tasks add up");
  moon__task_retain(ctx->task);
  *link = s;
  return MOON_OK;
}

static void drop(moon__node *node) {
  share *s = node->shares;
  node->shares = s->next;
  moon__unref(s->sum);
  moon_task_release(s->ctx.task);
  free(s);
}

void moon__leaf_forget(moon__node *node) {
  while (node->shares) drop(node);
  if (node->owner) moon__path_release(node->owner);
  node->owner = NULL;
}

/* Adds the first share into `into`; it stays when that cannot be queued. */
static bool add_first(moon__node *node, moon_tensor *into) {
  share *s = node->shares;
  if (moon_add_into(&s->ctx, into, s->sum, 1) < 0) return false;
  drop(node);
  return true;
}

static bool before_owner(const moon__node *node, const share *s) {
  return s && node->owner && path_order(s->ctx.task->path, node->owner) < 0;
}

void moon__leaf_fold(moon__node *node) {
  moon_tensor *grad = node->leaf ? node->leaf->grad : NULL;
  if (!grad || !node->shares) return;
  /* What comes before the owner is summed from the left, in the second. */
  while (before_owner(node, node->shares) &&
         before_owner(node, node->shares->next)) {
    if (!add_first(node, node->shares->next->sum)) return;
  }
  while (node->shares) {
    if (!add_first(node, grad)) return;
  }
  moon__leaf_forget(node);
}
