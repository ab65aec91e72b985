/* Inside the runtime: op records, the order they run in, memory.
 *
 * A submitted op is a plain record. Its place among the others is derived from
 * the regions of memory it touches (depend.c); when nothing it waits for is
 * left it enters the ready queue (queue.c), is planned, cut into parts and run
 * by the workers (worker.c), and retires (retire.c).
 *
 * Who touches what: the loop thread submits, allocates and owns the hazards of
 * regions; `lock` guards everything that workers share (marked L below). A
 * region's error is data: whoever may touch the memory may touch it.
 */
#ifndef MOON_DEVICE_H
#define MOON_DEVICE_H
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include "../../kernels/kernel.h"
#include "../base/base.h"
#include "../base/pool.h"
#include "memory.h"

enum {
  MOON_MAX_DEVICES = 16,    /* cpu, ref, sim and GPUs */
  MOON__HOST = 0,           /* "cpu", where the host can read and write */
  MOON_MAX_WORKERS = 64,
  MOON_RECENT = 256,        /* ops a stream remembers; a power of two */
  MOON_DEFAULT_STREAMS = 8, /* round robin, unless configured; of all GPUs */
  MOON_GPUS_STREAMS = 32,   /* together at most so many, shared alike */
  MOON_MAX_COMPUTE = 32     /* round robin at most; the rest is for leases */
};

/* An error that rides along with data. `key` is the failed op's: of several
 * errors the earliest in program order wins. */
typedef struct moon__error {
  _Atomic int refs;
  _Atomic int raised;       /* somebody was told */
  int status;
  moon__key key;
  char text[400];
} moon__error;

moon__error *moon__error_new(int status, moon__key key, const char *text);
moon__error *moon__error_retain(moon__error *e);
void moon__error_release(moon__error *e);
/* The earlier of two (either may be NULL). */
moon__error *moon__error_earlier(moon__error *a, moon__error *b);
/* Sets the error text, remembers that somebody was told; its status. */
int moon__error_raise(moon__error *e);

/* A program's task: gives ops their keys and random numbers. */
struct moon_task {
  _Atomic int refs;
  moon_runtime *rt;
  moon_task *parent;        /* inherits the errors nobody raised here */
  moon__path *path;
  int64_t sequence;         /* of the next op */
  int64_t children;
  uint64_t rng_key, rng_draws, rng_children, rng_seed;
  bool ended, isolated;
  struct moon_recording *recording;  /* that its ops are noted in, or NULL */
  _Atomic int cancelled;
  moon__error *error;       /* L: first failed in-place op not raised yet */
};

moon_task *moon__task_retain(moon_task *task);
void moon__task_release_locked(moon_task *task);             /* L */
void moon__task_note_error(moon_task *task, moon__error *e); /* L */
/* A fresh (key, counter) for one draw. */
void moon__task_draw(moon_task *task, uint64_t *key, uint64_t *counter);

/* How an op uses a region.
 * READ      an input; if it carries an error the op does not run.
 * OPTIONAL  an input the op can do without: a failed one arrives as NULL.
 * WRITE     a fresh output: takes the error if the op does not run.
 * UPDATE    in place, reads the old value: all or nothing, never takes an
 *           error; the task's next await raises it.
 * OVERWRITE in place, the old value does not matter: as UPDATE, but what the
 *           target carried does not stop the op, and success clears it. */
typedef enum moon__mode {
  MOON__READ, MOON__OPTIONAL, MOON__WRITE, MOON__UPDATE, MOON__OVERWRITE
} moon__mode;

typedef struct moon__touch {  /* one region an op uses */
  moon__region *region;
  uint8_t mode;
  int32_t arg;
} moon__touch;

/* --- ops -------------------------------------------------------------- */
/* An op of the same GPU need only be launched before the next one is. */
typedef struct moon__edge {
  struct moon__op *op;
  struct moon__edge *next;
  bool launch;
} moon__edge;
typedef struct moon__after {  /* what a queue waits for, on the device */
  moon__use use;
  struct moon__after *next;
} moon__after;
typedef struct moon__waiter { double ticket; struct moon__waiter *next; }
    moon__waiter;

