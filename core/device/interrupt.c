/* Ctrl-C. The handler only sets a flag and wakes the loop; op calls see the
 * flag, so compiled Lua loops end too. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "device.h"

static moon_runtime *_Atomic listener;
static _Atomic int64_t last_ns, raised_ns;

static void on_interrupt(int signal) {
  int saved = errno;
  moon_runtime *rt = atomic_load(&listener);
  int64_t now = moon_now(), before = atomic_exchange(&last_ns, now);
  bool aimed = rt && atomic_load(&rt->aim);
  if (!rt || (!aimed && before && now - before < 2000000000)) {
    _exit(128 + signal);
  }
  bool ignored = aimed && atomic_load(&rt->interrupted) &&
                 now - atomic_load(&raised_ns) > 1000000000;
  moon_interrupt_raise(rt);
  if (ignored) atomic_store(&rt->interrupted, MOON__WIDE);
  if (aimed && rt->on_interrupt.fn) {
    moon_interrupt_call *call = &rt->on_interrupt;
    call->fn(call->a, call->b, call->c, call->d);
  }
  errno = saved;
}

void moon_interrupt_raise(moon_runtime *rt) {
  int none = 0;
  if (atomic_compare_exchange_strong(&rt->interrupted, &none, MOON__NARROW)) {
    atomic_store(&raised_ns, moon_now());
  }
  moon__loop_wake(rt->event_fd);
}

int moon__interrupted(const moon_ctx *ctx) {
  const moon_task *aim = atomic_load(&ctx->rt->aim);
  if (aim && aim != ctx->task &&
      atomic_load(&ctx->rt->interrupted) != MOON__WIDE) {
    return MOON_OK;
  }
  return moon__fail(MOON_E_INTERRUPTED, "interrupted");
}

void moon_interrupt_aim(moon_runtime *rt, const moon_task *task) {
  atomic_store(&rt->aim, task);
}

void moon_interrupt_tell(moon_runtime *rt, const moon_interrupt_call *call) {
  rt->on_interrupt = *call;
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
  return atomic_exchange(&rt->interrupted, 0) != 0;
}

void moon__interrupt_forget(moon_runtime *rt) {
  moon_runtime *self = rt;
  if (atomic_compare_exchange_strong(&listener, &self, NULL)) {
    signal(SIGINT, SIG_DFL);
  }
}
