/* y = a op b, elementwise, f32; comparisons give bool, and what combines
 * conditions takes bool, too. And y += alpha x. See ref/binary.c. Repeated
 * operands have stride 0. */
#include "special.h"

typedef void number_fn(int64_t n, const float *restrict a,
                       const float *restrict b, float *restrict y, bool past);
typedef void bool_fn(int64_t n, const float *restrict a,
                     const float *restrict b, uint8_t *restrict y);

typedef void byte_fn(int64_t n, const uint8_t *restrict a,
                     const uint8_t *restrict b, uint8_t *restrict y);

#define NUMBER(name, result)                                             \
  static inline float name##_value(float a, float b) { return result; }  \
  static void name(int64_t n, const float *restrict a,                   \
                   const float *restrict b, float *restrict y,           \
                   bool past) {                                          \
    SIMD_EACH(n, y, past, name##_value(a[i], b[i]))                      \
  }
#define BOOL(name, from, result)                                         \
  static void name(int64_t n, const from *restrict left,                 \
                   const from *restrict right, uint8_t *restrict y) {    \
    for (int64_t i = 0; i < n; i++) {                                    \
      from a = left[i], b = right[i];                                    \
      y[i] = (uint8_t)(result);                                          \
    }                                                                    \
  }
NUMBER(plus, a + b)
NUMBER(minus, a - b)
NUMBER(times, a * b)
NUMBER(over, a / b)
NUMBER(power, simd_pow(a, b))
BOOL(eq, float, a == b)
BOOL(ne, float, a != b)
BOOL(lt, float, a < b)
BOOL(le, float, a <= b)
BOOL(gt, float, a > b)
BOOL(ge, float, a >= b)

/* NaN wins. */
#define WINS(relation) (((a) relation (b)) | ((a) != (a)) ? (a) : (b))
NUMBER(min, WINS(<))
NUMBER(max, WINS(>))

BOOL(and, float, (a != 0) & (b != 0))
BOOL(or, float, (a != 0) | (b != 0))
BOOL(xor, float, (a != 0) ^ (b != 0))
BOOL(byte_eq, uint8_t, (a != 0) == (b != 0))
BOOL(byte_and, uint8_t, (a != 0) & (b != 0))
BOOL(byte_or, uint8_t, (a != 0) | (b != 0))
BOOL(byte_xor, uint8_t, (a != 0) ^ (b != 0))

static number_fn *const numbers[] = {[MOON_B_ADD] = plus,
                                     [MOON_B_SUB] = minus,
                                     [MOON_B_MUL] = times,
                                     [MOON_B_MIN] = min,
                                     [MOON_B_MAX] = max,
                                     [MOON_B_DIV] = over,
                                     [MOON_B_POW] = power};

static bool_fn *const bools[] = {
    [MOON_B_EQ] = eq, [MOON_B_NE] = ne, [MOON_B_LT] = lt,
    [MOON_B_LE] = le, [MOON_B_GT] = gt, [MOON_B_GE] = ge,
    [MOON_B_AND] = and, [MOON_B_OR] = or, [MOON_B_XOR] = xor};

/* Of bool. */
static byte_fn *const bytes[MOON_B_XOR + 1] = {
    [MOON_B_EQ] = byte_eq, [MOON_B_NE] = byte_xor, [MOON_B_AND] = byte_and,
    [MOON_B_OR] = byte_or, [MOON_B_XOR] = byte_xor};

static cpu_loop loop_of(const moon_call *call) {
  const moon_operand *o[] = {&call->arg[2], &call->arg[0], &call->arg[1]};
  return cpu_loop_of(o, 3);
}

CPU_COVERS(binary) {
  int kind = call->params.binary.kind;
  bool is_bool = call->arg[0].dtype == MOON_BOOL;
  if (is_bool ? !bytes[kind] : !cpu_is_f32(&call->arg[0])) return false;
  if (moon_operand_numel(&call->arg[2]) == 0) return false;
  cpu_loop l = loop_of(call);
  if (is_bool) return cpu_loop_is_flat(&l);
  return kind < MOON_B_EQ || cpu_inner(&l, 0) == 1;
}

CPU_CUT(binary) {
  int64_t n = moon_operand_numel(&call->arg[2]);
  int work = call->params.binary.kind == MOON_B_POW ? 16 : 1;
  cpu_phase(plan, n, (double)n * work, 0.2);
}

static void run_bytes(const moon_call *call, int64_t lo, int64_t hi) {
  const uint8_t *a = call->arg[0].data, *b = call->arg[1].data;
  uint8_t *y = call->arg[2].data;
  bytes[call->params.binary.kind](hi - lo, a + lo, b + lo, y + lo);
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
  if (call->arg[0].dtype == MOON_BOOL) {
    run_bytes(call, lo, hi);
  } else if (call->params.binary.kind >= MOON_B_EQ) {
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
