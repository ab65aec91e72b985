/* A run's surroundings: generators, checks, slots, streams, digests. */
#include "stress.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int stress_passed, stress_failed;

void expect(world *w, bool ok, const char *format, ...) {
  va_list args;
  if (ok) {
    stress_passed++;
    return;
  }
  stress_failed++;
  if (stress_failed > 20) return;
  printf("seed %llu, %s, instruction %d: ", (unsigned long long)w->seed,
         w->how->name, w->instruction);
  va_start(args, format);
  vprintf(format, args);
  va_end(args);
  printf("\n");
}

void need(world *w, int status) {
  if (status >= 0) return;
  expect(w, false, "%s: %s", moon_status_name(status), moon_last_error());
  printf("%d passed, %d failed\n", stress_passed, stress_failed);
  exit(1);
}

/* splitmix64, Steele, Lea and Flood 2014 */
uint64_t draw(random64 *r) {
  uint64_t z = r->state += 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

int below(random64 *r, int n) { return (int)(draw(r) % (uint64_t)n); }

bool chance(world *w, int one_in) {
  return w->how->wild && below(&w->schedule, one_in) == 0;
}

void drop(moon_tensor *t) {
  if (t) moon_tensor_release(t);
}

/* --- shapes and slots ------------------------------------------------- */

static const int64_t shapes[KINDS][4] = {
    {4, 8, 12, 12}, {8, 8, 3, 3}, {4, 8}, {8, 8}, {8}, {64, 1024}};
static const int ndims[KINDS] = {4, 4, 2, 2, 1, 2};

int kind_ndim(int kind) { return ndims[kind]; }
const int64_t *kind_shape(int kind) { return shapes[kind]; }

int pick(world *w, int kind) {
  return below(&w->program, PER_KIND) * KINDS + kind;
}

moon_tensor *at(world *w, int kind) { return w->slot[pick(w, kind)]; }

void store_view(world *w, int kind, moon_tensor *t, int base) {
  int group = w->group[base], i = pick(w, kind);
  drop(w->slot[i]);
  w->slot[i] = t;
  w->group[i] = group;
}

void store(world *w, int kind, moon_tensor *t) {
  int i = pick(w, kind);
  drop(w->slot[i]);
  w->slot[i] = t;
  w->group[i] = ++w->groups;
}

void scaled(world *w, int kind, moon_tensor *t, double by) {
  moon_tensor *y;
  place(w);
  need(w, moon_unary(&w->ctx, MOON_U_MUL, t, by, &y));
  drop(t);
  store(w, kind, y);
}

moon_tensor *host_i64(world *w, int n, const int64_t *values) {
  moon_tensor *t;
  int64_t shape[1] = {n};
  need(w, moon_from_host(&w->ctx, MOON_I64, 1, shape, values,
                         (size_t)n * sizeof *values, &t));
  return t;
}

moon_tensor *cloned(world *w, moon_tensor *t) {
  moon_tensor *y;
  place(w);
  need(w, moon_clone(&w->ctx, t, &y));
  return y;
}

int settled(world *w, moon_tensor *t) {
  need(w, moon_tensor_wait(&w->ctx, t));
  return moon_tensor_error(t);
}

moon_tensor *on_host(world *w, moon_tensor *t) {
  moon_tensor *here;
  int host = moon_device_find(w->rt, "cpu");
  need(w, moon_to_device(&w->ctx, t, host, &here));
  need(w, settled(w, here));
  return here;
}

/* --- where and when --------------------------------------------------- */

static void watch_something(world *w) {
  double ticket = (double)(w->watched + 1);
  moon_event e = moon_stream_event(w->rt, w->ctx.stream);
  int status = chance(w, 2) ? moon_event_watch(&w->ctx, e, ticket)
                            : moon_idle_watch(&w->ctx, ticket);
  need(w, status);
  if (status == 0) w->watched++;
}

void place(world *w) {
  if (!w->how->wild) return;
  int before = w->ctx.stream;
  if (w->leases > 0 && chance(w, 4))
    w->ctx.stream = w->lease[below(&w->schedule, w->leases)];
  else
    w->ctx.stream = moon_stream_next(w->rt, w->ctx.device);
  need(w, w->ctx.stream);
  moon_event e = moon_stream_event(w->rt, before);
  if (chance(w, 16)) need(w, moon_stream_wait_event(w->rt, w->ctx.stream, e));
  if (chance(w, 100)) need(w, moon_event_wait(&w->ctx, e));
  if (chance(w, 24)) watch_something(w);
  if (chance(w, 40)) drain_tickets(w);
}

void drain_tickets(world *w) {
  double tickets[64];
  int n;
  while ((n = moon_completion_drain(w->rt, tickets, 64, 0)) > 0)
    w->arrived += n;
}

/* --- a run ------------------------------------------------------------ */

void world_open(world *w, const schedule *how, uint64_t seed) {
  memset(w, 0, sizeof *w);
  w->how = how;
  w->seed = seed;
  w->program.state = seed;
  w->schedule.state = seed ^ (uint64_t)how->threads << 32;
  need(w, moon_runtime_open(how->threads, &w->rt));
  int device = moon_device_find(w->rt, how->device);
  need(w, device);
  /* The check looks at all devices. */
  const char *wrap = how->wrap ? how->wrap : "cpu";
  moon_sim_options sim = {.rng_seed = seed, .max_delay_ns = 50000, .check = 1,
                          .wrap = moon_device_find(w->rt, wrap)};
  if (how->wrap || !strcmp(how->device, "cuda:0"))
    need(w, moon_sim_configure(w->rt, &sim));
  if (how->wild)
    need(w, moon_stream_configure(w->rt, device, how->streams));
  moon_debug(w->rt, how->debug);
  w->ctx = (moon_ctx){.rt = w->rt, .task = moon_task_new(w->rt, NULL),
                      .device = device};
  w->ctx.stream = moon_stream_default(w->rt, device);
  moon_task_seed(w->ctx.task, seed);
  for (int i = 0; i < SLOTS; i++) {
    int kind = i % KINDS;
    need(w, moon_random(&w->ctx, MOON_F32, MOON_RAND_NORMAL, 0, 0.5,
                        ndims[kind], shapes[kind], &w->slot[i]));
    w->group[i] = ++w->groups;
  }
  net_make(w);
}

/* FNV-1a over the values in logical order */
static uint64_t digest_dims(uint64_t hash, const moon_tensor *t, int dim,
                            const char *p) {
  int n_dims = moon_tensor_ndim(t);
  if (dim == n_dims) {
    uint32_t word;
    memcpy(&word, p, sizeof word);
    return (hash ^ word) * 1099511628211u;
  }
  const int64_t *shape = moon_tensor_shape(t);
  int64_t step = moon_tensor_strides(t)[dim] * 4;
  for (int64_t i = 0; i < shape[dim]; i++)
    hash = digest_dims(hash, t, dim + 1, p + i * step);
  return hash;
}

static uint64_t digest(world *w, moon_tensor *t) {
  int status = settled(w, t);
  expect(w, status == 0, "a slot carries %s: %s", moon_status_name(status),
         moon_last_error());
  moon_tensor *here = on_host(w, t);
  const char *p = moon_tensor_data(here);
  expect(w, p != NULL, "a complete tensor has no data");
  uint64_t hash = p ? digest_dims(14695981039346656037u, here, 0, p) : 0;
  drop(here);
  return hash;
}

void world_end_leg(world *w, int leg) {
  for (int i = 0; i < SLOTS; i++) w->digest[leg][i] = digest(w, w->slot[i]);
  for (int i = 0; i < NET_STATE; i++)
    w->digest[leg][SLOTS + i] = digest(w, w->net.tensor[i]);
  need(w, moon_idle_wait(&w->ctx));
  drain_tickets(w);
  expect(w, w->arrived == w->watched, "%lld of %lld tickets arrived",
         (long long)w->arrived, (long long)w->watched);
  int status = moon_task_take_error(w->ctx.task);
  int wanted = w->task_errors ? MOON_E_INDEX : 0;
  expect(w, status == wanted, "the task's error is %s, not %s: %s",
         moon_status_name(status), moon_status_name(wanted),
         moon_last_error());
  while (moon_task_take_error(w->ctx.task) < 0) continue;
  w->task_errors = 0;
}

void world_close(world *w) {
  moon_stats stats;
  for (int i = 0; i < SLOTS; i++) drop(w->slot[i]);
  net_drop(w);
  while (w->leases > 0)
    need(w, moon_stream_release(w->rt, w->lease[--w->leases]));
  need(w, moon_idle_wait(&w->ctx));
  moon_task_release(w->ctx.task);
  moon_stats_read(w->rt, &stats);
  expect(w, stats.live_tensors == 0, "%lld tensors live at the end",
         (long long)stats.live_tensors);
  expect(w, stats.live_nodes == 0, "%lld graph nodes live at the end",
         (long long)stats.live_nodes);
  expect(w, stats.live_bytes == 0, "%lld bytes live at the end",
         (long long)stats.live_bytes);
  expect(w, stats.in_flight == 0, "%lld ops in flight at the end",
         (long long)stats.in_flight);
  int64_t races = moon_sim_races(w->rt);
  expect(w, races == 0, "sim found %lld races: %s", (long long)races,
         moon_last_error());
  moon_runtime_close_wait(w->rt);
}
