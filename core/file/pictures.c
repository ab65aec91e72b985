/* A batch of pictures out of files, as two ops: the io thread brings the bytes
 * of all files, then the workers decode them side by side, a picture a part.
 * Between them is a token, so that a file that is not there stops the second,
 * and what it gives carries the error. */
#include <stdlib.h>
#include <string.h>
#include "../op/op.h"
#include "picture.h"

enum { MOST_PICTURES = 1 << 20 };

struct moon__pictures {
  _Atomic int refs;  /* the two ops' */
  moon_pictures_params p;
  int n;
  char **path;
  moon__bytes *bytes;  /* brought by the first op, freed by the second */
};

static moon__pictures *pictures_new(const moon_pictures_params *p, int n,
                                    const char *const *paths) {
  moon__pictures *q = moon__calloc(1, sizeof *q);
  atomic_init(&q->refs, 1);
  q->p = *p;
  q->n = n;
  q->path = moon__calloc((size_t)n + 1, sizeof *q->path);
  q->bytes = moon__calloc((size_t)n + 1, sizeof *q->bytes);
  for (int i = 0; i < n; i++) q->path[i] = moon__text_copy(paths[i]);
  return q;
}

void moon__pictures_release(moon__pictures *q) {
  if (!q) return;
  if (atomic_fetch_sub_explicit(&q->refs, 1, memory_order_acq_rel) != 1) return;
  for (int i = 0; i < q->n; i++) {
    free(q->path[i]);
    free(q->bytes[i].at);
  }
  free(q->path);
  free(q->bytes);
  free(q);
}

static moon__pictures *pictures_of(const moon_call *call) {
  const moon__file_plan *plan = call->params.save.plan;
  return plan->pictures;
}

/* --- bringing the bytes -------------------------------------------------- */
static int plan_fetch(const moon_call *call, moon_plan *plan, int may_create,
                      moon_fail *fail) {
  (void)may_create;
  (void)fail;
  plan->phases = plan->parts[0] = 1;
  plan->cost_ns = 1e5 * pictures_of(call)->n;
  return MOON_OK;
}

static int run_fetch(const moon_call *call, const moon_plan *plan,
                     void *scratch, int phase, int part, moon_fail *fail) {
  moon__pictures *q = pictures_of(call);
  int64_t total = 0;
  (void)plan, (void)scratch, (void)phase, (void)part;
  for (int i = 0; i < q->n; i++) {
    moon__source *source;
    int status = moon__source_open(q->path[i], &source, fail);
    if (status < 0) return status;
    status = moon__bytes_read(source, &q->bytes[i], fail);
    moon__source_release(source);
    q->bytes[i].path = q->path[i];
    if (status < 0) return status;
    total += (int64_t)q->bytes[i].n;
  }
  *(int64_t *)call->arg[0].data = total;
  return MOON_OK;
}

const moon_kernel moon__fetch_kernel = {"fetch", plan_fetch, run_fetch};

/* --- decoding ------------------------------------------------------------ */
enum { TOKEN, Y };

static int plan_decode(const moon_call *call, moon_plan *plan, int may_create,
                       moon_fail *fail) {
  int n = pictures_of(call)->n;
  (void)may_create;
  (void)fail;
  plan->phases = 1;
  plan->parts[0] = n > 0 ? n : 1;
  plan->cost_ns = 1e5 + 1e6 * n;
  return MOON_OK;
}

/* What of the picture is seen: all of it, or the largest middle part of the
 * new one's proportions (as Pillow's ImageOps.fit). */
static moon__box box_of(const moon__picture *from, const moon__picture *to,
                        int fit) {
  double h = (double)from->height, w = (double)from->width;
  double wanted = (double)to->width / (double)to->height, top = 0, left = 0;
  double height = h, width = w;
  if (fit == MOON_FIT_COVER && w / h >= wanted) width = wanted * h;
  if (fit == MOON_FIT_COVER && w / h < wanted) height = w / wanted;
  top = (h - height) * 0.5;
  left = (w - width) * 0.5;
  return (moon__box){top, left, top + height, left + width};
}

/* Fewer channels before resizing, more after it: the same pixels, less work. */
static int fit_picture(const moon__bytes *b, const moon_pictures_params *q,
                       moon__picture p, uint8_t *pixels, uint8_t *out,
                       moon_fail *fail) {
  moon__picture to = {q->size[0], q->size[1], q->channels};
  moon__box box = box_of(&p, &to, q->fit);
  if (p.channels > to.channels) {
    moon__picture_recolour(&p, pixels, to.channels, pixels);
    p.channels = to.channels;
  }
  if (p.channels == to.channels) {
    return moon__picture_resize(&p, pixels, &box, &to, out, fail);
  }
  to.channels = p.channels;
  uint8_t *small = malloc((size_t)(to.height * to.width * to.channels));
  int status = MOON_E_MEMORY;
  if (small) {
    status = moon__picture_resize(&p, pixels, &box, &to, small, fail);
  } else {
    moon__file_fail(fail, b->path, "no memory");
  }
  if (status == MOON_OK) {
    moon__picture_recolour(&to, small, q->channels, out);
  }
  free(small);
  return status;
}

