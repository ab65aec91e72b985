/* The stress driver: one random program under many schedules.
 *
 * A program is a sequence of instructions drawn from `program`, a generator
 * whose numbers depend on the seed alone. `schedule` draws everything that must
 * not matter: streams, events, waits, leases, thread counts, the order in which
 * tasks submit. The reference run has one thread and one stream; every other
 * run of the same seed must end every leg with the same bits, and must leave
 * nothing behind.
 *
 * It uses the public interface alone.
 */
#ifndef STRESS_H
#define STRESS_H
#include <stdbool.h>
#include "../../core/moonseed.h"

/* Slots hold tensors of fixed shapes: slot i has kind i % KINDS. */
enum { IMAGE, FILTER, MATRIX, SQUARE, VECTOR, BIG, KINDS, PER_KIND = 4 };
enum { SLOTS = KINDS * PER_KIND, LEGS = 6, LEG_LENGTH = 60, MAX_LEASES = 4 };
enum { PARAMETERS = 6, NET_STATE = 2 * PARAMETERS + 2 };

typedef struct random64 { uint64_t state; } random64;

typedef struct schedule {
  const char *name, *device;
  const char *wrap;   /* sim: the device whose kernels run */
  int threads, streams, debug;
  bool wild;          /* false: one stream, nothing drawn from `schedule` */
} schedule;

/* A small network that trains: parameters, velocities, running statistics. */
typedef struct network { moon_tensor *tensor[NET_STATE]; } network;

typedef struct world {
  moon_runtime *rt;
  moon_ctx ctx;
  const schedule *how;
  uint64_t seed;
  int instruction;
  random64 program, schedule;
  moon_tensor *slot[SLOTS];
  int group[SLOTS], groups;   /* slots of one group share memory */
  network net;
  int lease[MAX_LEASES], leases;
  int64_t watched, arrived;   /* completion tickets */
  int task_errors;            /* in-place ops that must have failed */
  uint64_t digest[LEGS][SLOTS + NET_STATE];
} world;

/* --- world.c ------------------------------------------------------------- */
extern int stress_passed, stress_failed;
/* Counts a check and says where it failed. */
void expect(world *w, bool ok, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Ends the process when a call that must work has failed. */
void need(world *w, int status);
uint64_t draw(random64 *r);
int below(random64 *r, int n);               /* in [0, n) */
bool chance(world *w, int one_in);           /* of the schedule */
void place(world *w);                        /* a stream for the next op */
void drop(moon_tensor *t);                   /* release; NULL is allowed */
int kind_ndim(int kind);
const int64_t *kind_shape(int kind);
int pick(world *w, int kind);                /* a slot of that kind */
moon_tensor *at(world *w, int kind);         /* its tensor, borrowed */
/* Takes `t` over into a slot. As a view it shares memory with slot `base`. */
void store(world *w, int kind, moon_tensor *t);
void store_view(world *w, int kind, moon_tensor *t, int base);
void scaled(world *w, int kind, moon_tensor *t, double by);  /* and stored */
moon_tensor *host_i64(world *w, int n, const int64_t *values);
moon_tensor *cloned(world *w, moon_tensor *t);
int settled(world *w, moon_tensor *t);       /* waits; the error it carries */
moon_tensor *on_host(world *w, moon_tensor *t);  /* waits for it too */
void world_open(world *w, const schedule *how, uint64_t seed);
void world_end_leg(world *w, int leg);       /* waits, digests, checks */
void world_close(world *w);
void drain_tickets(world *w);

/* --- instructions -------------------------------------------------------- */
typedef struct instruction {
  const char *name;
  void (*run)(world *w);
  int weight;
} instruction;

extern const instruction tensor_instructions[];   /* tensors.c */
extern const instruction neural_instructions[];   /* neural.c */
extern const instruction trouble_instructions[];  /* trouble.c */
extern const instruction grad_instructions[];     /* grads.c */
void net_make(world *w);
void net_drop(world *w);

#endif
