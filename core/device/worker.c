/* Workers: one pinned thread per core takes parts of ready ops and runs them.
 *
 * The first worker of an op plans it; then every worker may claim parts, a
 * phase at a time. The last part of the last phase retires the op.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "device.h"

typedef struct worker_start { moon_runtime *rt; int index; } worker_start;

/* Keeps the failure of the lowest part, whichever ran first. */
void moon__op_fail(moon__op *op, int status, int part, const char *text) {
  if (op->status < 0 && op->fail_part <= part) return;
  op->status = status;
  op->fail_part = part;
  snprintf(op->failure, sizeof op->failure, "%s", text);
}

/* Plans with nothing held; then the phases can be claimed. */
static void plan(moon_runtime *rt, moon__op *op) {
  moon_fail fail = {""};
  if (rt->device[op->device].sim) moon__sim_delay(rt, op);
  int status = MOON_OK;
  if (op->plan.phases == 0) {
    status = op->kernel->plan(&op->call, &op->plan, 1, &fail);
  }
  moon__lock(rt);
  if (status < 0) {
    moon__op_fail(op, status, 0, fail.text);
  } else if (op->plan.scratch && op->status == 0) {
    op->scratch = moon__scratch_take(rt, op->plan.scratch);
    if (!op->scratch) {
      snprintf(fail.text, sizeof fail.text,
               "no memory for %zu bytes of scratch, limit %zu",
               op->plan.scratch, rt->memory.limit);
      moon__op_fail(op, MOON_E_MEMORY, 0, fail.text);
    }
  }
}

/* L: the op is done, in whatever way. */
static void finish(moon_runtime *rt, moon__op *op) {
  if (op->scratch) moon__scratch_give(rt, op->scratch);
  op->scratch = NULL;
  if (rt->debug & MOON_DEBUG_NAN) {
    moon__unlock(rt);
    moon__op_check_finite(op);
    moon__lock(rt);
  }
  if (rt->device[op->device].sim) rt->sim.running--;
  moon__op_retire(rt, op);
  if (rt->n_ready > 0) moon__ready_wake(rt);
}

/* L: opens phase `phase`, or finishes when there is none left. */
static bool open_phase(moon_runtime *rt, moon__op *op, int phase) {
  if (op->status < 0 || op->error ||
      phase == moon_plan_length(&op->plan)) {
    finish(rt, op);
    return false;
  }
  op->phase = phase;
  op->next_part = 0;
  op->parts_left = moon_plan_parts(&op->plan, phase);
  if (op->parts_left > 1) moon__ready_push(rt, op);
  return true;
}

/* Runs parts of the op's phase until none is left to claim; with the lock
 * held before and after. Returns true when another phase was opened here. */
static bool run_phase(moon_runtime *rt, moon__op *op) {
  int parts = moon_plan_parts(&op->plan, op->phase);
  while (op->next_part < parts) {
    int phase = op->phase, part = op->next_part++;
    if (op->next_part == parts && parts > 1) moon__ready_remove(rt, op);
    op->workers++;
    moon__unlock(rt);
    moon_fail fail = {""};
    int status = op->kernel->run(&op->call, &op->plan, op->scratch, phase,
                                 part, &fail);
    moon__lock(rt);
    op->workers--;
    if (status < 0) moon__op_fail(op, status, part, fail.text);
    if (--op->parts_left == 0) return open_phase(rt, op, phase + 1);
  }
  return false;
}

/* L: the op is in the queue; takes it out when it is new, or joins in. */
static void work_on(moon_runtime *rt, moon__op *op) {
  if (op->state == MOON__RUNNING) {
    while (run_phase(rt, op)) {}
    return;
  }
  moon__ready_remove(rt, op);
  op->state = MOON__RUNNING;
  op->start_ns = moon_now();
  if (rt->device[op->device].sim) rt->sim.running++;
  if (moon__op_blocked(rt, op)) {
    finish(rt, op);
    return;
  }
  op->workers++;
  moon__unlock(rt);
  plan(rt, op);  /* takes the lock */
  op->workers--;
  if (open_phase(rt, op, 0)) {
    while (run_phase(rt, op)) {}
  }
}

