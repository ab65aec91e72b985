/* The happens-before check of `sim`: at enqueue, every two accesses to the
 * same bytes, one of them a write, must be ordered by the edges that were
 * really made. It keeps its own vector clocks and looks at addresses, so it
 * also sees memory that was given out again too early, and it knows nothing
 * of what depend.c believes. Ops of other devices count too: they may stand
 * between two of sim's. With the lock held. */
#include <stdio.h>
#include <string.h>
#include "device.h"

enum { KEEP = 4096 };  /* accesses remembered; the oldest complete ones go */

static void merge(int64_t *into, const int64_t *from) {
  for (int t = 0; t < MOON_MAX_STREAMS; t++) {
    if (into[t] < from[t]) into[t] = from[t];
  }
}

/* `stream` now comes after `use` and all that `use` came after: known of an op
 * in flight; of a complete one that it is complete too, as all is that is
 * complete now. */
void moon__sim_edge(moon_runtime *rt, int stream, moon__use use) {
  int64_t *clock = rt->sim.clock[stream];
  moon__op *before = moon__op_in_flight(rt, use);
  if (before) {
    merge(clock, before->proven);
    return;
  }
  for (int t = 0; t < rt->n_streams; t++) {
    int64_t done = atomic_load_explicit(&rt->stream[t]->completed,
                                        memory_order_acquire);
    if (clock[t] < done) clock[t] = done;
  }
}

static bool ordered(const moon__sim *sim, int stream, moon__use use) {
  return use.stream == stream ||
         sim->clock[stream][use.stream] >= use.sequence;
}

static void report(moon__sim *sim, const moon__op *op, const moon__access *a,
                   bool write) {
  if (sim->races++) return;
  snprintf(sim->report, sizeof sim->report,
           "race: %s on stream %d %s what %s on stream %d %s, and no edge "
           "orders them", op->name, op->stream, write ? "writes" : "reads",
           a->name, a->use.stream, a->write ? "writes" : "reads");
}

static void look(moon__sim *sim, const moon__op *op, moon__access now) {
  for (int i = 0; i < sim->n_access; i++) {
    const moon__access *a = &sim->access[i];
    if (a->hi <= now.lo || now.hi <= a->lo) continue;
    if (!(a->write || now.write)) continue;
    if (!ordered(sim, op->stream, a->use)) report(sim, op, a, now.write);
  }
}

/* Forgets what the new write covers, and, when full, what is complete. */
static void remember(moon_runtime *rt, moon__access now) {
  moon__sim *sim = &rt->sim;
  int kept = 0;
  bool full = sim->n_access >= KEEP;
  for (int i = 0; i < sim->n_access; i++) {
    moon__access a = sim->access[i];
    bool covered = now.write && now.lo <= a.lo && a.hi <= now.hi;
    if (covered || (full && moon__use_complete(rt, a.use))) continue;
    sim->access[kept++] = a;
  }
  sim->n_access = kept;
  if (kept == sim->capacity) {
    sim->capacity = kept ? 2 * kept : 256;
    sim->access = moon__realloc(
        sim->access, (size_t)sim->capacity * sizeof *sim->access);
  }
  sim->access[sim->n_access++] = now;
}

/* The bytes an operand spans. */
static moon__access access_of(const moon__op *op, const moon__touch *t) {
  const moon_operand *o = &op->call.arg[t->arg];
  int64_t last = 0;
  for (int d = 0; d < o->ndim; d++) {
    if (o->shape[d] == 0) return (moon__access){0};
    last += (o->shape[d] - 1) * o->stride[d];
  }
  const char *lo = o->data;
  return (moon__access){lo, lo + ((size_t)last + 1) * moon_dtype_size(o->dtype),
                        {op->stream, op->sequence}, t->mode >= MOON__WRITE,
                        op->name};
}

void moon__sim_check(moon_runtime *rt, moon__op *op) {
  for (int i = 0; i < op->n_touches; i++) {
    moon__access now = access_of(op, &op->touch[i]);
    if (now.lo) look(&rt->sim, op, now);
  }
  for (int i = 0; i < op->n_touches; i++) {
    moon__access now = access_of(op, &op->touch[i]);
    if (now.lo) remember(rt, now);
  }
  rt->sim.clock[op->stream][op->stream] = op->sequence;
  memcpy(op->proven, rt->sim.clock[op->stream], sizeof op->proven);
}

/* Memory given out again: what is complete was seen to be, and needs no
 * edge. */
void moon__sim_forget(moon_runtime *rt, const void *data, size_t nbytes) {
  moon__sim *sim = &rt->sim;
  const char *lo = data, *hi = lo + nbytes;
  int kept = 0;
  moon__lock(rt);
  for (int i = 0; i < sim->n_access; i++) {
    moon__access a = sim->access[i];
    bool meets = a.lo < hi && lo < a.hi;
    if (meets && moon__use_complete(rt, a.use)) continue;
    sim->access[kept++] = a;
  }
  sim->n_access = kept;
  moon__unlock(rt);
}
