/* A GPU: its ops go to one thread that launches them, in an order that their
 * edges allow, each into its stream's queue on the device; what must come first
 * in another queue is waited for there. A second thread waits for events and
 * retires what they say is complete. What would keep the launching thread has
 * threads of its own: looks at indices, and large copies.
 *
 * L: guarded by the runtime's lock. The rest is the launching thread's. The
 * driver is never called with that lock: it blocks when its queues are full or
 * it loads code, and the loop must not wait for that.
 */
#ifndef MOON_DEVICE_GPU_H
#define MOON_DEVICE_GPU_H
#include "../../kernels/gpu.h"
#include "device.h"

/* A stream's queue, and memory that its ops use in turn. */
typedef struct moon__lane {
  void *queue;
  void *scratch;
  size_t nbytes;
  int64_t launched, told;   /* the last sequence, the last with a notice */
} moon__lane;

/* "All of `stream` up to `sequence` is complete once `event` is there", or,
 * with an op, that its values were looked at. */
typedef struct moon__notice {
  struct moon__notice *next;
  void *event;
  int stream;
  int64_t sequence;
  moon__op *looked;
  struct moon__gpu *gpu;
} moon__notice;

/* A thread that waits for notices. Looks have one of their own: they must not
 * queue behind a long kernel. */
typedef struct moon__waits {
  struct moon__gpu *gpu;
  pthread_t thread;
  pthread_cond_t more;
  moon__notice *first, *last;   /* L */
} moon__waits;

typedef struct moon__spare { struct moon__spare *next; void *p; size_t nbytes; }
    moon__spare;

/* A piece of pinned memory that a large copy goes through. */
typedef struct moon__piece {
  struct moon__piece *next;
  void *p, *event;              /* there when the device is done with it */
  char *to;                     /* then it is for here, of the host; or NULL */
  size_t nbytes;
} moon__piece;

/* A thread that carries the large copies of one direction, gpu_carry.c. */
typedef struct moon__carrier {
  struct moon__gpu *gpu;
  pthread_t thread;
  pthread_cond_t work, back;    /* a copy; a piece */
  moon__op *first, *last;       /* L */
  moon__piece *spare;           /* L */
  int n;                        /* pieces that were made */
} moon__carrier;

typedef struct moon__gpu {
  moon_runtime *rt;
  const moon_gpu_driver *driver;
  int number;                   /* the driver's */
  char name[24];                /* "cuda:0" */
  moon_gpu_info info;
  moon__memory memory;
  pthread_t launcher;
  pthread_cond_t work;
  bool started, asleep;         /* L */
  bool calls_host;              /* to compare: the driver calls, nobody waits */
  moon__op *first, *last;       /* L: nothing that they wait for is left */
  moon__lane lane[MOON_MAX_STREAMS];
  void *urgent;                 /* the queue of looks */
  moon__waits ends, looks;
  moon__carrier to_device, to_host;
  moon__spare *events;          /* L: not in use */
  moon__spare *small;           /* L: likewise, of `small_page`, for copies */
  void *small_page;
  _Atomic size_t pinned_bytes;  /* of the host's memory, for good */
  pthread_mutex_t retiring;     /* one thread at a time, taken before L */
  moon__spare *notices;         /* for looks; pieces of `notice_page` */
  void *notice_page;
  _Atomic bool lost;            /* nothing works any more; set once, L, */
  char why[MOON_FAIL_TEXT];     /* after this was written */
} moon__gpu;

/* gpu.c. L: nothing is left that the op waits for. */
void moon__gpu_push(moon__gpu *gpu, moon__op *op);
void *moon__gpu_launch_main(void *gpu);
/* Names the device, which what the driver says does not. */
void moon__gpu_fail_op(const moon__gpu *gpu, moon__op *op, int status,
                       const moon_fail *fail);

/* gpu_open.c. Memory: any thread; NULL where there is none left. */
void *moon__gpu_memory_new(moon__gpu *gpu, size_t nbytes);
void moon__gpu_memory_free(moon__gpu *gpu, void *p);
int moon__gpu_start(moon__gpu *gpu);
void moon__gpus_close(moon_runtime *rt);

/* gpu_wait.c. Launching thread, not L: an event behind what `queue` was given,
 * from the pool; or NULL. */
void *moon__gpu_event(moon__gpu *gpu, void *queue);
void moon__gpu_event_give(moon__gpu *gpu, void *event);  /* L */
/* Launching thread, not L: what the lane was given so far gets a notice. */
void moon__gpu_tell(moon__gpu *gpu, int stream);
void moon__gpu_tell_look(moon__gpu *gpu, moon__op *op);
void *moon__gpu_wait_main(void *waits);
/* L: the device has failed for good. */
void moon__gpu_lose(moon__gpu *gpu, const char *why);

/* gpu_copy.c: copies between memories, by way of pinned memory. Where they run
 * is core/op/run.c's to say; the op's two operands lie alike. */
typedef struct moon__transfer {
  int direction, from, to;      /* MOON_GPU_*, the runtime's devices */
  size_t nbytes;
  moon__spare *small;           /* its pinned memory, where that is enough, */
  moon__piece *first, *last;    /* or pieces that are under way, oldest first */
  int n_pieces;
} moon__transfer;
/* Launching thread. Whether the copy needs no pieces; it has what it needs. */
bool moon__gpu_is_small(moon__gpu *gpu, moon__transfer *t);
int moon__gpu_transfer(moon__gpu *gpu, moon__op *op, void *queue,
                       moon_fail *fail);
/* The device's part is done: the rest, and the memory back; not L. */
void moon__gpu_transfer_end(moon__gpu *gpu, moon__op *op);

/* gpu_carry.c. Launching thread; true: a carrier has taken the op over, and
 * pushes it when all of it is in its queue. */
bool moon__gpu_carry(moon__gpu *gpu, moon__op *op);
void *moon__gpu_carry_main(void *carrier);
/* The device's part of a copy is done, the host's is if it went well. */
void moon__gpu_carried(moon__gpu *gpu, moon__transfer *t, bool fine);
void moon__gpu_pieces_free(moon__carrier *c);
int moon__gpu_pinned_new(moon__gpu *gpu, size_t nbytes, void **out);

/* debug: looks at the op's outputs, and waits for them. */
void moon__gpu_check_finite(moon__gpu *gpu, moon__op *op, void *queue);

#endif
