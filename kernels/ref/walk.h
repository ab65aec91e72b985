/* What the reference kernels share: elements by dtype, strided loops, parts.
 *
 * A walk visits the elements of up to nine operands together, in logical
 * (row-major) order of the first one's shape:
 *
 *   const moon_operand *o[] = {x, y};
 *   for (ref_walk w = ref_begin(o, 2, lo, hi); w.left > 0; ref_next(&w))
 *     ref_store(y, w.at[1], f(ref_load(x, w.at[0])));
 */
#ifndef MOON_REF_WALK_H
#define MOON_REF_WALK_H
#include <stdbool.h>
#include <stdio.h>
#include "../half.h"
#include "../kernel.h"

/* --- the two functions of a kernel (see kernel.h) --------------------- */
#define REF_UNUSED __attribute__((unused))
#define REF_PLAN(name)                                                \
  static int name(REF_UNUSED const moon_call *call, moon_plan *plan,  \
                  REF_UNUSED int may_create, REF_UNUSED moon_fail *fail)
#define REF_RUN(name)                                                     \
  static int name(const moon_call *call, REF_UNUSED const moon_plan *plan, \
                  REF_UNUSED void *scratch, REF_UNUSED int phase,         \
                  REF_UNUSED int part, REF_UNUSED moon_fail *fail)

/* Another phase: `units` pieces of equal work that may run side by side, and
 * `work` element visits in all. No part does more than REF_PART_WORK of them
 * as long as there are pieces to share. */
enum { REF_PART_WORK = 1 << 20, REF_MAX_PARTS = 4096, REF_VISIT_NS = 4 };

static inline void ref_phase(moon_plan *plan, int64_t units, double work) {
  double parts = work / REF_PART_WORK + 1;
  if (parts > (double)units) parts = (double)units;
  if (parts > REF_MAX_PARTS) parts = REF_MAX_PARTS;
  plan->parts[plan->phases++] = parts < 1 ? 1 : (int32_t)parts;
  plan->cost_ns += 100 + work * REF_VISIT_NS;
}

/* --- elements --------------------------------------------------------- */
static inline bool ref_is_float(const moon_operand *o) {
  return o->dtype == MOON_F32 || o->dtype == MOON_F64 ||
         moon_dtype_is_half(o->dtype);
}

/* An optional operand: number k of the call, or NULL. */
static inline const moon_operand *ref_optional(const moon_call *call, int k) {
  return k < call->n && call->arg[k].data ? &call->arg[k] : NULL;
}

/* Toward zero; NaN gives 0, what is out of range the nearest there is. */
static inline int64_t ref_truncate(double v) {
  if (v != v) return 0;
  if (v >= 0x1p63) return INT64_MAX;
  return v < -0x1p63 ? INT64_MIN : (int64_t)v;
}

static inline double ref_load_float(const moon_operand *o, int64_t at) {
  switch (o->dtype) {
    case MOON_F32: return (double)((const float *)o->data)[at];
    case MOON_F64: return ((const double *)o->data)[at];
    case MOON_BF16:
      return (double)moon_bf16_to_f32(((const uint16_t *)o->data)[at]);
    default: return (double)moon_f16_to_f32(((const uint16_t *)o->data)[at]);
  }
}

static inline int64_t ref_load_int(const moon_operand *o, int64_t at) {
  switch (o->dtype) {
    case MOON_I64: return ((const int64_t *)o->data)[at];
    case MOON_I32: return ((const int32_t *)o->data)[at];
    case MOON_U8: return ((const uint8_t *)o->data)[at];
    case MOON_BOOL: return ((const uint8_t *)o->data)[at] != 0;
    default: return ref_truncate(ref_load_float(o, at));
  }
}

static inline double ref_load(const moon_operand *o, int64_t at) {
  return ref_is_float(o) ? ref_load_float(o, at)
                         : (double)ref_load_int(o, at);
}

/* bf16 and f16 by way of f32, as PyTorch has it. */
static inline void ref_store_float(const moon_operand *o, int64_t at,
                                   double v) {
  uint16_t *half = o->data;
  switch (o->dtype) {
    case MOON_F32: ((float *)o->data)[at] = (float)v; break;
    case MOON_F64: ((double *)o->data)[at] = v; break;
    case MOON_BF16: half[at] = moon_bf16_from_f32((float)v); break;
    default: half[at] = moon_f16_from_f32((float)v);
  }
}

/* A factor of a product: to the nearest bf16 where params say so. */
static inline double ref_factor(const moon_operand *o, int64_t at,
                                int32_t bf16) {
  double v = ref_load(o, at);
  return bf16 ? (double)moon_bf16_to_f32(moon_bf16_from_f32((float)v)) : v;
}

/* Integers keep their low bits, bool is v != 0, floats round once. */
static inline void ref_store_int(const moon_operand *o, int64_t at,
                                 int64_t v) {
  switch (o->dtype) {
    case MOON_F32: ((float *)o->data)[at] = (float)v; break;
    case MOON_I64: ((int64_t *)o->data)[at] = v; break;
    case MOON_I32: ((int32_t *)o->data)[at] = (int32_t)v; break;
    case MOON_U8: ((uint8_t *)o->data)[at] = (uint8_t)v; break;
    case MOON_BOOL: ((uint8_t *)o->data)[at] = v != 0; break;
    case MOON_F64: ((double *)o->data)[at] = (double)v; break;
    default: ref_store_float(o, at, (double)(float)v);
  }
}

