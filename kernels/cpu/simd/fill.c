/* y = value, cast to y's dtype as ref/fill.c does, where rows have no gaps. */
#include "../../half.h"
#include "simd.h"

/* The value as one element of y's dtype; its size in bytes. */
static size_t element(const moon_operand *y, double v, void *out) {
  double whole = v != v ? 0 : trunc(v);
  switch (y->dtype) {
    case MOON_F32: *(float *)out = (float)v; break;
    case MOON_F64: *(double *)out = v; break;
    case MOON_I64: *(int64_t *)out = (int64_t)whole; break;
    case MOON_I32: *(int32_t *)out = (int32_t)(int64_t)whole; break;
    case MOON_BF16: *(uint16_t *)out = moon_bf16_from_f32((float)v); break;
    case MOON_F16: *(uint16_t *)out = moon_f16_from_f32((float)v); break;
    case MOON_U8: *(uint8_t *)out = (uint8_t)(int64_t)whole; break;
    default: *(uint8_t *)out = v != 0;
  }
  return moon_dtype_size(y->dtype);
}

static cpu_loop loop_of(const moon_call *call) {
  const moon_operand *y = &call->arg[0];
  return cpu_loop_of(&y, 1);
}

CPU_COVERS(fill) {
  double v = call->params.fill.value;
  bool in_range = !(v < -0x1p62) && !(v > 0x1p62);
  if (moon_operand_numel(&call->arg[0]) == 0) return false;
  if (!cpu_is_f32(&call->arg[0]) && !in_range) return false;
  cpu_loop l = loop_of(call);
  return cpu_inner(&l, 0) == 1;
}

CPU_CUT(fill) {
  int64_t n = moon_operand_numel(&call->arg[0]);
  cpu_phase(plan, n, (double)n, 0.1);
}

/* `size` is 1, 2, 4 or 8. */
static void fill_row(void *y, int64_t at, int64_t n, size_t size,
                     const void *value) {
  if (size == 1) {
    memset((char *)y + at, *(const uint8_t *)value, (size_t)n);
  } else if (size == 2) {
    uint16_t v = *(const uint16_t *)value, *to = (uint16_t *)y + at;
    for (int64_t i = 0; i < n; i++) to[i] = v;
  } else if (size == 4) {
    uint32_t v = *(const uint32_t *)value, *to = (uint32_t *)y + at;
    for (int64_t i = 0; i < n; i++) to[i] = v;
  } else {
    uint64_t v = *(const uint64_t *)value, *to = (uint64_t *)y + at;
    for (int64_t i = 0; i < n; i++) to[i] = v;
  }
}

CPU_RUN(fill) {
  const moon_operand *y = &call->arg[0];
  union { uint64_t whole; char bytes[8]; } v = {0};
  size_t size = element(y, call->params.fill.value, v.bytes);
  cpu_loop l = loop_of(call);
  int64_t lo, hi;
  cpu_share(plan, phase, part, l.numel, CPU_GRAIN, &lo, &hi);
  cpu_walk w = cpu_walk_from(&l, lo, hi, INT64_MAX);
  for (; w.n > 0; cpu_walk_next(&w)) {
    fill_row(y->data, w.at[0], w.n, size, v.bytes);
  }
  return MOON_OK;
}

SIMD_KERNEL(fill)
