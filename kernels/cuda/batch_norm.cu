/* Normalisation of each channel; what is computed is written in ref's
 * batch_norm.c. Three launches: sums of each channel (channel_sums.h),
 * their totals with all that a channel needs, and the elements:
 *
 *   forward   u = x - centre   y = scale u + shift
 *   gradient  u = x - m        dx = scale d + shift - slope u
 *
 * with d = dy where it counts. What ReLU gives may be pooled at once: then a
 * thread has 2x2 pixels in the forward, and the gradient finds dy by the places
 * of the maxima.
 */
#include "channel_sums.h"

/* training: x, w, b, m, v, y, r, k, i;  eval: x, w, b, mean, var, y */
enum { X, W, B, M, V, Y, R, K, I, MEAN = M, VAR = V };
enum { G_DY, G_X, G_W, G_M, G_R, G_DX, G_DW, G_DB, G_K, G_I };
enum { CENTRE, SCALE, SHIFT, SLOPE, NUMBERS };  /* of a channel, in scratch */

struct outputs { moon_line w, b, m, v, r; relu_line k; double eps; };

/* The numbers of y = (x - mean) scale + shift, and where it is above 0. */
MOON_DEVICE void settle(const outputs &o, int64_t c, int64_t channels,
                        double mean, double r, double *number) {
  double scale = r * o.w.load(c, 1), shift = o.b.load(c);
  double centre = (double)(float)mean;  /* what f32 cannot say is in shift */
  number[CENTRE * channels + c] = centre;
  number[SCALE * channels + c] = scale;
  number[SHIFT * channels + c] = shift + (centre - mean) * scale;
  number[SLOPE * channels + c] = 0;
  double sign = scale < 0 ? -1 : 1;
  o.k.sign.store(c, sign);
  o.k.above.store(c, scale != 0 ? sign * (mean - shift / scale)
                                : shift > 0 ? -INFINITY : INFINITY);
}

template <typename T>
__global__ void finish(const T *x, int64_t step, moon_channels s, outputs o,
                       const double *partial, double *number) {
  double sum[2], n = (double)s.rows;
  int64_t c;
  if (!add_up(partial, s, &c, sum)) return;
  double off = sum[0] / n, var = sum[1] / n - off * off;
  double mean = (double)moon_load(x[c * step]) + off;
  if (var < 0) var = 0;  /* by rounding */
  double r = 1 / sqrt(var + o.eps);
  o.m.store(c, mean);
  o.v.store(c, var * n / (n - 1));
  o.r.store(c, r);
  settle(o, c, s.channels, mean, r, number);
}

__global__ void finish_eval(outputs o, int64_t channels, double *number) {
  MOON_EACH(c, channels) {
    settle(o, c, channels, o.m.load(c), 1 / sqrt(o.v.load(c) + o.eps), number);
  }
}

struct gradients { moon_line w, m, r, dw, db; };

__global__ void finish_grad(moon_channels s, gradients o,
                            const double *partial, double *number) {
  double sum[2], n = (double)s.rows;
  int64_t c;
  if (!add_up(partial, s, &c, sum)) return;
  double r = o.r.load(c), dot = sum[1] * r, scale = r * o.w.load(c, 1);
  o.dw.store(c, dot);
  o.db.store(c, sum[0]);
  number[CENTRE * s.channels + c] = o.m.load(c);
  number[SCALE * s.channels + c] = scale;
  number[SHIFT * s.channels + c] = -scale * sum[0] / n;
  number[SLOPE * s.channels + c] = scale * r * dot / n;
}

/* --- elements ---------------------------------------------------------- */
template <typename A> struct numbers { A centre, scale, shift, slope; };

template <typename A>
MOON_DEVICE numbers<A> numbers_of(const double *number, int64_t c,
                                  int64_t channels) {
  return numbers<A>{(A)number[CENTRE * channels + c],
                    (A)number[SCALE * channels + c],
                    (A)number[SHIFT * channels + c],
                    (A)number[SLOPE * channels + c]};
}

template <bool GRAD, typename A>
MOON_DEVICE A element(A x, A dy, numbers<A> q, known<A> of, bool has_relu) {
  A u = x - q.centre;
  if (GRAD) {
    return q.scale * counted<GRAD>(x, dy, of, has_relu) +
           (q.shift - q.slope * u);
  }
  A y = u * q.scale + q.shift;
  return has_relu && y < 0 ? (A)0 : y;
}

