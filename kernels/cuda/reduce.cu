/* Reductions over the dimensions in a bit set, and arg_reduce and any (ref's
 * reduce.c).
 *
 * An output's elements are folded by one thread where its neighbours' elements
 * lie next to them (columns), else by a warp or a block (rows). Where there are
 * few outputs, each is cut in `splits`, and a second launch joins what those
 * left in scratch.
 */
#include "folds.h"
#include "walk.h"

namespace {

enum { WANTED = 132 * MOON_THREADS * 4, LEAST = 16, FEW = 8, MOST_SPLITS = 1024,
       MOST_STATE = 16 };

struct job {
  moon_places<3> kept;    /* of x (an output's first element), y, i */
  moon_places<1> block;   /* of x: what becomes one output */
  int64_t splits;
  int group;              /* threads for one of them */
  int y_dtype;
  void *y;
  int64_t *i;             /* or NULL */
};

MOON_DEVICE int64_t place_in(const moon_places<1> &block, int64_t i) {
  if (block.ndim <= 1) return i * block.stride[0][0];
  int64_t at[1];
  block.find(i, at);
  return at[0];
}

/* Elements lo, lo + step, ... below hi of the output that begins at x. */
template <typename T, typename F>
MOON_DEVICE typename F::state fold(const F &f, const T *x, const job &j,
                                   int64_t lo, int64_t hi, int64_t step) {
  typedef moon_computed<T> V;
  typename F::state s = f.none();
  V first = lo < hi ? moon_load(x[0]) : (V)0;
  int64_t i = lo;
  for (; i + 3 * step < hi; i += 4 * step) {
    V v[4];
    for (int k = 0; k < 4; k++) {
      v[k] = moon_load(x[place_in(j.block, i + k * step)]);
    }
    for (int k = 0; k < 4; k++) f.take(s, v[k], first, i + k * step);
  }
  for (; i < hi; i += step) {
    f.take(s, (V)moon_load(x[place_in(j.block, i)]), first, i);
  }
  return s;
}

/* Of a float its dtype or f32, of an integer any. */
template <typename T, typename V>
MOON_DEVICE void store_float(const job &j, int64_t at, V v) {
  if (j.y_dtype == MOON_F32) {
    ((float *)j.y)[at] = (float)v;
  } else {
    moon_store(&((T *)j.y)[at], v);
  }
}

template <typename T>
MOON_DEVICE void store(const job &j, int64_t at, double v) {
  store_float<T>(j, at, v);
}

template <typename T>
MOON_DEVICE void store(const job &j, int64_t at, float v) {
  store_float<T>(j, at, v);
}

template <typename T>
MOON_DEVICE void store(const job &j, int64_t at, int64_t v) {
  switch (j.y_dtype) {
    case MOON_I64: ((int64_t *)j.y)[at] = v; break;
    case MOON_I32: ((int32_t *)j.y)[at] = (int32_t)v; break;
    case MOON_U8: ((uint8_t *)j.y)[at] = (uint8_t)v; break;
    default: ((uint8_t *)j.y)[at] = v != 0;
  }
}

template <typename T, typename F>
MOON_DEVICE void give(const F &f, const job &j, const int64_t at[3],
                      const typename F::state &s) {
  if (j.y) store<T>(j, at[1], f.finish(s, j.block.n));
  if constexpr (F::has_place) {
    if (j.i) j.i[at[2]] = s.place;
  }
}

template <typename T, typename F>
__global__ void fold_splits(F f, const T *x, job j,
                            typename F::state *part) {
  int64_t groups = (int64_t)gridDim.x * blockDim.x / j.group;
  int64_t self = ((int64_t)blockIdx.x * blockDim.x + threadIdx.x) / j.group;
  int lane = threadIdx.x % j.group;
  for (int64_t u = self; u < j.kept.n * j.splits; u += groups) {
    /* neighbouring threads have neighbouring outputs */
    int64_t split = u / j.kept.n, output = u - split * j.kept.n, at[3];
    int64_t lo = j.block.n * split / j.splits;
    int64_t hi = j.block.n * (split + 1) / j.splits;
    j.kept.find(output, at);
    typename F::state s = fold(f, x + at[0], j, lo + lane, hi, j.group);
    moon_join_group(f, s, j.group);
    if (lane > 0) continue;
    if (part) {
      part[u] = s;
    } else {
      give<T>(f, j, at, s);
    }
  }
}

/* A warp joins the splits of one output. */
template <typename T, typename F>
__global__ void join_splits(F f, job j, const typename F::state *part) {
  int64_t groups = (int64_t)gridDim.x * blockDim.x / MOON_WARP;
  int64_t self = ((int64_t)blockIdx.x * blockDim.x + threadIdx.x) / MOON_WARP;
  int lane = threadIdx.x % MOON_WARP;
  for (int64_t u = self; u < j.kept.n; u += groups) {
    typename F::state s = f.none();
    for (int64_t k = lane; k < j.splits; k += MOON_WARP) {
      f.join(s, part[k * j.kept.n + u]);
    }
    moon_join_group(f, s, MOON_WARP);
    int64_t at[3];
    j.kept.find(u, at);
    if (lane == 0) give<T>(f, j, at, s);
  }
}

/* --- how a call is cut ------------------------------------------------- */
/* y and i: operands of the call, or NULL. */
job job_of(const moon_call *call, const moon_operand *y,
           const moon_operand *i) {
  const moon_operand *x = &call->arg[0];
  moon_operand heads = *x, block = *x;
  for (int d = 0; d < x->ndim; d++) {
    bool reduced = call->params.reduce.dims >> d & 1;
    *(reduced ? &heads.shape[d] : &block.shape[d]) = 1;
  }
  const moon_operand *kept[] = {&heads, y ? y : i, i ? i : y};
  const moon_operand *inside[] = {&block};
  job j = {};
  j.kept = moon_places_of(kept);
  j.block = moon_places_of(inside);
  j.y = y ? y->data : NULL;
  j.y_dtype = y ? y->dtype : MOON_I64;
  j.i = i ? (int64_t *)i->data : NULL;
  int64_t n = j.block.n, outputs = j.kept.n;
  bool columns = j.kept.ndim > 0 && j.block.ndim > 0 &&
                 j.kept.stride[0][0] < j.block.stride[0][0];
  j.group = n < 1024 ? (int)MOON_WARP : (int)MOON_THREADS;
  if (columns || n <= FEW) j.group = 1;
  j.splits = 1;
  if (outputs > 0 && outputs * j.group < WANTED) {
    j.splits = WANTED / (outputs * j.group);
    int64_t most = n / ((int64_t)j.group * LEAST);
    if (j.splits > most) j.splits = most;
    if (j.splits > MOST_SPLITS) j.splits = MOST_SPLITS;
    if (j.splits < 1) j.splits = 1;
  }
  return j;
}

template <typename T, typename F>
int launch(F f, const moon_call *call, const job &j, void *scratch,
           moon_fail *fail) {
  typedef typename F::state state;
  static_assert(sizeof(state) <= MOST_STATE, "as planned");
  if (j.kept.n == 0) return MOON_OK;
  state *part = j.splits > 1 ? (state *)scratch : NULL;
  MOON_LAUNCH_TOGETHER((fold_splits<T, F>),
                       moon_blocks(j.kept.n * j.splits * j.group, 1),
                       MOON_THREADS, call->queue, f,
                       (const T *)call->arg[0].data, j, part);
  if (part) {
    MOON_LAUNCH_TOGETHER((join_splits<T, F>),
                         moon_blocks(j.kept.n * MOON_WARP, 1), MOON_THREADS,
                         call->queue, f, j, part);
  }
  return moon_launched(fail);
}

/* --- by dtype and kind ------------------------------------------------- */
template <typename T>
int run_floats(const moon_call *call, const job &j, void *scratch,
               moon_fail *fail) {
  typedef moon_computed<T> V;
  int kind = call->params.reduce.kind;
  switch (kind) {
    case MOON_R_MAX:
    case MOON_R_MIN:
      return launch<T>(moon_fold_extreme<V>{kind}, call, j, scratch, fail);
    case MOON_R_VAR:
    case MOON_R_STD:
      return launch<T>(moon_fold_spread{kind}, call, j, scratch, fail);
    case MOON_R_PROD:
      return launch<T>(moon_fold_product{kind}, call, j, scratch, fail);
    case MOON_R_LOGSUMEXP:
      return launch<T>(moon_fold_logsumexp<V>{kind}, call, j, scratch, fail);
    default:
      return launch<T>(moon_fold_sum{kind}, call, j, scratch, fail);
  }
}

template <typename T>
int run_integers(const moon_call *call, const job &j, void *scratch,
                 moon_fail *fail) {
  int kind = call->params.reduce.kind;
  if (kind == MOON_R_MAX || kind == MOON_R_MIN) {
    return launch<T>(moon_fold_extreme<int64_t>{kind}, call, j, scratch, fail);
  }
  return launch<T>(moon_fold_whole{kind}, call, j, scratch, fail);
}

int run_job(const moon_call *call, const job &j, void *scratch,
            moon_fail *fail) {
  switch (call->arg[0].dtype) {
    case MOON_I64: return run_integers<int64_t>(call, j, scratch, fail);
    case MOON_I32: return run_integers<int32_t>(call, j, scratch, fail);
    case MOON_U8: return run_integers<uint8_t>(call, j, scratch, fail);
    case MOON_BOOL: return run_integers<moon_bool>(call, j, scratch, fail);
    default:
      return MOON_FLOATS(call->arg[0].dtype, run_floats, call, j, scratch,
                         fail);
  }
}

int plan_job(const moon_call *call, const job &j, moon_plan *plan,
             moon_fail *fail) {
  int kind = call->params.reduce.kind;
  if ((kind == MOON_R_MAX || kind == MOON_R_MIN) && j.block.n == 0 &&
      j.kept.n > 0) {
    snprintf(fail->text, sizeof fail->text, "%s of no elements",
             kind == MOON_R_MAX ? "max" : "min");
    return MOON_E_SHAPE;
  }
  if (j.splits > 1) {
    plan->scratch = (size_t)(j.splits * j.kept.n) * MOST_STATE;
  }
  return moon_plan_once(call, plan, 1, fail);
}

}  // namespace

CUDA_PLAN(plan_reduce) {
  return plan_job(call, job_of(call, &call->arg[1], NULL), plan, fail);
}

CUDA_RUN(run_reduce) {
  return run_job(call, job_of(call, &call->arg[1], NULL), scratch, fail);
}

CUDA_PLAN(plan_arg_reduce) {
  const moon_operand *y = moon_optional(call, 1);
  return plan_job(call, job_of(call, y, &call->arg[2]), plan, fail);
}

CUDA_RUN(run_arg_reduce) {
  const moon_operand *y = moon_optional(call, 1);
  return run_job(call, job_of(call, y, &call->arg[2]), scratch, fail);
}

extern "C" const moon_kernel moon_cuda_reduce = {"reduce", plan_reduce,
                                                 run_reduce};
extern "C" const moon_kernel moon_cuda_any = {"any", plan_reduce, run_reduce};
extern "C" const moon_kernel moon_cuda_arg_reduce = {
    "arg_reduce", plan_arg_reduce, run_arg_reduce};
