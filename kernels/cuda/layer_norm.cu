/* Normalisation of each row, and its gradient: a block has a row. The sums of
 * dw and db over the rows are made in two stages (ref's layer_norm.c). */
#include "block.h"
#include "line.h"

enum { X, W, B, Y, M, R };
enum { G_DY, G_X, G_W, G_M, G_R, G_DX, G_DW, G_DB };
enum { SEGMENTS = 64, SEGMENT_ROWS = 32 };

template <typename T> struct matrix {
  T *data;
  int64_t row, column;
  MOON_DEVICE T &at(int64_t i, int64_t j) const {
    return data[i * row + j * column];
  }
};

template <typename T> static matrix<T> matrix_of(const moon_operand *o) {
  return matrix<T>{(T *)o->data, o->stride[0], o->stride[1]};
}

struct lines { int64_t rows, columns; moon_line w, b, m, r; double eps; };

template <typename T>
__global__ void norm_rows(matrix<T> x, matrix<T> y, lines o) {
  typedef moon_computed<T> A;
  int64_t n = o.columns;
  for (int64_t row = blockIdx.x; row < o.rows; row += gridDim.x) {
    A sum = 0, square = 0, rest = 0;
    for (int64_t c = threadIdx.x; c < n; c += blockDim.x) {
      sum += moon_load(x.at(row, c));
    }
    A mean = moon_block_sum(sum) / (A)n;
    for (int64_t c = threadIdx.x; c < n; c += blockDim.x) {
      A d = moon_load(x.at(row, c)) - mean;
      rest += d;
      square += d * d;
    }
    /* What rounding left of the mean: much, where data lie far from 0. */
    rest = moon_block_sum(rest) / (A)n;
    A variance = moon_block_sum(square) / (A)n - rest * rest;
    A r = 1 / (A)sqrt(variance + (A)o.eps);
    if (threadIdx.x == 0) {
      o.m.store(row, (double)mean + (double)rest);
      o.r.store(row, (double)r);
    }
    for (int64_t c = threadIdx.x; c < n; c += blockDim.x) {
      A h = (moon_load(x.at(row, c)) - mean - rest) * r;
      moon_store(&y.at(row, c), h * (A)o.w.load(c, 1) + (A)o.b.load(c));
    }
  }
}

template <typename T>
__global__ void grad_rows(matrix<T> dy, matrix<T> x, matrix<T> dx, lines o) {
  typedef moon_computed<T> A;
  int64_t n = o.columns;
  for (int64_t row = blockIdx.x; row < o.rows; row += gridDim.x) {
    A m = (A)o.m.load(row), r = (A)o.r.load(row), sum = 0, dot = 0;
    for (int64_t c = threadIdx.x; c < n; c += blockDim.x) {
      A d = (A)o.w.load(c, 1) * moon_load(dy.at(row, c));
      sum += d;
      dot += d * (moon_load(x.at(row, c)) - m) * r;
    }
    sum = moon_block_sum(sum) / (A)n;
    dot = moon_block_sum(dot) / (A)n;
    for (int64_t c = threadIdx.x; c < n; c += blockDim.x) {
      A d = (A)o.w.load(c, 1) * moon_load(dy.at(row, c));
      A h = (moon_load(x.at(row, c)) - m) * r;
      moon_store(&dx.at(row, c), r * (d - sum - h * dot));
    }
  }
}

/* Sums of a column over one segment of the rows: of dy, and of dy h. */
template <typename T>
__global__ void sum_columns(matrix<T> dy, matrix<T> x, lines o,
                            double *partial) {
  typedef moon_computed<T> A;
  int64_t c = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
  if (c >= o.columns) return;
  A sum = 0, dot = 0;
  for (int64_t row = blockIdx.y; row < o.rows; row += gridDim.y) {
    A d = moon_load(dy.at(row, c));
    A h = (moon_load(x.at(row, c)) - (A)o.m.load(row)) * (A)o.r.load(row);
    sum += d;
    dot += d * h;
  }
  double *out = partial + (int64_t)blockIdx.y * 2 * o.columns;
  out[c] = (double)sum;
  out[o.columns + c] = (double)dot;
}

