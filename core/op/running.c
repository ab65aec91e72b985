/* Running statistics move in program order.
 *
 * Every batch norm in training moves its running statistics, which tasks side
 * by side may share. Their forwards come in run order; but
 *
 *   running = (1 - momentum) running + momentum batch
 *
 * depends on the order. So what a forward has measured is late: it waits, by
 * its key, until somebody looks at running statistics (all that waits is then
 * queued, in program order), or until an optimiser makes a step (then what its
 * task and those below it have left). Where no other task goes on nothing can
 * come before it, and it is queued at once. So the bits are those of the
 * program as long as nobody looks while tasks that share a norm still go on,
 * and no more than MOST forwards wait.
 */
#include <stdlib.h>
#include "shared.h"

enum { MOST = 8192 };  /* forwards that wait */

typedef struct moon__late late;
struct moon__late {
  late *next;            /* by key, the earliest first */
  moon__key key;
  moon_ctx ctx;          /* of the forward; holds its task */
  moon_tensor *m, *v, *mean, *var;
  double momentum;
};

static bool is_alone(const moon_task *task) {
  return atomic_load(&task->rt->n_tasks) == task->path->depth + 1;
}

static bool is_before(const late *a, const late *b) {
  return moon__key_compare(a->key, b->key) < 0;
}

static void enter(moon_runtime *rt, late *l) {
  late **link = &rt->late;
  if (rt->late_last && is_before(rt->late_last, l)) {  /* as nearly always */
    link = &rt->late_last->next;
  }
  while (*link && is_before(*link, l)) link = &(*link)->next;
  l->next = *link;
  *link = l;
  if (!l->next) rt->late_last = l;
  rt->n_late++;
  l->mean->storage->late++;
  l->var->storage->late++;
}

/* `link` points to l, `before` is the one before it. */
static void leave(moon_runtime *rt, late **link, late *before) {
  late *l = *link;
  *link = l->next;
  if (rt->late_last == l) rt->late_last = before;
  rt->n_late--;
  l->mean->storage->late--;
  l->var->storage->late--;
  moon__unref(l->m);
  moon__unref(l->v);
  moon__unref(l->mean);
  moon__unref(l->var);
  moon__path_release(l->key.path);
  moon_task_release(l->ctx.task);
  free(l);
}

static int move(late *l) {
  moon_params params = {.norm = {0, l->momentum}};
  moon__arg args[] = {{l->m, MOON__READ, NULL},
                      {l->v, MOON__READ, NULL},
                      {l->mean, MOON__UPDATE, NULL},
                      {l->var, MOON__UPDATE, NULL}};
  return moon__run(&l->ctx, "batch_norm", MOON_K_running, &params, args, 4);
}

static bool is_below(const moon__path *path, const moon__path *top) {
  while (path && path != top) path = path->parent;
  return path != NULL;
}

/* Queues what waits of the task `top` and those below it (NULL: of all), up to
 * the key `last` (NULL: all of it). What cannot be queued now, for want of
 * memory, for Ctrl-C or because somebody has it mapped, stays. */
static int fold(moon_runtime *rt, const moon__path *top,
                const moon__key *last) {
  late **link = &rt->late, *before = NULL;
  int first = MOON_OK;
  while (*link && !(last && moon__key_compare(*last, (*link)->key) < 0)) {
    if (top && !is_below((*link)->key.path, top)) {
      before = *link;
      link = &before->next;
      continue;
    }
    int status = move(*link);
    if (status == MOON_E_INTERRUPTED || status == MOON_E_MEMORY ||
        status == MOON_E_BUSY) {
      return status;
    }
    if (status < 0 && status != MOON_E_DISPOSED && first == MOON_OK) {
      first = status;
    }
    leave(rt, link, before);
  }
  return first;
}

int moon__late_fold(moon_runtime *rt) { return fold(rt, NULL, NULL); }

int moon__late_fold_below(moon_ctx *ctx) {
  return fold(ctx->rt, ctx->task->path, NULL);
}

void moon__late_forget(moon_runtime *rt) {
  while (rt->late) leave(rt, &rt->late, NULL);
}

void moon__late_add(moon_ctx *ctx, const moon_batch_norm_state *s,
                    moon_tensor *m, moon_tensor *v, double momentum) {
  late *l = moon__malloc(sizeof *l);
  *l = (late){.key = {moon__path_retain(ctx->task->path),
                      ctx->task->sequence++},
              .ctx = *ctx, .m = moon_tensor_retain(m),
              .v = moon_tensor_retain(v), .mean = moon_tensor_retain(s->mean),
              .var = moon_tensor_retain(s->var), .momentum = momentum};
  moon__task_retain(ctx->task);
  moon__tensor_uncount(m);
  moon__tensor_uncount(v);
  enter(ctx->rt, l);
  if (ctx->task->recording) moon__note_late(ctx, s, m, v, momentum);
  /* What stays is tried at the next look. Those of tasks that come later in the
   * program may have ended: theirs come after what this one has still to do. */
  moon__key key = {moon__path_retain(l->key.path), l->key.sequence};
  if (is_alone(ctx->task)) fold(ctx->rt, NULL, &key);
  moon__path_release(key.path);
  if (ctx->rt->n_late > MOST) moon__late_fold(ctx->rt);
}
