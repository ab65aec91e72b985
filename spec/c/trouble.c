/* Instructions that get in the way: errors, cancelled tasks, the memory limit,
 * leases, thread counts, files, other runtimes, Ctrl-C. What depends on timing
 * never reaches a slot. */
#include "stress.h"
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

/* An error rides along to whoever waits. */
static void bad_label(world *w) {
  static const int64_t values[] = {0, 1, 8, 2};
  moon_tensor *labels = host_i64(w, 4, values), *loss, *y;
  place(w);
  need(w, moon_cross_entropy(&w->ctx, at(w, MATRIX), labels, NULL, NULL,
                             &loss));
  place(w);
  need(w, moon_unary(&w->ctx, MOON_U_MUL, loss, 2, &y));
  drop(loss);
  drop(labels);
  int status = settled(w, y);
  expect(w, status == MOON_E_INDEX, "label 8 of 8 classes gives %s",
         moon_status_name(status));
  expect(w, moon_tensor_data(y) == NULL, "a failed tensor has data");
  drop(y);
}

/* An in-place op with a failed input writes nothing; the task hears of it.
 * The reference run leaves it out. */
static void bad_update(world *w) {
  static const int64_t values[] = {0, -1, 3, 2};
  moon_tensor *labels = host_i64(w, 4, values), *loss;
  moon_tensor *x = at(w, MATRIX), *target = at(w, VECTOR);
  place(w);
  need(w, moon_cross_entropy(&w->ctx, x, labels, NULL, NULL, &loss));
  drop(labels);
  if (w->how->wild) {
    place(w);
    need(w, moon_add_into(&w->ctx, target, loss, 1));
    w->task_errors++;
  }
  drop(loss);
}

/* A blend goes on without a seed's output that carries an error. */
static void bad_seed(world *w) {
  static const int64_t values[] = {0, 1, 9, 2};
  moon_tensor *labels = host_i64(w, 4, values), *loss, *y;
  moon_blend_inputs in = {.h = at(w, IMAGE), .x = at(w, IMAGE)};
  int kind = below(&w->program, 2);
  place(w);
  need(w, moon_cross_entropy(&w->ctx, at(w, MATRIX), labels, NULL, NULL,
                             &loss));
  drop(labels);
  place(w);
  need(w, moon_binary(&w->ctx, MOON_B_MUL, in.h, loss, &in.s));
  drop(loss);
  place(w);
  need(w, moon_full(&w->ctx, MOON_F32, 0, NULL, 0.5, &in.alpha));
  place(w);
  need(w, moon_blend(&w->ctx, kind, &in, &y));
  drop(in.s);
  drop(in.alpha);
  store(w, IMAGE, y);
}

static void bad_call(world *w) {
  moon_tensor *x = at(w, SQUARE), *big = at(w, BIG), *y = NULL;
  int status = moon_matmul(&w->ctx, x, big, &y);
  expect(w, status == MOON_E_SHAPE && !y, "8x8 by 64x1024 gives %s",
         moon_status_name(status));
}

/* A child task is cancelled while its ops are queued and running. */
static void cancel(world *w) {
  moon_task *task = moon_task_new(w->rt, w->ctx.task);
  moon_tensor *x = cloned(w, at(w, BIG));
  moon_ctx ctx = w->ctx;
  ctx.task = task;
  for (int i = 0; i < 6; i++) {
    moon_tensor *y;
    place(w);
    ctx.stream = w->ctx.stream;
    if (i == 4) moon_task_cancel(task);
    int status = moon_unary(&ctx, MOON_U_RELU, x, 0, &y);
    if (status == MOON_E_CANCELLED) break;
    need(w, status);
    drop(x);
    x = y;
  }
  int status = settled(w, x);
  expect(w, status == 0 || status == MOON_E_CANCELLED,
         "an op of a cancelled task ends with %s", moon_status_name(status));
  drop(x);
  moon_task_release(task);
}

static int64_t limit_of(world *w) {
  const char *name;
  double total, limit;
  moon_stats stats;
  if (moon_gpu_facts(w->rt, w->ctx.device, &name, &total, &limit))
    return (int64_t)limit;
  moon_stats_read(w->rt, &stats);
  return stats.limit_bytes;
}

/* The limit is met by one large tensor, and by many small ones. */
static void memory_limit(world *w) {
  static const int64_t large[] = {64 << 20};
  moon_tensor *kept[64], *never = NULL, *x = at(w, BIG);
  moon_stats stats;
  int n = 0, status = 0, device = w->ctx.device;
  if (!w->how->wild) return;
  need(w, moon_idle_wait(&w->ctx));
  moon_stats_read(w->rt, &stats);
  int64_t limit = limit_of(w);
  need(w, moon_set_memory_limit(w->rt, device,
                                stats.live_bytes + stats.cached_bytes +
                                    (4 << 20)));
  int too_large = moon_empty(&w->ctx, MOON_F32, 1, large, &never);
  expect(w, too_large == MOON_E_MEMORY && !never, "256 MB over the limit: %s",
         moon_status_name(too_large));
  while (n < 64 && status == 0) {
    place(w);
    status = moon_unary(&w->ctx, MOON_U_NEG, x, 0, &kept[n]);
    if (status == 0) n++;
  }
  expect(w, status == 0 || status == MOON_E_MEMORY, "at the limit: %s",
         moon_status_name(status));
  while (n > 0) drop(kept[--n]);
  need(w, moon_idle_wait(&w->ctx));
  need(w, moon_set_memory_limit(w->rt, device, limit));
  if (chance(w, 2)) moon_memory_trim(w->rt);
}

