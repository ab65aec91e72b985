/* Picking along a dimension by indices and the gradients of that, as ref's
 * index.c says. Nothing is added by two threads: each element of dx adds its
 * own terms in the order of j. index_add finds them by a list for each index:
 * `next` leads from a j to the next one with the same index.
 */
#include "check.h"
#include "walk.h"

enum { X, I, Y };  /* x, i, y; or dy, i, dx */

/* Indices of i64 or i32. */
struct index_list {
  const void *data;
  int is_wide;
  MOON_DEVICE int64_t at(int64_t i) const {
    return is_wide ? ((const int64_t *)data)[i] : ((const int32_t *)data)[i];
  }
};

static index_list list_of(const moon_operand *i) {
  return index_list{i->data, i->dtype == MOON_I64};
}

/* i beside o: the list of index_select repeats over all dimensions but d. */
static moon_operand beside(const moon_operand *i, const moon_operand *o,
                           int d, bool is_list) {
  if (!is_list) return *i;
  moon_operand spread = *o;
  for (int k = 0; k < o->ndim; k++) spread.stride[k] = 0;
  spread.stride[d] = i->stride[0];
  return spread;
}

/* --- index_select and gather ------------------------------------------ */
template <typename T>
__global__ void pick(const T *x, index_list index, T *y, moon_places<3> places,
                     int64_t step) {
  MOON_EACH(i, places.n) {
    int64_t at[3];
    places.find(i, at);
    y[at[0]] = x[at[2] + index.at(at[1]) * step];
  }
}

template <typename T>
static int run_pick(const moon_call *call, bool is_list, moon_fail *fail) {
  const moon_operand *x = &call->arg[X], *y = &call->arg[Y];
  int d = call->params.dim.dim;
  moon_operand index = beside(&call->arg[I], y, d, is_list);
  moon_operand heads = *x;  /* walked with y's index, but not along d */
  for (int k = 0; k < x->ndim; k++) heads.shape[k] = y->shape[k];
  heads.stride[d] = 0;
  const moon_operand *o[] = {y, &index, &heads};
  moon_places<3> places = moon_places_of(o);
  if (places.n == 0) return MOON_OK;
  MOON_LAUNCH(pick<T>, moon_blocks(places.n, 1), MOON_THREADS, call->queue,
              (const T *)x->data, list_of(&call->arg[I]), (T *)y->data, places,
              x->stride[d]);
  return moon_launched(fail);
}

static int run_checked(const moon_call *call, int phase, moon_fail *fail) {
  const moon_operand *o = call->arg;
  /* what the indices point into: x, or dx */
  bool adds = call->kernel == MOON_K_index_add ||
              call->kernel == MOON_K_scatter_add;
  int64_t size = o[adds ? Y : X].shape[call->params.dim.dim];
  if (phase > 0) return moon_check_notice(call, "index", size, fail);
  return moon_check_values(call, &o[I], moon_range{size, 0}, fail);
}

/* --- index_add -------------------------------------------------------- */
/* In scratch, of places j + 1; 0: none. */
struct chains { int32_t *next, *has_earlier, *first; };

__global__ void find_next(index_list index, int64_t stride, int64_t n,
                          chains c) {
  MOON_EACH(j, n) {
    int64_t k = index.at(j * stride), later = j + 1;
    while (later < n && index.at(later * stride) != k) later++;
    c.next[j] = later < n ? (int32_t)(later + 1) : 0;
    if (later < n) c.has_earlier[later] = 1;
  }
}

__global__ void find_first(index_list index, int64_t stride, int64_t n,
                           chains c) {
  MOON_EACH(j, n) {
    if (!c.has_earlier[j]) c.first[index.at(j * stride)] = (int32_t)(j + 1);
  }
}

struct lines { int64_t shape[MOON_MAX_DIMS], dy[MOON_MAX_DIMS],
                       dx[MOON_MAX_DIMS], n; int ndim, dim; };

template <typename T>
__global__ void add_rows(const T *dy, T *dx, lines o, chains c) {
  typedef moon_computed<T> A;
  MOON_EACH(i, o.n) {
    int64_t rest = i, from = 0, to = 0, k = 0;
    for (int d = o.ndim - 1; d >= 0; d--) {
      int64_t at = rest % o.shape[d];
      rest /= o.shape[d];
      to += at * o.dx[d];
      if (d == o.dim) k = at; else from += at * o.dy[d];
    }
    A sum = 0;
    for (int32_t j = c.first[k]; j > 0; j = c.next[j - 1]) {
      sum += moon_load(dy[from + (j - 1) * o.dy[o.dim]]);
    }
    moon_store(&dx[to], sum);
  }
}

static lines lines_of(const moon_call *call) {
  const moon_operand *dy = &call->arg[X], *dx = &call->arg[Y];
  lines o = {};
  o.n = moon_operand_numel(dx);
  o.ndim = dx->ndim;
  o.dim = call->params.dim.dim;
  for (int d = 0; d < dx->ndim; d++) {
    o.shape[d] = dx->shape[d];
    o.dx[d] = dx->stride[d];
    o.dy[d] = dy->stride[d];
  }
  return o;
}

