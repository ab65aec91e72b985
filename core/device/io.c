/* The thread that waits for disks: save and load ops, and file jobs. It is
 * made when first needed and is no worker, so a slow disk never costs a core.
 */
#include "device.h"

/* L: runs one op, whole. */
static void run_op(moon_runtime *rt, moon__op *op) {
  moon__unlock(rt);
  op->start_ns = moon_now();
  moon_fail fail = {""};
  if (!moon__op_blocked(rt, op)) {
    int status = op->kernel->plan(&op->call, &op->plan, 1, &fail);
    for (int p = 0; status == 0 && p < moon_plan_length(&op->plan); p++) {
      for (int i = 0; status == 0 && i < moon_plan_parts(&op->plan, p); i++) {
        status = op->kernel->run(&op->call, &op->plan, NULL, p, i, &fail);
      }
    }
    if (status < 0) moon__op_fail(op, status, 0, fail.text);
  }
  moon__lock(rt);
  moon__op_retire(rt, op);
}

/* L. The queue's hold keeps the job when its owner lets go meanwhile. */
static void run_job(moon_runtime *rt, moon_job *job) {
  moon__unlock(rt);
  moon__job_run(job);
  moon__lock(rt);
  moon__ring_push(rt, job->ticket);
  moon__job_unref(job);
}

static void *io_main(void *arg) {
  moon_runtime *rt = arg;
  moon__lock(rt);
  while (rt->io_first || rt->job_first || !rt->closing) {
    if (rt->io_first) {
      moon__op *op = rt->io_first;
      rt->io_first = op->ready_next;
      if (!rt->io_first) rt->io_last = NULL;
      run_op(rt, op);
    } else if (rt->job_first) {
      moon_job *job = rt->job_first;
      rt->job_first = job->next;
      if (!rt->job_first) rt->job_last = NULL;
      run_job(rt, job);
    } else {
      moon__lock_wait(rt, &rt->io_work);
    }
  }
  moon__unlock(rt);
  return NULL;
}

/* L. The thread is there before the first op can be. */
void moon__io_push(moon_runtime *rt, moon__op *op) {
  op->ready_next = NULL;
  if (rt->io_last) {
    rt->io_last->ready_next = op;
  } else {
    rt->io_first = op;
  }
  rt->io_last = op;
  pthread_cond_signal(&rt->io_work);
}

int moon__io_start(moon_runtime *rt) {
  if (rt->io_started) return MOON_OK;
  if (pthread_create(&rt->io_thread, NULL, io_main, rt)) {
    return moon__fail(MOON_E_BACKEND, "io: the system gave no thread");
  }
  rt->io_started = true;
  return MOON_OK;
}

void moon__io_stop(moon_runtime *rt) {
  if (!rt->io_started) return;
  moon__lock(rt);
  rt->closing = true;
  pthread_cond_signal(&rt->io_work);
  moon__unlock(rt);
  pthread_join(rt->io_thread, NULL);
}
