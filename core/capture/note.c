/* What is noted while a function runs: an entry for each thing that it does. */
#include <stdlib.h>
#include <string.h>
#include "capture.h"

void moon__never(moon_recording *r, const char *why) {
  if (!r->never) r->never = why;
}

void moon__note_never(const moon_ctx *ctx, const char *why) {
  if (ctx->task->recording) moon__never(ctx->task->recording, why);
}

void moon__note_unsure(const moon_ctx *ctx) {
  if (ctx->task->recording) ctx->task->recording->unsure = true;
}

int64_t moon__recording_id(const moon_ctx *ctx) {
  return ctx->task->recording ? ctx->task->recording->id : 0;
}

int moon__part_of(moon_recording *r, const moon_task *task) {
  int i = r->n_parts - 1;
  while (i >= 0 && r->part[i].task != task) i--;
  return i;
}

moon__entry *moon__entry_new(moon_recording *r, const moon_ctx *ctx, int deed,
                             int n) {
  moon__entry *e = MOON__MORE(r->entry, r->n_entries, r->cap_entries);
  *e = (moon__entry){.deed = deed, .task = moon__part_of(r, ctx->task),
                     .device = ctx->device, .stream = ctx->stream,
                     .site = ctx->site, .grad_mode = ctx->grad_mode,
                     .autocast = ctx->autocast, .again = ctx->again,
                     .away = ctx->stream != r->ctx.stream, .n = n, .draw = -1,
                     .first_idle = -1};
  if (n) e->spec = moon__calloc((size_t)n, sizeof *e->spec);
  if (e->task < 0) {
    moon__never(r, "another task takes part");
    e->task = 0;
  }
  return e;
}

/* The entry's key is the task's `sequence`; the task goes on at `next`. */
static void take_place(moon_recording *r, moon__entry *e, int64_t sequence,
                       int64_t next) {
  moon__part *part = &r->part[e->task];
  e->skip = sequence - part->next;
  part->next = next;
}

/* --- ops --------------------------------------------------------------- */
static bool is_drawn(int kernel) {
  return kernel == MOON_K_dropout || kernel == MOON_K_random ||
         kernel == MOON_K_randperm || kernel == MOON_K_multinomial;
}

/* What the caller must say anew each time. */
static bool is_once(int kernel) {
  return kernel == MOON_K_step || kernel == MOON_K_store ||
         kernel == MOON_K_save || kernel == MOON_K_load ||
         kernel == MOON_K_fetch || kernel == MOON_K_decode;
}

static int find_draw(const moon_recording *r, uint64_t key, uint64_t counter) {
  int i = r->n_drawn - 1;
  while (i >= 0 &&
         (r->drawn[i].key != key || r->drawn[i].counter != counter)) {
    i--;
  }
  return i;
}

static void keep_params(moon_recording *r, moon__entry *e,
                        const moon_params *params) {
  if (params) {
    e->params = moon__malloc(sizeof *params);
    *e->params = *params;
  }
  if (!is_drawn(e->kernel)) return;
  e->draw = find_draw(r, params->random.key, params->random.counter);
  if (e->draw < 0) moon__never(r, "it uses random numbers drawn elsewhere");
}

static void keep_operand(moon_recording *r, moon__entry *e, int i,
                         const moon__arg *arg) {
  if (!arg->t) return;
  int slot = moon__slot_of(r, arg->t);
  if (arg->mode >= MOON__WRITE) r->slot[slot].fresh = true;
  moon__spec_fill(r, &e->spec[i], arg->t, slot);
  e->arg[i] = (moon__arg){&e->spec[i].t, arg->mode, NULL};
  if (!arg->as) return;
  e->as[i] = *arg->as;
  e->arg[i].as = &e->as[i];
}

void moon__note_run(const moon_ctx *ctx, const char *name, int kernel,
                    const moon_params *params, const moon__arg *args, int n) {
  moon_recording *r = ctx->task->recording;
  if (kernel == MOON_K_running) {  /* queued by what LATE stands for */
    int i = moon__part_of(r, ctx->task);
    if (i >= 0) r->part[i].next++;
    return;
  }
  moon__entry *e = moon__entry_new(r, ctx, MOON__DO_RUN, n);
  int64_t next = ctx->task->sequence;
  take_place(r, e, next - 1, next);
  e->name = name;
  e->kernel = kernel;
  e->arg = moon__calloc((size_t)n, sizeof *e->arg);
  e->as = moon__calloc((size_t)n, sizeof *e->as);
  r->n_runs++;
  if (is_once(kernel)) {
    moon__never(r, "an optimiser, a file or a measure takes part");
  }
  keep_params(r, e, params);
  for (int i = 0; i < n; i++) keep_operand(r, e, i, &args[i]);
}

