/* A replay: a recording's entries, done anew. */
#include <stdlib.h>
#include <string.h>
#include "capture.h"

/* What a slot is in this replay: memory, and how many elements further on
 * things lie in it than they did. */
typedef struct bound { moon__storage *s; int64_t shift; } bound;

struct moon_replay {
  moon_recording *r;
  moon_ctx ctx;        /* the caller's when it began */
  int at, hosts;       /* the next entry; host parts that were come to */
  bool waiting;        /* for the host part at `at` */
  moon_task **task;    /* by part; NULL: not made yet. Held */
  bound *slot;
  moon__drawn *drawn;
};

/* --- memory -------------------------------------------------------------- */
static void bind_to(moon_replay *p, int k, moon__storage *s, int64_t offset) {
  bound *b = &p->slot[k];
  if (b->s) moon__storage_release(p->ctx.rt, b->s);
  moon__storage_retain(s);
  *b = (bound){s, offset - p->r->slot[k].offset};
}

/* Sees to it that the slot has memory. */
static int bind(moon_replay *p, moon_ctx *ctx, int k) {
  const moon__slot *slot = &p->r->slot[k];
  bound *b = &p->slot[k];
  if (b->s) return MOON_OK;
  if (slot->origin == MOON__MADE) {
    return moon__storage_new(ctx, slot->device, slot->nbytes, &b->s);
  }
  if (slot->origin != MOON__CONSTANT) {
    return moon__fail(MOON_E_VALUE, "capture: a host part gave no tensor where "
                      "it gave one when the function was recorded");
  }
  int status = moon__storage_new_idle(ctx, slot->device, slot->nbytes, &b->s);
  if (status >= 0 && slot->nbytes) {
    memcpy(b->s->block->data, slot->bytes, slot->nbytes);
  }
  return status;
}

static int lend(moon_replay *p, moon_ctx *ctx, moon__spec *s) {
  int status = bind(p, ctx, s->slot);
  if (status < 0) return status;
  s->t.storage = p->slot[s->slot].s;
  s->t.offset = s->offset + p->slot[s->slot].shift;
  return status;
}

static int make_tensor(moon_replay *p, moon_ctx *ctx, moon__spec *s,
                       moon_tensor **out) {
  int status = lend(p, ctx, s);
  if (status >= 0) *out = moon__tensor_alias(&s->t);
  return status;
}

static void let_go(moon_replay *p, int k) {
  bound *b = &p->slot[k];
  if (b->s && !p->r->slot[k].held) moon__storage_release(p->ctx.rt, b->s);
  b->s = NULL;
}

/* --- entries ------------------------------------------------------------- */
static moon_ctx where(const moon_replay *p, const moon__entry *e) {
  moon_ctx ctx = p->ctx;
  ctx.task = p->task[e->task];
  ctx.device = e->device;
  if (e->away) ctx.stream = e->stream;
  if (e->site) ctx.site = e->site;
  ctx.grad_mode = e->grad_mode;
  ctx.autocast = e->autocast;
  ctx.again = e->again;
  return ctx;
}

static int run(moon_replay *p, moon__entry *e) {
  moon_ctx ctx = where(p, e);
  for (int i = 0; i < e->n; i++) {
    int status = e->arg[i].t ? lend(p, &ctx, &e->spec[i]) : MOON_OK;
    if (status < 0) return status;
  }
  if (e->draw >= 0) {
    e->params->random.key = p->drawn[e->draw].key;
    e->params->random.counter = p->drawn[e->draw].counter;
  }
  ctx.task->sequence += e->skip;
  int status = moon__run(&ctx, e->name, e->kernel, e->params, e->arg, e->n);
  if (status < 0) ctx.task->sequence -= e->skip;
  return status;
}

static int move_statistics(moon_replay *p, moon__entry *e) {
  moon_ctx ctx = where(p, e);
  moon_tensor *t[4];
  for (int i = 0; i < 4; i++) {
    int status = make_tensor(p, &ctx, &e->spec[i], &t[i]);
    if (status >= 0) continue;
    while (i-- > 0) moon__unref(t[i]);
    return status;
  }
  moon_batch_norm_state s = {NULL, NULL, t[2], t[3]};
  moon__tensor_uncount(t[2]);
  moon__tensor_uncount(t[3]);
  ctx.task->sequence += e->skip;
  moon__late_add(&ctx, &s, t[0], t[1], e->params->norm.momentum);
  for (int i = 0; i < 4; i++) moon__unref(t[i]);
  return MOON_OK;
}