enum { MOON_OP_ARGS = 10, MOON_OP_TOUCHES = 10 };
typedef struct moon__op {
  const char *name;               /* what users call it */
  moon_call call;
  moon_plan plan;
  const moon_kernel *kernel;
  int32_t device, stream, site;
  int64_t sequence;               /* in its stream, from 1 */
  moon__key key;
  moon_task *task;
  int n_touches, cap_touches, cap_args;
  moon__touch *touch;
  /* L from submission on: */
  int waits;                      /* ops that must complete first */
  moon__edge *next_ops;           /* ops that wait for this one */
  moon__waiter *waiters;
  struct moon__op *ready_next;
  int state;                      /* MOON__QUEUED ... */
  int phase, next_part, parts_left, workers;
  int status;
  int fail_part;                  /* the lowest part that failed */
  moon__error *error;             /* what stopped it: inherited or its own */
  char failure[MOON_FAIL_TEXT];
  void *scratch;
  /* On a GPU: it is in its queue; its error was handed on; its values were
   * looked at; a large copy's pieces are in the queue; what it waits for there;
   * the event behind it, or NULL. */
  bool launched, settled, looked, carried;
  moon__after *after, *look;  /* `look`: the makers of its indices */
  void *event;
  int64_t *notice;
  struct moon__transfer *transfer;  /* between memories, gpu_copy.c */
  int64_t submit_ns, start_ns, end_ns;
  int64_t place;                  /* sim: among its ops, from 1 */
  int64_t clock[MOON_MAX_STREAMS]; /* what came before, per stream */
  int64_t proven[MOON_MAX_STREAMS]; /* the same, for the sim's check */
  moon_operand args[MOON_OP_ARGS];
  moon__touch touches[MOON_OP_TOUCHES];
} moon__op;

enum { MOON__QUEUED, MOON__READY, MOON__PLANNING, MOON__RUNNING };

/* A record with room for n operands. */
moon__op *moon__op_new(moon_runtime *rt, int n_args);
void moon__op_touch(moon__op *op, moon__region *region, int mode, int arg);
/* Queues the record (or runs it here when it is tiny and nothing is in its
 * way). Takes it over; never fails: what goes wrong rides along. */
void moon__op_submit(moon_runtime *rt, moon__op *op);
void moon__op_drop(moon_runtime *rt, moon__op *op);  /* not submitted */
void moon__op_recycle(moon_runtime *rt, moon__op *op);  /* L */
bool moon__op_is_io(const moon__op *op);  /* waits for disks */

/* --- streams ---------------------------------------------------------- */
typedef struct moon__stream {
  int32_t device;
  bool leased, compute;
  int64_t submitted;               /* sequence of the last op */
  _Atomic int64_t completed;       /* all up to it are complete */
  int64_t clock[MOON_MAX_STREAMS]; /* what the last op comes after */
  moon__op **window;               /* L: in flight, by sequence & mask */
  int64_t mask;
  moon_event pending[MOON_MAX_STREAMS];  /* waits for the next op */
  int n_pending;
  int64_t created_ns, busy_ns, errors, ops;  /* L */
  int64_t ended_ns;               /* L: of the last op that has ended */
  moon_op_span recent[MOON_RECENT];          /* L */
} moon__stream;

/* --- devices ---------------------------------------------------------- */
typedef struct moon__device {
  const char *name;
  const moon_kernel_table *table;  /* first choice */
  const moon_kernel_table *spare;  /* for the holes, or NULL */
  bool sim;
  int n_compute, wanted, turn;     /* streams made, to make, next to give */
  bool configured;
  int compute[MOON_MAX_COMPUTE];
  int io_stream;                   /* file ops': its index + 1; 0: none yet */
  struct moon__gpu *gpu;           /* NULL: workers run its ops; gpu.h */
} moon__device;

const moon_kernel *moon__device_kernel(const moon__device *d, int kernel);
const char *moon__kernel_name(int kernel);
/* Whose kernel ran: the device's own leaves what it does not cover to the spare
 * table's, and its plan says so (kernels/cpu/cpu.h). */
const char *moon__op_by(const moon_runtime *rt, const moon__op *op);

/* The device's stream for saving and loading, made when first asked for. */
int moon__stream_for_files(moon_runtime *rt, int device);

