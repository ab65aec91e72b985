/* What is known of the seeds of a model, one row each: a structure of arrays.
 *
 * The loop thread writes stage, alpha and age as it queues things. Measures
 * come from the device: an op stores them when it gets there, so that looking
 * at them never waits. They lag by what is in flight.
 *
 * Ops in flight may still store into slots that were released: these are freed
 * once all that was queued to store has been completed. Those that were queued
 * before a row was cleared store nothing in it any more: it is another seed's.
 */
#include <math.h>
#include <stdlib.h>
#include "../op/op.h"

typedef struct moon__slots {
  moon_slots face;                      /* first: what the user holds */
  int64_t *life;                        /* [n] how often a row was cleared */
  int64_t stored[MOON_MAX_STREAMS];     /* the last op that stores, by stream */
  struct moon__slots *next;             /* of those that were released */
} moon__slots;

static bool in_use(const moon_runtime *rt, const moon__slots *s) {
  for (int i = 0; i < rt->n_streams; i++) {
    if (!moon__use_complete(rt, (moon__use){i, s->stored[i]})) return true;
  }
  return false;
}

static void free_slots(moon__slots *s) {
  free(s->face.stage);
  free(s->face.alpha);
  free(s->face.age);
  free(s->face.errors);
  free(s->face.stores);
  free(s->face.measure);
  free(s->life);
  free(s);
}

static void sweep(moon_runtime *rt) {
  for (moon__slots **link = &rt->dead_slots; *link;) {
    moon__slots *s = *link;
    if (in_use(rt, s)) {
      link = &s->next;
    } else {
      *link = s->next;
      free_slots(s);
    }
  }
}

void moon__slots_forget(moon_runtime *rt) {
  while (rt->dead_slots) {
    moon__slots *s = rt->dead_slots;
    rt->dead_slots = s->next;
    free_slots(s);
  }
}

int moon_slots_new(moon_runtime *rt, int n, moon_slots **out) {
  if (n < 1 || n > MOON_MAX_SEEDS) {
    return moon__fail(MOON_E_VALUE, "slots: %d seeds, expected 1 to %d", n,
                      MOON_MAX_SEEDS);
  }
  sweep(rt);
  moon__slots *s = moon__calloc(1, sizeof *s);
  size_t rows = (size_t)n, cells = rows * MOON_MEASURES;
  s->face = (moon_slots){
      .n = n,
      .stage = moon__calloc(rows, sizeof(int32_t)),
      .alpha = moon__calloc(rows, sizeof(double)),
      .age = moon__calloc(rows, sizeof(int64_t)),
      .errors = moon__calloc(rows, sizeof(int64_t)),
      .stores = moon__calloc(cells, sizeof(int64_t)),
      .measure = moon__calloc(cells, sizeof(double))};
  s->life = moon__calloc(rows, sizeof(int64_t));
  moon_slots_clear(&s->face, -1);
  *out = &s->face;
  return MOON_OK;
}

void moon_slots_release(moon_runtime *rt, moon_slots *slots) {
  moon__slots *s = (moon__slots *)slots;
  s->next = rt->dead_slots;
  rt->dead_slots = s;
  sweep(rt);
}

void moon_slots_clear(moon_slots *s, int row) {
  int first = row < 0 ? 0 : row, end = row < 0 ? s->n : row + 1;
  double none = NAN;
  for (int i = first; i < end; i++) {
    __atomic_fetch_add(&((moon__slots *)s)->life[i], 1, __ATOMIC_ACQ_REL);
    __atomic_store_n(&s->errors[i], 0, __ATOMIC_RELAXED);
  }
  for (int i = first * MOON_MEASURES; i < end * MOON_MEASURES; i++) {
    __atomic_store_n(&s->stores[i], 0, __ATOMIC_RELAXED);
    __atomic_store(&s->measure[i], &none, __ATOMIC_RELAXED);
  }
}

int moon_slots_store(moon_ctx *ctx, moon_slots *slots, int row, int measure,
                     moon_tensor *x) {
  int64_t n = x->numel;
  if (row < 0 || row >= slots->n || measure < 0 ||
      measure + n > MOON_MEASURES) {
    return moon__fail(MOON_E_INDEX, "slots: %lld measures at %d of row %d are "
                      "outside %d x %d", (long long)n, measure, row, slots->n,
                      MOON_MEASURES);
  }
  int status = moon__check_float("slots", x);
  if (status >= 0) status = moon__check_ndim("slots", "measures", x, 1);
  if (status < 0) return status;
  int at = row * MOON_MEASURES + measure;
  const int64_t *life = ((moon__slots *)slots)->life + row;
  moon_params params = {.store = {slots->measure + at, slots->stores + at,
                                  slots->errors + row, life, *life}};
  /* The measures lie in the host's memory, and there a GPU's tensor goes. */
  bool is_far = ctx->rt->device[x->storage->device].gpu;
  int device = is_far ? MOON__HOST : x->storage->device;
  moon_ctx quiet = *ctx;
  quiet.grad_mode = 0;
  moon_tensor *here;
  status = moon_to_device(&quiet, x, device, &here);
  if (status < 0) return status;
  moon__arg args[] = {{here, MOON__OPTIONAL, NULL}};
  status = moon__run(ctx, "slots", MOON_K_store, &params, args, 1);
  moon__unref(here);
  if (status < 0) return status;
  int stream = moon__stream_for(ctx, device);
  ((moon__slots *)slots)->stored[stream] = ctx->rt->stream[stream]->submitted;
  return status;
}
