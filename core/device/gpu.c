/* The thread that launches a GPU's ops. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "gpu.h"

/* A notice after so many ops of a stream at most; one more whenever there is
 * nothing to launch. Each costs an event and may cost a wake-up. */
enum { TELL_EVERY = 8, SPIN_NS = 30000 };

void moon__gpu_push(moon__gpu *gpu, moon__op *op) {
  op->ready_next = NULL;
  if (gpu->last) {
    gpu->last->ready_next = op;
  } else {
    gpu->first = op;
  }
  gpu->last = op;
  if (gpu->asleep) pthread_cond_signal(&gpu->work);
}

static int driver_failed(moon__gpu *gpu, int status, moon_fail *fail) {
  if (status < 0) {
    snprintf(fail->text, sizeof fail->text, "%s", gpu->driver->error());
  }
  return status;
}

void moon__gpu_fail_op(const moon__gpu *gpu, moon__op *op, int status,
                       const moon_fail *fail) {
  moon_fail named;
  bool names = status != MOON_E_BACKEND ||
               !strncmp(fail->text, gpu->name, strlen(gpu->name));
  snprintf(named.text, sizeof named.text, "%s%s%.170s",
           names ? "" : gpu->name, names ? "" : ": ", fail->text);
  moon__op_fail(op, status, 0, named.text);
}

static int open_lane(moon__gpu *gpu, int stream, moon_fail *fail) {
  moon__lane *lane = &gpu->lane[stream];
  if (lane->queue) return MOON_OK;
  return driver_failed(gpu, gpu->driver->queue_new(0, &lane->queue), fail);
}

/* An event that the thread itself waits for. */
static int drain(moon__gpu *gpu, void *queue) {
  void *event = NULL;
  int status = gpu->driver->event_new(&event);
  if (status < 0) return status;
  status = gpu->driver->event_record(event, queue);
  if (status == MOON_OK) status = gpu->driver->event_wait(event);
  gpu->driver->event_free(event);
  return status;
}

/* Blocks that tensors do not need make room. */
static void *map(moon__gpu *gpu, size_t nbytes) {
  moon__memory *m = &gpu->memory;
  void *p = moon__memory_map(m, nbytes, 0);
  if (p) return p;
  moon__blocks_trim(gpu->rt, m);
  return moon__memory_map(m, nbytes, 0);
}

static void *lend(void *gpu, size_t nbytes) { return map(gpu, nbytes); }

static void take_back(void *of, void *p, size_t nbytes) {
  moon__gpu *gpu = of;
  moon__memory_unmap(&gpu->memory, p, nbytes);
}

/* The lane's scratch holds at least nbytes. A smaller one may be in use, so
 * the lane is waited for: it grows a few times in a run. */
static int grow_scratch(moon__gpu *gpu, moon__lane *lane, size_t nbytes,
                        moon_fail *fail) {
  moon__memory *m = &gpu->memory;
  if (lane->nbytes >= nbytes) return MOON_OK;
  if (lane->scratch) {
    int status = drain(gpu, lane->queue);
    if (status < 0) return driver_failed(gpu, status, fail);
    moon__memory_unmap(m, lane->scratch, lane->nbytes);
    lane->scratch = NULL;
    lane->nbytes = 0;
  }
  size_t want = nbytes + nbytes / 4;
  lane->scratch = map(gpu, want);
  if (!lane->scratch) {
    snprintf(fail->text, sizeof fail->text,
             "no memory for %zu bytes of scratch, limit %zu", nbytes, m->limit);
    return MOON_E_MEMORY;
  }
  lane->nbytes = want;
  return MOON_OK;
}

/* `queue` waits on the device for an op of another queue. It was launched, or
 * nobody would ask; an event that comes late covers more than it must. The
 * driver may block, so it is called without the lock; meanwhile the op may
 * retire, but only this thread takes events from the pool. */
