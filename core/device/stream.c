/* The stream manager: streams are made when first asked for, handed out round
 * robin or leased, and live as long as the runtime.
 *
 * All devices share MOON_MAX_STREAMS: every op carries a clock of that length,
 * so more would cost each op. Each device is sure of a default stream and one
 * for files; one whose round robin is in use, of its streams there. The rest is
 * for whoever asks first. */
#include <stdlib.h>
#include "device.h"

enum { FIRST_WINDOW = 64 };  /* ops in flight; doubles when full */

static int stream_new(moon_runtime *rt, int device, bool compute) {
  if (rt->n_streams == MOON_MAX_STREAMS) {
    return moon__fail(MOON_E_VALUE, "stream: all %d streams are in use",
                      MOON_MAX_STREAMS);
  }
  moon__stream *s = moon__calloc(1, sizeof *s);
  s->device = device;
  s->compute = compute;
  s->created_ns = moon_now();
  s->mask = FIRST_WINDOW - 1;
  s->window = moon__calloc(FIRST_WINDOW, sizeof *s->window);
  moon__lock(rt);
  rt->stream[rt->n_streams] = s;
  int index = rt->n_streams++;
  moon__unlock(rt);
  return index;
}

static int check_device(const moon_runtime *rt, const char *op, int device) {
  if (device >= 0 && device < rt->n_devices) return MOON_OK;
  return moon__fail(MOON_E_DEVICE, "%s: there is no device %d", op, device);
}

int moon_stream_default(moon_runtime *rt, int device) {
  if (check_device(rt, "stream", device) < 0) return MOON_E_DEVICE;
  moon__device *d = &rt->device[device];
  if (d->n_compute == 0) {
    int s = stream_new(rt, device, true);
    if (s < 0) return s;
    d->compute[d->n_compute++] = s;
  }
  return d->compute[0];
}

/* What a device may still make for round robin and for files: of one whose
 * round robin is not in use the default stream alone. */
static int promised(const moon__device *d) {
  int compute = d->configured ? d->wanted : 1;
  if (compute < d->n_compute) compute = d->n_compute;
  return compute - d->n_compute + (d->io_stream == 0);
}

/* Streams that nobody was promised. */
static int unpromised(const moon_runtime *rt) {
  int n = MOON_MAX_STREAMS - rt->n_streams;
  for (int i = 0; i < rt->n_devices; i++) n -= promised(&rt->device[i]);
  return n > 0 ? n : 0;
}

int moon_stream_next(moon_runtime *rt, int device) {
  int first = moon_stream_default(rt, device);
  if (first < 0) return first;
  moon__device *d = &rt->device[device];
  int most = 1 + unpromised(rt);
  if (!d->configured && d->wanted > most) d->wanted = most;
  d->configured = true;
  int place = d->turn++ % d->wanted;
  if (place == d->n_compute) {
    int s = stream_new(rt, device, true);
    if (s < 0) return s;
    d->compute[d->n_compute++] = s;
  }
  return d->compute[place];
}

int moon_stream_configure(moon_runtime *rt, int device, int count) {
  if (check_device(rt, "streams", device) < 0) return MOON_E_DEVICE;
  moon__device *d = &rt->device[device];
  if (count < 1 || count > MOON_MAX_COMPUTE) {
    return moon__fail(MOON_E_VALUE, "streams: count %d is outside [1, %d]",
                      count, MOON_MAX_COMPUTE);
  }
  if (d->configured && count != d->wanted) {
    return moon__fail(MOON_E_VALUE, "streams: %s already uses %d streams, "
                      "cannot change to %d", d->name, d->wanted, count);
  }
  int most = 1 + unpromised(rt);
  if (!d->configured && count > most) {
    return moon__fail(MOON_E_VALUE, "streams: %d for %s, and %d are left of "
                      "%d", count, d->name, most, MOON_MAX_STREAMS);
  }
  d->wanted = count;
  d->configured = true;
  return MOON_OK;
}

int moon_stream_device(const moon_runtime *rt, int stream) {
  if (stream < 0 || stream >= rt->n_streams) {
    return moon__fail(MOON_E_VALUE, "stream: there is no stream %d", stream);
  }
  return rt->stream[stream]->device;
}

