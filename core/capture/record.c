/* A recording: begun, ended, released. */
#include <stdlib.h>
#include "capture.h"

int moon_record_begin(moon_ctx *ctx, moon_recording **out) {
  if (ctx->task->recording) {
    return moon__fail(MOON_E_BUSY, "capture: the task records already");
  }
  moon_recording *r = moon__calloc(1, sizeof *r);
  r->refs = 1;
  r->rt = ctx->rt;
  r->id = ++ctx->rt->next_storage_id;
  r->first_tensor = ctx->rt->next_tensor_id;
  r->ctx = *ctx;
  r->strict = moon_strict(ctx->rt);
  r->open = true;
  moon__note_begin(r, ctx->task);
  *out = r;
  return MOON_OK;
}

int moon_record_argument(moon_recording *r, moon_tensor *t,
                         moon_tensor **out) {
  int status = moon__check_live("capture", t);
  if (status < 0) return status;
  bool fixed = r->ctx.grad_mode > 0 && moon_tensor_needs_grad(t);
  if (fixed && !moon_tensor_is_leaf(t)) {
    return moon__fail(MOON_E_GRAD, "capture: argument %d was computed from "
                      "something that requires its gradient; detach it, or "
                      "compute it inside", r->n_arguments + 1);
  }
  moon__argument *a = MOON__MORE(r->argument, r->n_arguments,
                                 r->cap_arguments);
  *a = (moon__argument){.slot = -1};
  if (fixed) {
    a->held = moon_tensor_retain(t);
    *out = moon_tensor_retain(t);
    return MOON_OK;
  }
  *out = moon__slot_stand_in(r, t, &a->slot);
  moon__spec_fill(r, &a->spec, t, a->slot);
  return MOON_OK;
}

int moon_record_result(moon_recording *r, moon_tensor *t) {
  int status = moon__check_live("capture", t);
  if (status < 0) return status;
  const moon__node *node = t->node;
  bool hangs = node && node->rule && node->recording == r->id;
  if (t->id > r->first_tensor &&
      (t->requires_grad || (hangs && !node->released))) {
    return moon__fail(MOON_E_GRAD, "capture: the function returns a tensor %s "
                      "(%s) whose graph no backward has walked; call backward "
                      "inside, or return it detached", moon__text(t),
                      node && node->rule ? node->rule->name : "a leaf");
  }
  int slot = moon__slot_of(r, t);
  if (r->slot[slot].origin == MOON__OUTER) return 0;
  r->slot[slot].fresh = true;
  moon__spec *s = MOON__MORE(r->result, r->n_results, r->cap_results);
  moon__spec_fill(r, s, t, slot);
  r->slot[slot].last = INT32_MAX;
  return 1;
}

/* --- the end ------------------------------------------------------------- */
/* Lets go of what only recording needs: tasks, and where things are found. */
static void finish(moon_recording *r) {
  for (int i = 0; i < r->n_parts; i++) {
    if (r->part[i].task->recording == r) r->part[i].task->recording = NULL;
    moon_task_release(r->part[i].task);
    r->part[i].task = NULL;
  }
  moon__table_free(&r->slots);
  moon__table_free(&r->leaves);
  moon__table_free(&r->sources_at);
  r->open = false;
}

static void release_slot(moon__slot *s) {
  if (s->held) moon_tensor_release(s->held);
  free(s->bytes);
  s->held = NULL;
  s->bytes = NULL;
}

/* A constant that nobody writes is kept as it is, another as its bytes. */
static void settle_constant(moon__slot *s) {
  if (s->origin != MOON__CONSTANT) return;
  if (s->fresh) {
    moon_tensor_release(s->held);
    s->held = NULL;
  } else {
    free(s->bytes);
    s->bytes = NULL;
  }
}

const char *moon_record_end(moon_ctx *ctx, moon_recording *r) {
  moon__note_end(r, ctx);
  for (int k = 0; k < r->n_slots; k++) {
    moon__slot *s = &r->slot[k];
    settle_constant(s);
    if (s->held || s->last < 0 || s->last >= r->n_entries) continue;
    s->next_idle = r->entry[s->last].first_idle;
    r->entry[s->last].first_idle = k;
  }
  finish(r);
  return r->never;
}

static void release_entry(moon__entry *e) {
  if (e->leaf) moon_tensor_release(e->leaf);
  free(e->params);
  free(e->spec);
  free(e->arg);
  free(e->as);
}

/* Its lists; what they name was let go of. */
static void free_lists(moon_recording *r) {
  free(r->slot);
  free(r->entry);
  free(r->part);
  free(r->drawn);
  free(r->argument);
  free(r->source);
  free(r->result);
  free(r->look);
  free(r);
}

void moon_recording_release(moon_recording *r) {
  if (!r || --r->refs > 0) return;
  if (r->open) finish(r);
  for (int i = 0; i < r->n_slots; i++) release_slot(&r->slot[i]);
  for (int i = 0; i < r->n_entries; i++) release_entry(&r->entry[i]);
  for (int i = 0; i < r->n_arguments; i++) {
    if (r->argument[i].held) moon_tensor_release(r->argument[i].held);
  }
  for (int i = 0; i < r->n_sources; i++) moon_tensor_release(r->source[i].t);
  free_lists(r);
}

int moon_recording_unsure(const moon_recording *r) { return r->unsure; }

int64_t moon_recording_number(const moon_recording *r) { return r->id; }

int64_t moon_recording_size(const moon_recording *r) { return r->n_runs; }
