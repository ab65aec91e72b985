/* Jobs: a file is opened and listed on the io thread; then each tensor can be
 * taken, which queues an op that brings its bytes. */
#include <stdlib.h>
#include <string.h>
#include "../op/op.h"
#include "csv.h"

static moon__file_job *file_job(const moon_job *job) {
  return (moon__file_job *)job;
}

int moon__io_context(const moon_ctx *ctx, int device, moon_ctx *io) {
  if (ctx->rt->device[device].gpu) device = MOON__HOST;
  int stream = moon__stream_for_files(ctx->rt, device);
  if (stream < 0) return stream;
  *io = *ctx;
  io->device = device;
  io->stream = stream;
  return MOON_OK;
}

int moon__file_there(moon_ctx *ctx, moon_tensor *y, moon_tensor **out) {
  int status = moon_to_device(ctx, y, ctx->device, out);
  moon__unref(y);
  return status;
}

static moon__file_job *job_new(const char *path, double ticket) {
  moon__file_job *job = moon__calloc(1, sizeof *job);
  job->head.ticket = ticket;
  job->path = moon__text_copy(path);
  atomic_init(&job->refs, 2);
  return job;
}

static void queue(moon_runtime *rt, moon__file_job *job) {
  moon__lock(rt);
  if (rt->job_last) {
    rt->job_last->next = &job->head;
  } else {
    rt->job_first = &job->head;
  }
  rt->job_last = &job->head;
  pthread_cond_signal(&rt->io_work);
  moon__unlock(rt);
}

int moon_file_read(moon_ctx *ctx, const char *path, const char *format,
                   double ticket, moon_job **out) {
  int status = moon__io_start(ctx->rt);
  if (status < 0) return status;
  moon__file_job *job = job_new(path, ticket);
  job->format = format ? moon__text_copy(format) : NULL;
  queue(ctx->rt, job);
  *out = &job->head;
  return MOON_OK;
}

static int check_csv(const moon_csv_params *p) {
  if (p->dtype != MOON_F32 && p->dtype != MOON_F64) {
    return moon__fail(MOON_E_DTYPE, "csv: no dtype %d; f32 or f64", p->dtype);
  }
  if (p->separator < 1 || p->separator > 126 || p->separator == '"' ||
      p->separator == '\n' || p->separator == '\r') {
    return moon__fail(MOON_E_VALUE, "csv: a separator of code %d",
                      p->separator);
  }
  int labels = 0;
  for (int k = 0; k < p->n_rules; k++) {
    if (p->rule[k].kind < MOON_CSV_NUMBER || p->rule[k].kind > MOON_CSV_SKIP) {
      return moon__fail(MOON_E_VALUE, "csv: no kind %d", p->rule[k].kind);
    }
    if (p->rule[k].label && p->rule[k].kind == MOON_CSV_SKIP) {
      return moon__fail(MOON_E_VALUE, "csv: the label's column is skipped");
    }
    labels += p->rule[k].label != 0;
  }
  if (labels <= 1) return MOON_OK;
  return moon__fail(MOON_E_VALUE, "csv: %d labels", labels);
}

int moon_csv_read(moon_ctx *ctx, const char *path, const moon_csv_params *p,
                  double ticket, moon_job **out) {
  int status = check_csv(p);
  if (status == MOON_OK) status = moon__io_start(ctx->rt);
  if (status < 0) return status;
  moon__file_job *job = job_new(path, ticket);
  job->csv = moon__csv_params_copy(p);
  queue(ctx->rt, job);
  *out = &job->head;
  return MOON_OK;
}

const char *moon_csv_column(const moon_job *job, int i) {
  const moon__table *t = file_job(job)->table;
  return t && t->name && i >= 0 && i < t->features ? t->name[i] : NULL;
}

int moon_csv_position(const moon_job *job, int i) {
  const moon__table *t = file_job(job)->table;
  return t && t->place && i >= 0 && i < t->features ? t->place[i] : -1;
}

const char *moon_csv_category(const moon_job *job, int i, int k) {
  const moon__table *t = file_job(job)->table;
  if (!t || !t->categories || i < -1 || i >= t->features) return NULL;
  const moon__texts *texts = &t->categories[i < 0 ? t->features : i];
  return k >= 0 && k < texts->n ? texts->text[k] : NULL;
}

static bool lists_pictures(const moon__file_job *job) {
  return job->format && !strcmp(job->format, "pictures");
}