static bool lies_like(const moon_tensor *a, const moon_tensor *b) {
  if (a->dtype != b->dtype || a->ndim != b->ndim) return false;
  for (int d = 0; d < a->ndim; d++) {
    if (a->shape[d] != b->shape[d] || a->stride[d] != b->stride[d]) {
      return false;
    }
  }
  return true;
}

/* Whether a leaf's gradient is such as it was. */
static bool looks_alike(const moon__entry *e, const moon__path *path) {
  const moon_tensor *g = e->leaf->grad;
  const moon__node *node = e->leaf->node;
  if (node && node->shares) return false;
  if (!g || e->n == 0) return !g && e->n == 0;
  bool owned = node && node->owner == path;
  return !g->storage->disposed && owned == e->owned &&
         lies_like(&e->spec[0].t, g);
}

static int look(moon_replay *p, moon__entry *e) {
  const moon_tensor *g = e->leaf->grad;
  if (!looks_alike(e, p->task[e->task]->path)) {
    return moon__fail(MOON_E_GRAD, "capture: the gradient of a leaf %s is not "
                      "such as it was when the function was recorded",
                      moon__text(e->leaf));
  }
  if (g) bind_to(p, e->spec[0].slot, g->storage, g->offset);
  return MOON_OK;
}

static int set_gradient(moon_replay *p, moon__entry *e) {
  moon_tensor *leaf = e->leaf, *g = NULL;
  moon_ctx ctx = where(p, e);
  int status = e->n ? make_tensor(p, &ctx, &e->spec[0], &g) : MOON_OK;
  if (status < 0) return status;
  if (leaf->node) moon__leaf_forget(leaf->node);
  moon__unref(leaf->grad);
  leaf->grad = g;
  if (g && e->owned) {
    moon__leaf_node(leaf)->owner = moon__path_retain(ctx.task->path);
  }
  return MOON_OK;
}

/* The parent's generator goes on as if there had been no child. */
static int begin_task(moon_replay *p, const moon__entry *e) {
  moon_task *parent = p->task[e->task];
  uint64_t before[5];
  parent->sequence += e->skip;
  moon_task_generator(parent, before, 0);
  moon_task *child = moon_task_new(p->ctx.rt, parent);
  moon_task_generator(parent, before, 1);
  moon_task_isolate(child);
  if (e->words) moon_task_generator(child, e->words, 1);
  p->task[e->child] = child;
  return MOON_OK;
}

static int end_task(moon_replay *p, const moon__entry *e) {
  if (e->words) moon_task_generator(p->task[e->task], e->words, 0);
  moon_task_end(p->task[e->task]);
  return MOON_OK;
}

/* The first time it is come to; then once its part was done. */
static int host(moon_replay *p, moon__entry *e) {
  if (!p->waiting) {
    p->task[e->task]->sequence += e->skip;
    p->waiting = true;
    return ++p->hosts;
  }
  p->waiting = false;
  return MOON_OK;
}

static int play(moon_replay *p, moon__entry *e) {
  moon_task *task = p->task[e->task];
  moon__drawn *d = e->draw < 0 ? NULL : &p->drawn[e->draw];
  switch (e->deed) {
    case MOON__DO_RUN: return run(p, e);
    case MOON__DO_LATE: return move_statistics(p, e);
    case MOON__DO_DRAW: moon__task_draw(task, &d->key, &d->counter); break;
    case MOON__DO_LOOK: return look(p, e);
    case MOON__DO_GRAD: return set_gradient(p, e);
    case MOON__DO_TASK: return begin_task(p, e);
    case MOON__DO_LEAVE: return end_task(p, e);
    case MOON__DO_HOST: return host(p, e);
    default: task->sequence += e->skip;
  }
  return MOON_OK;
}

int moon_replay_step(moon_replay *p) {
  while (p->at < p->r->n_entries) {
    moon__entry *e = &p->r->entry[p->at];
    int status = play(p, e);
    if (status != MOON_OK) return status;
    for (int k = e->first_idle; k >= 0; k = p->r->slot[k].next_idle) {
      let_go(p, k);
    }
    p->at++;
  }
  return MOON_OK;
}

int64_t moon_replay_at(const moon_replay *p) { return p->at; }