template <typename T, int N, bool GRAD>
__global__ void apply_rows(inputs<T> in, T *y, const double *number,
                           int has_relu) {
  typedef moon_computed<T> A;
  typedef moon_vector<T, N> vector;
  const moon_channels &s = in.s;
  int lane = threadIdx.x % s.lanes, lines = MOON_THREADS / s.lanes;
  int64_t c = ((int64_t)blockIdx.x * s.lanes + lane) * N;
  if (c >= s.channels) return;
  numbers<A> q[N];
  known<A> of[N] = {};
  for (int j = 0; j < N; j++) {
    q[j] = numbers_of<A>(number, c + j, s.channels);
    if (GRAD) of[j] = look_up<GRAD, T, A>(in, c + j, 1);
  }
  int64_t row = (int64_t)blockIdx.y * lines + threadIdx.x / s.lanes;
  for (; row < s.rows; row += (int64_t)gridDim.y * lines) {
    int64_t at = row * s.channels + c;
    vector x = *(const vector *)&in.x[at], dy = x, out;
    if (GRAD) dy = dy_of<T, N>(in, row, c);
    for (int j = 0; j < N; j++) {
      moon_store(&out.at[j], element<GRAD>((A)moon_load(x.at[j]),
                                           (A)moon_load(dy.at[j]), q[j],
                                           of[j], has_relu));
    }
    *(vector *)&y[at] = out;
  }
}

/* The largest of each 2x2 of what ReLU gives, as max_pool2d finds it. */
template <typename T, int N>
__global__ void pool_rows(inputs<T> in, T *y, const double *number) {
  typedef moon_computed<T> A;
  typedef moon_vector<T, N> vector;
  const moon_channels &s = in.s;
  int lane = threadIdx.x % s.lanes, lines = MOON_THREADS / s.lanes;
  int64_t c = ((int64_t)blockIdx.x * s.lanes + lane) * N;
  if (c >= s.channels) return;
  numbers<A> q[N];
  for (int j = 0; j < N; j++) q[j] = numbers_of<A>(number, c + j, s.channels);
  int64_t row = (int64_t)blockIdx.y * lines + threadIdx.x / s.lanes;
  int64_t half = in.width / 2;
  for (; row < s.rows / 4; row += (int64_t)gridDim.y * lines) {
    int64_t first = row / half * 2 * in.width + row % half * 2;
    vector best = {};
    moon_vector<uint8_t, N> place = {};
    for (int k = 0; k < 4; k++) {
      int64_t from = first + k / 2 * in.width + k % 2;
      vector x = *(const vector *)&in.x[from * s.channels + c];
      for (int j = 0; j < N; j++) {
        T v;
        moon_store(&v, element<false>((A)moon_load(x.at[j]), (A)0, q[j],
                                      known<A>{}, true));
        A a = moon_load(v), b = k == 0 ? a : (A)moon_load(best.at[j]);
        bool wins = k == 0 || a > b || (a != a && b == b);
        if (wins) best.at[j] = v;
        if (wins) place.at[j] = (uint8_t)k;
      }
    }
    *(vector *)&y[row * s.channels + c] = best;
    *(moon_vector<uint8_t, N> *)&in.place[row * s.channels + c] = place;
  }
}

struct steps { int64_t y, x, dy; };  /* from one channel to the next */

template <typename T, bool GRAD>
__global__ void apply_any(inputs<T> in, T *y, moon_places<3> places,
                          steps step, const double *number, int has_relu) {
  typedef moon_computed<T> A;
  int64_t c = blockIdx.x;
  numbers<A> q = numbers_of<A>(number, c, in.s.channels);
  known<A> of = {};
  if (GRAD) of = look_up<GRAD, T, A>(in, c, step.x);
  for (int64_t i = (int64_t)blockIdx.y * blockDim.x + threadIdx.x;
       i < places.n; i += (int64_t)gridDim.y * blockDim.x) {
    int64_t at[3];
    places.find(i, at);
    A v = moon_load(in.x[at[1] + c * step.x]), d = 0;
    if (GRAD) d = moon_load(in.dy[at[2] + c * step.dy]);
    moon_store(&y[at[0] + c * step.y],
               element<GRAD>(v, d, q, of, has_relu));
  }
}

/* --- launches ---------------------------------------------------------- */
#define VECTOR(T) (16 / (int)sizeof(T))

template <typename T, bool GRAD>
static void queue_sums(const moon_call *call, const inputs<T> &in,
                       const moon_operand *x, const moon_operand *dy,
                       double *partial) {
  dim3 grid((unsigned)in.s.tiles, (unsigned)in.s.segments);
  if (in.s.wide) {
    MOON_LAUNCH_TOGETHER((sum_rows<T, VECTOR(T), GRAD>), grid, MOON_THREADS,
                         call->queue, in, partial);
  } else if (in.s.is_rows) {
    MOON_LAUNCH_TOGETHER((sum_rows<T, 1, GRAD>), grid, MOON_THREADS,
                         call->queue, in, partial);
  } else {
    const moon_operand *o[] = {x, dy};
    MOON_LAUNCH_TOGETHER((sum_any<T, GRAD>), grid, MOON_THREADS, call->queue,
                         in, moon_channel_places(o), x->stride[1],
                         dy->stride[1], partial);
  }
}