void moon__note_late(const moon_ctx *ctx, const moon_batch_norm_state *s,
                     moon_tensor *m, moon_tensor *v, double momentum) {
  moon_recording *r = ctx->task->recording;
  moon_tensor *t[] = {m, v, s->mean, s->var};
  moon_params params = {.norm = {0, momentum, 0}};
  moon__entry *e = moon__entry_new(r, ctx, MOON__DO_LATE, 4);
  int64_t next = ctx->task->sequence;
  take_place(r, e, next - 1, next);
  keep_params(r, e, &params);
  for (int i = 0; i < 4; i++) {
    int slot = moon__slot_of(r, t[i]);
    r->slot[slot].fresh = true;
    moon__spec_fill(r, &e->spec[i], t[i], slot);
  }
}

/* --- random numbers ------------------------------------------------------ */
void moon__note_draw(moon_task *task, uint64_t key, uint64_t counter) {
  moon_recording *r = task->recording;
  int i = moon__part_of(r, task);
  /* A part that is computed again draws the same. */
  if (i < 0 || find_draw(r, key, counter) >= 0) return;
  moon__part *part = &r->part[i];
  if (part->key != key || part->draws != counter) {
    moon__never(r, "the random numbers were set to begin elsewhere");
  }
  part->draws = counter + 1;
  moon_ctx ctx = r->ctx;
  ctx.task = task;
  moon__entry_new(r, &ctx, MOON__DO_DRAW, 0)->draw = r->n_drawn;
  *MOON__MORE(r->drawn, r->n_drawn, r->cap_drawn) =
      (moon__drawn){i, key, counter};
}

/* --- gradients ----------------------------------------------------------- */
void moon__note_source(const moon_ctx *ctx, moon_tensor *x) {
  moon_recording *r = ctx->task->recording;
  if (x->id > r->first_tensor) return;
  if (moon__table_find(&r->sources_at, x->id) >= 0) return;
  moon__table_put(&r->sources_at, x->id, r->n_sources);
  *MOON__MORE(r->source, r->n_sources, r->cap_sources) = (moon__source){
      moon_tensor_retain(x), moon_tensor_needs_grad(x) != 0};
}

void moon__note_look(const moon_ctx *ctx, moon_tensor *leaf) {
  moon_recording *r = ctx->task->recording;
  moon_tensor *g = leaf->grad;
  if (leaf->id > r->first_tensor) return;  /* nobody's outside */
  if (moon__table_find(&r->leaves, leaf->id) == r->segment) return;
  moon__table_put(&r->leaves, leaf->id, r->segment);
  if (leaf->node && leaf->node->shares) {
    moon__never(r, "gradients of several tasks add up");
  }
  moon__entry *e = moon__entry_new(r, ctx, MOON__DO_LOOK, g ? 1 : 0);
  e->leaf = moon_tensor_retain(leaf);
  e->owned = leaf->node && leaf->node->owner == ctx->task->path;
  if (g) moon__spec_fill(r, &e->spec[0], g, moon__slot_given(r, g));
  if (r->segment > 0) return;
  *MOON__MORE(r->look, r->n_looks, r->cap_looks) = r->n_entries - 1;
}

void moon__note_grad(const moon_ctx *ctx, moon_tensor *leaf,
                     moon_tensor *grad, bool owned) {
  moon_recording *r = ctx->task->recording;
  if (leaf->id > r->first_tensor) return;
  moon__table_put(&r->leaves, leaf->id, r->segment);
  moon__entry *e = moon__entry_new(r, ctx, MOON__DO_GRAD, grad ? 1 : 0);
  e->leaf = moon_tensor_retain(leaf);
  e->owned = owned;
  if (!grad) return;
  int slot = moon__slot_of(r, grad);
  r->slot[slot].fresh = true;
  moon__spec_fill(r, &e->spec[0], grad, slot);
}