/* --- begin and end ------------------------------------------------------- */
static bool suits(const moon_ctx *ctx, const moon_recording *r, int n,
                  moon_tensor *const *arguments) {
  if (r->never || r->open || n != r->n_arguments || ctx->task->recording ||
      ctx->device != r->ctx.device || ctx->grad_mode != r->ctx.grad_mode ||
      ctx->autocast != r->ctx.autocast || ctx->again != r->ctx.again ||
      moon_strict(ctx->rt) != r->strict) {
    return false;
  }
  for (int i = 0; i < n; i++) {
    const moon__argument *a = &r->argument[i];
    const moon_tensor *t = arguments[i];
    if (a->slot < 0 ? a->held != t || !moon_tensor_needs_grad(t)
                    : t->storage->disposed || !lies_like(&a->spec.t, t) ||
                      t->storage->device != r->slot[a->slot].device ||
                      (ctx->grad_mode > 0 && moon_tensor_needs_grad(t))) {
      return false;
    }
  }
  return true;
}

/* Whether what was there before is as it was. */
static bool is_unchanged(const moon_ctx *ctx, const moon_recording *r) {
  for (int k = 0; k < r->n_slots; k++) {
    const moon__slot *s = &r->slot[k];
    if (s->held && s->held->storage->disposed) return false;
  }
  for (int i = 0; i < r->n_sources; i++) {
    const moon__source *s = &r->source[i];
    if ((moon_tensor_needs_grad(s->t) != 0) != s->needs) return false;
  }
  for (int i = 0; i < r->n_looks; i++) {
    if (!looks_alike(&r->entry[r->look[i]], ctx->task->path)) return false;
  }
  return true;
}

int moon_replay_begin(moon_ctx *ctx, moon_recording *r, int n,
                      moon_tensor *const *arguments, moon_replay **out) {
  moon__release_list_drain(ctx->rt);
  if (!suits(ctx, r, n, arguments) || !is_unchanged(ctx, r)) return 0;
  moon_replay *p = moon__calloc(1, sizeof *p);
  *p = (moon_replay){.r = r, .ctx = *ctx};
  r->refs++;
  p->task = moon__calloc((size_t)r->n_parts, sizeof *p->task);
  p->slot = moon__calloc((size_t)r->n_slots + 1, sizeof *p->slot);
  p->drawn = moon__calloc((size_t)r->n_drawn + 1, sizeof *p->drawn);
  p->task[0] = moon__task_retain(ctx->task);
  for (int k = 0; k < r->n_slots; k++) {
    if (r->slot[k].held) p->slot[k].s = r->slot[k].held->storage;
  }
  for (int i = 0; i < n; i++) {
    int slot = r->argument[i].slot;
    if (slot < 0) continue;
    bind_to(p, slot, arguments[i]->storage, arguments[i]->offset);
  }
  *out = p;
  return 1;
}

void moon_replay_end(moon_replay *p) {
  for (int k = 0; k < p->r->n_slots; k++) let_go(p, k);
  for (int i = 0; i < p->r->n_parts; i++) {
    if (i > 0 && p->task[i]) moon_task_end(p->task[i]);
    moon_task_release(p->task[i]);
  }
  moon_recording_release(p->r);
  free(p->task);
  free(p->slot);
  free(p->drawn);
  free(p);
}

/* --- host parts and results ---------------------------------------------- */
static moon__entry *current(const moon_replay *p) {
  return &p->r->entry[p->at];
}

void moon_replay_enter(const moon_replay *p, moon_ctx *ctx) {
  *ctx = where(p, current(p));
}

int moon_replay_passed(moon_replay *p, int i, moon_tensor **out) {
  moon_ctx ctx = where(p, current(p));
  return make_tensor(p, &ctx, &current(p)->spec[i], out);
}

int moon_replay_give(moon_replay *p, int i, moon_tensor *t) {
  const moon__entry *e = current(p);
  if (i >= e->n_given) {
    return moon__fail(MOON_E_VALUE, "capture: a host part gave %d tensors, "
                      "and %d when the function was recorded", i + 1,
                      e->n_given);
  }
  const moon__spec *s = &e->spec[e->n + i];
  int status = moon__check_live("capture", t);
  if (status < 0) return status;
  if (!lies_like(&s->t, t) ||
      t->storage->device != p->r->slot[s->slot].device) {
    return moon__fail(MOON_E_SHAPE, "capture: a host part gave %s %s where it "
                      "gave %s %s when the function was recorded",
                      moon__dtype_name(t->dtype), moon__text(t),
                      moon__dtype_name(s->t.dtype), moon__text(&s->t));
  }
  bind_to(p, s->slot, t->storage, t->offset);
  return MOON_OK;
}

int moon_replay_result(moon_replay *p, int i, moon_tensor **out) {
  moon_ctx ctx = p->ctx;
  return make_tensor(p, &ctx, &p->r->result[i], out);
}
