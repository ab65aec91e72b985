/* Softmax and the negative logarithm of the label's share, or, of logarithms,
 * the latter alone, and the gradient: what they are, ref's cross_entropy.c says.
 *
 * Labels are looked at in the first phase. Then a group of threads takes a row
 * (lines.h); what rows come to is added up by blocks that have a chunk each,
 * whose sums one more block adds in order.
 */
#include "check.h"
#include "lines.h"

namespace {

/* forward: x, l, loss, [s], [w];  gradient: dloss, x, l, [s], dx, [w] */
enum { X, L, LOSS, S, W };
enum { G_DLOSS, G_X, G_L, G_S, G_DX, G_W };
enum { CHUNK = 4096, MOST_CHUNKS = 256 };

/* Small operands, of any float dtype. */
struct floats { void *data; int dtype; int64_t step, row; };

MOON_DEVICE double at(const floats &f, int64_t i) {
  switch (f.dtype) {
    case MOON_F32: return ((const float *)f.data)[i];
    case MOON_F64: return ((const double *)f.data)[i];
    case MOON_BF16: return moon_load(((const moon_bf16 *)f.data)[i]);
    default: return moon_load(((const moon_f16 *)f.data)[i]);
  }
}

MOON_DEVICE void give(const floats &f, int64_t i, double v) {
  switch (f.dtype) {
    case MOON_F32: ((float *)f.data)[i] = (float)v; break;
    case MOON_F64: ((double *)f.data)[i] = v; break;
    case MOON_BF16: moon_store(&((moon_bf16 *)f.data)[i], v); break;
    default: moon_store(&((moon_f16 *)f.data)[i], v);
  }
}

/* What both directions know of a call. */
struct task {
  int64_t rows, classes, ignored, x_row, x_step, l_step;
  const void *label;
  int l_dtype, group, reduction;
  double smoothing;
  floats s, w;           /* s: its data NULL for logarithms */

