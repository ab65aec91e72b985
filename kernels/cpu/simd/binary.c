/* y = a op b, elementwise, f32; comparisons give bool. And y += alpha x. See
 * ref/binary.c. Repeated operands have stride 0. */
#include "simd.h"

typedef void number_fn(int64_t n, const float *restrict a,
                       const float *restrict b, float *restrict y, bool past);
typedef void bool_fn(int64_t n, const float *restrict a,
                     const float *restrict b, uint8_t *restrict y);

#define NUMBER(name, operator)                                           \
  static void name(int64_t n, const float *restrict a,                   \
                   const float *restrict b, float *restrict y,           \
                   bool past) {                                          \
    SIMD_EACH(n, y, past, a[i] operator b[i])                            \
  }
#define BOOL(name, operator)                                             \
  static void name(int64_t n, const float *restrict a,                   \
                   const float *restrict b, uint8_t *restrict y) {       \
    for (int64_t i = 0; i < n; i++) y[i] = a[i] operator b[i];           \
  }
NUMBER(plus, +)
NUMBER(minus, -)
NUMBER(times, *)
NUMBER(over, /)
BOOL(eq, ==)
BOOL(ne, !=)
BOOL(lt, <)
BOOL(le, <=)
BOOL(gt, >)
BOOL(ge, >=)

static number_fn *const numbers[] = {[MOON_B_ADD] = plus,
                                     [MOON_B_SUB] = minus,
                                     [MOON_B_MUL] = times,
                                     [MOON_B_DIV] = over};

static bool_fn *const bools[] = {
    [MOON_B_EQ] = eq, [MOON_B_NE] = ne, [MOON_B_LT] = lt,
    [MOON_B_LE] = le, [MOON_B_GT] = gt, [MOON_B_GE] = ge};

static cpu_loop loop_of(const moon_call *call) {
  const moon_operand *o[] = {&call->arg[2], &call->arg[0], &call->arg[1]};
  return cpu_loop_of(o, 3);
}

CPU_COVERS(binary) {
  int kind = call->params.binary.kind;
  if (!cpu_is_f32(&call->arg[0]) || kind == MOON_B_POW) return false;
  if (moon_operand_numel(&call->arg[2]) == 0) return false;
  cpu_loop l = loop_of(call);
  return kind < MOON_B_EQ || cpu_inner(&l, 0) == 1;
}

CPU_CUT(binary) {
  int64_t n = moon_operand_numel(&call->arg[2]);
  cpu_phase(plan, n, (double)n, 0.2);
}

static void run_bools(const moon_call *call, const cpu_loop *l, cpu_walk w) {
  const float *a = call->arg[0].data, *b = call->arg[1].data;
  uint8_t *y = call->arg[2].data;
  float room[2][SIMD_STAGE];
  for (; w.n > 0; cpu_walk_next(&w)) {
    const float *p = simd_row(a + w.at[1], cpu_inner(l, 1), w.n, room[0]);
    const float *q = simd_row(b + w.at[2], cpu_inner(l, 2), w.n, room[1]);
    bools[call->params.binary.kind](w.n, p, q, y + w.at[0]);
  }
}

static void run_numbers(const moon_call *call, const cpu_loop *l, cpu_walk w) {
  const float *a = call->arg[0].data, *b = call->arg[1].data;
  float *y = call->arg[2].data, room[3][SIMD_STAGE];
  bool past = simd_is_past(&call->arg[2]);
  for (; w.n > 0; cpu_walk_next(&w)) {
    const float *p = simd_row(a + w.at[1], cpu_inner(l, 1), w.n, room[0]);
    const float *q = simd_row(b + w.at[2], cpu_inner(l, 2), w.n, room[1]);
    float *to = simd_target(y + w.at[0], cpu_inner(l, 0), room[2]);
    numbers[call->params.binary.kind](w.n, p, q, to, past);
    simd_scatter(to, w.n, y + w.at[0], cpu_inner(l, 0));
  }
  simd_store_end(past);
}

CPU_RUN(binary) {
  cpu_loop l = loop_of(call);
  int64_t lo, hi;
  cpu_share(plan, phase, part, l.numel, CPU_GRAIN, &lo, &hi);
  cpu_walk w = cpu_walk_from(&l, lo, hi, simd_piece(&l));
  if (call->params.binary.kind >= MOON_B_EQ) {
    run_bools(call, &l, w);
  } else {
    run_numbers(call, &l, w);
  }
  return MOON_OK;
}

/* --- add_into ------------------------------------------------------------- */
static cpu_loop add_loop(const moon_call *call) {
  const moon_operand *o[] = {&call->arg[1], &call->arg[0]};
  return cpu_loop_of(o, 2);
}

CPU_COVERS(add_into) {
  const moon_operand *y = &call->arg[1];
  if (!cpu_is_f32(y) || moon_operand_numel(y) == 0) return false;
  cpu_loop l = add_loop(call);
  return cpu_inner(&l, 0) == 1;
}

CPU_CUT(add_into) {
  int64_t n = moon_operand_numel(&call->arg[1]);
  cpu_phase(plan, n, (double)n, 0.2);
}

static void add_row(int64_t n, float alpha, const float *restrict x,
                    float *restrict y) {
  for (int64_t i = 0; i < n; i++) y[i] = SIMD_MADD(alpha, x[i], y[i]);
}

CPU_RUN(add_into) {
  cpu_loop l = add_loop(call);
  const float *x = call->arg[0].data;
  float *y = call->arg[1].data, room[SIMD_STAGE];
  float alpha = (float)call->params.scale.alpha;
  int64_t lo, hi;
  cpu_share(plan, phase, part, l.numel, CPU_GRAIN, &lo, &hi);
  cpu_walk w = cpu_walk_from(&l, lo, hi, simd_piece(&l));
  for (; w.n > 0; cpu_walk_next(&w)) {
    add_row(w.n, alpha, simd_row(x + w.at[1], cpu_inner(&l, 1), w.n, room),
            y + w.at[0]);
  }
  return MOON_OK;
}

SIMD_KERNEL(binary)
SIMD_KERNEL(add_into)
