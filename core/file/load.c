/* Bringing one tensor's bytes: the kernel of the op that moon_job_take queues.
 * Runs on the io thread, in chunks, into the tensor's own memory. */
#include <byteswap.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "file.h"

/* n numbers as the file has them -> as memory has them. */
static void turn(int stored, const uint8_t *from, size_t width, void *out,
                 size_t n) {
  int32_t *wide = out;
  for (size_t i = 0; i < n; i++) {
    const uint8_t *u = from + i * width;
    if (stored == MOON__FROM_I8) {
      wide[i] = (int8_t)u[0];
    } else if (stored == MOON__FROM_I16) {
      wide[i] = (int16_t)(u[0] << 8 | u[1]);
    } else if (width == 4) {
      uint32_t v;
      memcpy(&v, u, 4);
      v = bswap_32(v);
      memcpy((char *)out + 4 * i, &v, 4);
    } else {
      uint64_t v;
      memcpy(&v, u, 8);
      v = bswap_64(v);
      memcpy((char *)out + 8 * i, &v, 8);
    }
  }
}

static int read_turned(moon__reader *r, const moon__entry *e, char *out,
                       moon_fail *fail) {
  size_t width = e->stored == MOON__FROM_I8    ? 1
                 : e->stored == MOON__FROM_I16 ? 2
                                               : moon_dtype_size(e->dtype);
  uint8_t *chunk = moon__malloc(MOON_FILE_CHUNK);
  int status = MOON_OK;
  int64_t most = (int64_t)(MOON_FILE_CHUNK / width);
  for (int64_t i = 0; i < e->numel && status == MOON_OK; i += most) {
    size_t n = (size_t)(e->numel - i < most ? e->numel - i : most);
    status = moon__reader_read(r, chunk, n * width, fail);
    if (status == MOON_OK) turn(e->stored, chunk, width, out, n);
    out += n * moon_dtype_size(e->dtype);
  }
  free(chunk);
  return status;
}

static int check_bools(const moon__source *source, const moon__entry *e,
                       const uint8_t *data, moon_fail *fail) {
  for (int64_t i = 0; i < e->numel; i++) {
    if (data[i] > 1) {
      return moon__file_fail(fail, source->path,
                             "%.40s: element %" PRId64
                             " is %d, a bool is 0 or 1",
                             e->name, i, data[i]);
    }
  }
  return MOON_OK;
}

int moon__entry_load(moon__source *source, const moon__entry *e, void *out,
                     moon_fail *fail) {
  moon__reader r;
  int status = moon__reader_open(&r, source, e->at, fail);
  if (status < 0) return status;
  status = e->stored == MOON__AS_IS
               ? moon__reader_read(&r, out, (size_t)e->nbytes, fail)
               : read_turned(&r, e, out, fail);
  if (status == MOON_OK && e->last) status = moon__reader_end(&r, fail);
  moon__reader_close(&r);
  if (status == MOON_OK && e->dtype == MOON_BOOL) {
    status = check_bools(source, e, out, fail);
  }
  return status;
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