__global__ void add_columns(const double *partial, int segments, int64_t n,
                            moon_line dw, moon_line db) {
  MOON_EACH(c, n) {
    double sum = 0, dot = 0;
    for (int k = 0; k < segments; k++) {
      sum += partial[(int64_t)k * 2 * n + c];
      dot += partial[((int64_t)k * 2 + 1) * n + c];
    }
    dw.store(c, dot);
    db.store(c, sum);
  }
}

static unsigned threads_of(int64_t columns) {
  int64_t threads = (columns + 127) / 128 * 32;  /* 4 elements each */
  return (unsigned)(threads > 512 ? 512 : threads < 32 ? 32 : threads);
}

static unsigned blocks_of(int64_t rows) {
  int64_t most = MOON_MOST_BLOCKS;
  return (unsigned)(rows > most ? most : rows);
}

static int segments_of(int64_t rows) {
  int64_t segments = (rows + SEGMENT_ROWS - 1) / SEGMENT_ROWS;
  if (segments > SEGMENTS) segments = SEGMENTS;
  return segments < 1 ? 1 : (int)segments;
}

template <typename T>
static int run_norm_of(const moon_call *call, moon_fail *fail) {
  const moon_operand *x = &call->arg[X];
  lines o = {x->shape[0], x->shape[1], moon_line_of(moon_optional(call, W)),
             moon_line_of(moon_optional(call, B)), moon_line_of(&call->arg[M]),
             moon_line_of(&call->arg[R]), call->params.norm.eps};
  if (o.rows == 0) return MOON_OK;
  MOON_LAUNCH_TOGETHER(norm_rows<T>, blocks_of(o.rows), threads_of(o.columns),
                       call->queue, matrix_of<T>(x),
                       matrix_of<T>(&call->arg[Y]), o);
  return moon_launched(fail);
}

template <typename T>
static int run_grad_of(const moon_call *call, double *partial,
                       moon_fail *fail) {
  const moon_operand *dx = &call->arg[G_DX];
  const moon_operand *dw = moon_optional(call, G_DW);
  const moon_operand *db = moon_optional(call, G_DB);
  matrix<T> dy = matrix_of<T>(&call->arg[G_DY]);
  matrix<T> x = matrix_of<T>(&call->arg[G_X]);
  lines o = {dx->shape[0], dx->shape[1],
             moon_line_of(moon_optional(call, G_W)), moon_line_of(NULL),
             moon_line_of(&call->arg[G_M]), moon_line_of(&call->arg[G_R]), 0};
  if (o.columns == 0) return MOON_OK;
  if (o.rows > 0) {
    MOON_LAUNCH_TOGETHER(grad_rows<T>, blocks_of(o.rows),
                         threads_of(o.columns), call->queue, dy, x,
                         matrix_of<T>(dx), o);
  }
  if (dw || db) {
    int segments = segments_of(o.rows);
    dim3 grid((unsigned)((o.columns + 127) / 128), (unsigned)segments);
    MOON_LAUNCH(sum_columns<T>, grid, 128, call->queue, dy, x, o, partial);
    MOON_LAUNCH(add_columns, moon_blocks(o.columns, 1), MOON_THREADS,
                call->queue, partial, segments, o.columns, moon_line_of(dw),
                moon_line_of(db));
  }
  return moon_launched(fail);
}

CUDA_PLAN(plan_grad) {
  const moon_operand *x = &call->arg[G_X];
  plan->scratch = (size_t)(2 * segments_of(x->shape[0]) * x->shape[1]) *
                  sizeof(double);
  plan->scratch = (plan->scratch + 63) / 64 * 64;
  return moon_plan_once(call, plan, may_create, fail);
}

CUDA_RUN(run_norm) {
  return MOON_FLOATS(call->arg[X].dtype, run_norm_of, call, fail);
}

CUDA_RUN(run_grad) {
  return MOON_FLOATS(call->arg[G_X].dtype, run_grad_of, call,
                     (double *)scratch, fail);
}

extern "C" const moon_kernel moon_cuda_layer_norm = {
    "layer_norm", moon_plan_once, run_norm};
extern "C" const moon_kernel moon_cuda_layer_norm_grad = {
    "layer_norm_grad", plan_grad, run_grad};
