/* What bytes cost: the time of a loop that does nothing but read some arrays
 * and write others, on pinned threads, each with its share of all of them.
 * Loaded by bytes.lua; it uses nothing of Moonseed.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { MOST = 4, THREADS = 16, HUGE_PAGE = 1 << 21 };
typedef float line __attribute__((vector_size(64)));

typedef struct job {
  int reads, writes, past_cache, turns, threads;
  size_t lines;               /* of each array */
  const line *from[MOST];
  line *to[MOST];
  pthread_barrier_t start;
} job;

typedef struct worker {
  job *job;
  int index;
  double begin, end;
  line sum;                   /* so that no read is dropped */
} worker;

/* Calls that go past the caches take their arrays one after another from an
 * arena of this size, so that none of it is still held. It is full of numbers,
 * no two lines alike: lines of zeros were moved in two thirds of the time
 * (AMD Zen 4). */
static const size_t arena_size = (size_t)1 << 30;

static line *arena(void) {
  static line *memory;
  if (memory) return memory;
  memory = aligned_alloc(HUGE_PAGE, arena_size);
  if (!memory) return NULL;
  madvise(memory, arena_size, MADV_HUGEPAGE);
  uint32_t bits = 1;
  for (size_t i = 0; i < arena_size / sizeof *memory; i++) {
    for (int k = 0; k < 16; k++) {
      bits = bits * 1664525 + 1013904223;
      memory[i][k] = 1 + (float)(bits >> 8) * 0x1p-24f;
    }
  }
  return memory;
}

static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static inline void store(line *to, line v, int past_cache) {
#if defined(__AVX512F__)
  if (past_cache) {
    __builtin_ia32_movntps512((float *)to, v);
    return;
  }
#elif defined(__AVX__)
  typedef float half __attribute__((vector_size(32)));
  if (past_cache) {
    half h[2];
    memcpy(h, &v, sizeof v);
    __builtin_ia32_movntps256((float *)to, h[0]);
    __builtin_ia32_movntps256((float *)to + 8, h[1]);
    return;
  }
#endif
  (void)past_cache;
  *to = v;
}

static inline __attribute__((always_inline)) line loop(
    const job *j, int reads, int writes, int past_cache, size_t lo,
    size_t hi) {
  const line one = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
  line total[4] = {{0}};
  for (size_t i = lo; i < hi; i++) {
    line sum = one;
    for (int k = 0; k < reads; k++) sum += j->from[k][i];
    if (writes == 0) total[i % 4] += sum;
    for (int k = 0; k < writes; k++) store(&j->to[k][i], sum, past_cache);
  }
  return total[0] + total[1] + total[2] + total[3];
}

/* The mixes of reads and writes that there are. */
#define MIXES(X) \
  X(1, 0) X(2, 0) X(3, 0) X(0, 1) X(1, 1) X(2, 1) X(3, 1) X(3, 2) X(4, 2) \
  X(2, 4) X(4, 1) X(1, 2) X(1, 4)

static line share(const job *j, size_t lo, size_t hi) {
#define MIX(r, w)                                      \
  if (j->reads == r && j->writes == w) {               \
    return j->past_cache ? loop(j, r, w, 1, lo, hi)    \
                         : loop(j, r, w, 0, lo, hi);   \
  }
  MIXES(MIX)
  abort();
}

static void pin(int index) {
  cpu_set_t all, one;
  CPU_ZERO(&one);
  sched_getaffinity(0, sizeof all, &all);
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    if (!CPU_ISSET(cpu, &all) || index-- > 0) continue;
    CPU_SET(cpu, &one);
    pthread_setaffinity_np(pthread_self(), sizeof one, &one);
    return;
  }
}

static void *work(void *arg) {
  worker *w = arg;
  job *j = w->job;
  size_t n = (size_t)j->threads, k = (size_t)w->index;
  size_t lo = j->lines * k / n, hi = j->lines * (k + 1) / n;
  pin(w->index);
  if (j->turns > 1) w->sum = share(j, lo, hi);  /* warms the caches */
  pthread_barrier_wait(&j->start);
  w->begin = now_ms();
  for (int turn = 0; turn < j->turns; turn++) w->sum += share(j, lo, hi);
  w->end = now_ms();
  return NULL;
}

/* Gives the job its arrays. */
static int place(job *j) {
  static size_t next;
  line *memory = arena();
  size_t need = (size_t)(j->reads + j->writes) * j->lines;
  size_t lines = arena_size / sizeof(line);
  if (!memory || need > lines) return 0;
  if (!j->past_cache || next + need > lines) next = 0;
  for (int k = 0; k < j->reads + j->writes; k++, next += j->lines) {
    if (k < j->reads) {
      j->from[k] = memory + next;
    } else {
      j->to[k - j->reads] = memory + next;
    }
  }
  return 1;
}

/* Milliseconds to read `reads` arrays of `nbytes` and write `writes` others;
 * negative where there is no room. Past the caches, stores are non-temporal;
 * else it is the mean of several turns, the caches warm. */
double traffic_ms(int reads, int writes, double nbytes, int threads,
                  int past_cache) {
  worker w[THREADS] = {{0}};
  pthread_t id[THREADS];
  job j = {.reads = reads, .writes = writes, .past_cache = past_cache,
           .turns = past_cache ? 1 : 20, .threads = threads,
           .lines = (size_t)nbytes / sizeof(line)};
  if (threads < 1 || threads > THREADS || !place(&j)) return -1;
  pthread_barrier_init(&j.start, NULL, (unsigned)threads);
  for (int k = 0; k < threads; k++) {
    w[k] = (worker){.job = &j, .index = k};
    if (pthread_create(&id[k], NULL, work, &w[k])) abort();
  }
  double begin = 1e300, end = 0;
  for (int k = 0; k < threads; k++) {
    pthread_join(id[k], NULL);
    if (w[k].begin < begin) begin = w[k].begin;
    if (w[k].end > end) end = w[k].end;
  }
  pthread_barrier_destroy(&j.start);
  return (end - begin) / j.turns;
}