static int wait_there(moon__gpu *gpu, void *queue, moon__use use) {
  moon_runtime *rt = gpu->rt;
  moon__lock(rt);
  moon__op *before = moon__op_in_flight(rt, use);
  void *theirs = before ? gpu->lane[before->stream].queue : NULL;
  void *event = theirs ? before->event : NULL, *own = NULL;
  moon__unlock(rt);
  if (!theirs) return MOON_OK;  /* complete, or it failed before its launch */
  if (!event) {
    event = own = moon__gpu_event(gpu, theirs);
    if (!event) return MOON_E_BACKEND;
  }
  int status = gpu->driver->queue_wait(queue, event);
  if (!own) return status;
  moon__lock(rt);
  before = moon__op_in_flight(rt, use);
  if (before && !before->event) {
    before->event = own;
  } else {
    moon__gpu_event_give(gpu, own);
  }
  moon__unlock(rt);
  return status;
}

static int wait_for(moon__gpu *gpu, void *queue, const moon__after *list,
                    moon_fail *fail) {
  int status = MOON_OK;
  for (; list && status == MOON_OK; list = list->next) {
    status = wait_there(gpu, queue, list->use);
  }
  return driver_failed(gpu, status, fail);
}

/* Pinned memory for what a look finds: pieces of one page, since the driver
 * takes long to give any. NULL: too many looks at once, or no page. */
static int64_t *notice_take(moon__gpu *gpu) {
  enum { PAGE = 4096, PIECE = 2 * sizeof(int64_t) };
  if (!gpu->notice_page) {
    if (moon__gpu_pinned_new(gpu, PAGE, &gpu->notice_page) < 0) return NULL;
    for (int at = 0; at < PAGE; at += PIECE) {
      moon__spare *s = moon__malloc(sizeof *s);
      *s = (moon__spare){gpu->notices, (char *)gpu->notice_page + at, PIECE};
      gpu->notices = s;
    }
  }
  moon__spare *s = gpu->notices;
  if (!s) return NULL;
  gpu->notices = s->next;
  int64_t *notice = s->p;
  free(s);
  return notice;
}

static void notice_give(moon__gpu *gpu, int64_t *notice) {
  moon__spare *s = moon__malloc(sizeof *s);
  *s = (moon__spare){gpu->notices, notice, 0};
  gpu->notices = s;
}

/* Indices and labels are looked at ahead of everything that is queued: the
 * urgent queue waits for their makers alone. */
static int look(moon__gpu *gpu, moon__op *op, moon_fail *fail) {
  const moon_gpu_driver *driver = gpu->driver;
  int status = MOON_OK;
  if (!gpu->urgent) status = driver->queue_new(1, &gpu->urgent);
  if (status < 0) return driver_failed(gpu, status, fail);
  op->notice = notice_take(gpu);
  if (!op->notice) {
    snprintf(fail->text, sizeof fail->text, "no pinned memory for its indices' "
             "look: %s", gpu->notice_page ? "over 256 at once"
                                          : driver->error());
    return MOON_E_MEMORY;
  }
  op->notice[0] = 0;
  op->call.notice = op->notice;
  op->call.queue = gpu->urgent;
  status = wait_for(gpu, gpu->urgent, op->look, fail);
  if (status < 0) return status;
  return op->kernel->run(&op->call, &op->plan, NULL, 0, 0, fail);
}

/* Puts the op's work into its queue, which waits already. */
static int launch(moon__gpu *gpu, moon__op *op, moon_fail *fail) {
  moon__lane *lane = &gpu->lane[op->stream];
  if (op->transfer) {
    return moon__gpu_transfer(gpu, op, lane->queue, fail);
  }
  int status = grow_scratch(gpu, lane, op->plan.scratch, fail);
  if (status < 0) return status;
  op->call.queue = lane->queue;
  int last = moon_plan_length(&op->plan);
  for (int phase = last > 1; phase < last && status == MOON_OK; phase++) {
    status = op->kernel->run(&op->call, &op->plan, lane->scratch, phase, 0,
                             fail);
  }
  return status;
}

/* What can fail before the launch; true: the op goes on when its values were
 * looked at. */