static int open_and_list(moon__file_job *job) {
  if (lists_pictures(job)) {
    return moon__folder_list(job->path, &job->list, &job->fail);
  }
  int status = moon__source_open(job->path, &job->source, &job->fail);
  if (status < 0) return status;
  if (job->csv) {
    return moon__csv_list(job->source, job->csv, &job->list, &job->table,
                          &job->fail);
  }
  return moon__file_list(job->source, job->format, &job->list, &job->fail);
}

/* On the io thread. Nobody waits for a job that only the queue holds. */
void moon__job_run(moon_job *head) {
  moon__file_job *job = file_job(head);
  if (atomic_load(&job->refs) > 1) job->status = open_and_list(job);
  atomic_store_explicit(&job->done, 1, memory_order_release);
}

void moon__job_unref(moon_job *head) {
  moon__file_job *job = file_job(head);
  if (atomic_fetch_sub_explicit(&job->refs, 1, memory_order_acq_rel) != 1) {
    return;
  }
  moon__listing_free(&job->list);
  moon__source_release(job->source);
  free(job->path);
  free(job->format);
  moon__csv_params_free(job->csv);
  moon__table_release(job->table);
  free(job);
}

void moon_job_release(moon_job *job) { moon__job_unref(job); }

/* What users call it. */
static const char *op_of(const moon__file_job *job) {
  return job->csv ? "csv" : lists_pictures(job) ? "images" : "load";
}

int moon_job_status(const moon_job *head) {
  const moon__file_job *job = file_job(head);
  if (!atomic_load_explicit(&job->done, memory_order_acquire)) {
    return moon__fail(MOON_E_BUSY, "%s: %s: still being read", op_of(job),
                      job->path);
  }
  if (job->status == MOON_OK) return MOON_OK;
  return moon__fail(job->status, "%s: %s", op_of(job), job->fail.text);
}

int moon_job_count(const moon_job *job) {
  return moon_job_status(job) < 0 ? 0 : file_job(job)->list.n;
}

/* NULL with the status of a job that has no such tensor. */
static moon__entry *find(const moon_job *job, int i, int *status) {
  *status = moon_job_status(job);
  if (*status < 0) return NULL;
  const moon__listing *list = &file_job(job)->list;
  if (i >= 0 && i < list->n) return &list->entry[i];
  *status = moon__fail(MOON_E_INDEX, "load: %s: there is no tensor %d of %d",
                       file_job(job)->path, i + 1, list->n);
  return NULL;
}

const char *moon_job_name(const moon_job *job, int i) {
  int status;
  const moon__entry *e = find(job, i, &status);
  return e ? e->name : NULL;
}

/* The tensor as its numbers lie in the file: of columns the dimensions are
 * turned round. */
static int empty_as_stored(moon_ctx *io, const moon__entry *e,
                           moon_tensor **out) {
  int64_t shape[MOON_MAX_DIMS];
  for (int d = 0; d < e->ndim; d++) {
    shape[d] = e->shape[e->columns ? e->ndim - 1 - d : d];
  }
  return moon_empty(io, e->dtype, e->ndim, shape, out);
}

static int turn_round(moon_ctx *ctx, moon_tensor *y, moon_tensor **out) {
  int32_t order[MOON_MAX_DIMS];
  for (int d = 0; d < y->ndim; d++) order[d] = y->ndim - 1 - d;
  int status = moon_permute(ctx, y, order, out);
  moon__unref(y);
  return status;
}

int moon_job_take(moon_ctx *ctx, moon_job *job, int i, moon_tensor **out) {
  moon_tensor *y;
  moon_ctx io;
  int status;
  const moon__entry *e = find(job, i, &status);
  if (!e) return status;
  if (!file_job(job)->source) {
    return moon__fail(MOON_E_VALUE, "load: %s is a folder",
                      file_job(job)->path);
  }
  status = moon__io_context(ctx, ctx->device, &io);
  if (status < 0) return status;
  status = empty_as_stored(&io, e, &y);
  if (status < 0) return status;
  moon__file_plan *plan = moon__calloc(1, sizeof *plan);
  plan->source = moon__source_retain(file_job(job)->source);
  if (e->memory) plan->table = moon__table_retain(file_job(job)->table);
  plan->entry = *e;
  plan->entry.name = moon__text_copy(e->name);
  moon_params params = {.save = {plan}};
  moon__arg arg = {y, MOON__WRITE, NULL};
  status = moon__run(&io, "load", MOON_K_load, &params, &arg, 1);
  if (status < 0) moon__save_free(plan);
  if (status == MOON_OK && e->columns) status = turn_round(&io, y, &y);
  else status = moon__finish(status, y, &y);
  return status < 0 ? status : moon__file_there(ctx, y, out);
}