  MOON_DEVICE int64_t label_of(int64_t n) const {
    return l_dtype == MOON_I32 ? ((const int32_t *)label)[n * l_step]
                               : ((const int64_t *)label)[n * l_step];
  }
  MOON_DEVICE double weight(int64_t c) const {
    return w.data ? at(w, c * w.step) : 1;
  }
  /* What a row adds to a mean's divisor. */
  MOON_DEVICE double counts(int64_t n) const {
    int64_t l = label_of(n);
    return l == ignored ? 0 : weight(l);
  }
};

floats floats_of(const moon_operand *o) {
  floats f = {};
  if (!o) return f;
  f.data = o->data;
  f.dtype = o->dtype;
  f.step = o->ndim > 0 ? o->stride[o->ndim - 1] : 0;
  f.row = o->ndim > 1 ? o->stride[0] : 0;
  return f;
}

task task_of(const moon_call *call, int x_at, int s_at, int w_at) {
  const moon_operand *x = &call->arg[x_at], *l = &call->arg[x_at + 1];
  const moon_cross_entropy_params *p = &call->params.loss.p;
  task t = {};
  t.rows = x->shape[0];
  t.classes = x->shape[1];
  t.ignored = p->ignore_index;
  t.x_row = x->stride[0];
  t.x_step = x->stride[1];
  t.label = l->data;
  t.l_step = l->stride[0];
  t.l_dtype = l->dtype;
  t.group = moon_line_group(t.rows, t.classes, t.x_step);
  t.reduction = p->reduction;
  t.smoothing = p->label_smoothing;
  t.s = floats_of(moon_optional(call, s_at));
  t.w = floats_of(moon_optional(call, w_at));
  return t;
}

int64_t chunks_of(int64_t rows) {
  int64_t chunks = (rows + CHUNK - 1) / CHUNK;
  if (chunks > MOST_CHUNKS) chunks = MOST_CHUNKS;
  return chunks < 1 ? 1 : chunks;
}

/* --- forward ---------------------------------------------------------- */
/* The row's loss, to `loss` where each is wanted, else to scratch. */
template <typename T>
__global__ void row_losses(task t, const T *x, floats loss, double *row) {
  typedef moon_computed<T> V;
  int lane = threadIdx.x % t.group;
  int64_t groups = moon_line_groups(t.group);
  for (int64_t n = moon_line_first(t.group); n < t.rows; n += groups) {
    const T *line = x + n * t.x_row;
    int64_t label = t.label_of(n);
    V max = 0, sum = 1, spread = 0;
    if (t.s.data) {
      moon_measure_line(line, t.classes, t.x_step, t.group, &max, &sum);
      if (lane == 0) {
        give(t.s, n * t.s.step, max);
        give(t.s, t.s.row + n * t.s.step, sum);
      }
    }
    double own = 0, e = t.smoothing, log_sum = log((double)sum);
    if (label != t.ignored) {
      own = (double)max - moon_load(line[label * t.x_step]) + log_sum;
      own *= t.weight(label);
    }
    if (e != 0 && label != t.ignored) {
      for (int64_t c = lane; c < t.classes; c += t.group) {
        spread += (V)t.weight(c) *
                  (max - moon_load(line[c * t.x_step]) + (V)log_sum);
      }
      spread = moon_group_sum(spread, t.group);
      own = (1 - e) * own + e / (double)t.classes * spread;
    }
    if (lane > 0) continue;
    if (row) {
      row[n] = own;
    } else {
      give(loss, n * loss.step, own);
    }
  }
}

/* part[b]: block b's share of the losses (NULL: none), and of the divisor. */
__global__ void add_chunks(task t, const double *row, double *part) {
  int64_t lo = t.rows * blockIdx.x / gridDim.x;
  int64_t hi = t.rows * (blockIdx.x + 1) / gridDim.x;
  double sum = 0, divisor = 0;
  for (int64_t n = lo + threadIdx.x; n < hi; n += blockDim.x) {
    if (row) sum += row[n];
    if (t.reduction == MOON_LOSS_MEAN) divisor += t.counts(n);
  }
  sum = moon_block_sum(sum);
  divisor = moon_block_sum(divisor);
  if (threadIdx.x > 0) return;
  part[2 * blockIdx.x] = sum;
  part[2 * blockIdx.x + 1] = divisor;
}

/* By one block; the divisor of what is no mean is 1. */
MOON_DEVICE void add_parts(const task &t, const double *part, int64_t parts,
                           double total[2]) {
  double sum = 0, divisor = 0;
  for (int64_t b = threadIdx.x; b < parts; b += blockDim.x) {
    sum += part[2 * b];
    divisor += part[2 * b + 1];
  }
  total[0] = moon_block_sum(sum);
  total[1] = moon_block_sum(divisor);
  if (t.reduction != MOON_LOSS_MEAN) total[1] = 1;
}

__global__ void finish_loss(task t, const double *part, int64_t parts,
                            floats loss) {
  double total[2];
  add_parts(t, part, parts, total);
  if (threadIdx.x == 0) give(loss, 0, total[0] / total[1]);
}

template <typename T>
int run_loss(const moon_call *call, void *scratch, moon_fail *fail) {
  task t = task_of(call, X, S, W);
  floats loss = floats_of(&call->arg[LOSS]);
  bool each = t.reduction == MOON_LOSS_NONE;
  int64_t chunks = chunks_of(t.rows);
  double *part = (double *)scratch, *row = part + 2 * MOST_CHUNKS;
  if (t.rows > 0) {
    MOON_LAUNCH_TOGETHER(row_losses<T>, moon_line_blocks(t.rows, t.group),
                         MOON_THREADS, call->queue, t,
                         (const T *)call->arg[X].data, loss,
                         each ? (double *)NULL : row);
  }
  if (each) return moon_launched(fail);
  MOON_LAUNCH_TOGETHER(add_chunks, (unsigned)chunks, MOON_THREADS,
                       call->queue, t, (const double *)row, part);
  MOON_LAUNCH_TOGETHER(finish_loss, 1, MOON_THREADS, call->queue, t,
                       (const double *)part, chunks, loss);
  return moon_launched(fail);
}

/* --- gradient --------------------------------------------------------- */
/* total: a mean's divisor, and the sum of w. */
__global__ void finish_weights(task t, const double *part, int64_t parts,
                               double *total) {
  double sum[2], weights = 0;
  add_parts(t, part, parts, sum);
  for (int64_t c = threadIdx.x; c < t.classes; c += blockDim.x) {
    weights += t.weight(c);
  }
  weights = moon_block_sum(weights);
  if (threadIdx.x > 0) return;
  total[0] = sum[1];
  total[1] = weights;
}

/* A row's derivatives, of which `all` times exp(x - max) / sum is one term. */
template <typename T>
__global__ void row_slopes(task t, const T *x, floats dloss, T *dx,
                           int64_t dx_row, int64_t dx_step,
                           const double *total) {
  typedef moon_computed<T> V;
  int lane = threadIdx.x % t.group;
  int64_t groups = moon_line_groups(t.group);
  for (int64_t n = moon_line_first(t.group); n < t.rows; n += groups) {
    int64_t label = t.label_of(n);
    bool counts = label != t.ignored;
    double even = t.smoothing / (double)t.classes;
    double own = counts ? (1 - t.smoothing) * t.weight(label) : 0;
    V dy = (V)(at(dloss, n * dloss.step) / total[0]);
    V max = 0, all = 0, sum = 1;
    if (t.s.data) {
      max = (V)at(t.s, n * t.s.step);
      sum = (V)at(t.s, t.s.row + n * t.s.step);
      all = (V)(own + even * total[1]);
    }
    for (int64_t c = lane; c < t.classes; c += t.group) {
      V d = 0;
      if (counts) {
        V share = 0;
        if (t.s.data) {
          share = exp(moon_load(x[n * t.x_row + c * t.x_step]) - max) / sum;
        }
        d = all * share - (V)((c == label ? own : 0) + even * t.weight(c));
      }
      moon_store(&dx[n * dx_row + c * dx_step], d == 0 ? (V)0 : dy * d);
    }
  }
}

template <typename T>
int run_slopes(const moon_call *call, void *scratch, moon_fail *fail) {
  const moon_operand *dx = &call->arg[G_DX];
  task t = task_of(call, G_X, G_S, G_W);
  int64_t chunks = chunks_of(t.rows);
  double *part = (double *)scratch, *total = part + 2 * MOST_CHUNKS;
  if (moon_operand_numel(dx) == 0) return MOON_OK;
  MOON_LAUNCH_TOGETHER(add_chunks, (unsigned)chunks, MOON_THREADS,
                       call->queue, t, (const double *)NULL, part);
  MOON_LAUNCH_TOGETHER(finish_weights, 1, MOON_THREADS, call->queue, t,
                       (const double *)part, chunks, total);
  MOON_LAUNCH(row_slopes<T>, moon_line_blocks(t.rows, t.group), MOON_THREADS,
              call->queue, t, (const T *)call->arg[G_X].data,
              floats_of(&call->arg[G_DLOSS]), (T *)dx->data, dx->stride[0],
              dx->stride[1], (const double *)total);
  return moon_launched(fail);
}

int look(const moon_call *call, int x, moon_fail *fail) {
  moon_range range = {call->arg[x].shape[1], call->params.loss.p.ignore_index};
  return moon_check_values(call, &call->arg[x + 1], range, fail);
}

}  // namespace