static bool prepare(moon__gpu *gpu, moon__op *op) {
  moon_fail fail = {""};
  int status = open_lane(gpu, op->stream, &fail);
  if (op->looked) return false;
  op->start_ns = moon_now();
  if (status == MOON_OK && gpu->lost) {
    status = MOON_E_BACKEND;
    fail = (moon_fail){""};
    snprintf(fail.text, sizeof fail.text, "%s", gpu->why);
  }
  if (status < 0) {
    moon__gpu_fail_op(gpu, op, status, &fail);
    return false;
  }
  if (moon__op_blocked(gpu->rt, op)) return false;
  if (op->transfer) return false;
  status = op->kernel->plan(&op->call, &op->plan, 1, &fail);
  bool looks = status == MOON_OK && op->plan.phases > 1;
  if (looks) status = look(gpu, op, &fail);
  if (status < 0) moon__gpu_fail_op(gpu, op, status, &fail);
  if (!looks || status < 0) return false;
  moon__gpu_tell_look(gpu, op);
  return true;
}

/* Puts the op's work into its queue; true: it comes back carried. An op that
 * will not run waits too: what comes after it takes for granted that what came
 * before is complete. */
static bool enqueue(moon__gpu *gpu, moon__op *op) {
  moon__lane *lane = &gpu->lane[op->stream];
  moon_fail fail = {""};
  int status = lane->queue ? wait_for(gpu, lane->queue, op->after, &fail)
                           : MOON_OK;
  if (op->status < 0 || op->error) return false;
  if (status == MOON_OK && moon__gpu_carry(gpu, op)) return true;
  if (status == MOON_OK) status = launch(gpu, op, &fail);
  if (status < 0) moon__gpu_fail_op(gpu, op, status, &fail);
  if (status == MOON_OK && gpu->rt->debug & MOON_DEBUG_NAN) {
    moon__gpu_check_finite(gpu, op, lane->queue);
  }
  return false;
}

/* Not L. */
static void work_on(moon__gpu *gpu, moon__op *op) {
  moon_runtime *rt = gpu->rt;
  int stream = op->stream;
  moon__lane *lane = &gpu->lane[stream];
  if (!op->carried && (prepare(gpu, op) || enqueue(gpu, op))) return;
  if (op->notice) notice_give(gpu, op->notice);
  op->notice = NULL;
  moon__lock(rt);
  moon__op_settle(rt, op);
  lane->launched = op->sequence;
  moon__op_launched(rt, op);
  moon__unlock(rt);
  if (lane->launched - lane->told >= TELL_EVERY) moon__gpu_tell(gpu, stream);
}

/* Nothing to launch: what was launched gets its notices. */
static void tell_all(moon__gpu *gpu) {
  for (int s = 0; s < MOON_MAX_STREAMS; s++) {
    if (gpu->lane[s].launched > gpu->lane[s].told) moon__gpu_tell(gpu, s);
  }
}

/* L, given up meanwhile: whether there was something to tell. */
static bool tells(moon__gpu *gpu) {
  bool has = false;
  for (int s = 0; s < MOON_MAX_STREAMS && !has; s++) {
    has = gpu->lane[s].launched > gpu->lane[s].told;
  }
  if (!has) return false;
  moon__unlock(gpu->rt);
  tell_all(gpu);
  moon__lock(gpu->rt);
  return true;
}

/* Whether an op comes during the next microseconds. */
static bool comes_soon(moon__gpu *gpu) {
  moon_runtime *rt = gpu->rt;
  int64_t end = moon_now() + SPIN_NS;
  bool found = false;
  while (!found && moon_now() < end) {
    moon__unlock(rt);
    sched_yield();
    moon__lock(rt);
    found = gpu->first || rt->closing;
  }
  return found;
}

void *moon__gpu_launch_main(void *of) {
  moon__gpu *gpu = of;
  moon_runtime *rt = gpu->rt;
  moon_gpu_lender lender = {gpu, lend, take_back};
  gpu->driver->use(gpu->number);
  gpu->driver->borrow(&lender);
  moon__lock(rt);
  while (gpu->first || !rt->closing) {
    moon__op *op = gpu->first;
    if (op) {
      gpu->first = op->ready_next;
      if (!gpu->first) gpu->last = NULL;
      moon__unlock(rt);
      work_on(gpu, op);
      moon__lock(rt);
      continue;
    }
    if (tells(gpu) || comes_soon(gpu)) continue;
    gpu->asleep = true;
    moon__lock_wait(rt, &gpu->work);
    gpu->asleep = false;
  }
  moon__unlock(rt);
  return NULL;
}
