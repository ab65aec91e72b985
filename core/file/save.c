/* Writing tensors to a file, as an op: it waits for what makes its
 * inputs, later in-place ops wait for it, and the io thread runs it. */
#include <stdlib.h>
#include <string.h>
#include "../op/op.h"
#include "csv.h"
#include "writer.h"

static const struct format {
  const char *name;
  moon__write_pieces *write;
  bool one;       /* tensor, without a name */
  bool has_bf16;
} formats[] = {{"safetensors", moon__safetensors_write, false, true},
               {"npy", moon__npy_write, true, false},
               {"npz", moon__npz_write, false, false}};

enum { FORMATS = sizeof formats / sizeof *formats };

static int plan(const moon_call *call, moon_plan *plan, int may_create,
                moon_fail *fail) {
  (void)may_create;
  (void)fail;
  plan->phases = plan->parts[0] = 1;
  plan->cost_ns = 1e6;
  for (int i = 0; i < call->n; i++) {
    plan->cost_ns += (double)moon_operand_numel(&call->arg[i]);
  }
  return MOON_OK;
}

static int run(const moon_call *call, const moon_plan *plan, void *scratch,
               int phase, int part, moon_fail *fail) {
  const moon__file_plan *p = call->params.save.plan;
  moon__piece *piece = moon__calloc((size_t)p->n + 1, sizeof *piece);
  moon__writer w;
  (void)plan, (void)scratch, (void)phase, (void)part;
  for (int i = 0; i < p->n; i++) {
    piece[i] = (moon__piece){.name = p->name[i], .x = call->arg[i]};
  }
  int status = moon__writer_open(&w, p->path, fail);
  if (status == MOON_OK) status = p->write(&w, piece, p->n);
  status = moon__writer_close(&w, status);
  if (status == MOON_OK) *(int64_t *)call->arg[p->n].data = w.nbytes;
  free(piece);
  return status;
}

const moon_kernel moon__save_kernel = {"save", plan, run};

void moon__save_free(void *plan) {
  moon__file_plan *p = plan;
  if (!p) return;
  moon__pictures_release(p->pictures);
  moon__source_release(p->source);
  moon__table_release(p->table);
  free(p->entry.name);
  for (int i = 0; i < p->n; i++) free(p->name[i]);
  free(p->name);
  free(p->path);
  free(p);
}

static moon__file_plan *plan_new(const char *path, const struct format *f,
                                 int n, const char *const *names) {
  moon__file_plan *p = moon__calloc(1, sizeof *p);
  p->path = moon__text_copy(path);
  p->write = f->write;
  p->n = n;
  p->name = moon__calloc((size_t)n + 1, sizeof *p->name);
  for (int i = 0; i < n; i++) p->name[i] = moon__text_copy(names[i]);
  return p;
}

static int check(const char *format, const struct format **f, int n,
                 const char *const *names, moon_tensor *const *tensors) {
  for (*f = formats; *f < formats + FORMATS; (*f)++) {
    if (!strcmp((*f)->name, format)) break;
  }
  if (*f == formats + FORMATS) {
    return moon__fail(MOON_E_VALUE, "save: no format '%s'", format);
  }
  if (n < 0 || ((*f)->one && n != 1)) {
    return moon__fail(MOON_E_VALUE, "save: %d tensors in a file of format %s",
                      n, format);
  }
  for (int i = 0; i < n && !(*f)->has_bf16; i++) {
    if (tensors[i]->dtype != MOON_BF16) continue;
    return moon__fail(MOON_E_DTYPE, "save: %s has no bf16; cast to f32",
                      format);
  }
  return moon__header_check_names(n, names);
}

int moon_file_save(moon_ctx *ctx, const char *path, const char *format, int n,
                   const char *const *names, moon_tensor *const *tensors,
                   moon_tensor **out) {
  moon_tensor *y;
  moon_ctx io = *ctx;
  const struct format *f;
  int status = check(format, &f, n, names, tensors);
  if (status == MOON_OK) status = moon__io_start(ctx->rt);
  if (status == MOON_OK && n > 0) io.device = moon_tensor_device(tensors[0]);
  if (status == MOON_OK) status = moon__io_context(ctx, io.device, &io);
  if (status == MOON_OK) status = moon_empty(&io, MOON_I64, 0, NULL, &y);
  if (status < 0) return status;
  moon__arg *arg = moon__calloc((size_t)n + 1, sizeof *arg);
  moon_ctx quiet = *ctx;
  quiet.grad_mode = 0;
  for (int i = 0; i < n && status == MOON_OK; i++) {
    arg[i].mode = MOON__READ;
    status = moon_to_device(&quiet, tensors[i], io.device, &arg[i].t);
  }
  arg[n] = (moon__arg){.t = y, .mode = MOON__WRITE};
  moon_params params = {.save = {plan_new(path, f, n, names)}};
  if (status == MOON_OK) {
    status = moon__run(&io, "save", MOON_K_save, &params, arg, n + 1);
  }
  for (int i = 0; i < n; i++) moon__unref(arg[i].t);
  if (status < 0) moon__save_free(params.save.plan);
  free(arg);
  return moon__finish(status, y, out);
}