void moon__op_run_here(moon_runtime *rt, moon__op *op) {
  op->start_ns = op->submit_ns;
  if (op->error || op->status < 0) return;
  moon__lock(rt);
  void *scratch = op->plan.scratch
                      ? moon__scratch_take(rt, op->plan.scratch) : NULL;
  moon__unlock(rt);
  moon_fail fail = {"no memory for scratch"};
  if (op->plan.scratch && !scratch) {
    moon__op_fail(op, MOON_E_MEMORY, 0, fail.text);
    return;
  }
  int phases = moon_plan_length(&op->plan);
  for (int phase = 0; phase < phases && op->status == 0; phase++) {
    for (int part = 0; part < moon_plan_parts(&op->plan, phase); part++) {
      int status = op->kernel->run(&op->call, &op->plan, scratch, phase, part,
                                   &fail);
      if (status < 0) moon__op_fail(op, status, part, fail.text);
    }
  }
  if (rt->debug & MOON_DEBUG_NAN) moon__op_check_finite(op);
  moon__lock(rt);
  if (scratch) moon__scratch_give(rt, scratch);
  moon__unlock(rt);
}

/* To the index-th core of the mask the process was started with. */
static void pin(const moon_runtime *rt, int index) {
  int cores = CPU_COUNT(&rt->cores), seen = 0;
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    if (!CPU_ISSET(cpu, &rt->cores) || seen++ != index % cores) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    pthread_setaffinity_np(pthread_self(), sizeof one, &one);
    return;
  }
}

/* The loop thread goes first on a core that both want: beside two busy threads
 * on two cores a 1 ms timer's gaps at p99.9 fell from 13 to 2.4 ms. */
static void give_way(void) {
  enum { NICER = 5 };
  id_t self = (id_t)syscall(SYS_gettid);
  setpriority(PRIO_PROCESS, self, getpriority(PRIO_PROCESS, self) + NICER);
}

static void *worker_main(void *start) {
  worker_start at = *(worker_start *)start;
  free(start);
  moon_runtime *rt = at.rt;
  pin(rt, at.index);
  give_way();
  moon__lock(rt);
  while (!rt->closing) {
    moon__op *op = at.index < rt->n_threads ? moon__ready_pick(rt) : NULL;
    if (op) {
      if (rt->n_ready > 1 || op->state == MOON__RUNNING) moon__ready_wake(rt);
      atomic_fetch_add_explicit(&rt->busy, 1, memory_order_relaxed);
      work_on(rt, op);
      atomic_fetch_sub_explicit(&rt->busy, 1, memory_order_relaxed);
    } else if (at.index < rt->n_threads) {
      moon__ready_wait(rt);
    } else {  /* what woke this worker was meant for another */
      if (rt->n_ready > 0) moon__ready_wake(rt);
      moon__lock_wait(rt, &rt->parked);
    }
  }
  moon__unlock(rt);
  return NULL;
}

/* L: whoever sleeps, spins or is parked looks again. */
static void wake_all(moon_runtime *rt) {
  atomic_fetch_add_explicit(&rt->ready_signal, 1, memory_order_release);
  pthread_cond_broadcast(&rt->parked);
  pthread_cond_broadcast(&rt->work);
}

int moon__workers_start(moon_runtime *rt, int n) {
  moon__lock(rt);
  rt->n_threads = n;
  wake_all(rt);
  moon__unlock(rt);
  while (rt->n_started < n) {
    worker_start *start = moon__malloc(sizeof *start);
    *start = (worker_start){rt, rt->n_started};
    if (pthread_create(&rt->worker[rt->n_started], NULL, worker_main, start)) {
      free(start);
      return moon__fail(MOON_E_BACKEND, "set_threads: the system gave %d of %d "
                        "threads", rt->n_started, n);
    }
    rt->n_started++;
  }
  return MOON_OK;
}

void moon__workers_stop(moon_runtime *rt) {
  moon__lock(rt);
  rt->closing = true;
  wake_all(rt);
  moon__unlock(rt);
  for (int i = 0; i < rt->n_started; i++) pthread_join(rt->worker[i], NULL);
}
