/* roll: elements move along some dimensions, and in again at the other end.
 *
 *   y[.., (i + shift) mod n, ..] = x[.., i, ..]      dx = dy rolled back
 *
 * Two ranges of each dimension change places: a copy for every choice of
 * them. */
#include "shared.h"

static int backward(moon__back *b) {
  int64_t shifts[MOON_MAX_DIMS];
  int32_t dims[MOON_MAX_DIMS];
  moon_tensor *dx;
  for (int d = 0; d < b->dy->ndim; d++) {
    shifts[d] = -b->node->params.roll.shift[d];
    dims[d] = d;
  }
  int status = moon_roll(b->ctx, b->dy, b->dy->ndim, shifts, dims, &dx);
  if (status >= 0) moon__give(b, 0, dx);
  return status;
}

static const moon__rule rule = {"roll", backward};

/* One choice: in the dimensions of the bit set `ends` the last `shift` places
 * of x go to the front of y, in the others what was before them goes behind. */
static void copy_piece(moon__calc *c, moon_tensor *x, moon_tensor *y,
                       const int64_t *shift, uint32_t ends) {
  for (int d = 0; d < x->ndim && c->status >= 0; d++) {
    int64_t n = x->shape[d], k = shift[d];
    bool end = ends >> d & 1;
    if (k == 0) continue;
    x = moon__c_narrow(c, x, d, end ? n - k : 0, end ? k : n - k);
    y = moon__c_narrow(c, y, d, end ? 0 : k, end ? k : n - k);
  }
  moon__arg args[] = {{x, MOON__READ, NULL}, {y, MOON__WRITE, NULL}};
  moon__c_run(c, "roll", MOON_K_copy, NULL, args, 2);
}

/* Each dimension's shift, in [0, n). */
static int read_shifts(const moon_tensor *x, int n, const int64_t *shifts,
                       const int32_t *dims, int64_t *shift) {
  for (int d = 0; d < MOON_MAX_DIMS; d++) shift[d] = 0;
  for (int i = 0; i < n; i++) {
    int status = moon__check_dim("roll", x, dims[i]);
    if (status < 0) return status;
    int64_t size = x->shape[dims[i]];
    if (size == 0) continue;
    int64_t more = shifts[i] % size;
    shift[dims[i]] = (shift[dims[i]] + more + size) % size;
  }
  return MOON_OK;
}

int moon_roll(moon_ctx *ctx, moon_tensor *x, int n, const int64_t *shifts,
              const int32_t *dims, moon_tensor **out) {
  moon_params params = {.roll = {{0}}};
  int status = moon__check_live("roll", x);
  if (status >= 0) {
    status = read_shifts(x, n, shifts, dims, params.roll.shift);
  }
  if (status < 0) return status;
  moon_ctx quiet = moon__quiet(ctx);
  uint32_t moved = 0;
  for (int d = 0; d < x->ndim; d++) {
    if (params.roll.shift[d]) moved |= 1u << d;
  }
  moon_tensor *y;
  status = moon__tensor_like(ctx, x, x->dtype, &y);
  if (status < 0) return status;
  /* All subsets of the moved dimensions, the empty one last. */
  for (uint32_t ends = moved;; ends = (ends - 1) & moved) {
    moon__calc c = {.ctx = &quiet};
    copy_piece(&c, x, y, params.roll.shift, ends);
    status = moon__calc_end(&c);
    if (status < 0 || ends == 0) break;
  }
  moon__node *node = moon__record(ctx, &rule, status, y, &x, 1);
  if (node) node->params = params;
  return moon__finish(status, y, out);
}
