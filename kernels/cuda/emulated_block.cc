/* The threads of one block of the emulated GPU: one after the other, or, where
 * they meet, each on a stack of its own. */
#undef _FORTIFY_SOURCE  /* its longjmp takes other stacks for a mistake */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>
#include "launch.h"

thread_local dim3 threadIdx, blockIdx, blockDim, gridDim;

enum { MOST = 1024, STACK = 64 * 1024, WARP = 32 };

/* The first switch to a thread is ucontext's; those after it are jumps, which
 * make no system calls. */
typedef struct fiber {
  ucontext_t start;
  jmp_buf at;
  dim3 index;
  bool begun, ended;
  int64_t barriers, exchanges;  /* that it has come to */
} fiber;

typedef struct team {
  fiber *one;
  char *stacks;
  ucontext_t host;
  jmp_buf back;
  int n, now;
  moon_emulated_thread *thread;
  void *arguments;
  uint64_t given[2][MOST];      /* by turns: the next may come early */
  int64_t met, warp_met[MOST / WARP];  /* what all are known to have come to */
} team;

static thread_local team *live;

static void leave(void) {
  fiber *f = &live->one[live->now];
  if (!_setjmp(f->at)) _longjmp(live->back, 1);
  threadIdx = f->index;
}

static void begin(void) {
  team *t = live;
  t->thread(t->arguments);
  t->one[t->now].ended = true;
  _longjmp(t->back, 1);
}

/* Until `of` threads from `first` on have come as far as this one; *met is what
 * they all have come to. */
static void meet(int first, int of, int64_t fiber::*count, int64_t *met) {
  fiber *self = &live->one[live->now];
  int64_t wanted = ++(self->*count);
  while (*met < wanted) {
    int i = first + of - 1;  /* the last ones come last */
    for (; i >= first; i--) {
      fiber *f = &live->one[i];
      if (!f->ended && f->*count < wanted) break;
    }
    if (i < first) *met = wanted; else leave();
  }
}

static void need_team(const char *what) {
  if (live) return;
  fprintf(stderr, "emulated GPU: %s in a kernel that was launched by "
          "MOON_LAUNCH, not MOON_LAUNCH_TOGETHER\n", what);
  abort();
}

void __syncthreads() {
  need_team("__syncthreads");
  meet(0, live->n, &fiber::barriers, &live->met);
}

uint64_t moon_emulated_exchange(uint64_t bits, int mask) {
  need_team("a shuffle");
  team *t = live;
  int self = t->now, first = self / WARP * WARP;
  int of = t->n - first < WARP ? t->n - first : WARP;
  int turn = (int)(t->one[self].exchanges % 2);
  t->given[turn][self] = bits;
  meet(first, of, &fiber::exchanges, &t->warp_met[self / WARP]);
  int other = first + ((self - first) ^ mask);
  return other < t->n ? t->given[turn][other] : bits;
}

static dim3 index_of(int i) {
  unsigned at = (unsigned)i;
  return dim3(at % blockDim.x, at / blockDim.x % blockDim.y,
              at / blockDim.x / blockDim.y);
}

/* A function of its own: getcontext may return twice for all gcc knows. */
static void __attribute__((noinline)) make_fiber(team *t, int i) {
  fiber *f = &t->one[i];
  *f = fiber{};
  f->index = index_of(i);
  getcontext(&f->start);
  f->start.uc_stack.ss_sp = t->stacks + (size_t)i * STACK;
  f->start.uc_stack.ss_size = STACK;
  makecontext(&f->start, begin, 0);
}

static void __attribute__((noinline)) resume(team *t, fiber *f) {
  if (_setjmp(t->back)) return;
  if (f->begun) _longjmp(f->at, 1);
  f->begun = true;
  swapcontext(&t->host, &f->start);
}

static thread_local team own;

static void run_together(team *t) {
  live = t;
  t->met = 0;
  memset(t->warp_met, 0, sizeof t->warp_met);
  for (int i = 0; i < t->n; i++) make_fiber(t, i);
  for (bool more = true; more;) {
    more = false;
    for (t->now = 0; t->now < t->n; t->now++) {
      fiber *f = &t->one[t->now];
      if (f->ended) continue;
      more = true;
      threadIdx = f->index;
      resume(t, f);
    }
  }
  live = NULL;
}

void moon_emulated_block(moon_emulated_thread *thread, void *arguments,
                         bool together) {
  int n = (int)(blockDim.x * blockDim.y * blockDim.z);
  if (!together) {
    for (int i = 0; i < n; i++) {
      threadIdx = index_of(i);
      thread(arguments);
    }
    return;
  }
  if (!own.one) {
    own.one = (fiber *)calloc(MOST, sizeof *own.one);
    own.stacks = (char *)malloc((size_t)MOST * STACK);
  }
  own.n = n;
  own.thread = thread;
  own.arguments = arguments;
  run_together(&own);
}

void moon_emulated_block_end() {
  free(own.one);
  free(own.stacks);
}