/* Looks for GPUs, once, and adds a device for each (cuda.c). Loop thread. */
void moon__cuda_open(moon_runtime *rt);
/* Why there are none; NULL if there are. */
const char *moon__cuda_absent(void);

/* --- sim -------------------------------------------------------------- */
typedef struct moon__access {      /* what the checker remembers of memory */
  const char *lo, *hi;
  moon__use use;
  bool write;
  const char *name;
} moon__access;

typedef struct moon__sim {
  moon_sim_options options;
  uint64_t draws;
  int64_t submitted;
  int running;                     /* L: ops being run */
  int64_t races;
  char report[256];
  int64_t clock[MOON_MAX_STREAMS][MOON_MAX_STREAMS];
  moon__access *access;
  int n_access, capacity;
} moon__sim;

/* --- io: jobs, core/file's begin with this ---------------------------- */
struct moon_job {
  struct moon_job *next;  /* L: in the io thread's queue */
  double ticket;          /* pushed when it was run */
};

/* --- the runtime ------------------------------------------------------ */
struct moon_runtime {
  pthread_mutex_t lock;
  pthread_cond_t work;             /* a sleeping worker may wake */
  pthread_cond_t parked;           /* one that is not wanted at the moment */
  cpu_set_t cores;                 /* the process's affinity mask */
  int n_cores;                     /* of it */
  pthread_cond_t idle;             /* an op retired; for *_wait */
  /* L */
  moon__op *ready_first, *ready_last;
  _Atomic int64_t ready_signal;    /* counts what spinning workers watch */
  int n_ready, spinners, sleepers, waiting_hosts, n_threads, n_started;
  bool closing;
  pthread_t worker[MOON_MAX_WORKERS];
  pthread_t io_thread;
  bool io_started;
  pthread_cond_t io_work;
  moon__op *io_first, *io_last;
  struct moon_job *job_first, *job_last;
  moon__edge *spare_edges;
  moon__after *spare_afters;
  moon__waiter *spare_waiters, *idle_waiters;
  int64_t ops, inline_ops, failed_ops;
  _Atomic int64_t in_flight;
  /* completion ring, L */
  double *ring;
  _Atomic int ring_count;          /* the loop thread looks without the lock */
  int ring_capacity;
  int event_fd;
  bool event_set;
  bool wake_loop, relayed;         /* once the lock is free, see lock.c */
  int loop_cpu;                    /* where the loop thread last ran */
  cpu_set_t spinning;              /* where workers look for work */
  int wake_workers;
  _Atomic int busy;                /* workers that work on an op */
  moon__pool op_pool, region_pool, storage_pool, tensor_pool;
  /* loop thread */
  int n_devices, n_streams;
  moon__device device[MOON_MAX_DEVICES];
  moon__stream *stream[MOON_MAX_STREAMS];
  moon__memory memory;
  bool looked_for_gpus;
  bool strict;                     /* see moon_set_strict */
  moon__sim sim;
  _Atomic int debug;
  char **site;
  int n_sites;
  _Atomic int interrupted;         /* MOON__NARROW or MOON__WIDE, or 0 */
  _Atomic(const moon_task *) aim;  /* whom Ctrl-C is for; NULL: everyone */
  moon_interrupt_call on_interrupt;
  struct moon__slots *dead_slots;  /* released, seed/slots.c */
  struct moon__late *late, *late_last;  /* running statistics, running.c */
  int n_late;
  _Atomic int n_tasks;             /* that have not ended */
  int64_t roots, next_tensor_id, next_storage_id, live_tensors, live_nodes,
      blocked_waits;
  _Atomic(moon_tensor *) released;  /* finalisers push here */
  double *dead_users;
  int n_dead_users, cap_dead_users;
};

