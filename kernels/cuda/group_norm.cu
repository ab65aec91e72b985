/* Normalisation of each image's channels in groups, and its gradient: a block
 * has a group; for dw and db, a channel (ref's group_norm.c). */
#include "block.h"
#include "line.h"
#include "walk.h"

enum { X, W, B, Y, M, R };
enum { G_DY, G_X, G_W, G_M, G_R, G_DX, G_DW, G_DB };

/* Operands of one shape [N,C,...]: the places of one image's channel, and the
 * steps to the next image and channel. */
struct groups {
  moon_places<3> places;
  int64_t image[3], channel[3];
  int64_t images, channels, count, each;  /* each: channels of a group */
  int channels_last;                      /* the order of a group's elements */
  moon_line w, b, dw, db;
  moon_line m, r;                         /* along groups */
  int64_t m_image, r_image;
  double eps;

  /* Element i of the group that begins at channel `first` of image n; which
   * channel it is of. */
  MOON_DEVICE int64_t find(int64_t n, int64_t first, int64_t i,
                           int64_t at[3]) const {
    int64_t c = first + (channels_last ? i % each : i / places.n);
    places.find(channels_last ? i / each : i % places.n, at);
    for (int k = 0; k < 3; k++) at[k] += n * image[k] + c * channel[k];
    return c;
  }
};

/* m or r [N,groups] of image n. */
MOON_DEVICE moon_line row_of(moon_line l, int64_t image, int64_t n) {
  int64_t size = l.dtype == MOON_F64 ? 8 : l.dtype == MOON_F32 ? 4 : 2;
  l.data = (char *)l.data + n * image * size;
  return l;
}

template <typename T>
__global__ void norm_groups(const T *x, T *y, groups o) {
  typedef moon_computed<T> A;
  int64_t n = blockIdx.x / o.count, g = blockIdx.x % o.count, at[3];
  int64_t size = o.each * o.places.n, first = g * o.each;
  A sum = 0, square = 0, rest = 0;
  for (int64_t i = threadIdx.x; i < size; i += blockDim.x) {
    o.find(n, first, i, at);
    sum += moon_load(x[at[1]]);
  }
  A mean = moon_block_sum(sum) / (A)size;
  for (int64_t i = threadIdx.x; i < size; i += blockDim.x) {
    o.find(n, first, i, at);
    A d = moon_load(x[at[1]]) - mean;
    rest += d;
    square += d * d;
  }
  /* What rounding left of the mean: much, where data lie far from 0. */
  rest = moon_block_sum(rest) / (A)size;
  A variance = moon_block_sum(square) / (A)size - rest * rest;
  A r = 1 / (A)sqrt(variance + (A)o.eps);
  if (threadIdx.x == 0) {
    row_of(o.m, o.m_image, n).store(g, (double)mean + (double)rest);
    row_of(o.r, o.r_image, n).store(g, (double)r);
  }
  for (int64_t i = threadIdx.x; i < size; i += blockDim.x) {
    int64_t c = o.find(n, first, i, at);
    A h = (moon_load(x[at[1]]) - mean - rest) * r;
    moon_store(&y[at[0]], h * (A)o.w.load(c, 1) + (A)o.b.load(c));
  }
}

template <typename T>
__global__ void grad_groups(const T *dy, const T *x, T *dx, groups o) {
  typedef moon_computed<T> A;
  int64_t n = blockIdx.x / o.count, g = blockIdx.x % o.count, at[3];
  int64_t size = o.each * o.places.n, first = g * o.each;
  A m = (A)row_of(o.m, o.m_image, n).load(g), sum = 0, dot = 0;
  A r = (A)row_of(o.r, o.r_image, n).load(g);
  for (int64_t i = threadIdx.x; i < size; i += blockDim.x) {
    int64_t c = o.find(n, first, i, at);
    A d = (A)o.w.load(c, 1) * moon_load(dy[at[2]]);
    sum += d;
    dot += d * (moon_load(x[at[1]]) - m) * r;
  }
  sum = moon_block_sum(sum) / (A)size;
  dot = moon_block_sum(dot) / (A)size;
  for (int64_t i = threadIdx.x; i < size; i += blockDim.x) {
    int64_t c = o.find(n, first, i, at);
    A d = (A)o.w.load(c, 1) * moon_load(dy[at[2]]);
    A h = (moon_load(x[at[1]]) - m) * r;
    moon_store(&dx[at[0]], r * (d - sum - h * dot));
  }
}