template <typename T, bool GRAD>
static void queue_elements(const moon_call *call, const inputs<T> &in,
                           const moon_operand *const (&o)[3],
                           const double *number, bool has_relu) {
  T *y = (T *)o[0]->data;
  int relu = has_relu;
  dim3 grid = grid_of(in.s, in.s.rows);
  if (in.s.wide) {
    MOON_LAUNCH((apply_rows<T, VECTOR(T), GRAD>), grid, MOON_THREADS,
                call->queue, in, y, number, relu);
  } else if (in.s.is_rows) {
    MOON_LAUNCH((apply_rows<T, 1, GRAD>), grid, MOON_THREADS, call->queue, in,
                y, number, relu);
  } else {
    steps step = {o[0]->stride[1], o[1]->stride[1], o[2]->stride[1]};
    MOON_LAUNCH((apply_any<T, GRAD>), grid, MOON_THREADS, call->queue, in, y,
                moon_channel_places(o), step, number, relu);
  }
}

/* The grid of rows that a thread has four at a time of. */
static dim3 grid_of(const moon_channels &s, int64_t rows) {
  int64_t lines = s.is_rows ? MOON_THREADS / s.lanes : MOON_THREADS;
  int64_t most = MOON_MOST_BLOCKS / (s.tiles + 1) + 1;
  int64_t blocks = (rows + 4 * lines - 1) / (4 * lines);
  return dim3((unsigned)s.tiles, (unsigned)(blocks < most ? blocks : most));
}

template <typename T>
static void queue_pooled(const moon_call *call, const inputs<T> &in, T *y,
                         const double *number) {
  dim3 grid = grid_of(in.s, in.s.rows / 4);
  if (in.s.wide) {
    MOON_LAUNCH((pool_rows<T, VECTOR(T)>), grid, MOON_THREADS, call->queue, in,
                y, number);
  } else {
    MOON_LAUNCH((pool_rows<T, 1>), grid, MOON_THREADS, call->queue, in, y,
                number);
  }
}

/* What is pooled, or the gradient of that: images of x's shape, channels last,
 * beside y or dy and the places. */
template <typename T>
static int add_places(inputs<T> *in, const moon_operand *x,
                      const moon_operand *y, const moon_operand *i,
                      moon_fail *fail) {
  if (!i) return MOON_OK;
  in->place = (uint8_t *)i->data;
  in->width = x->shape[3];
  in->s.wide &= (uintptr_t)y->data % 16 == 0 && (uintptr_t)i->data % 16 == 0;
  if (in->s.is_rows) return MOON_OK;
  snprintf(fail->text, sizeof fail->text, "only channels-last is pooled");
  return MOON_E_KERNEL;
}

static outputs outputs_of(const moon_call *call) {
  return outputs{moon_line_of(moon_optional(call, W)),
                 moon_line_of(moon_optional(call, B)),
                 moon_line_of(&call->arg[M]), moon_line_of(&call->arg[V]),
                 moon_line_of(NULL), relu_of(NULL), call->params.norm.eps};
}

template <typename T>
static int run_forward(const moon_call *call, double *scratch, bool is_eval,
                       moon_fail *fail) {
  const moon_operand *x = &call->arg[X], *y = &call->arg[Y];
  const moon_operand *i = is_eval ? NULL : moon_optional(call, I);
  const moon_operand *o[] = {i ? x : y, x, x};
  inputs<T> in = {(const T *)x->data, NULL, moon_line_of(NULL), relu_of(NULL),
                  moon_channels_of(o), NULL, 0};
  int status = add_places(&in, x, y, i, fail);
  if (status < 0 || moon_operand_numel(x) == 0) return status;
  double *number = scratch, *partial = scratch + NUMBERS * in.s.channels;
  unsigned blocks = (unsigned)((in.s.channels + 31) / 32);
  outputs out = outputs_of(call);
  if (is_eval) {
    MOON_LAUNCH(finish_eval, blocks, 32, call->queue, out, in.s.channels,
                number);
  } else {
    out.r = moon_line_of(&call->arg[R]);
    out.k = relu_of(moon_optional(call, K));
    queue_sums<T, false>(call, in, x, x, partial);
    MOON_LAUNCH_TOGETHER(finish<T>, blocks, MOON_THREADS, call->queue, in.x,
                         x->stride[1], in.s, out, partial, number);
  }
  bool relu = call->params.norm.epilogue == MOON_EPILOGUE_RELU;
  if (i) queue_pooled(call, in, (T *)y->data, number);
  else queue_elements<T, false>(call, in, o, number, relu);
  return moon_launched(fail);
}

