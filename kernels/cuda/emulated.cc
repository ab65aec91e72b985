/* The GPU of emulated.h: gpu.h's functions by way of threads. A queue is a
 * thread with a list of launches; an event is a count of what its queue had
 * been given when it was recorded. MOONSEED_EMULATED_DELAY microseconds, at
 * random, before each launch bring other orders about; MOONSEED_EMULATED_DEPTH
 * is how much a queue takes before it keeps its giver waiting (a real one some
 * thousand launches). There are two such GPUs, or MOONSEED_EMULATED_COUNT. The
 * launch that is the MOONSEED_EMULATED_FAIL-th fails when a queue comes to it,
 * and from then on all that is asked.
 */
#include <atomic>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "launch.h"
#include "lender.h"
extern "C" {
#include "../philox.h"
}

extern "C" const moon_kernel_table moon_cuda_table;

/* --- queues ----------------------------------------------------------- */
typedef struct task {
  struct task *next;
  void (*run)(struct task *self);
  moon_emulated_thread *thread, *release;
  void *arguments, *to;
  const void *from;
  size_t nbytes;
  dim3 grid, block;
  bool together;
  struct queue *awaited;
  int64_t count;
} task;

typedef struct queue {
  pthread_mutex_t lock;
  pthread_cond_t change;
  pthread_t thread;
  task *first, *last;
  int64_t given, done;
  bool ends;
  uint64_t draws;
} queue;

typedef struct event { queue *of; int64_t count; } event;

static void await(queue *q, int64_t count) {
  pthread_mutex_lock(&q->lock);
  while (q->done < count) pthread_cond_wait(&q->change, &q->lock);
  pthread_mutex_unlock(&q->lock);
}

/* Before one launch of eight, so that queues drift apart. */
static void delay(queue *q) {
  static const char *most = getenv("MOONSEED_EMULATED_DELAY");
  if (!most) return;
  uint64_t us = (uint64_t)atoi(most) + 1;
  uint64_t draw = moon_mix64((uint64_t)(uintptr_t)q + q->draws++);
  if (draw % 8 == 0) usleep((useconds_t)(draw / 8 % us));
}

static void *queue_main(void *self) {
  queue *q = (queue *)self;
  pthread_mutex_lock(&q->lock);
  for (;;) {
    while (!q->first && !q->ends) pthread_cond_wait(&q->change, &q->lock);
    task *t = q->first;
    if (!t) break;
    q->first = t->next;
    if (!q->first) q->last = NULL;
    pthread_mutex_unlock(&q->lock);
    delay(q);
    t->run(t);
    free(t);
    pthread_mutex_lock(&q->lock);
    q->done++;
    pthread_cond_broadcast(&q->change);
  }
  pthread_mutex_unlock(&q->lock);
  moon_emulated_block_end();
  return NULL;
}

/* With the queue's lock: waits until it takes more. */
static void await_room(queue *q) {
  static const char *depth = getenv("MOONSEED_EMULATED_DEPTH");
  while (depth && q->given - q->done >= atoi(depth)) {
    pthread_cond_wait(&q->change, &q->lock);
  }
}

static void push(void *where, task given) {
  queue *q = (queue *)where;
  task *t = (task *)malloc(sizeof *t);
  *t = given;
  t->next = NULL;
  pthread_mutex_lock(&q->lock);
  await_room(q);
  (q->last ? q->last->next : q->first) = t;
  q->last = t;
  q->given++;
  pthread_cond_broadcast(&q->change);
  pthread_mutex_unlock(&q->lock);
}

static std::atomic<int> launched;
static std::atomic<bool> broken;

static int status(void) { return broken ? MOON_E_BACKEND : MOON_OK; }

static bool breaks(void) {
  static const char *nth = getenv("MOONSEED_EMULATED_FAIL");
  if (nth && ++launched == atoi(nth)) broken = true;
  return broken;
}

static void run_launch(task *t) {
  if (breaks()) {
    t->release(t->arguments);
    return;
  }
  gridDim = t->grid;
  blockDim = t->block;
  for (unsigned z = 0; z < t->grid.z; z++) {
    for (unsigned y = 0; y < t->grid.y; y++) {
      for (unsigned x = 0; x < t->grid.x; x++) {
        blockIdx = dim3(x, y, z);
        moon_emulated_block(t->thread, t->arguments, t->together);
      }
    }
  }
  t->release(t->arguments);
}

void moon_emulated_launch(void *where, moon_emulated_thread *thread,
                          moon_emulated_thread *release, void *arguments,
                          dim3 grid, dim3 block, bool together) {
  task t = {};
  t.run = run_launch;
  t.thread = thread;
  t.release = release;
  t.arguments = arguments;
  t.grid = grid;
  t.block = block;
  t.together = together;
  push(where, t);
}

