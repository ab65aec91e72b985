/* Bringing one tensor's bytes: the kernel of the op that moon_job_take queues.
 * Runs on the io thread, in chunks, into the tensor's own memory. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "picture.h"

static void swap_bytes(uint8_t *at, size_t width, size_t n) {
  for (size_t i = 0; i < n; i++, at += width) {
    for (size_t k = 0; k < width / 2; k++) {
      uint8_t kept = at[k];
      at[k] = at[width - 1 - k];
      at[width - 1 - k] = kept;
    }
  }
}

/* n numbers as the file has them -> as memory has them. */
#define WIDEN(from, to, value)                                     \
  for (size_t i = 0; i < n; i++) {                                 \
    from v;                                                        \
    memcpy(&v, chunk + i * sizeof v, sizeof v);                    \
    ((to *)out)[i] = (value);                                      \
  }                                                                \
  break

static void turn(const moon__entry *e, uint8_t *chunk, size_t n, void *out) {
  size_t width = moon__entry_width(e);
  if (e->swapped) swap_bytes(chunk, width, n);
  switch (e->stored) {
    case MOON__FROM_I8: WIDEN(int8_t, int32_t, v);
    case MOON__FROM_I16: WIDEN(int16_t, int32_t, v);
    case MOON__FROM_U16: WIDEN(uint16_t, int32_t, v);
    case MOON__FROM_U32: WIDEN(uint32_t, int64_t, v);
    default: memcpy(out, chunk, n * width);
  }
}

static int read_turned(moon__reader *r, const moon__entry *e, char *out,
                       moon_fail *fail) {
  size_t width = moon__entry_width(e);
  uint8_t *chunk = moon__malloc(MOON_FILE_CHUNK);
  int status = MOON_OK;
  int64_t most = (int64_t)(MOON_FILE_CHUNK / width);
  for (int64_t i = 0; i < e->numel && status == MOON_OK; i += most) {
    size_t n = (size_t)(e->numel - i < most ? e->numel - i : most);
    status = moon__reader_read(r, chunk, n * width, fail);
    if (status == MOON_OK) turn(e, chunk, n, out);
    out += n * moon_dtype_size(e->dtype);
  }
  free(chunk);
  return status;
}

/* A row out of each record. */
static int read_records(moon__reader *r, const moon__entry *e, char *out,
                        moon_fail *fail) {
  int64_t rows = e->shape[0], row = rows ? e->nbytes / rows : 0;
  int64_t most = MOON_FILE_CHUNK / e->record + 1;
  char *chunk = moon__malloc((size_t)(most * e->record));
  int status = MOON_OK;
  for (int64_t i = 0; i < rows && status == MOON_OK; i += most) {
    int64_t n = rows - i < most ? rows - i : most;
    status = moon__reader_read(r, chunk, (size_t)(n * e->record), fail);
    for (int64_t k = 0; k < n && status == MOON_OK; k++, out += row) {
      memcpy(out, chunk + k * e->record + e->at, (size_t)row);
    }
  }
  free(chunk);
  return status;
}

/* Numbers of one byte that are less than `below`. */
static int check_below(const moon__source *source, const moon__entry *e,
                       const uint8_t *data, moon_fail *fail) {
  int below = e->dtype == MOON_BOOL ? 2 : e->below;
  for (int64_t i = 0; i < e->numel && below > 0; i++) {
    if (data[i] < below) continue;
    return moon__file_fail(fail, source->path,
                           "%.40s%selement %" PRId64
                           " is %d, a %s is from 0 to %d",
                           e->name, *e->name ? ": " : "", i, data[i],
                           e->dtype == MOON_BOOL ? "bool" : "label",
                           below - 1);
  }
  return MOON_OK;
}

static int read_entry(moon__reader *r, const moon__entry *e, void *out,
                      moon_fail *fail) {
  if (e->record > 0) return read_records(r, e, out, fail);
  if (e->stored != MOON__AS_IS || e->swapped) {
    return read_turned(r, e, out, fail);
  }
  return moon__reader_read(r, out, (size_t)e->nbytes, fail);
}

int moon__entry_load(moon__source *source, const moon__entry *e, void *out,
                     moon_fail *fail) {
  moon__reader r;
  int64_t at = e->record > 0 ? 0 : e->at;
  if (e->memory) {
    memcpy(out, e->memory, (size_t)e->nbytes);
    return MOON_OK;
  }
  if (e->picture) return moon__picture_load(source, e, out, fail);
  int status = moon__reader_open(&r, source, &e->part, at, fail);
  if (status < 0) return status;
  status = read_entry(&r, e, out, fail);
  if (status == MOON_OK && e->last) status = moon__reader_end(&r, fail);
  moon__reader_close(&r);
  return status < 0 ? status : check_below(source, e, out, fail);
}

static int plan(const moon_call *call, moon_plan *plan, int may_create,
                moon_fail *fail) {
  const moon__file_plan *p = call->params.save.plan;
  (void)may_create;
  (void)fail;
  plan->phases = plan->parts[0] = 1;
  plan->cost_ns = 1e6 + (double)p->entry.nbytes;
  return MOON_OK;
}

static int run(const moon_call *call, const moon_plan *plan, void *scratch,
               int phase, int part, moon_fail *fail) {
  const moon__file_plan *p = call->params.save.plan;
  (void)plan, (void)scratch, (void)phase, (void)part;
  return moon__entry_load(p->source, &p->entry, call->arg[0].data, fail);
}

const moon_kernel moon__load_kernel = {"load", plan, run};