int moon__stream_for(moon_ctx *ctx, int device) {
  int s = ctx->stream;
  if (s >= 0 && s < ctx->rt->n_streams &&
      ctx->rt->stream[s]->device == device) {
    return s;
  }
  return moon_stream_default(ctx->rt, device);
}

static int leased(const moon_runtime *rt) {
  int n = 0;
  for (int i = 0; i < rt->n_streams; i++) n += rt->stream[i]->leased;
  return n;
}

int moon__stream_for_files(moon_runtime *rt, int device) {
  moon__device *d = &rt->device[device];
  if (d->io_stream == 0) {
    int stream = stream_new(rt, device, false);
    if (stream < 0) return stream;
    rt->stream[stream]->leased = true;
    d->io_stream = stream + 1;
  }
  return d->io_stream - 1;
}

int moon_stream_lease(moon_runtime *rt, int device) {
  if (check_device(rt, "lease", device) < 0) return MOON_E_DEVICE;
  for (int i = 0; i < rt->n_streams; i++) {
    moon__stream *s = rt->stream[i];
    if (s->compute || s->leased || s->device != device) continue;
    s->leased = true;
    return i;
  }
  if (unpromised(rt) == 0) {
    return moon__fail(MOON_E_VALUE, "lease: %d streams are leased, and the "
                      "others of %d are for round robin and files",
                      leased(rt), MOON_MAX_STREAMS);
  }
  int i = stream_new(rt, device, false);
  if (i >= 0) rt->stream[i]->leased = true;
  return i;
}

int moon_stream_release(moon_runtime *rt, int stream) {
  if (stream < 0 || stream >= rt->n_streams || !rt->stream[stream]->leased) {
    return moon__fail(MOON_E_VALUE, "release: stream %d is not leased",
                      stream);
  }
  rt->stream[stream]->leased = false;
  return MOON_OK;
}

static int compare(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

/* Nearest rank. */
static int64_t percentile(const int64_t *sorted, int n, int percent) {
  return n ? sorted[(n - 1) * percent / 100] : 0;
}

int moon_stream_stats_read(moon_runtime *rt, int stream,
                           moon_stream_stats *out) {
  int device = moon_stream_device(rt, stream);
  if (device < 0) return device;
  moon__stream *s = rt->stream[stream];
  int64_t queue[MOON_RECENT] = {0}, run[MOON_RECENT] = {0};
  moon__lock(rt);
  int n = s->ops < MOON_RECENT ? (int)s->ops : MOON_RECENT;
  for (int i = 0; i < n; i++) {
    queue[i] = s->recent[i].start_ns - s->recent[i].submit_ns;
    run[i] = s->recent[i].end_ns - s->recent[i].start_ns;
  }
  *out = (moon_stream_stats){.device = device, .leased = s->leased,
      .ops = s->ops, .depth = s->submitted - s->completed,
      .errors = s->errors, .busy_ns = s->busy_ns,
      .age_ns = moon_now() - s->created_ns};
  moon__unlock(rt);
  qsort(queue, (size_t)n, sizeof *queue, compare);
  qsort(run, (size_t)n, sizeof *run, compare);
  out->queue_p50 = percentile(queue, n, 50);
  out->queue_p95 = percentile(queue, n, 95);
  out->queue_p99 = percentile(queue, n, 99);
  out->run_p50 = percentile(run, n, 50);
  out->run_p95 = percentile(run, n, 95);
  out->run_p99 = percentile(run, n, 99);
  return MOON_OK;
}

int moon_stream_recent(moon_runtime *rt, int stream, moon_op_span *out,
                       int n) {
  int device = moon_stream_device(rt, stream);
  if (device < 0) return device;
  moon__stream *s = rt->stream[stream];
  moon__lock(rt);
  int have = s->ops < MOON_RECENT ? (int)s->ops : MOON_RECENT;
  if (n > have) n = have;
  for (int i = 0; i < n; i++) {
    out[i] = s->recent[(s->ops - 1 - i) & (MOON_RECENT - 1)];
  }
  moon__unlock(rt);
  return n;
}