static void run_host(task *t) { t->thread(t->arguments); }

void moon_emulated_call_host(void *where, moon_emulated_thread *call,
                             void *argument) {
  task t = {};
  t.run = run_host;
  t.thread = call;
  t.arguments = argument;
  push(where, t);
}

/* --- gpu.h ------------------------------------------------------------ */
static int info(int, moon_gpu_info *out) {
  *out = moon_gpu_info{"an emulated GPU", 0, 0, (int64_t)1 << 32,
                       (int64_t)1 << 32};
  return MOON_OK;
}

static const char *error_text(void) { return "the emulated GPU failed"; }

static int use(int) { return status(); }

static int queue_new(int, void **out) {
  queue *q = (queue *)calloc(1, sizeof *q);
  pthread_mutex_init(&q->lock, NULL);
  pthread_cond_init(&q->change, NULL);
  if (pthread_create(&q->thread, NULL, queue_main, q)) return MOON_E_BACKEND;
  *out = q;
  return status();
}

static void queue_free(void *where) {
  queue *q = (queue *)where;
  pthread_mutex_lock(&q->lock);
  q->ends = true;
  pthread_cond_broadcast(&q->change);
  pthread_mutex_unlock(&q->lock);
  pthread_join(q->thread, NULL);
  pthread_cond_destroy(&q->change);
  pthread_mutex_destroy(&q->lock);
  free(q);
}

static int event_new(void **out) {
  *out = calloc(1, sizeof(event));
  return status();
}

static void event_free(void *e) { free(e); }

static int event_record(void *e, void *where) {
  queue *q = (queue *)where;
  pthread_mutex_lock(&q->lock);
  await_room(q);
  *(event *)e = event{q, q->given};
  pthread_mutex_unlock(&q->lock);
  return status();
}

static void run_wait(task *t) { await(t->awaited, t->count); }

static int queue_wait(void *where, void *of) {
  event *e = (event *)of;
  if (!e->of) return MOON_OK;
  task t = {};
  t.run = run_wait;
  t.awaited = e->of;
  t.count = e->count;
  push(where, t);
  return status();
}

static int event_done(void *of) {
  event *e = (event *)of;
  if (broken) return MOON_E_BACKEND;
  if (!e->of) return 1;
  pthread_mutex_lock(&e->of->lock);
  int done = e->of->done >= e->count;
  pthread_mutex_unlock(&e->of->lock);
  return done;
}

static int event_wait(void *of) {
  event *e = (event *)of;
  if (e->of) await(e->of, e->count);
  return status();
}

static int host_call(void *where, void (*fn)(void *), void *argument) {
  moon_emulated_call_host(where, fn, argument);
  return MOON_OK;
}

static int memory_new(size_t nbytes, void **out) {
  *out = aligned_alloc(256, (nbytes + 255) / 256 * 256);
  return *out ? status() : MOON_E_MEMORY;
}

static void run_copy(task *t) { memcpy(t->to, t->from, t->nbytes); }

static int copy(void *to, const void *from, size_t nbytes, int, void *where) {
  task t = {};
  t.run = run_copy;
  t.to = to;
  t.from = from;
  t.nbytes = nbytes;
  push(where, t);
  return status();
}

static int copy_peer(void *to, int, const void *from, int, size_t nbytes,
                     void *where) {
  return copy(to, from, nbytes, MOON_GPU_WITHIN, where);
}

int moon_device_copy(void *to, const void *from, size_t nbytes, void *where,
                     moon_fail *) {
  return copy(to, from, nbytes, MOON_GPU_WITHIN, where);
}

static void run_zero(task *t) { memset(t->to, 0, t->nbytes); }

int moon_device_zero(void *to, size_t nbytes, void *where, moon_fail *) {
  task t = {};
  t.run = run_zero;
  t.to = to;
  t.nbytes = nbytes;
  push(where, t);
  return MOON_OK;
}

extern "C" __attribute__((visibility("default")))
const moon_gpu_driver *moon_gpu_open(char *, size_t) {
  static moon_gpu_driver driver = {
      "emulated", &moon_cuda_table, 2, info, error_text, use,
      moon_cuda_borrow, queue_new, queue_free, event_new, event_free,
      event_record, queue_wait, event_done, event_wait, host_call,
      memory_new, free, memory_new, free, copy,
      copy_peer};
  const char *count = getenv("MOONSEED_EMULATED_COUNT");
  if (count) driver.count = atoi(count);
  return &driver;
}
