/* Bias and ReLU where a library has none; a bias's gradient. See epilogue.h. */
#include "epilogue.h"
#include "walk.h"

/* --- y = relu(y + bias) ----------------------------------------------- */
template <typename T>
__global__ void finish(T *y, const T *bias, moon_places<2> walk, int relu) {
  MOON_EACH(i, walk.n) {
    int64_t at[2];
    walk.find(i, at);
    auto v = moon_load(y[at[0]]);
    if (bias) v += moon_load(bias[at[1]]);
    moon_store(&y[at[0]], relu && v < 0 ? 0 : v);
  }
}

template <typename T>
static int finish_of(const moon_operand *y, const moon_operand *bias,
                     int relu, void *queue, moon_fail *fail) {
  moon_operand repeated = *y;
  for (int d = 0; d < y->ndim; d++) repeated.stride[d] = 0;
  if (bias) repeated.stride[y->ndim - 1] = bias->stride[0];
  const moon_operand *o[] = {y, &repeated};
  moon_places<2> walk = moon_places_of(o);
  if (walk.n == 0) return MOON_OK;
  MOON_LAUNCH(finish<T>, moon_blocks(walk.n, 1), MOON_THREADS, queue,
              (T *)y->data, bias ? (const T *)bias->data : NULL, walk, relu);
  return moon_launched(fail);
}

extern "C" int moon_cuda_finish(const moon_operand *y,
                                const moon_operand *bias, int relu,
                                void *queue, moon_fail *fail) {
  return MOON_FLOATS(y->dtype, finish_of, y, bias, relu, queue, fail);
}

/* --- sums of channels ------------------------------------------------- */
/* A block sums some rows (places of all images) of 32 channels: thread t every
 * eighth row of channel t % 32, then the eight in turn. */
enum { COLUMNS = 32, ROWS = MOON_THREADS / COLUMNS, MOST_CUTS = 128,
       LEAST_ROWS = 128 };

struct channel_sizes {
  int64_t channels, rows, height, width, each;  /* rows of a block */
  int64_t stride[4];
};

template <typename T>
__global__ void channel_parts(const T *dy, moon_computed<T> *part,
                              channel_sizes s) {
  typedef moon_computed<T> V;
  __shared__ V shared[MOON_THREADS];
  int lane = threadIdx.x % COLUMNS, row = threadIdx.x / COLUMNS;
  int64_t k = (int64_t)blockIdx.y * COLUMNS + lane;
  int64_t first = blockIdx.x * s.each, end = first + s.each;
  if (end > s.rows) end = s.rows;
  V sum = 0;
  for (int64_t r = first + row; r < end && k < s.channels; r += ROWS) {
    int64_t j = r % s.width, i = r / s.width % s.height;
    int64_t n = r / (s.width * s.height);
    sum += moon_load(dy[n * s.stride[0] + k * s.stride[1] +
                        i * s.stride[2] + j * s.stride[3]]);
  }
  shared[threadIdx.x] = sum;
  __syncthreads();
  if (row == 0 && k < s.channels) {
    for (int r = 1; r < ROWS; r++) sum += shared[r * COLUMNS + lane];
    part[blockIdx.x * s.channels + k] = sum;
  }
}

template <typename T>
__global__ void channel_total(const moon_computed<T> *part, int64_t cuts,
                              int64_t channels, T *db, int64_t stride,
                              int adds) {
  MOON_EACH(k, channels) {
    moon_computed<T> sum = 0;
    for (int64_t c = 0; c < cuts; c++) sum += part[c * channels + k];
    T *to = &db[k * stride];
    moon_store(to, adds ? sum + moon_load(*to) : sum);
  }
}

static int64_t cuts_of(const moon_operand *dy) {
  int64_t rows = dy->shape[0] * dy->shape[2] * dy->shape[3];
  int64_t cuts = (rows + LEAST_ROWS - 1) / LEAST_ROWS;
  return cuts > MOST_CUTS ? (int64_t)MOST_CUTS : cuts;
}

extern "C" size_t moon_cuda_channel_room(const moon_operand *dy) {
  size_t each = dy->dtype == MOON_F64 ? sizeof(double) : sizeof(float);
  return (size_t)(cuts_of(dy) * dy->shape[1]) * each;
}

template <typename T>
static int sum_of(const moon_operand *dy, const moon_operand *db, int adds,
                  void *scratch, void *queue, moon_fail *fail) {
  int64_t channels = dy->shape[1], cuts = cuts_of(dy);
  int64_t rows = dy->shape[0] * dy->shape[2] * dy->shape[3];
  moon_computed<T> *part = (moon_computed<T> *)scratch;
  if (channels == 0) return MOON_OK;
  if (cuts > 0) {
    channel_sizes s = {channels, rows, dy->shape[2], dy->shape[3],
                       (rows + cuts - 1) / cuts,
                       {dy->stride[0], dy->stride[1], dy->stride[2],
                        dy->stride[3]}};
    dim3 grid((unsigned)cuts, (unsigned)((channels + COLUMNS - 1) / COLUMNS));
    MOON_LAUNCH_TOGETHER(channel_parts<T>, grid, MOON_THREADS, queue,
                         (const T *)dy->data, part, s);
  }
  MOON_LAUNCH(channel_total<T>, moon_blocks(channels, 1), MOON_THREADS, queue,
              part, cuts, channels, (T *)db->data, db->stride[0], adds);
  return moon_launched(fail);
}

extern "C" int moon_cuda_channel_sum(const moon_operand *dy,
                                     const moon_operand *db, int adds,
                                     void *scratch, void *queue,
                                     moon_fail *fail) {
  return MOON_FLOATS(dy->dtype, sum_of, dy, db, adds, scratch, queue, fail);
}
