/* The ready queue: ops that wait for nothing, and the workers that look.
 *
 * First ready, first served, which is submission order where ops do not wait;
 * but a worker prefers an op that nobody works on yet, so branches on several
 * streams advance side by side and a lone op is shared by all. `sim` picks at
 * random. All with the lock held.
 */
#include <sched.h>
#include "gpu.h"

/* How long a worker looks before it sleeps, since waking one costs 30-60 us;
 * and how often it looks before it offers its core to others. */
enum { SPIN_NS = 50000, LOOKS = 200 };

void moon__ready_wake(moon_runtime *rt) {
  atomic_fetch_add_explicit(&rt->ready_signal, 1, memory_order_release);
  if (rt->sleepers > rt->wake_workers && rt->n_ready > rt->spinners) {
    rt->wake_workers++;
  }
}

void moon__ready_push(moon_runtime *rt, moon__op *op) {
  if (rt->device[op->device].gpu) {
    moon__gpu_push(rt->device[op->device].gpu, op);
    return;
  }
  if (moon__op_is_io(op)) {
    moon__io_push(rt, op);
    return;
  }
  op->ready_next = NULL;
  if (rt->ready_last) {
    rt->ready_last->ready_next = op;
  } else {
    rt->ready_first = op;
  }
  rt->ready_last = op;
  rt->n_ready++;
  moon__ready_wake(rt);
}

void moon__ready_remove(moon_runtime *rt, moon__op *op) {
  moon__op *before = NULL;
  for (moon__op *at = rt->ready_first; at; before = at, at = at->ready_next) {
    if (at != op) continue;
    if (before) {
      before->ready_next = op->ready_next;
    } else {
      rt->ready_first = op->ready_next;
    }
    if (rt->ready_last == op) rt->ready_last = before;
    rt->n_ready--;
    return;
  }
}

static moon__op *pick_at_random(moon_runtime *rt) {
  moon__op *op = rt->ready_first;
  uint64_t skip = moon__sim_draw(rt) % (uint64_t)rt->n_ready;
  while (skip--) op = op->ready_next;
  return op;
}

moon__op *moon__ready_pick(moon_runtime *rt) {
  moon__op *first = rt->ready_first;
  if (!first) return NULL;
  if (rt->sim.running && moon__sim_mutates(rt, first, MOON_MUTATE_SERIALISE)) {
    return NULL;
  }
  if (rt->device[first->device].sim) return pick_at_random(rt);
  for (moon__op *op = first; op; op = op->ready_next) {
    if (op->workers == 0) return op;
  }
  return first;
}

/* Whether the signal changes during the next microseconds. */
static bool changes_soon(moon_runtime *rt, int64_t seen) {
  for (int i = 0; i < LOOKS; i++) {
    if (atomic_load_explicit(&rt->ready_signal, memory_order_acquire) != seen) {
      return true;
    }
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
  }
  return false;
}

/* Looks at the signal for a while; whoever else wants this core gets it. */
static void spin(moon_runtime *rt, int64_t seen) {
  int64_t end = moon_now() + SPIN_NS;
  while (!changes_soon(rt, seen) && moon_now() < end) sched_yield();
}

void moon__ready_wait(moon_runtime *rt) {
  int64_t seen =
      atomic_load_explicit(&rt->ready_signal, memory_order_relaxed);
  int cpu = sched_getcpu();  /* a worker is pinned */
  rt->spinners++;
  CPU_SET(cpu, &rt->spinning);
  moon__unlock(rt);
  spin(rt, seen);
  moon__lock(rt);
  CPU_CLR(cpu, &rt->spinning);
  rt->spinners--;
  if (atomic_load_explicit(&rt->ready_signal, memory_order_relaxed) != seen) {
    return;
  }
  rt->sleepers++;
  moon__lock_wait(rt, &rt->work);
  rt->sleepers--;
}
