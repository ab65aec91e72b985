/* Capture: what a function queues, recorded, and queued anew without it.
 *
 * A recording is a list of entries in program order: ops, with where each
 * operand's memory comes from (a slot); and what else such a function does to
 * the program: draws of random numbers, changes of leaves' gradients, batches'
 * statistics for running.c, tasks for isolated parts, places where the caller
 * does something by itself (a host part). A replay walks the list and submits
 * each op by moon__run, so order, errors, versions, streams and checks are as
 * they are for ops that the function itself queues.
 *
 * An op's operands are kept as tensors without memory (specs), which a replay
 * lends the memory of the moment. Loop thread only. */
#ifndef MOON_CAPTURE_H
#define MOON_CAPTURE_H
#include "../op/shared.h"

typedef enum moon__origin {
  MOON__GIVEN,    /* an argument, what a host part gave, a leaf's gradient */
  MOON__OUTER,    /* was there before; the recording holds it */
  MOON__MADE,     /* allocated at its first use, released after its last */
  MOON__CONSTANT  /* written by the host */
} moon__origin;

typedef struct moon__slot {
  int origin;
  int32_t device;
  size_t nbytes;
  moon_tensor *held;  /* OUTER, and CONSTANT unless fresh: an alias, held */
  void *bytes;        /* CONSTANT if fresh: what the host wrote */
  bool fresh;         /* it is written, or goes out: a CONSTANT is made anew */
  int64_t offset;     /* GIVEN: of the tensor that was given, in elements */
  int last;           /* the entry that uses it last */
  int next_idle;      /* another slot with the same last entry; -1 */
} moon__slot;

typedef struct moon__spec {
  int slot;
  int64_t offset;     /* as it was; t's own is a replay's */
  moon_tensor t;
} moon__spec;

typedef enum moon__deed {
  MOON__DO_RUN,    /* spec, arg, params, kernel, name, draw */
  MOON__DO_LATE,   /* spec: m, v, mean, var; params: momentum */
  MOON__DO_DRAW,
  MOON__DO_LOOK,   /* leaf; its gradient becomes spec[0]'s slot, or is absent */
  MOON__DO_GRAD,   /* leaf; spec[0], or none, becomes its gradient */
  MOON__DO_TASK,   /* child, words */
  MOON__DO_LEAVE,  /* words */
  MOON__DO_HOST,   /* spec: n that are passed, then n_given that come out */
  MOON__DO_END
} moon__deed;

typedef struct moon__entry {
  int deed, task;         /* whose; of TASK the parent */
  int64_t skip;           /* keys that went to other things before it */
  int32_t device, stream, site, grad_mode, autocast, again;
  bool away;              /* not on the stream that the function began on */
  bool owned;             /* LOOK, GRAD: it is the task's own sum */
  int n, n_given, draw, child, first_idle;
  const char *name;
  int kernel;
  moon_params *params;
  moon__spec *spec;
  moon__arg *arg;         /* [n], their shapes in `as` */
  moon__shape *as;
  moon_tensor *leaf;      /* held */
  uint64_t *words;
} moon__entry;

/* A task that takes part: 0 is the caller's. */
typedef struct moon__part {
  moon_task *task;            /* held while recording */
  int64_t next;               /* the sequence after what was noted last */
  uint64_t key, draws, children;  /* where its generator should be */
  bool repeats;               /* draws what was drawn before */
} moon__part;

typedef struct moon__drawn { int task; uint64_t key, counter; } moon__drawn;

/* Numbers by key; keys are not 0. */
typedef struct moon__table {
  int n, room;
  int64_t *key;
  int *value;
} moon__table;

typedef struct moon__argument {
  int slot;              /* -1: `held` itself is to be given */
  moon_tensor *held;
  moon__spec spec;
} moon__argument;

typedef struct moon__source { moon_tensor *t; bool needs; } moon__source;

struct moon_recording {
  int refs;                   /* the caller's and replays' */
  moon_runtime *rt;
  int64_t id, first_tensor;   /* tensors after this one were made inside */
  moon_ctx ctx;               /* at the beginning; its task is part 0 */
  int strict;
  const char *never;          /* why it cannot be replayed, or NULL */
  bool open, unsure;
  int segment;                /* host parts so far */
  int64_t n_runs;
  moon__part paused;          /* the generator when a host part began */
  moon__table slots, leaves, sources_at;
  moon__slot *slot;
  moon__entry *entry;
  moon__part *part;
  moon__drawn *drawn;
  moon__argument *argument;
  moon__source *source;
  moon__spec *result;
  int *look;                  /* LOOK entries before the first host part */
  int n_slots, n_entries, n_parts, n_drawn, n_arguments, n_sources, n_results,
      n_looks;
  int cap_slots, cap_entries, cap_parts, cap_drawn, cap_arguments,
      cap_sources, cap_results, cap_looks;
};

/* A place for one more of a list: &list[n - 1] after n is raised. */
#define MOON__MORE(list, n, cap)                                             \
  ((n) == (cap)                                                              \
       ? (void)((cap) = (cap) ? 2 * (cap) : 16,                              \
                (list) = moon__realloc((list), (size_t)(cap) * sizeof *(list)))\
       : (void)0,                                                            \
   (list)[(n)++] = (__typeof__(*(list))){0}, &(list)[(n)-1])

/* table.c */
int moon__table_find(const moon__table *t, int64_t key);  /* -1 */
void moon__table_put(moon__table *t, int64_t key, int value);
void moon__table_free(moon__table *t);
/* slots.c: t's slot; t as it is seen there, used by the newest entry. */
int moon__slot_of(moon_recording *r, const moon_tensor *t);
/* A slot that is bound from outside, for t; from here on t's memory is it. */
int moon__slot_given(moon_recording *r, const moon_tensor *t);
/* A stand-in for t, whose uses are found to have a slot of their own. */
moon_tensor *moon__slot_stand_in(moon_recording *r, moon_tensor *t,
                                 int *slot);
void moon__spec_fill(moon_recording *r, moon__spec *s, const moon_tensor *t,
                     int slot);
/* note.c: one more entry, of ctx's task, with n specs. */
moon__entry *moon__entry_new(moon_recording *r, const moon_ctx *ctx, int deed,
                             int n);
int moon__part_of(moon_recording *r, const moon_task *task);  /* -1 */
void moon__note_begin(moon_recording *r, moon_task *task);
void moon__note_end(moon_recording *r, moon_ctx *ctx);
void moon__never(moon_recording *r, const char *why);

#endif