/* lock.c: the loop and workers are woken once the lock is free. */
void moon__lock_open(moon_runtime *rt);
void moon__lock(moon_runtime *rt);
void moon__unlock(moon_runtime *rt);
void moon__lock_wait(moon_runtime *rt, pthread_cond_t *cond);
/* gpu_copy.c: whether operand `arg` of a transfer is in a GPU's memory. */
bool moon__transfer_is_far(const moon__op *op, int arg);
/* depend.c: edges from the op's touches; L. */
void moon__depend(moon_runtime *rt, moon__op *op);
bool moon__use_complete(const moon_runtime *rt, moon__use use);
/* Whether a next op on `stream` comes after `use` without another edge. */
bool moon__use_ordered(const moon_runtime *rt, int stream, moon__use use);
moon__op *moon__op_in_flight(moon_runtime *rt, moon__use use);  /* L, NULL */
/* queue.c; L. */
void moon__ready_push(moon_runtime *rt, moon__op *op);
moon__op *moon__ready_pick(moon_runtime *rt);
void moon__ready_remove(moon_runtime *rt, moon__op *op);
void moon__ready_wait(moon_runtime *rt);  /* gives the lock up meanwhile */
void moon__ready_wake(moon_runtime *rt);
/* retire.c; L: hands on errors, wakes who waits, frees the record. */
void moon__op_retire(moon_runtime *rt, moon__op *op);
/* Its error goes to its outputs and its task; what retiring begins with. */
void moon__op_settle(moon_runtime *rt, moon__op *op);
/* Those that wait only for its launch wait no longer. */
void moon__op_launched(moon_runtime *rt, moon__op *op);
/* Before it runs: whether an error stops it; drops failed options. */
bool moon__op_blocked(moon_runtime *rt, moon__op *op);
void moon__op_fail(moon__op *op, int status, int part, const char *text);
/* finite.c: debug; fails the op if an output is not finite. */
void moon__op_check_finite(moon__op *op);
/* ring.c; L. */
void moon__ring_push(moon_runtime *rt, double ticket);
void moon__loop_wake(int event_fd);           /* any thread, any time */
void moon__idle_wake(moon_runtime *rt);
/* interrupt.c; any time */
enum { MOON__NARROW = 1, MOON__WIDE = 2 };  /* the aim counts; it does not */
void moon__interrupt_forget(moon_runtime *rt);
int moon__interrupted(const moon_ctx *ctx);  /* a status; the flag is set */
/* worker.c */
int moon__workers_start(moon_runtime *rt, int n);
void moon__workers_stop(moon_runtime *rt);
/* Runs the whole op on this thread; not submitted to the queue. */
void moon__op_run_here(moon_runtime *rt, moon__op *op);
/* sim.c */
bool moon__sim_mutates(moon_runtime *rt, const moon__op *op, int which);
uint64_t moon__sim_draw(moon_runtime *rt);
void moon__sim_submit(moon_runtime *rt, moon__op *op);  /* L, after depend */
bool moon__sim_fails(moon_runtime *rt, moon__op *op);
void moon__sim_delay(moon_runtime *rt, moon__op *op);
void moon__sim_close(moon_runtime *rt);
/* check.c: the happens-before check; L */
void moon__sim_edge(moon_runtime *rt, int stream, moon__use use);
void moon__sim_check(moon_runtime *rt, moon__op *op);
void moon__sim_forget(moon_runtime *rt, const void *data, size_t nbytes);
/* io.c: the thread that waits for disks */
int moon__io_start(moon_runtime *rt);
void moon__io_stop(moon_runtime *rt);
void moon__io_push(moon_runtime *rt, moon__op *op);  /* L */
/* Of core/file: run on the io thread, and what file ops own. */
void moon__job_run(struct moon_job *job);
void moon__job_unref(struct moon_job *job);  /* the queue's hold */
void moon__save_free(void *plan);
extern const moon_kernel moon__save_kernel, moon__load_kernel,
    moon__fetch_kernel, moon__decode_kernel;
/* Of core/op, running.c: queues what waits for its place in program order, and
 * drops it. */
int moon__late_fold(moon_runtime *rt);
void moon__late_forget(moon_runtime *rt);
/* Of core/capture: a recording notes a draw of a task that has one. */
void moon__note_draw(moon_task *task, uint64_t key, uint64_t counter);
/* Of core/seed: frees what was released. */
void moon__slots_forget(moon_runtime *rt);
/* Of core/tensor: releases what finalisers have pushed. */
void moon__release_list_drain(moon_runtime *rt);
/* The stream that the context's ops on `device` are queued on. */
int moon__stream_for(moon_ctx *ctx, int device);

#endif
