/* Completion: workers push tickets, the loop drains them; one eventfd wakes
 * it, written once per batch. */
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
  if (!rt->event_set) {
    rt->event_set = true;
    moon__loop_wake(rt->event_fd);
  }
}

void moon__loop_wake(int event_fd) {
  uint64_t one = 1;
  while (write(event_fd, &one, sizeof one) < 0 && errno == EINTR) {}
}

int moon_completion_fd(moon_runtime *rt) { return rt->event_fd; }

static void spin(moon_runtime *rt, int64_t spin_ns) {
  int64_t end = moon_now() + spin_ns;
  while (!atomic_load_explicit(&rt->ring_count, memory_order_acquire) &&
         !atomic_load(&rt->interrupted) && moon_now() < end) {
#if defined(__x86_64__) || defined(__i386__)
    for (int i = 0; i < 16; i++) __builtin_ia32_pause();
#endif
  }
}

int moon_completion_drain(moon_runtime *rt, double *tickets, int n,
                          int64_t spin_ns) {
  if (spin_ns > 0) spin(rt, spin_ns);
  pthread_mutex_lock(&rt->lock);
  if (rt->event_set || atomic_load(&rt->interrupted)) {
    uint64_t count;
    while (read(rt->event_fd, &count, sizeof count) < 0 && errno == EINTR) {}
    rt->event_set = false;
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
    rt->event_set = true;
    moon__loop_wake(rt->event_fd);
  }
  pthread_mutex_unlock(&rt->lock);
  return taken;
}
