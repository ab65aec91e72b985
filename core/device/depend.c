/* Order derived from memory: which ops must complete before a new one runs.
 *
 * An op comes after the last writer of every region it touches, and, where it
 * writes, after the readers since. An edge is left out when it is implied:
 * the other op is on the same stream, is complete, or is covered by the
 * stream's vector clock (clock[t]: the last op of stream t that this stream's
 * newest op comes after). Mattern 1989; the same scheme as in MLX and CUDA
 * graph capture, without a user who has to remember events.
 */
#include <stdlib.h>
#include <string.h>
#include "device.h"

bool moon__use_complete(const moon_runtime *rt, moon__use use) {
  moon__stream *s = rt->stream[use.stream];
  return use.sequence <=
         atomic_load_explicit(&s->completed, memory_order_acquire);
}

bool moon__use_ordered(const moon_runtime *rt, int stream, moon__use use) {
  return use.stream == stream ||
         rt->stream[stream]->clock[use.stream] >= use.sequence ||
         moon__use_complete(rt, use);
}

moon__op *moon__op_in_flight(moon_runtime *rt, moon__use use) {
  moon__stream *s = rt->stream[use.stream];
  if (!use.sequence || moon__use_complete(rt, use)) return NULL;
  return s->window[use.sequence & s->mask];
}

/* Its queue is to wait on the device for another queue of the same GPU. */
static void wait_there(moon_runtime *rt, moon__after **list, moon__use use) {
  moon__after *after = rt->spare_afters;
  if (after) {
    rt->spare_afters = after->next;
  } else {
    after = moon__malloc(sizeof *after);
  }
  *after = (moon__after){use, *list};
  *list = after;
}

/* A GPU looks at indices, and at multinomial's weights, ahead of the op: who
 * makes them? */
static void note_indices(moon_runtime *rt, moon__op *op) {
  for (int i = 0; i < op->n_touches; i++) {
    const moon__touch *t = &op->touch[i];
    int dtype = op->call.arg[t->arg].dtype;
    bool is_index = dtype == MOON_I64 || dtype == MOON_I32 ||
                    op->call.kernel == MOON_K_multinomial;
    if (t->mode != MOON__READ || !is_index) continue;
    moon__op *maker = moon__op_in_flight(rt, t->region->writer);
    if (maker && maker->device == op->device) {
      wait_there(rt, &op->look, t->region->writer);
    }
  }
}

/* The op waits for the launch of `before`, or for its end. */
static void link_ops(moon_runtime *rt, moon__op *before, moon__op *op,
                     bool launch) {
  moon__edge *edge = rt->spare_edges;
  if (edge) {
    rt->spare_edges = edge->next;
  } else {
    edge = moon__malloc(sizeof *edge);
  }
  *edge = (moon__edge){op, before->next_ops, launch};
  before->next_ops = edge;
  op->waits++;
}

static void add_edge(moon_runtime *rt, moon__op *before, moon__op *op) {
  bool launch = rt->device[op->device].gpu && before->device == op->device;
  if (launch && before->stream != op->stream) {
    wait_there(rt, &op->after,
               (moon__use){before->stream, before->sequence});
  }
  if (launch && before->launched) return;
  link_ops(rt, before, op, launch);
}

/* A copy from a GPU writes the host's memory when it ends, a copy to one reads
 * it when it is launched: between these the order of launches says nothing. */
static void wait_for_copies(moon_runtime *rt, moon__op *op) {
  for (int i = 0; i < op->n_touches; i++) {
    const moon__touch *t = &op->touch[i];
    const moon__region *r = t->region;
    if (moon__transfer_is_far(op, t->arg)) continue;
    moon__op *before = moon__op_in_flight(rt, r->writer);
    if (before && before->transfer) link_ops(rt, before, op, false);
    for (int k = 0; t->mode >= MOON__WRITE && k < r->n_readers; k++) {
      before = moon__op_in_flight(rt, r->reader[k]);
      if (before && before->transfer) link_ops(rt, before, op, false);
    }
  }
}

static void raise_clock(int64_t *clock, int64_t value) {
  if (*clock < value) *clock = value;
}

static void order_after(moon_runtime *rt, moon__op *op, moon__use use) {
  moon__stream *s = rt->stream[op->stream];
  if (!use.sequence || use.stream == op->stream) return;
  if (s->clock[use.stream] >= use.sequence) return;
  if (moon__sim_mutates(rt, op, MOON_MUTATE_SKIP_EDGE)) return;
  moon__op *before = moon__op_in_flight(rt, use);
  if (before) {
    add_edge(rt, before, op);
    for (int t = 0; t < rt->n_streams; t++) {
      raise_clock(&s->clock[t], before->clock[t]);
    }
  }
  raise_clock(&s->clock[use.stream], use.sequence);
  if (rt->sim.options.check) moon__sim_edge(rt, op->stream, use);
}

/* Takes the op's place in its stream's window, which doubles when full. */
static void enter_window(moon_runtime *rt, moon__op *op) {
  moon__stream *s = rt->stream[op->stream];
  int64_t done = atomic_load_explicit(&s->completed, memory_order_relaxed);
  if (op->sequence - done > s->mask) {
    int64_t mask = 2 * s->mask + 1;
    moon__op **window = moon__calloc((size_t)mask + 1, sizeof *window);
    for (int64_t q = done + 1; q < op->sequence; q++) {
      window[q & mask] = s->window[q & s->mask];
    }
    free(s->window);
    s->window = window;
    s->mask = mask;
  }
  s->window[op->sequence & s->mask] = op;
  (void)rt;
}

static bool writes(int mode) { return mode >= MOON__WRITE; }

void moon__depend(moon_runtime *rt, moon__op *op) {
  moon__stream *s = rt->stream[op->stream];
  op->sequence = ++s->submitted;
  moon__use self = {op->stream, op->sequence};
  moon__op *before = moon__op_in_flight(
      rt, (moon__use){op->stream, op->sequence - 1});
  if (before) add_edge(rt, before, op);
  for (int i = 0; i < s->n_pending; i++) {
    moon_event e = s->pending[i];
    order_after(rt, op, (moon__use){e.stream, e.sequence});
  }
  s->n_pending = 0;
  if (rt->device[op->device].gpu) note_indices(rt, op);
  if (op->transfer) wait_for_copies(rt, op);
  for (int i = 0; i < op->n_touches; i++) {
    moon__region *r = op->touch[i].region;
    order_after(rt, op, r->writer);
    if (!writes(op->touch[i].mode)) continue;
    for (int k = 0; k < r->n_readers; k++) order_after(rt, op, r->reader[k]);
  }
  for (int i = 0; i < op->n_touches; i++) {
    moon__region *r = op->touch[i].region;
    if (writes(op->touch[i].mode)) {
      r->writer = self;
      r->n_readers = 0;
    } else if (r->writer.stream != self.stream ||
               r->writer.sequence != self.sequence) {
      moon__region_add_reader(rt, r, self);
    }
  }
  s->clock[op->stream] = op->sequence;
  /* All of it: a stream made while the op is in flight counts as 0. */
  memcpy(op->clock, s->clock, sizeof op->clock);
  enter_window(rt, op);
}
