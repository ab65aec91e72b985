/* dx = y > 0 ? dy : 0, and db[c], the sum of dx over all dimensions but 1: in
 * one pass where the channels lie side by side (channels-last, or [N,C]).
 *
 * There a block takes rows of N neighbouring channels a thread; what its rows
 * add to is a row of partial sums, and a second launch adds those in order.
 */
#include "block.h"
#include "each.h"

namespace {

enum { DY, Y, DX, DB };
enum { MOST_PARTS = 132 * 4, LANES = 32, ROWS = MOON_THREADS / LANES };

template <typename T> struct mask {
  enum { most = 16 / sizeof(T) };
  const T *dy, *y;
  T *dx;
  template <int N> MOON_DEVICE void run(const moon_here<3> &here) const {
    moon_computed<T> d[N], v[N];
    moon_take<N>(dy, here, 1, d);
    moon_take<N>(y, here, 2, v);
    for (int j = 0; j < N; j++) d[j] = v[j] > 0 ? d[j] : 0;
    moon_give<N>(dx, here, 0, d);
  }
};

/* --- rows of channels ------------------------------------------------- */
/* `width` threads side by side take a row's channels (or, where there are more
 * than a block has threads, blockIdx.y tells which), N each. */
typedef struct grid { int64_t rows, channels; int width; } grid;

template <typename T, int N>
__global__ void mask_rows(mask<T> f, grid g, moon_computed<T> *part) {
  typedef moon_computed<T> V;
  __shared__ V sums[MOON_THREADS * N];
  int lane = threadIdx.x % g.width, line = threadIdx.x / g.width;
  int lines = blockDim.x / g.width;
  int64_t c = ((int64_t)blockIdx.y * g.width + lane) * N;
  V sum[N];
  for (int j = 0; j < N; j++) sum[j] = 0;
  bool works = line < lines && c < g.channels;
  int64_t step = (int64_t)gridDim.x * lines;
  for (int64_t r = (int64_t)blockIdx.x * lines + line; works && r < g.rows;
       r += step) {
    const uint8_t repeats[3] = {0, 0, 0};
    int64_t at = r * g.channels + c;
    moon_here<3> here = {{at, at, at}, repeats};
    V d[N], v[N];
    moon_take<N>(f.dy, here, 1, d);
    moon_take<N>(f.y, here, 2, v);
    for (int j = 0; j < N; j++) {
      d[j] = v[j] > 0 ? d[j] : 0;
      sum[j] += d[j];
    }
    moon_give<N>(f.dx, here, 0, d);
  }
  for (int j = 0; j < N; j++) sums[threadIdx.x * N + j] = sum[j];
  __syncthreads();
  if (!works || line > 0) return;
  for (int k = 1; k < lines; k++) {
    for (int j = 0; j < N; j++) {
      sum[j] += sums[(threadIdx.x + k * g.width) * N + j];
    }
  }
  for (int j = 0; j < N; j++) part[blockIdx.x * g.channels + c + j] = sum[j];
}

/* db[c] = the sum of `parts` partial sums; a block has LANES channels. */
template <typename T>
__global__ void add_parts(const moon_computed<T> *part, int64_t parts,
                          int64_t channels, T *db, int64_t step) {
  __shared__ double sums[MOON_THREADS];
  int lane = threadIdx.x % LANES, row = threadIdx.x / LANES;
  int64_t c = (int64_t)blockIdx.x * LANES + lane;
  double sum = 0;
  for (int64_t p = row; c < channels && p < parts; p += ROWS) {
    sum += part[p * channels + c];
  }
  sums[threadIdx.x] = sum;
  __syncthreads();
  if (row > 0 || c >= channels) return;
  for (int k = 1; k < ROWS; k++) sum += sums[k * LANES + lane];
  moon_store(&db[c * step], sum);
}

bool has_rows(const moon_operand *o) {
  int64_t step = 1;
  if (o->ndim < 2) return false;
  for (int k = 0; k < o->ndim; k++) {  /* 1, then the last one, ... 0 */
    int d = k == 0 ? 1 : o->ndim - k + (o->ndim - k < 2 ? -1 : 0);
    if (o->shape[d] > 1 && o->stride[d] != step) return false;
    step *= o->shape[d];
  }
  return true;
}

int64_t parts_of(const moon_operand *dx) {
  int64_t c = dx->shape[1], rows = c ? moon_operand_numel(dx) / c : 0;
  int64_t parts = rows / 16;
  if (parts > MOST_PARTS) parts = MOST_PARTS;
  return parts < 1 ? 1 : parts;
}

template <typename T, int N>
int run_rows(const moon_call *call, mask<T> f, void *scratch,
             moon_fail *fail) {
  const moon_operand *dx = &call->arg[DX], *db = &call->arg[DB];
  int64_t c = dx->shape[1], parts = parts_of(dx), wide = c / N;
  grid g = {moon_operand_numel(dx) / c, c, MOON_THREADS};
  if (wide < MOON_THREADS) g.width = (int)wide;
  dim3 blocks((unsigned)parts, (unsigned)((wide + g.width - 1) / g.width));
  moon_computed<T> *part = (moon_computed<T> *)scratch;
  MOON_LAUNCH_TOGETHER((mask_rows<T, N>), blocks, MOON_THREADS, call->queue, f,
                       g, part);
  MOON_LAUNCH_TOGETHER(add_parts<T>, (unsigned)((c + LANES - 1) / LANES),
                       MOON_THREADS, call->queue, part, parts, c,
                       (T *)db->data, db->stride[0]);
  return moon_launched(fail);
}

/* --- any strides: channel by channel ---------------------------------- */
template <typename T>
__global__ void add_channel(const T *dx, moon_places<1> walk, int64_t x_step,
                            T *db, int64_t step) {
  double sum = 0;
  for (int64_t i = threadIdx.x; i < walk.n; i += blockDim.x) {
    int64_t at[1];
    walk.find(i, at);
    sum += moon_load(dx[blockIdx.x * x_step + at[0]]);
  }
  sum = moon_block_sum(sum);
  if (threadIdx.x == 0) moon_store(&db[blockIdx.x * step], sum);
}

template <typename T>
int run_channels(const moon_call *call, moon_fail *fail) {
  const moon_operand *dx = &call->arg[DX], *db = &call->arg[DB];
  moon_operand one = *dx;
  one.shape[1] = 1;
  const moon_operand *o[] = {&one};
  MOON_LAUNCH_TOGETHER(add_channel<T>, (unsigned)dx->shape[1], MOON_THREADS,
                       call->queue, (const T *)dx->data, moon_places_of(o),
                       dx->stride[1], (T *)db->data, db->stride[0]);
  return moon_launched(fail);
}

template <typename T>
int run_of(const moon_call *call, void *scratch, moon_fail *fail) {
  const moon_operand *dy = &call->arg[DY], *y = &call->arg[Y];
  const moon_operand *dx = &call->arg[DX], *o[] = {dx, dy, y};
  mask<T> f = {(const T *)dy->data, (const T *)y->data, (T *)dx->data};
  bool has_db = moon_optional(call, DB) && dx->shape[1] > 0;
  if (!has_db) return moon_each(f, o, call, fail);
  bool rows = moon_operand_numel(dx) > 0, by_vectors = true;
  for (int k = 0; k < 3; k++) {
    rows = rows && has_rows(o[k]);
    by_vectors = by_vectors && (uintptr_t)o[k]->data % 16 == 0;
  }
  by_vectors = by_vectors && dx->shape[1] % mask<T>::most == 0;
  if (rows && by_vectors) {
    return run_rows<T, mask<T>::most>(call, f, scratch, fail);
  }
  if (rows) return run_rows<T, 1>(call, f, scratch, fail);
  int status = moon_each(f, o, call, fail);
  return status < 0 ? status : run_channels<T>(call, fail);
}

}  // namespace

CUDA_PLAN(plan_relu_grad) {
  const moon_operand *dx = &call->arg[DX];
  if (moon_optional(call, DB) && has_rows(dx)) {
    plan->scratch = (size_t)(parts_of(dx) * dx->shape[1]) *
                    (dx->dtype == MOON_F64 ? sizeof(double) : sizeof(float));
  }
  return moon_plan_once(call, plan, may_create, fail);
}

CUDA_RUN(run_relu_grad) {
  return MOON_FLOATS(call->arg[DX].dtype, run_of, call, scratch, fail);
}

extern "C" const moon_kernel moon_cuda_relu_grad = {
    "relu_grad", plan_relu_grad, run_relu_grad};