template <typename T>
static int run_gradient(const moon_call *call, double *scratch,
                        moon_fail *fail) {
  const moon_operand *x = &call->arg[G_X], *dy = &call->arg[G_DY];
  const moon_operand *m = &call->arg[G_M], *k = moon_optional(call, G_K);
  const moon_operand *i = moon_optional(call, G_I);
  const moon_operand *o[] = {&call->arg[G_DX], x, i ? x : dy};
  inputs<T> in = {(const T *)x->data, (const T *)dy->data, moon_line_of(m),
                  relu_of(k), moon_channels_of(o), NULL, 0};
  int status = add_places(&in, x, dy, i, fail);
  if (status < 0 || in.s.channels == 0) return status;
  gradients out = {moon_line_of(moon_optional(call, G_W)), moon_line_of(m),
                   moon_line_of(&call->arg[G_R]),
                   moon_line_of(moon_optional(call, G_DW)),
                   moon_line_of(moon_optional(call, G_DB))};
  double *number = scratch, *partial = scratch + NUMBERS * in.s.channels;
  unsigned blocks = (unsigned)((in.s.channels + 31) / 32);
  queue_sums<T, true>(call, in, x, dy, partial);
  MOON_LAUNCH_TOGETHER(finish_grad, blocks, MOON_THREADS, call->queue, in.s,
                       out, partial, number);
  if (in.s.rows > 0) queue_elements<T, true>(call, in, o, number, k != NULL);
  return moon_launched(fail);
}

/* --- the functions ----------------------------------------------------- */
static void add_scratch(const moon_operand *x, moon_plan *plan) {
  int64_t channels = x->shape[1];
  int64_t rows = 2 * (int64_t)moon_channels_most(channels) + NUMBERS;
  plan->scratch = (size_t)(rows * channels) * sizeof(double);
}

CUDA_PLAN(plan_batch_norm) {
  const moon_operand *x = &call->arg[X];
  int64_t channels = x->shape[1], n = moon_operand_numel(x);
  if (channels > 0 && n / channels < 2) {
    snprintf(fail->text, sizeof fail->text,
             "%lld values per channel; the batch's variance needs 2",
             (long long)(n / channels));
    return MOON_E_SHAPE;
  }
  add_scratch(x, plan);
  return moon_plan_once(call, plan, may_create, fail);
}

CUDA_PLAN(plan_others) {
  add_scratch(&call->arg[X], plan);
  return moon_plan_once(call, plan, may_create, fail);
}

CUDA_RUN(run_batch_norm) {
  return MOON_FLOATS(call->arg[X].dtype, run_forward, call, (double *)scratch,
                     false, fail);
}

CUDA_RUN(run_eval) {
  return MOON_FLOATS(call->arg[X].dtype, run_forward, call, (double *)scratch,
                     true, fail);
}

CUDA_RUN(run_grad) {
  return MOON_FLOATS(call->arg[G_X].dtype, run_gradient, call,
                     (double *)scratch, fail);
}

struct averages { moon_line batch[2], to[2]; };  /* mean, variance */

__global__ void move_averages(averages o, int64_t n, double momentum) {
  MOON_EACH(c, n) {
    for (int k = 0; k < 2; k++) {
      o.to[k].store(c, (1 - momentum) * o.to[k].load(c) +
                           momentum * o.batch[k].load(c));
    }
  }
}

CUDA_RUN(run_running) {
  const moon_operand *o = call->arg;
  int64_t n = o[0].shape[0];
  averages lines = {{moon_line_of(&o[0]), moon_line_of(&o[1])},
                    {moon_line_of(&o[2]), moon_line_of(&o[3])}};
  if (n == 0) return MOON_OK;
  MOON_LAUNCH(move_averages, moon_blocks(n, 1), MOON_THREADS, call->queue,
              lines, n, call->params.norm.momentum);
  return moon_launched(fail);
}

extern "C" const moon_kernel moon_cuda_batch_norm = {
    "batch_norm", plan_batch_norm, run_batch_norm};
extern "C" const moon_kernel moon_cuda_batch_norm_eval = {
    "batch_norm_eval", plan_others, run_eval};
extern "C" const moon_kernel moon_cuda_batch_norm_grad = {
    "batch_norm_grad", plan_others, run_grad};
extern "C" const moon_kernel moon_cuda_running = {"running", moon_plan_once,
                                                  run_running};
