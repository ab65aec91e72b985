/* The runtime's lock. The loop and workers are woken once the lock is free:
 * they would only wait for it, and the wake-up itself costs its giver some
 * microseconds that nobody else should wait for. */
#include "device.h"

/* Held for well under a microsecond, so it is worth spinning for. */
void moon__lock_open(moon_runtime *rt) {
  pthread_mutexattr_t attr;
  pthread_mutexattr_init(&attr);
  pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ADAPTIVE_NP);
  pthread_mutex_init(&rt->lock, &attr);
  pthread_mutexattr_destroy(&attr);
}

void moon__lock(moon_runtime *rt) { pthread_mutex_lock(&rt->lock); }

typedef struct wakes { bool loop; int workers; } wakes;

/* Waking a thread that slept on another core takes 12 us on a virtual machine,
 * on one's own 3: a worker that spins there may do it. */
static bool relays(moon_runtime *rt) {
  if (!rt->wake_loop || rt->relayed || sched_getcpu() == rt->loop_cpu ||
      !CPU_ISSET(rt->loop_cpu, &rt->spinning)) {
    rt->relayed = false;
    return false;
  }
  atomic_fetch_add_explicit(&rt->ready_signal, 1, memory_order_release);
  return rt->relayed = true;
}

static wakes take_wakes(moon_runtime *rt) {
  if (relays(rt)) return (wakes){false, 0};
  wakes due = {rt->wake_loop, rt->wake_workers};
  rt->wake_loop = false;
  rt->wake_workers = 0;
  return due;
}

static void give_wakes(moon_runtime *rt, wakes due) {
  while (due.workers-- > 0) pthread_cond_signal(&rt->work);
  if (due.loop) moon__loop_wake(rt->event_fd);
}

void moon__unlock(moon_runtime *rt) {
  wakes due = take_wakes(rt);
  pthread_mutex_unlock(&rt->lock);
  give_wakes(rt, due);
}

void moon__lock_wait(moon_runtime *rt, pthread_cond_t *cond) {
  give_wakes(rt, take_wakes(rt));
  pthread_cond_wait(cond, &rt->lock);
}