template <typename T>
static int run_index_add_of(const moon_call *call, int32_t *scratch,
                            moon_fail *fail) {
  const moon_operand *index = &call->arg[I];
  lines o = lines_of(call);
  int64_t n = index->shape[0], length = o.shape[o.dim];
  chains c = {scratch, scratch + n, scratch + 2 * n};
  if (o.n == 0) return MOON_OK;
  int status = moon_device_zero(c.has_earlier,
                                (size_t)(n + length) * sizeof(int32_t),
                                call->queue, fail);
  if (status < 0) return status;
  if (n > 0) {
    MOON_LAUNCH(find_next, moon_blocks(n, 1), MOON_THREADS, call->queue,
                list_of(index), index->stride[0], n, c);
    MOON_LAUNCH(find_first, moon_blocks(n, 1), MOON_THREADS, call->queue,
                list_of(index), index->stride[0], n, c);
  }
  MOON_LAUNCH(add_rows<T>, moon_blocks(o.n, 1), MOON_THREADS, call->queue,
              (const T *)call->arg[X].data, (T *)call->arg[Y].data, o, c);
  return moon_launched(fail);
}

CUDA_PLAN(plan_index_add) {
  int64_t n = call->arg[I].shape[0];
  int64_t length = call->arg[Y].shape[call->params.dim.dim];
  plan->scratch = (size_t)(2 * n + length) * sizeof(int32_t);
  plan->scratch = (plan->scratch + 63) / 64 * 64;
  return moon_plan_checked(call, plan, may_create, fail);
}

/* --- scatter_add ------------------------------------------------------ */
/* dy may be smaller than dx, whose other lines are 0. */
struct smaller { int64_t shape[MOON_MAX_DIMS], index[MOON_MAX_DIMS]; };

template <typename T>
__global__ void scatter(const T *dy, index_list index, T *dx, lines o,
                        smaller s) {
  typedef moon_computed<T> A;
  MOON_EACH(i, o.n) {
    int64_t rest = i, from = 0, to = 0, list = 0, k = 0;
    bool is_there = true;
    for (int d = o.ndim - 1; d >= 0; d--) {
      int64_t at = rest % o.shape[d];
      rest /= o.shape[d];
      to += at * o.dx[d];
      if (d == o.dim) {
        k = at;
      } else {
        is_there &= at < s.shape[d];
        from += at * o.dy[d];
        list += at * s.index[d];
      }
    }
    A sum = 0;
    for (int64_t j = 0; is_there && j < s.shape[o.dim]; j++) {
      if (index.at(list + j * s.index[o.dim]) != k) continue;
      sum += moon_load(dy[from + j * o.dy[o.dim]]);
    }
    moon_store(&dx[to], sum);
  }
}

template <typename T>
static int run_scatter_of(const moon_call *call, moon_fail *fail) {
  const moon_operand *dy = &call->arg[X], *index = &call->arg[I];
  lines o = lines_of(call);
  smaller s = {};
  for (int d = 0; d < dy->ndim; d++) {
    s.shape[d] = dy->shape[d];
    s.index[d] = index->stride[d];
  }
  if (o.n == 0) return MOON_OK;
  MOON_LAUNCH(scatter<T>, moon_blocks(o.n, 1), MOON_THREADS, call->queue,
              (const T *)dy->data, list_of(index), (T *)call->arg[Y].data, o,
              s);
  return moon_launched(fail);
}

/* --- the functions ----------------------------------------------------- */
CUDA_RUN(run_index_select) {
  int status = run_checked(call, phase, fail);
  if (status < 0 || phase == 0) return status;
  return MOON_SIZES(moon_dtype_size(call->arg[X].dtype), run_pick, call, true,
                    fail);
}

CUDA_RUN(run_gather) {
  int status = run_checked(call, phase, fail);
  if (status < 0 || phase == 0) return status;
  return MOON_SIZES(moon_dtype_size(call->arg[X].dtype), run_pick, call, false,
                    fail);
}

CUDA_RUN(run_index_add) {
  int status = run_checked(call, phase, fail);
  if (status < 0 || phase == 0) return status;
  return MOON_FLOATS(call->arg[X].dtype, run_index_add_of, call,
                     (int32_t *)scratch, fail);
}

CUDA_RUN(run_scatter_add) {
  int status = run_checked(call, phase, fail);
  if (status < 0 || phase == 0) return status;
  return MOON_FLOATS(call->arg[X].dtype, run_scatter_of, call, fail);
}

extern "C" const moon_kernel moon_cuda_index_select = {
    "index_select", moon_plan_checked, run_index_select};
extern "C" const moon_kernel moon_cuda_gather = {"gather", moon_plan_checked,
                                                 run_gather};
extern "C" const moon_kernel moon_cuda_index_add = {
    "index_add", plan_index_add, run_index_add};
extern "C" const moon_kernel moon_cuda_scatter_add = {
    "scatter_add", moon_plan_checked, run_scatter_add};