static void threads(world *w) {
  if (!w->how->wild) return;
  need(w, moon_set_threads(w->rt, 1 + below(&w->schedule, 4)));
}

static void lease(world *w) {
  if (!w->how->wild) return;
  if (w->leases == MAX_LEASES) {
    need(w, moon_stream_release(w->rt, w->lease[--w->leases]));
    return;
  }
  int stream = moon_stream_lease(w->rt, w->ctx.device);
  need(w, stream);
  for (int i = 0; i < w->leases; i++)
    expect(w, w->lease[i] != stream, "stream %d is leased twice", stream);
  w->lease[w->leases++] = stream;
}

static void look_around(world *w) {
  moon_stats stats;
  moon_stream_stats stream;
  moon_op_span span[8];
  if (!w->how->wild) return;
  moon_stats_read(w->rt, &stats);
  expect(w, stats.live_tensors >= SLOTS, "%lld tensors live",
         (long long)stats.live_tensors);
  need(w, moon_stream_stats_read(w->rt, w->ctx.stream, &stream));
  int n = moon_stream_recent(w->rt, w->ctx.stream, span, 8);
  for (int i = 0; i < n; i++)
    expect(w, span[i].submit_ns <= span[i].start_ns &&
                  span[i].start_ns <= span[i].end_ns,
           "%s ran before it was submitted", span[i].name);
}

static void interrupt(world *w) {
  moon_tensor *never = NULL, *x = at(w, VECTOR);
  if (!w->how->wild) return;
  moon_interrupt_raise(w->rt);
  int status = moon_unary(&w->ctx, MOON_U_NEG, x, 0, &never);
  expect(w, status == MOON_E_INTERRUPTED && !never, "Ctrl-C gives %s",
         moon_status_name(status));
  expect(w, moon_interrupt_take(w->rt) == 1, "no interrupt to take");
}

/* A second runtime, opened and closed while the first one is at work. */
static void other_runtime(world *w) {
  static const int64_t shape[] = {64, 64};
  if (!w->how->wild) return;
  moon_runtime *rt;
  moon_tensor *x, *y;
  need(w, moon_runtime_open(1, &rt));
  moon_ctx ctx = {.rt = rt, .task = moon_task_new(rt, NULL),
                  .device = moon_device_find(rt, "ref")};
  ctx.stream = moon_stream_default(rt, ctx.device);
  need(w, moon_random(&ctx, MOON_F32, MOON_RAND_UNIFORM, 0, 1, 2, shape, &x));
  need(w, moon_matmul(&ctx, x, x, &y));
  moon_tensor_release(x);
  moon_tensor_release(y);
  moon_task_release(ctx.task);
  moon_runtime_close_wait(rt);
}

static moon_tensor *read_back(world *w, const char *path) {
  moon_job *job;
  moon_tensor *t = NULL;
  int status;
  need(w, moon_file_read(&w->ctx, path, NULL, (double)++w->watched, &job));
  while ((status = moon_job_status(job)) == MOON_E_BUSY) sched_yield();
  need(w, status);
  expect(w, moon_job_count(job) == 1, "%d tensors read",
         moon_job_count(job));
  need(w, moon_job_take(&w->ctx, job, 0, &t));
  moon_job_release(job);
  return t;
}

/* Saved, overwritten at once, read back: the values as they were. The
 * reference run clones instead. */
static void file(world *w) {
  static const char *const name[] = {"x"};
  int kind = below(&w->program, KINDS);
  moon_tensor *x = cloned(w, at(w, kind)), *out;
  char path[64];
  if (!w->how->wild) {
    store(w, kind, x);
    return;
  }
  snprintf(path, sizeof path, "/tmp/moonseed-stress-%d.safetensors",
           (int)getpid());
  place(w);
  need(w, moon_file_save(&w->ctx, path, "safetensors", 1, name, &x, &out));
  place(w);
  need(w, moon_fill_into(&w->ctx, x, -1));
  drop(x);
  need(w, settled(w, out));
  drop(out);
  store(w, kind, read_back(w, path));
  unlink(path);
}

const instruction trouble_instructions[] = {
    {"bad_label", bad_label, 2},
    {"bad_update", bad_update, 2},
    {"bad_seed", bad_seed, 3},
    {"bad_call", bad_call, 1},
    {"cancel", cancel, 3},
    {"memory_limit", memory_limit, 1},
    {"threads", threads, 1},
    {"lease", lease, 3},
    {"look_around", look_around, 2},
    {"interrupt", interrupt, 1},
    {"other_runtime", other_runtime, 1},
    {"file", file, 1},
    {0}};
