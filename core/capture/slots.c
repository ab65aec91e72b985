/* Where the memory of what is recorded comes from. Memory is told by its
 * number, which no other one gets; arguments, and views of them, by the number
 * that their stand-in has, because a function may also reach what it is given
 * by another name, and that is not to change with the argument. */
#include <stdlib.h>
#include <string.h>
#include "capture.h"

static int64_t key_of_memory(const moon__storage *s) { return 2 * s->id; }
static int64_t key_of_argument(int64_t number) { return 2 * number + 1; }

static int add(moon_recording *r, int origin, const moon__storage *s) {
  moon__slot *slot = MOON__MORE(r->slot, r->n_slots, r->cap_slots);
  *slot = (moon__slot){.origin = origin, .device = s->device,
                       .nbytes = s->nbytes, .last = -1, .next_idle = -1};
  return r->n_slots - 1;
}

static moon_tensor *hold(const moon_tensor *t) {
  moon_tensor *alias = moon__tensor_alias(t);
  alias->argument = 0;
  moon__tensor_uncount(alias);
  return alias;
}

int moon__slot_of(moon_recording *r, const moon_tensor *t) {
  int k = -1;
  if (t->argument) {
    k = moon__table_find(&r->slots, key_of_argument(t->argument));
  }
  if (k < 0) k = moon__table_find(&r->slots, key_of_memory(t->storage));
  if (k >= 0) return k;
  k = add(r, MOON__OUTER, t->storage);
  r->slot[k].held = hold(t);
  moon__table_put(&r->slots, key_of_memory(t->storage), k);
  return k;
}

int moon__slot_given(moon_recording *r, const moon_tensor *t) {
  int k = add(r, MOON__GIVEN, t->storage);
  r->slot[k].offset = t->offset;
  moon__table_put(&r->slots, key_of_memory(t->storage), k);
  return k;
}

moon_tensor *moon__slot_stand_in(moon_recording *r, moon_tensor *t,
                                 int *slot) {
  moon_tensor *alias = moon__tensor_alias(t);
  *slot = add(r, MOON__GIVEN, t->storage);
  r->slot[*slot].offset = t->offset;
  alias->argument = ++r->rt->next_storage_id;
  moon__table_put(&r->slots, key_of_argument(alias->argument), *slot);
  return alias;
}

void moon__spec_fill(moon_recording *r, moon__spec *s, const moon_tensor *t,
                     int slot) {
  s->slot = slot;
  s->offset = t->offset;
  s->t = (moon_tensor){.dtype = t->dtype, .ndim = t->ndim, .rt = t->rt,
                       .numel = t->numel, .id = t->id, .offset = t->offset};
  memcpy(s->t.shape, t->shape, sizeof t->shape);
  memcpy(s->t.stride, t->stride, sizeof t->stride);
  if (r->slot[slot].last < r->n_entries) r->slot[slot].last = r->n_entries - 1;
}

void moon__note_made(const moon_ctx *ctx, const moon__storage *s) {
  moon_recording *r = ctx->task->recording;
  moon__table_put(&r->slots, key_of_memory(s), add(r, MOON__MADE, s));
}

void moon__note_constant(const moon_ctx *ctx, const moon_tensor *t,
                         const void *data) {
  moon_recording *r = ctx->task->recording;
  moon__slot *slot = &r->slot[moon__slot_of(r, t)];
  slot->origin = MOON__CONSTANT;
  slot->held = hold(t);
  slot->bytes = moon__malloc(slot->nbytes + 1);
  if (slot->nbytes) memcpy(slot->bytes, data, slot->nbytes);
}