/* As a cast does it: to an integer toward zero, to bool v != 0. */
static inline void ref_store(const moon_operand *o, int64_t at, double v) {
  if (ref_is_float(o)) {
    ref_store_float(o, at, v);
  } else if (o->dtype == MOON_BOOL) {
    ((uint8_t *)o->data)[at] = v != 0;
  } else {
    ref_store_int(o, at, ref_truncate(v));
  }
}

/* y[j] = x[i], cast; integers never go through double, and bf16 and f16 keep
 * their bits. */
static inline void ref_move(const moon_operand *x, int64_t i,
                            const moon_operand *y, int64_t j) {
  if (x->dtype == y->dtype && moon_dtype_is_half(x->dtype)) {
    ((uint16_t *)y->data)[j] = ((const uint16_t *)x->data)[i];
  } else if (ref_is_float(x)) {
    ref_store(y, j, ref_load(x, i));
  } else {
    ref_store_int(y, j, ref_load_int(x, i));
  }
}

/* A number as an element of o's dtype would hold it: f32 rounds it. */
static inline double ref_scalar(const moon_operand *o, double s) {
  return o->dtype == MOON_F32 ? (double)(float)s : s;
}

/* --- walks ------------------------------------------------------------ */
enum { REF_OPERANDS = 9 };

typedef struct ref_walk {
  int n, ndim;
  const int64_t *shape;
  const int64_t *stride[REF_OPERANDS];
  int64_t index[MOON_MAX_DIMS];  /* where it is, per dimension */
  int64_t at[REF_OPERANDS];      /* the same in elements of each operand */
  int64_t left;                  /* elements to come, this one included */
} ref_walk;

/* Elements lo to hi (not included), counted in logical order. */
static inline ref_walk ref_begin(const moon_operand *const *o, int n,
                                 int64_t lo, int64_t hi) {
  ref_walk w = {.n = n, .ndim = o[0]->ndim, .shape = o[0]->shape};
  w.left = hi - lo;
  for (int k = 0; k < n; k++) w.stride[k] = o[k]->stride;
  for (int d = w.ndim - 1; d >= 0 && w.left > 0; d--) {
    w.index[d] = lo % w.shape[d];
    lo /= w.shape[d];
    for (int k = 0; k < n; k++) w.at[k] += w.index[d] * w.stride[k][d];
  }
  return w;
}

static inline void ref_next(ref_walk *w) {
  w->left--;
  for (int d = w->ndim - 1; d >= 0; d--) {
    if (++w->index[d] < w->shape[d]) {
      for (int k = 0; k < w->n; k++) w->at[k] += w->stride[k][d];
      return;
    }
    for (int k = 0; k < w->n; k++) {
      w->at[k] -= (w->shape[d] - 1) * w->stride[k][d];
    }
    w->index[d] = 0;
  }
}

/* The part's share of `units`; then a walk over that share. */
static inline void ref_share(const moon_plan *plan, int phase, int part,
                             int64_t units, int64_t *lo, int64_t *hi) {
  moon_part_range(units, plan->parts[phase], part, 1, lo, hi);
}

static inline ref_walk ref_walk_part(const moon_operand *const *o, int n,
                                     const moon_plan *plan, int phase,
                                     int part) {
  int64_t lo, hi;
  ref_share(plan, phase, part, moon_operand_numel(o[0]), &lo, &hi);
  return ref_begin(o, n, lo, hi);
}

/* o with size 1 along the dimensions in the bit set `dims`: a walk over it
 * visits the first element of each line (or block) along them. */
static inline moon_operand ref_heads(const moon_operand *o, uint32_t dims) {
  moon_operand heads = *o;
  for (int d = 0; d < o->ndim; d++) {
    if (dims >> d & 1) heads.shape[d] = 1;
  }
  return heads;
}

/* Channel c of o (index c of dimension 1) with all other dimensions. */
static inline moon_operand ref_channel(const moon_operand *o, int64_t c) {
  moon_operand one = ref_heads(o, 1u << 1);
  int64_t nbytes = (int64_t)moon_dtype_size(o->dtype) * o->stride[1];
  one.data = (char *)o->data + c * nbytes;
  return one;
}

/* The place of element (n, c, h, w) of a four-dimensional operand. */
static inline int64_t ref_at4(const moon_operand *o, int64_t n, int64_t c,
                              int64_t h, int64_t w) {
  const int64_t *s = o->stride;
  return n * s[0] + c * s[1] + h * s[2] + w * s[3];
}

/* --- values that say a place ------------------------------------------ */
/* Every element of `index` lies in [0, size) or is *but (NULL: no other), or
 * MOON_E_INDEX with the first that does not; `what` is what the text calls it.
 * Writes nothing. */
static inline int ref_check_index_but(const moon_operand *index,
                                      const char *what, int64_t size,
                                      const int64_t *but,
                                      moon_fail *fail) {
  ref_walk w = ref_begin(&index, 1, 0, moon_operand_numel(index));
  for (int64_t i = 0; w.left > 0; ref_next(&w), i++) {
    int64_t v = ref_load_int(index, w.at[0]);
    if ((v >= 0 && v < size) || (but && v == *but)) continue;
    snprintf(fail->text, sizeof fail->text,
             "%s %lld at position %lld is outside [0, %lld)", what,
             (long long)v, (long long)i + 1, (long long)size);
    return MOON_E_INDEX;
  }
  return MOON_OK;
}

static inline int ref_check_index(const moon_operand *index, const char *what,
                                  int64_t size, moon_fail *fail) {
  return ref_check_index_but(index, what, size, NULL, fail);
}

#endif
