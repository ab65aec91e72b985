/* y = x, of the same shape, cast where the dtypes differ (see ref/copy.c):
 * rows move as they are, and where another dimension of x is the contiguous
 * one, as between NCHW and channels-last, blocks of 16 x 16 are transposed in
 * registers. Casts are between contiguous rows.
 */
#include "../../half.h"
#include "transpose.h"

/* Between dtypes of one size a copy moves bits. */
static cpu_loop loop_of(const moon_call *call) {
  const moon_operand *o[] = {&call->arg[1], &call->arg[0]};
  return cpu_loop_of(o, 2);
}

/* --- casts ---------------------------------------------------------------- */
typedef void cast_fn(int64_t n, const void *x, void *y);

#define CAST(name, from, to, result)                              \
  static void name(int64_t n, const void *x_, void *y_) {         \
    const from *restrict x = x_;                                  \
    to *restrict y = y_;                                          \
    for (int64_t i = 0; i < n; i++) y[i] = (to)(result);          \
  }
CAST(u8_f32, uint8_t, float, x[i])
CAST(bool_f32, uint8_t, float, x[i] != 0)
CAST(i32_f32, int32_t, float, x[i])
CAST(i64_f32, int64_t, float, x[i])
CAST(f64_f32, double, float, x[i])
CAST(f32_f64, float, double, x[i])
CAST(f32_bool, float, uint8_t, x[i] != 0)
CAST(bool_i64, uint8_t, int64_t, x[i] != 0)
CAST(u8_i64, uint8_t, int64_t, x[i])
CAST(i32_i64, int32_t, int64_t, x[i])
CAST(bf16_f32, uint16_t, float, moon_bf16_to_f32(x[i]))
CAST(f32_bf16, float, uint16_t, moon_bf16_from_f32(x[i]))
CAST(f16_f32, uint16_t, float, moon_f16_to_f32(x[i]))
CAST(f32_f16, float, uint16_t, moon_f16_from_f32(x[i]))

static cast_fn *const casts[MOON_DTYPES][MOON_DTYPES] = {
    [MOON_U8] = {[MOON_F32] = u8_f32, [MOON_I64] = u8_i64},
    [MOON_BOOL] = {[MOON_F32] = bool_f32, [MOON_I64] = bool_i64},
    [MOON_I32] = {[MOON_F32] = i32_f32, [MOON_I64] = i32_i64},
    [MOON_I64] = {[MOON_F32] = i64_f32},
    [MOON_F64] = {[MOON_F32] = f64_f32},
    [MOON_BF16] = {[MOON_F32] = bf16_f32},
    [MOON_F16] = {[MOON_F32] = f16_f32},
    [MOON_F32] = {[MOON_F64] = f32_f64, [MOON_BOOL] = f32_bool,
                  [MOON_BF16] = f32_bf16, [MOON_F16] = f32_f16}};

/* --- transposes ----------------------------------------------------------- */
/* The dimension in which x is contiguous, when it is not y's; or -1. */
static int other_inner(const cpu_loop *l) {
  if (cpu_inner(l, 0) != 1 || cpu_inner(l, 1) < 2) return -1;
  for (int d = 0; d < l->ndim - 1; d++) {
    if (l->stride[1][d] == 1 && l->shape[d] > 1) return d;
  }
  return -1;
}

/* A transpose is cut in stripes: all of y's inner dimension, STRIPE of x's. */
enum { STRIPE = 64 };

static int64_t stripes(const cpu_loop *l, int t) {
  int64_t across = l->shape[t], others = l->numel / across;
  others /= l->shape[l->ndim - 1];
  return others * ((across + STRIPE - 1) / STRIPE);
}

static void copy_stripe(const moon_call *call, const cpu_loop *l, int t,
                        int64_t number) {
  int64_t per_block = (l->shape[t] + STRIPE - 1) / STRIPE;
  int64_t from = number % per_block * STRIPE, rest = number / per_block;
  int64_t width = l->shape[t] - from < STRIPE ? l->shape[t] - from : STRIPE;
  int64_t at[2] = {from * l->stride[0][t], from * l->stride[1][t]};
  for (int d = l->ndim - 2; d >= 0; d--) {
    if (d == t) continue;
    int64_t i = rest % l->shape[d];
    rest /= l->shape[d];
    for (int k = 0; k < 2; k++) at[k] += i * l->stride[k][d];
  }
  simd_transpose_any((const uint32_t *)call->arg[0].data + at[1],
                     cpu_inner(l, 1), (uint32_t *)call->arg[1].data + at[0],
                     l->stride[0][t], l->shape[l->ndim - 1], width);
}