CUDA_PLAN(plan_forward) {
  size_t rows = (size_t)call->arg[X].shape[0];
  plan->scratch = (2 * MOST_CHUNKS + rows) * sizeof(double);
  return moon_plan_checked(call, plan, may_create, fail);
}

CUDA_RUN(run_forward) {
  if (phase == 0) return look(call, X, fail);
  int status = moon_check_notice(call, "label", call->arg[X].shape[1], fail);
  if (status < 0) return status;
  return MOON_FLOATS(call->arg[X].dtype, run_loss, call, scratch, fail);
}

CUDA_PLAN(plan_gradient) {
  plan->scratch = (2 * MOST_CHUNKS + 2) * sizeof(double);
  return moon_plan_checked(call, plan, may_create, fail);
}

CUDA_RUN(run_gradient) {
  if (phase == 0) return look(call, G_X, fail);
  int status = moon_check_notice(call, "label", call->arg[G_X].shape[1], fail);
  if (status < 0) return status;
  return MOON_FLOATS(call->arg[G_X].dtype, run_slopes, call, scratch, fail);
}

extern "C" const moon_kernel moon_cuda_cross_entropy = {
    "cross_entropy", plan_forward, run_forward};
extern "C" const moon_kernel moon_cuda_cross_entropy_grad = {
    "cross_entropy_grad", plan_gradient, run_gradient};