/* --- parts of the program ------------------------------------------------ */
static void begin_part(moon_recording *r, moon_task *task, bool repeats) {
  *MOON__MORE(r->part, r->n_parts, r->cap_parts) = (moon__part){
      .task = moon__task_retain(task), .next = task->sequence,
      .key = task->rng_key, .draws = task->rng_draws,
      .children = task->rng_children, .repeats = repeats};
  task->recording = r;
}

static void end_part(moon_recording *r, int i) {
  const moon__part *part = &r->part[i];
  const moon_task *task = part->task;
  if (!part->repeats &&
      (task->rng_key != part->key || task->rng_draws != part->draws ||
       task->rng_children != part->children)) {
    moon__never(r, "the random numbers were set to go on elsewhere");
  }
}

int64_t moon_record_task(moon_ctx *ctx, moon_task *child, uint64_t *words) {
  moon_recording *r = ctx->task->recording;
  if (!r) return 0;
  moon__entry *e = moon__entry_new(r, ctx, MOON__DO_TASK, 0);
  take_place(r, e, ctx->task->sequence, ctx->task->sequence);
  e->words = words;
  e->child = r->n_parts;
  begin_part(r, child, words == NULL);
  return r->id;
}

void moon_record_leave(moon_ctx *ctx, uint64_t *words) {
  moon_recording *r = ctx->task->recording;
  if (!r) return;
  moon__entry *e = moon__entry_new(r, ctx, MOON__DO_LEAVE, 0);
  e->words = words;
  end_part(r, e->task);
}

/* --- host parts ---------------------------------------------------------- */
int moon_record_host(moon_ctx *ctx, moon_recording *r) {
  moon__entry *e = moon__entry_new(r, ctx, MOON__DO_HOST, 0);
  take_place(r, e, ctx->task->sequence, ctx->task->sequence);
  r->segment++;
  return MOON_OK;
}

/* One more spec of the host part that is the newest entry. */
static moon__spec *more(moon_recording *r) {
  moon__entry *e = &r->entry[r->n_entries - 1];
  size_t n = (size_t)(e->n + e->n_given);
  e->spec = moon__realloc(e->spec, (n + 1) * sizeof *e->spec);
  e->spec[n] = (moon__spec){0};
  return &e->spec[n];
}

int moon_record_pass(moon_recording *r, moon_tensor *t) {
  int status = moon__check_live("capture", t);
  if (status < 0) return status;
  int slot = moon__slot_of(r, t);
  r->slot[slot].fresh = true;
  moon__spec_fill(r, more(r), t, slot);
  r->entry[r->n_entries - 1].n++;
  return MOON_OK;
}

int moon_record_given(moon_recording *r, moon_tensor *t, moon_tensor **out) {
  int slot, status = moon__check_live("capture", t);
  if (status < 0) return status;
  if (r->ctx.grad_mode > 0 && moon_tensor_needs_grad(t)) {
    moon__never(r, "a host part gave a tensor that needs its gradient");
  }
  *out = moon__slot_stand_in(r, t, &slot);
  moon__spec_fill(r, more(r), t, slot);
  r->entry[r->n_entries - 1].n_given++;
  return MOON_OK;
}

void moon_record_pause(moon_ctx *ctx, moon_recording *r) {
  const moon_task *task = ctx->task;
  r->paused = (moon__part){.key = task->rng_key, .draws = task->rng_draws,
                           .children = task->rng_children};
  ctx->task->recording = NULL;
}

void moon_record_resume(moon_ctx *ctx, moon_recording *r) {
  moon_task *task = ctx->task;
  int i = moon__part_of(r, task);
  task->recording = r;
  if (i < 0) return;
  moon__part *part = &r->part[i];
  if (task->rng_key != r->paused.key) part->key = task->rng_key;
  part->draws += task->rng_draws - r->paused.draws;
  part->children += task->rng_children - r->paused.children;
  part->next = task->sequence;
}

void moon__note_begin(moon_recording *r, moon_task *task) {
  begin_part(r, task, false);
}

void moon__note_end(moon_recording *r, moon_ctx *ctx) {
  moon__entry *e = moon__entry_new(r, ctx, MOON__DO_END, 0);
  take_place(r, e, ctx->task->sequence, ctx->task->sequence);
  end_part(r, 0);
}
