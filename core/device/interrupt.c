/* Ctrl-C. The handler only sets a flag and wakes the loop; op calls see the
 * flag, so compiled Lua loops end too. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "device.h"

static moon_runtime *_Atomic listener;
static _Atomic int64_t last_ns;

static void on_interrupt(int signal) {
  int saved = errno;
  moon_runtime *rt = atomic_load(&listener);
  int64_t now = moon_now(), before = atomic_exchange(&last_ns, now);
  if (!rt || (before && now - before < 2000000000)) {
    _exit(128 + signal);
  }
  moon_interrupt_raise(rt);
  errno = saved;
}

void moon_interrupt_raise(moon_runtime *rt) {
  atomic_store(&rt->interrupted, 1);
  moon__loop_wake(rt->event_fd);
}

int moon_interrupt_install(moon_runtime *rt) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = on_interrupt;
  action.sa_flags = SA_RESTART;
  atomic_store(&listener, rt);
  if (sigaction(SIGINT, &action, NULL) == 0) return MOON_OK;
  return moon__fail(MOON_E_BACKEND, "interrupt: %s", strerror(errno));
}

int moon_interrupt_take(moon_runtime *rt) {
  return atomic_exchange(&rt->interrupted, 0);
}

void moon__interrupt_forget(moon_runtime *rt) {
  moon_runtime *self = rt;
  if (atomic_compare_exchange_strong(&listener, &self, NULL)) {
    signal(SIGINT, SIG_DFL);
  }
}
