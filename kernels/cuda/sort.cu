/* Lines in order, and where their elements were (ref's sort.c). Keys are
 * unsigned integers in the elements' order: NaN the largest, zeros of both
 * signs equal; inverted where the largest come first.
 */
#include "sort.h"
#include "walk.h"

namespace {

enum { X, Y, I };

/* The sign's bit inverted, or all bits of what is negative. */
MOON_DEVICE uint32_t key_of(float v) {
  uint32_t bits;
  if (v != v) return UINT32_MAX;
  v += 0.0f;  /* -0 becomes 0 */
  memcpy(&bits, &v, sizeof bits);
  return bits >> 31 ? ~bits : bits | 1u << 31;
}

MOON_DEVICE uint64_t key_of(double v) {
  uint64_t bits;
  if (v != v) return UINT64_MAX;
  v += 0.0;
  memcpy(&bits, &v, sizeof bits);
  return bits >> 63 ? ~bits : bits | (uint64_t)1 << 63;
}

MOON_DEVICE uint64_t key_of(int64_t v) {
  return (uint64_t)v ^ (uint64_t)1 << 63;
}

/* i32, u8 and bool fit in 32 bits. */
template <typename T> struct keys { typedef uint32_t type; };
template <> struct keys<double> { typedef uint64_t type; };
template <> struct keys<int64_t> { typedef uint64_t type; };

template <typename T> MOON_DEVICE typename keys<T>::type key_at(T v) {
  return (typename keys<T>::type)key_of(moon_load(v));
}
template <> MOON_DEVICE uint32_t key_at(int32_t v) {
  return (uint32_t)v ^ 1u << 31;
}

template <typename T> struct elements {
  typedef typename keys<T>::type key;
  const T *x;
  moon_places<3> heads;
  int64_t step;
  bool descending;
  MOON_DEVICE key at(int64_t line, int64_t i) const {
    int64_t head[3];
    heads.find(line, head);
    key k = key_at(x[head[2] + i * step]);
    return descending ? (key)~k : k;
  }
};

/* y and i out of the places. */
template <typename T>
__global__ void pick(elements<T> e, const uint32_t *place, T *y, int64_t *index,
                     moon_sort_lines l, int64_t step_y, int64_t step_i,
                     bool across) {
  MOON_EACH(u, l.lines * l.wanted) {
    int64_t line = across ? u % l.lines : u / l.wanted;
    int64_t k = across ? u / l.lines : u % l.wanted, at[3];
    int64_t from = place[line * l.n + k];
    e.heads.find(line, at);
    y[at[1] + k * step_y] = e.x[at[2] + from * e.step];
    index[at[0] + k * step_i] = from;
  }
}

moon_sort_lines lines_of(const moon_call *call) {
  const moon_operand *x = &call->arg[X], *i = &call->arg[I];
  int dim = call->params.sort.dim;
  moon_sort_lines l = {1, x->shape[dim], i->shape[dim]};
  for (int d = 0; d < x->ndim; d++) {
    if (d != dim) l.lines *= x->shape[d];
  }
  return l;
}

template <typename T> int run_of(const moon_call *call, void *scratch,
                                 moon_fail *fail) {
  const moon_operand *x = &call->arg[X], *y = &call->arg[Y];
  int dim = call->params.sort.dim;
  moon_sort_lines l = lines_of(call);
  if (l.lines * l.wanted == 0) return MOON_OK;
  moon_operand head[] = {call->arg[I], *y, *x};
  for (int k = 0; k < 3; k++) head[k].shape[dim] = 1;
  const moon_operand *o[] = {&head[0], &head[1], &head[2]};
  elements<T> e = {(const T *)x->data, moon_places_of(o), x->stride[dim],
                   call->params.sort.descending != 0};
  bool across = x->stride[dim] != 1 && l.lines > 1;
  moon_sorted<typename keys<T>::type> sorted =
      moon_sort(e, l, across, scratch, call->queue);
  MOON_LAUNCH(pick<T>, moon_blocks(l.lines * l.wanted, 1), MOON_THREADS,
              call->queue, e, (const uint32_t *)sorted.place, (T *)y->data,
              (int64_t *)call->arg[I].data, l, y->stride[dim],
              call->arg[I].stride[dim], across);
  return moon_launched(fail);
}

}  // namespace

CUDA_PLAN(plan_sort) {
  moon_sort_lines l = lines_of(call);
  if (l.n > UINT32_MAX) {
    snprintf(fail->text, sizeof fail->text,
             "lines of %lld elements; at most %lld on cuda", (long long)l.n,
             (long long)UINT32_MAX);
    return MOON_E_SHAPE;
  }
  bool wide = call->arg[X].dtype == MOON_F64 || call->arg[X].dtype == MOON_I64;
  plan->scratch = wide ? moon_sort_bytes<uint64_t>(l)
                       : moon_sort_bytes<uint32_t>(l);
  plan->scratch = (plan->scratch + 63) / 64 * 64;
  return moon_plan_once(call, plan, may_create, fail);
}

CUDA_RUN(run_sort) {
  return MOON_ALL_TYPES(call->arg[X].dtype, run_of, call, scratch, fail);
}

extern "C" const moon_kernel moon_cuda_sort = {"sort", plan_sort, run_sort};
