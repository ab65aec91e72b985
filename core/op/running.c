/* Running statistics move in program order.
 *
 * Every batch norm in training moves its running statistics, which tasks side
 * by side may share. Their forwards come in run order; but
 *
 *   running = (1 - momentum) running + momentum batch
 *
 * depends on the order. So what a forward has measured is late: it waits, by
 * its key, until somebody looks at the running statistics or an optimiser
 * makes a step; then all that waits is queued in program order. Where no other
 * task goes on nothing can come before it, and it is queued at once.
 */
#include <stdlib.h>
#include "shared.h"

enum { MOST = 1024 };  /* forwards that wait */

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

static void enter(moon_runtime *rt, late *l) {
  late **link = &rt->late;
  while (*link && moon__key_compare((*link)->key, l->key) < 0) {
    link = &(*link)->next;
  }
  l->next = *link;
  *link = l;
  rt->n_late++;
  l->mean->storage->late++;
  l->var->storage->late++;
}

static void leave(moon_runtime *rt) {
  late *l = rt->late;
  rt->late = l->next;
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

int moon__late_fold(moon_runtime *rt) {
  while (rt->late) {
    int status = move(rt->late);
    if (status < 0 && status != MOON_E_DISPOSED) return status;
    leave(rt);
  }
  return MOON_OK;
}

void moon__late_forget(moon_runtime *rt) {
  while (rt->late) leave(rt);
}

int moon__late_add(moon_ctx *ctx, const moon_batch_norm_state *s,
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
  bool now = is_alone(ctx->task) || ctx->rt->n_late > MOST;
  return now ? moon__late_fold(ctx->rt) : MOON_OK;
}
