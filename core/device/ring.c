/* Completion: workers push tickets, the loop drains them; one eventfd wakes
 * it, written once per batch, after the lock was given back. */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "device.h"

void moon__ring_push(moon_runtime *rt, double ticket) {
  int n = atomic_load_explicit(&rt->ring_count, memory_order_relaxed);
  if (n == rt->ring_capacity) {
    rt->ring_capacity = n ? 2 * n : 64;
    rt->ring = moon__realloc(rt->ring,
                             (size_t)rt->ring_capacity * sizeof *rt->ring);
  }
  rt->ring[n] = ticket;
  atomic_store_explicit(&rt->ring_count, n + 1, memory_order_release);
  if (!rt->event_set) rt->event_set = rt->wake_loop = true;
}

void moon__loop_wake(int event_fd) {
  uint64_t one = 1;
  while (write(event_fd, &one, sizeof one) < 0 && errno == EINTR) {}
}

int moon_completion_fd(moon_runtime *rt) { return rt->event_fd; }

/* Only while there is a core that no worker is busy on: this thread would take
 * it from the very op that it waits for. */
static bool is_core_free(const moon_runtime *rt) {
  return atomic_load_explicit(&rt->busy, memory_order_relaxed) < rt->n_cores;
}

static void spin(moon_runtime *rt, int64_t spin_ns) {
  int64_t end = moon_now() + spin_ns;
  while (!atomic_load_explicit(&rt->ring_count, memory_order_acquire) &&
         !atomic_load(&rt->interrupted) && is_core_free(rt) &&
         moon_now() < end) {
#if defined(__x86_64__) || defined(__i386__)
    for (int i = 0; i < 16; i++) __builtin_ia32_pause();
#endif
  }
}

int moon_completion_drain(moon_runtime *rt, double *tickets, int n,
                          int64_t spin_ns) {
  if (spin_ns > 0) spin(rt, spin_ns);
  moon__lock(rt);
  rt->loop_cpu = sched_getcpu();
  /* Without spin_ns it was the eventfd that called: what was written to it
   * may belong to a batch that is drained already. */
  if (rt->event_set || spin_ns <= 0 || atomic_load(&rt->interrupted)) {
    uint64_t count;
    while (read(rt->event_fd, &count, sizeof count) < 0 && errno == EINTR) {}
    rt->event_set = rt->wake_loop = false;
  }
  int have = atomic_load_explicit(&rt->ring_count, memory_order_relaxed);
  int taken = have < n ? have : n;
  if (taken > 0) {
    memcpy(tickets, rt->ring, (size_t)taken * sizeof *tickets);
    memmove(rt->ring, rt->ring + taken,
            (size_t)(have - taken) * sizeof *rt->ring);
    atomic_store_explicit(&rt->ring_count, have - taken,
                          memory_order_release);
  }
  if (have > taken) {  /* the rest must wake the loop again */
    rt->event_set = rt->wake_loop = true;
  }
  moon__unlock(rt);
  return taken;
}