static int decode(const moon__bytes *b, const moon_pictures_params *q,
                  uint8_t *out, moon_fail *fail) {
  moon__picture p;
  int status = moon__picture_head(b, &p, fail);
  if (status < 0) return status;
  size_t nbytes = (size_t)(p.height * p.width * p.channels);
  uint8_t *pixels = malloc(nbytes);
  if (!pixels) {
    moon__file_fail(fail, b->path, "no memory for its %zu bytes of pixels",
                    nbytes);
    return MOON_E_MEMORY;
  }
  status = moon__picture_decode(b, &p, pixels, fail);
  if (status == MOON_OK) status = fit_picture(b, q, p, pixels, out, fail);
  free(pixels);
  return status;
}

static int run_decode(const moon_call *call, const moon_plan *plan,
                      void *scratch, int phase, int part, moon_fail *fail) {
  moon__pictures *q = pictures_of(call);
  const moon_operand *y = &call->arg[Y];
  (void)plan, (void)scratch, (void)phase;
  if (q->n == 0) return MOON_OK;
  uint8_t *out = (uint8_t *)y->data + part * y->stride[0];
  int status = decode(&q->bytes[part], &q->p, out, fail);
  free(q->bytes[part].at);
  q->bytes[part].at = NULL;
  return status;
}

const moon_kernel moon__decode_kernel = {"decode", plan_decode, run_decode};

/* --- the two ops --------------------------------------------------------- */
static int queue(moon_ctx *ctx, int kernel, moon__pictures *q,
                 const moon__arg *args, int n) {
  moon__file_plan *plan = moon__calloc(1, sizeof *plan);
  moon_params params = {.save = {plan}};
  plan->pictures = q;
  atomic_fetch_add_explicit(&q->refs, 1, memory_order_relaxed);
  int status = moon__run(ctx, "pictures", kernel, &params, args, n);
  if (status < 0) moon__save_free(plan);
  return status;
}

static int check(const moon_pictures_params *p, int n) {
  if (n < 0 || n > MOST_PICTURES) {
    return moon__fail(MOON_E_VALUE, "pictures: %d files; at most %d", n,
                      MOST_PICTURES);
  }
  if (p->channels != 1 && p->channels != 3) {
    return moon__fail(MOON_E_VALUE, "pictures: %d channels; 1 or 3",
                      p->channels);
  }
  if (p->fit != MOON_FIT_STRETCH && p->fit != MOON_FIT_COVER) {
    return moon__fail(MOON_E_VALUE, "pictures: no fit %d", p->fit);
  }
  for (int i = 0; i < 2; i++) {
    if (p->size[i] >= 1 && p->size[i] <= MOON_PICTURE_SIDE) continue;
    return moon__fail(MOON_E_VALUE, "pictures: a size of %lldx%lld; sides "
                      "from 1 to %d", (long long)p->size[0],
                      (long long)p->size[1], MOON_PICTURE_SIDE);
  }
  return MOON_OK;
}

int moon_pictures_read(moon_ctx *ctx, const moon_pictures_params *p, int n,
                       const char *const *paths, moon_tensor **out) {
  moon_tensor *token = NULL, *y = NULL;
  moon__shape s = {4, {n, p->channels, p->size[0], p->size[1]}};
  moon_ctx io;
  int status = check(p, n);
  if (status == MOON_OK) status = moon__io_start(ctx->rt);
  if (status == MOON_OK) status = moon__io_context(ctx, ctx->device, &io);
  if (status == MOON_OK) {
    status = moon__tensor_new(ctx, io.device, MOON_U8, s,
                              MOON__CHANNELS_LAST, &y);
  }
  if (status == MOON_OK) status = moon_empty(&io, MOON_I64, 0, NULL, &token);
  if (status == MOON_OK) {
    moon__pictures *q = pictures_new(p, n, paths);
    moon__arg fetch = {token, MOON__WRITE, NULL};
    moon__arg decode_args[] = {{token, MOON__READ, NULL},
                               {y, MOON__WRITE, NULL}};
    status = queue(&io, MOON_K_fetch, q, &fetch, 1);
    if (status == MOON_OK) {
      status = queue(ctx, MOON_K_decode, q, decode_args, 2);
    }
    moon__pictures_release(q);
  }
  moon__unref(token);
  status = moon__finish(status, y, &y);
  return status < 0 ? status : moon__file_there(ctx, y, out);
}