/* --- the kernel ----------------------------------------------------------- */
typedef enum way { ROWS, CASTS, TRANSPOSE, STRIDED, NONE } way;

static way way_of(const moon_call *call, const cpu_loop *l) {
  int from = call->arg[0].dtype, to = call->arg[1].dtype;
  bool contiguous = cpu_inner(l, 0) == 1 && cpu_inner(l, 1) == 1;
  if (from != to) return contiguous && casts[from][to] ? CASTS : NONE;
  if (contiguous) return ROWS;
  if (moon_dtype_size(from) == 4 && other_inner(l) >= 0) return TRANSPOSE;
  return from == MOON_F32 ? STRIDED : NONE;
}

CPU_COVERS(copy) {
  if (moon_operand_numel(&call->arg[0]) == 0) return false;
  cpu_loop l = loop_of(call);
  return way_of(call, &l) != NONE;
}

CPU_CUT(copy) {
  cpu_loop l = loop_of(call);
  way way = way_of(call, &l);
  int64_t units = way == TRANSPOSE ? stripes(&l, other_inner(&l)) : l.numel;
  cpu_phase(plan, units, (double)l.numel,
            way == ROWS || way == CASTS ? 0.15 : 0.5);
}

static void copy_strided(const moon_call *call, const cpu_loop *l,
                         cpu_walk w) {
  const float *x = call->arg[0].data;
  float *y = call->arg[1].data, room[SIMD_STAGE];
  for (; w.n > 0; cpu_walk_next(&w)) {
    const float *row = simd_row(x + w.at[1], cpu_inner(l, 1), w.n, room);
    float *to = y + w.at[0];
    if (cpu_inner(l, 0) == 1) {
      memcpy(to, row, (size_t)w.n * sizeof *to);
    } else {
      simd_scatter(row, w.n, to, cpu_inner(l, 0));
    }
  }
}

static void copy_rows(const moon_call *call, cast_fn *cast, cpu_walk w) {
  const moon_operand *x = &call->arg[0], *y = &call->arg[1];
  int64_t from = (int64_t)moon_dtype_size(x->dtype);
  int64_t to = (int64_t)moon_dtype_size(y->dtype);
  bool past = !cast && to >= 4 && simd_is_past(y);
  for (; w.n > 0; cpu_walk_next(&w)) {
    const char *source = (const char *)x->data + w.at[1] * from;
    char *target = (char *)y->data + w.at[0] * to;
    if (cast) {
      cast(w.n, source, target);
    } else if (past) {
      const float *x4 = (const float *)source;
      float *y4 = (float *)target;
      SIMD_EACH(w.n * to / 4, y4, past, x4[i])
    } else {
      memcpy(target, source, (size_t)(w.n * to));
    }
  }
  simd_store_end(past);
}

CPU_RUN(copy) {
  cpu_loop l = loop_of(call);
  way way = way_of(call, &l);
  int t = other_inner(&l);
  int64_t lo, hi;
  if (way == TRANSPOSE) {
    cpu_share(plan, phase, part, stripes(&l, t), 1, &lo, &hi);
    for (int64_t i = lo; i < hi; i++) copy_stripe(call, &l, t, i);
    return MOON_OK;
  }
  cpu_share(plan, phase, part, l.numel, CPU_GRAIN, &lo, &hi);
  cpu_walk w = cpu_walk_from(&l, lo, hi, simd_piece(&l));
  if (way == STRIDED) {
    copy_strided(call, &l, w);
  } else {
    cast_fn *cast = casts[call->arg[0].dtype][call->arg[1].dtype];
    copy_rows(call, way == CASTS ? cast : NULL, w);
  }
  return MOON_OK;
}

SIMD_KERNEL(copy)
