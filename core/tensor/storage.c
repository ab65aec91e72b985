/* Storages: a block of memory and the regions it is known by. */
#include <stdlib.h>
#include "tensor.h"

static moon__storage *wrap(moon_ctx *ctx, int device, size_t nbytes,
                           moon__block *block, moon__region *region) {
  moon__storage *s = moon__pool_take(&ctx->rt->storage_pool, sizeof *s);
  *s = (moon__storage){.refs = 1, .device = device, .n_regions = 1,
                       .nbytes = nbytes, .block = block, .only = region,
                       .id = ++ctx->rt->next_storage_id};
  s->region = &s->only;
  if (ctx->task->recording) moon__note_made(ctx, s);
  return s;
}

int moon__storage_new(moon_ctx *ctx, int device, size_t nbytes,
                      moon__storage **out) {
  moon__block *block;
  moon__region *region;
  int stream = moon__stream_for(ctx, device);
  int status = moon__block_take(ctx->rt, stream, nbytes, &block, &region);
  if (status < 0) return status;
  *out = wrap(ctx, device, nbytes, block, region);
  return MOON_OK;
}

int moon__storage_new_idle(moon_ctx *ctx, int device, size_t nbytes,
                           moon__storage **out) {
  moon__block *block;
  moon__region *region;
  int status = moon__block_take_idle(ctx->rt, nbytes, &block, &region);
  if (status < 0) return status;
  *out = wrap(ctx, device, nbytes, block, region);
  return MOON_OK;
}

moon__storage *moon__storage_ghost(int device) {
  moon__storage *s = moon__calloc(1, sizeof *s);
  *s = (moon__storage){.refs = 1, .device = device, .disposed = true};
  return s;
}

void moon__storage_retain(moon__storage *s) { s->refs++; }

static void drop_packed(moon__storage *s) {
  while (s->packed) {
    moon__packed *p = s->packed;
    s->packed = p->next;
    moon__unref(p->t);
    free(p);
  }
}

/* Memory and regions go; the record stays for tensors that still name it. */
void moon__storage_dispose(moon_runtime *rt, moon__storage *s) {
  if (s->disposed) return;
  s->disposed = true;
  drop_packed(s);
  moon__block_give(rt, s->block, s->n_regions, s->region);
  for (int i = 0; i < s->n_regions; i++) moon__region_release(rt, s->region[i]);
  if (s->region != &s->only) free(s->region);
  s->n_regions = 0;
  s->region = NULL;
  s->block = NULL;
}

void moon__storage_release(moon_runtime *rt, moon__storage *s) {
  if (--s->refs > 0) return;
  moon__storage_dispose(rt, s);
  moon__pool_keep(&rt->storage_pool, s);
}

/* Bytes [lo, hi) that the tensor spans in its storage. */
static void span(const moon_tensor *t, size_t *lo, size_t *hi) {
  size_t size = moon_dtype_size(t->dtype);
  int64_t first = t->offset;
  int64_t last = first;
  for (int d = 0; d < t->ndim; d++) {
    if (t->shape[d] < 2) continue;
    int64_t reach = (t->shape[d] - 1) * t->stride[d];
    *(reach < 0 ? &first : &last) += reach;
  }
  *lo = (size_t)first * size;
  *hi = t->numel ? (size_t)(last + 1) * size : *lo;
}

void moon__storage_regions(const moon_tensor *t, int *first, int *count) {
  const moon__storage *s = t->storage;
  *first = 0;
  *count = s->n_regions;
  if (s->n_regions == 1) return;
  size_t lo, hi;
  span(t, &lo, &hi);
  int a = 0, b = s->n_regions;
  while (a + 1 < b && s->region[a]->hi <= lo) a++;
  while (b - 1 > a && s->region[b - 1]->lo >= hi) b--;
  *first = a;
  *count = b - a;
}

bool moon__covers_regions(const moon_tensor *t) {
  size_t lo, hi;
  int first, count;
  if (!moon__is_dense(t)) return false;
  span(t, &lo, &hi);
  moon__storage_regions(t, &first, &count);
  return lo <= t->storage->region[first]->lo &&
         hi >= t->storage->region[first + count - 1]->hi;
}

/* A region that starts with what is known of `whole`. */
static moon__region *piece_of(moon_runtime *rt, const moon__region *whole,
                              size_t lo, size_t hi) {
  moon__region *r = moon__region_new(rt, lo, hi);
  r->writer = whole->writer;
  for (int i = 0; i < whole->n_readers; i++) {
    moon__region_add_reader(rt, r, whole->reader[i]);
  }
  r->error = moon__error_retain(whole->error);
  return r;
}

int moon_tensor_split(moon_ctx *ctx, moon_tensor *t, int n) {
  moon__storage *s = t->storage;
  int64_t rows = t->ndim ? t->shape[0] : 1;
  if (s->disposed) return moon__fail(MOON_E_DISPOSED, "split: tensor %lld "
                                     "was disposed", (long long)t->id);
  if (n < 1 || n > rows || s->n_regions != 1 || !moon__covers_regions(t) ||
      !moon__is_contiguous(t)) {
    return moon__fail(MOON_E_VALUE, "split: %d regions of a tensor %s; it "
                      "must be contiguous, whole and not split before", n,
                      moon__text(t));
  }
  if (!moon_tensor_ready(t)) {
    return moon__fail(MOON_E_BUSY, "split: the tensor is not complete");
  }
  moon__region **region = moon__malloc((size_t)n * sizeof *region);
  size_t row = s->nbytes / (size_t)rows;
  for (int i = 0; i < n; i++) {
    size_t lo = (size_t)(rows * i / n) * row;
    size_t hi = i + 1 == n ? s->nbytes : (size_t)(rows * (i + 1) / n) * row;
    region[i] = piece_of(ctx->rt, s->only, lo, hi);
  }
  moon__region_release(ctx->rt, s->only);
  s->only = NULL;
  s->region = region;
  s->n_regions = n;
  return MOON_OK;
}
