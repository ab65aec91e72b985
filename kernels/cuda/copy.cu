/* y = x, of the same shape, cast where the dtypes differ: as ref's copy.c says.
 * Dense copies of one dtype are the driver's; f32, bf16 and f16 are cast into
 * each other 16 bytes at a time (autocast does it much); the rest goes element
 * by element in the order in which y lies.
 */
#include "each.h"

enum { X, Y };

/* One dtype: bits are moved. */
template <typename T>
__global__ void move(const T *x, T *y, moon_places<2> walk) {
  MOON_EACH(i, walk.n) {
    int64_t at[2];
    walk.find(i, at);
    y[at[0]] = x[at[1]];
  }
}

template <typename T, typename U>
__global__ void cast(const T *x, U *y, moon_places<2> walk) {
  MOON_EACH(i, walk.n) {
    int64_t at[2];
    walk.find(i, at);
    moon_store(&y[at[0]], moon_load(x[at[1]]));
  }
}

template <typename T>
static int run_move(const moon_call *call, const moon_places<2> &walk,
                    moon_fail *fail) {
  MOON_LAUNCH(move<T>, moon_blocks(walk.n, 1), MOON_THREADS, call->queue,
              (const T *)call->arg[X].data, (T *)call->arg[Y].data, walk);
  return moon_launched(fail);
}

template <typename T, typename U>
static int run_cast(const moon_call *call, const moon_places<2> &walk,
                    moon_fail *fail) {
  MOON_LAUNCH((cast<T, U>), moon_blocks(walk.n, 1), MOON_THREADS, call->queue,
              (const T *)call->arg[X].data, (U *)call->arg[Y].data, walk);
  return moon_launched(fail);
}

/* --- f32 and halves --------------------------------------------------- */
template <typename T, typename U> struct converted {
  enum { most = 16 / (sizeof(T) < sizeof(U) ? sizeof(T) : sizeof(U)) };
  const T *x;
  U *y;
  template <int N> MOON_DEVICE void run(const moon_here<2> &here) const {
    moon_computed<T> v[N];
    moon_take<N>(x, here, 1, v);
    moon_give<N>(y, here, 0, v);
  }
};

template <typename T, typename U>
static int run_converted(const moon_call *call, moon_fail *fail) {
  const moon_operand *x = &call->arg[X], *y = &call->arg[Y], *o[] = {y, x};
  converted<T, U> f = {(const T *)x->data, (U *)y->data};
  return moon_each(f, o, call, fail);
}

template <typename T>
static int run_short(const moon_call *call, moon_fail *fail) {
  switch (call->arg[Y].dtype) {
    case MOON_F32: return run_converted<T, float>(call, fail);
    case MOON_BF16: return run_converted<T, moon_bf16>(call, fail);
    default: return run_converted<T, moon_f16>(call, fail);
  }
}

static bool is_short(const moon_operand *o) {
  return o->dtype == MOON_F32 || moon_dtype_is_half(o->dtype);
}

/* --- any -------------------------------------------------------------- */
template <typename T>
static int run_from(const moon_call *call, const moon_places<2> &walk,
                    moon_fail *fail) {
  switch (call->arg[Y].dtype) {
    case MOON_F32: return run_cast<T, float>(call, walk, fail);
    case MOON_F64: return run_cast<T, double>(call, walk, fail);
    case MOON_I64: return run_cast<T, int64_t>(call, walk, fail);
    case MOON_I32: return run_cast<T, int32_t>(call, walk, fail);
    case MOON_U8: return run_cast<T, uint8_t>(call, walk, fail);
    case MOON_BOOL: return run_cast<T, moon_bool>(call, walk, fail);
    case MOON_BF16: return run_cast<T, moon_bf16>(call, walk, fail);
    default: return run_cast<T, moon_f16>(call, walk, fail);
  }
}

CUDA_RUN(run_copy) {
  const moon_operand *x = &call->arg[X], *y = &call->arg[Y];
  const moon_operand *o[] = {y, x};
  moon_places<2> walk = moon_places_of(o);
  if (walk.n == 0) return MOON_OK;
  size_t size = moon_dtype_size(x->dtype);
  if (x->dtype != y->dtype && is_short(x) && is_short(y)) {
    switch (x->dtype) {
      case MOON_F32: return run_short<float>(call, fail);
      case MOON_BF16: return run_short<moon_bf16>(call, fail);
      default: return run_short<moon_f16>(call, fail);
    }
  }
  if (x->dtype != y->dtype) {
    return MOON_ALL_TYPES(x->dtype, run_from, call, walk, fail);
  }
  if (walk.dense) {
    return moon_device_copy(y->data, x->data, (size_t)walk.n * size,
                            call->queue, fail);
  }
  return MOON_SIZES(size, run_move, call, walk, fail);
}

extern "C" const moon_kernel moon_cuda_copy = {"copy", moon_plan_once,
                                               run_copy};