template <typename T>
__global__ void grad_channels(const T *dy, const T *x, groups o) {
  typedef moon_computed<T> A;
  int64_t c = blockIdx.x, g = c / o.each, at[3];
  A sum = 0, dot = 0;
  for (int64_t n = 0; n < o.images; n++) {
    A m = (A)row_of(o.m, o.m_image, n).load(g);
    A r = (A)row_of(o.r, o.r_image, n).load(g);
    for (int64_t i = threadIdx.x; i < o.places.n; i += blockDim.x) {
      o.places.find(i, at);
      A d = moon_load(dy[at[2] + n * o.image[2] + c * o.channel[2]]);
      A v = moon_load(x[at[1] + n * o.image[1] + c * o.channel[1]]);
      sum += d;
      dot += d * (v - m) * r;
    }
  }
  double total = moon_block_sum((double)sum);
  double product = moon_block_sum((double)dot);
  if (threadIdx.x > 0) return;
  o.db.store(c, total);
  o.dw.store(c, product);
}

static groups groups_of(const moon_call *call, const moon_operand *const o[3],
                        const moon_operand *m, const moon_operand *r) {
  groups s = {};
  moon_operand one[3];
  const moon_operand *ones[3] = {&one[0], &one[1], &one[2]};
  for (int k = 0; k < 3; k++) {
    one[k] = *o[k];
    one[k].shape[0] = one[k].shape[1] = 1;
    s.image[k] = o[k]->stride[0];
    s.channel[k] = o[k]->stride[1];
  }
  s.places = moon_places_of(ones);
  s.images = o[0]->shape[0];
  s.channels = o[0]->shape[1];
  s.count = call->params.group.groups;
  s.each = s.channels / s.count;
  s.channels_last = o[0]->stride[1] == 1;
  s.m = moon_line_of(m, 1);
  s.r = moon_line_of(r, 1);
  s.m_image = m->stride[0];
  s.r_image = r->stride[0];
  s.eps = call->params.group.eps;
  return s;
}

template <typename T>
static int run_norm_of(const moon_call *call, moon_fail *fail) {
  const moon_operand *x = &call->arg[X], *y = &call->arg[Y];
  const moon_operand *o[3] = {y, x, x};
  groups s = groups_of(call, o, &call->arg[M], &call->arg[R]);
  s.w = moon_line_of(moon_optional(call, W));
  s.b = moon_line_of(moon_optional(call, B));
  if (s.images * s.count == 0) return MOON_OK;
  MOON_LAUNCH_TOGETHER(norm_groups<T>, (unsigned)(s.images * s.count),
                       MOON_THREADS, call->queue, (const T *)x->data,
                       (T *)y->data, s);
  return moon_launched(fail);
}

template <typename T>
static int run_grad_of(const moon_call *call, moon_fail *fail) {
  const moon_operand *dy = &call->arg[G_DY], *x = &call->arg[G_X];
  const moon_operand *dx = &call->arg[G_DX], *o[3] = {dx, x, dy};
  const moon_operand *dw = moon_optional(call, G_DW);
  const moon_operand *db = moon_optional(call, G_DB);
  groups s = groups_of(call, o, &call->arg[G_M], &call->arg[G_R]);
  s.w = moon_line_of(moon_optional(call, G_W));
  s.dw = moon_line_of(dw);
  s.db = moon_line_of(db);
  if (moon_operand_numel(dx) > 0) {
    MOON_LAUNCH_TOGETHER(grad_groups<T>, (unsigned)(s.images * s.count),
                         MOON_THREADS, call->queue, (const T *)dy->data,
                         (const T *)x->data, (T *)dx->data, s);
  }
  if (s.channels > 0 && (dw || db)) {
    MOON_LAUNCH_TOGETHER(grad_channels<T>, (unsigned)s.channels, MOON_THREADS,
                         call->queue, (const T *)dy->data, (const T *)x->data,
                         s);
  }
  return moon_launched(fail);
}

CUDA_RUN(run_norm) {
  return MOON_FLOATS(call->arg[X].dtype, run_norm_of, call, fail);
}

CUDA_RUN(run_grad) {
  return MOON_FLOATS(call->arg[G_X].dtype, run_grad_of, call, fail);
}

extern "C" const moon_kernel moon_cuda_group_norm = {
    "group_norm", moon_plan_once, run_norm};
extern "C" const moon_kernel moon_cuda_group_norm_grad = {
    "group_norm_grad", moon_plan_once, run_grad};
