/* The two sums of each channel that batch_norm and its gradient need, in
 * segments: of d and of d u, where u = x - m, and d = dy where it counts; or,
 * to measure x, of u and u u, where u = x - (the channel's first value), which
 * keeps digits.
 */
#ifndef MOON_CUDA_CHANNEL_SUMS_H
#define MOON_CUDA_CHANNEL_SUMS_H
#include "block.h"
#include "channels.h"
#include "line.h"

#ifdef __CUDACC__
#define MOON_UNROLL _Pragma("unroll 4")
#else
#define MOON_UNROLL
#endif

/* Where a ReLU after it is open: sign x > above. */
struct relu_line { moon_line sign, above; };

static relu_line relu_of(const moon_operand *k) {
  if (!k) return relu_line{moon_line_of(NULL), moon_line_of(NULL)};
  return relu_line{moon_line_of(k, 1), moon_line_of(k, 1, k->stride[0])};
}

template <typename T> struct inputs {
  const T *x, *dy;  /* dy: of gradients */
  moon_line m;      /* of gradients */
  relu_line k;
  moon_channels s;
  uint8_t *place;   /* of the maximum in each 2x2; NULL: nothing is pooled */
  int64_t width;    /* of an image that is */
};

/* What is known of a channel before its sums. */
template <typename A> struct known { A centre, sign, above; };

template <bool GRAD, typename T, typename A>
MOON_DEVICE known<A> look_up(const inputs<T> &in, int64_t c, int64_t step) {
  if (!GRAD) return known<A>{moon_load(in.x[c * step]), 0, 0};
  return known<A>{(A)in.m.load(c), (A)in.k.sign.load(c),
                  (A)in.k.above.load(c)};
}

template <bool GRAD, typename A>
MOON_DEVICE A counted(A x, A dy, known<A> of, bool has_relu) {
  if (!GRAD || !has_relu) return dy;
  return of.sign * x > of.above ? dy : (A)0;
}

/* dy of N channels of a row of x; where dy is of what was pooled, 0 but where
 * the maximum was. Heights are even, so that rows of pixels pair up throughout
 * all images. */
template <typename T, int N>
MOON_DEVICE moon_vector<T, N> dy_of(const inputs<T> &in, int64_t row,
                                    int64_t c) {
  typedef moon_vector<T, N> vector;
  if (!in.place) return *(const vector *)&in.dy[row * in.s.channels + c];
  int64_t line = in.s.rows <= UINT32_MAX
                     ? (uint32_t)row / (uint32_t)in.width : row / in.width;
  int64_t column = row - line * in.width;
  int64_t from = line / 2 * (in.width / 2) + column / 2;
  int here = (int)(line % 2 * 2 + column % 2);
  from = from * in.s.channels + c;
  vector dy = *(const vector *)&in.dy[from];
  moon_vector<uint8_t, N> at = *(const moon_vector<uint8_t, N> *)
      &in.place[from];
  for (int j = 0; j < N; j++) {
    if (at.at[j] != here) moon_store(&dy.at[j], (moon_computed<T>)0);
  }
  return dy;
}

/* --- sums: of d (or u) and of d u (or u u) ----------------------------- */
template <typename T, int N, bool GRAD>
__global__ void sum_rows(inputs<T> in, double *partial) {
  typedef moon_computed<T> A;
  typedef moon_vector<T, N> vector;
  __shared__ A shared[2][MOON_THREADS * N];
  const moon_channels &s = in.s;
  int lane = threadIdx.x % s.lanes, line = threadIdx.x / s.lanes;
  int lines = MOON_THREADS / s.lanes;
  int64_t c = ((int64_t)blockIdx.x * s.lanes + lane) * N;
  A sum[N] = {}, dot[N] = {};
  if (c < s.channels) {
    known<A> of[N];
    for (int j = 0; j < N; j++) of[j] = look_up<GRAD, T, A>(in, c + j, 1);
    MOON_UNROLL
    for (int64_t row = (int64_t)blockIdx.y * lines + line; row < s.rows;
         row += (int64_t)s.segments * lines) {
      vector x = *(const vector *)&in.x[row * s.channels + c], dy = x;
      if (GRAD) dy = dy_of<T, N>(in, row, c);
      for (int j = 0; j < N; j++) {
        A v = moon_load(x.at[j]), u = v - of[j].centre;
        A d = GRAD ? counted<GRAD>(v, (A)moon_load(dy.at[j]), of[j],
                                   in.k.sign.data != NULL) : u;
        sum[j] += d;
        dot[j] += d * u;
      }
    }
  }
  for (int j = 0; j < N; j++) {
    shared[0][threadIdx.x * N + j] = sum[j];
    shared[1][threadIdx.x * N + j] = dot[j];
  }
  __syncthreads();
  int width = s.lanes * N, at = threadIdx.x;
  int64_t to = (int64_t)blockIdx.x * width + at;
  if (at >= width || to >= s.channels) return;
  double total[2] = {0, 0};
  for (int k = 0; k < lines; k++) {
    total[0] += (double)shared[0][k * width + at];
    total[1] += (double)shared[1][k * width + at];
  }
  double *out = partial + (int64_t)blockIdx.y * 2 * s.channels;
  out[to] = total[0];
  out[s.channels + to] = total[1];
}

template <typename T, bool GRAD>
__global__ void sum_any(inputs<T> in, moon_places<2> places, int64_t step_x,
                        int64_t step_dy, double *partial) {
  typedef moon_computed<T> A;
  int64_t c = blockIdx.x, channels = in.s.channels;
  known<A> of = look_up<GRAD, T, A>(in, c, step_x);
  A sum = 0, dot = 0;
  for (int64_t i = (int64_t)blockIdx.y * blockDim.x + threadIdx.x;
       i < places.n; i += (int64_t)in.s.segments * blockDim.x) {
    int64_t at[2];
    places.find(i, at);
    A v = moon_load(in.x[at[0] + c * step_x]), u = v - of.centre, d = u;
    if (GRAD) {
      d = counted<GRAD>(v, (A)moon_load(in.dy[at[1] + c * step_dy]), of,
                        in.k.sign.data != NULL);
    }
    sum += d;
    dot += d * u;
  }
  double total = moon_block_sum((double)sum);
  double product = moon_block_sum((double)dot);
  if (threadIdx.x > 0) return;
  double *out = partial + (int64_t)blockIdx.y * 2 * channels;
  out[c] = total;
  out[channels + c] = product;
}

/* --- totals ------------------------------------------------------------ */
/* The two sums of this thread's channel; true for the one thread that goes on
 * with it. 32 channels and 8 shares of the segments in a block. */
MOON_DEVICE bool add_up(const double *partial, const moon_channels &s,
                        int64_t *channel, double sum[2]) {
  __shared__ double shared[2][MOON_THREADS];
  int share = threadIdx.x / 32;
  int64_t c = (int64_t)blockIdx.x * 32 + threadIdx.x % 32;
  sum[0] = sum[1] = 0;
  for (int k = share; k < s.segments && c < s.channels; k += 8) {
    sum[0] += partial[(int64_t)k * 2 * s.channels + c];
    sum[1] += partial[((int64_t)k * 2 + 1) * s.channels + c];
  }
  shared[0][threadIdx.x] = sum[0];
  shared[1][threadIdx.x] = sum[1];
  __syncthreads();
  if (share > 0 || c >= s.channels) return false;
  for (int k = 1; k < 8; k++) {
    sum[0] += shared[0][threadIdx.x + 32 * k];
    sum[1] += shared[1][threadIdx.x + 32 * k];
  }
  *channel = c;
  return true;
}

#endif
