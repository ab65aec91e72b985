/* y = c ? a : b, elementwise, of any dtype, by its size; see ref/where.c. */
#include "simd.h"

enum { C, A, B, Y };

/* Of n elements, `stride` apart, a row: in place or in `room`. */
typedef const void *row_fn(const void *x, int64_t at, int64_t stride,
                           int64_t n, void *room);
typedef void pick_fn(int64_t n, const uint8_t *restrict c, const void *a,
                     const void *b, void *y);

#define SIZE(name, type)                                                   \
  static const void *name##_row(const void *x, int64_t at, int64_t stride, \
                                int64_t n, void *room) {                   \
    const type *from = (const type *)x + at;                               \
    type *to = room;                                                       \
    if (stride == 1) return from;                                          \
    for (int64_t i = 0; i < n; i++) to[i] = from[i * stride];              \
    return to;                                                             \
  }                                                                        \
  static void name##_pick(int64_t n, const uint8_t *restrict c,            \
                          const void *a_, const void *b_, void *y_) {      \
    const type *restrict a = a_, *restrict b = b_;                         \
    type *restrict y = y_;                                                 \
    for (int64_t i = 0; i < n; i++) {                                      \
      type p = a[i], q = b[i];                                             \
      y[i] = c[i] ? p : q;                                                 \
    }                                                                      \
  }
SIZE(one, uint8_t)
SIZE(two, uint16_t)
SIZE(four, uint32_t)
SIZE(eight, uint64_t)

static row_fn *const rows[] = {
    [1] = one_row, [2] = two_row, [4] = four_row, [8] = eight_row};
static pick_fn *const picks[] = {
    [1] = one_pick, [2] = two_pick, [4] = four_pick, [8] = eight_pick};

static cpu_loop loop_of(const moon_call *call) {
  const moon_operand *o[] = {&call->arg[Y], &call->arg[C], &call->arg[A],
                             &call->arg[B]};
  return cpu_loop_of(o, 4);
}

CPU_COVERS(where) {
  if (moon_operand_numel(&call->arg[Y]) == 0) return false;
  cpu_loop l = loop_of(call);
  return cpu_inner(&l, 0) == 1;
}

CPU_CUT(where) {
  int64_t n = moon_operand_numel(&call->arg[Y]);
  cpu_phase(plan, n, (double)n, 0.2);
}

CPU_RUN(where) {
  cpu_loop l = loop_of(call);
  const moon_operand *y = &call->arg[Y];
  size_t size = moon_dtype_size(y->dtype);
  row_fn *row = rows[size];
  uint64_t room[3][SIMD_STAGE];
  int64_t lo, hi;
  cpu_share(plan, phase, part, l.numel, CPU_GRAIN, &lo, &hi);
  cpu_walk w = cpu_walk_from(&l, lo, hi, simd_piece(&l));
  for (; w.n > 0; cpu_walk_next(&w)) {
    const void *c = one_row(call->arg[C].data, w.at[1], cpu_inner(&l, 1), w.n,
                            room[0]);
    const void *a = row(call->arg[A].data, w.at[2], cpu_inner(&l, 2), w.n,
                        room[1]);
    const void *b = row(call->arg[B].data, w.at[3], cpu_inner(&l, 3), w.n,
                        room[2]);
    picks[size](w.n, c, a, b, (char *)y->data + w.at[0] * (int64_t)size);
  }
  return MOON_OK;
}

SIMD_KERNEL(where)
