/* y = f(x) or f(x, s), elementwise, f32; comparisons give bool. See
 * ref/unary.c. Of powers only the square and the cube are here. */
#include "elementary.h"

typedef void number_fn(int64_t n, const float *restrict x, float s,
                       float *restrict y, bool past);
typedef void bool_fn(int64_t n, const float *restrict x, float s,
                     uint8_t *restrict y);

#define NUMBER(name, result)                                               \
  static inline float name##_of(float x, CPU_UNUSED float s) {             \
    return (result);                                                       \
  }                                                                        \
  static void name(int64_t n, const float *restrict x, float s,            \
                   float *restrict y, bool past) {                         \
    SIMD_EACH(n, y, past, name##_of(x[i], s))                              \
  }
#define BOOL(name, operator)                                               \
  static void name(int64_t n, const float *restrict x, float s,            \
                   uint8_t *restrict y) {                                  \
    for (int64_t i = 0; i < n; i++) y[i] = x[i] operator s;                \
  }
NUMBER(neg, -x)
NUMBER(relu, x < 0 ? 0 : x)
NUMBER(exponential, simd_exp(x))
NUMBER(logarithm, simd_log(x))
NUMBER(root, sqrtf(x))
NUMBER(absolute, fabsf(x))
NUMBER(sigmoid, simd_sigmoid(x))
NUMBER(tangent, simd_tanh(x))
NUMBER(plus, x + s)
NUMBER(times, x * s)
NUMBER(minus, s - x)
NUMBER(over, s / x)
NUMBER(square, x * x)
NUMBER(cube, x * x * x)
BOOL(eq, ==)
BOOL(ne, !=)
BOOL(lt, <)
BOOL(le, <=)
BOOL(gt, >)
BOOL(ge, >=)

static number_fn *const numbers[] = {
    [MOON_U_NEG] = neg,         [MOON_U_RELU] = relu,
    [MOON_U_EXP] = exponential, [MOON_U_LOG] = logarithm,
    [MOON_U_SQRT] = root,       [MOON_U_ABS] = absolute,
    [MOON_U_SIGMOID] = sigmoid, [MOON_U_TANH] = tangent,
    [MOON_U_ADD] = plus,        [MOON_U_MUL] = times,
    [MOON_U_RSUB] = minus,      [MOON_U_RDIV] = over};

static bool_fn *const bools[] = {
    [MOON_U_EQ] = eq, [MOON_U_NE] = ne, [MOON_U_LT] = lt,
    [MOON_U_LE] = le, [MOON_U_GT] = gt, [MOON_U_GE] = ge};

static number_fn *number_of(int kind, double s) {
  if (kind != MOON_U_POW) return kind < MOON_U_POW ? numbers[kind] : NULL;
  return s == 2 ? square : s == 3 ? cube : NULL;
}

CPU_COVERS(unary) {
  const moon_operand *x = &call->arg[0], *y = &call->arg[1];
  int kind = call->params.unary.kind;
  if (!cpu_is_f32(x) || moon_operand_numel(y) == 0) return false;
  if (kind >= MOON_U_EQ) {
    const moon_operand *o[] = {y, x};
    cpu_loop l = cpu_loop_of(o, 2);
    return cpu_inner(&l, 0) == 1;
  }
  return number_of(kind, call->params.unary.s) != NULL;
}

CPU_CUT(unary) {
  int kind = call->params.unary.kind;
  int64_t n = moon_operand_numel(&call->arg[1]);
  bool slow = kind == MOON_U_EXP || kind == MOON_U_LOG ||
              kind == MOON_U_SIGMOID || kind == MOON_U_TANH;
  cpu_phase(plan, n, (double)n * (slow ? 4 : 1), 0.15);
}

static void run_bools(const moon_call *call, const cpu_loop *l, cpu_walk w) {
  const float *x = call->arg[0].data;
  uint8_t *y = call->arg[1].data;
  float s = (float)call->params.unary.s, room[SIMD_STAGE];
  for (; w.n > 0; cpu_walk_next(&w)) {
    const float *row = simd_row(x + w.at[1], cpu_inner(l, 1), w.n, room);
    bools[call->params.unary.kind](w.n, row, s, y + w.at[0]);
  }
}

static void run_numbers(const moon_call *call, const cpu_loop *l, cpu_walk w) {
  const float *x = call->arg[0].data;
  float *y = call->arg[1].data, room[SIMD_STAGE], result[SIMD_STAGE];
  float s = (float)call->params.unary.s;
  number_fn *f = number_of(call->params.unary.kind, call->params.unary.s);
  bool past = simd_is_past(&call->arg[1]);
  for (; w.n > 0; cpu_walk_next(&w)) {
    const float *row = simd_row(x + w.at[1], cpu_inner(l, 1), w.n, room);
    float *to = simd_target(y + w.at[0], cpu_inner(l, 0), result);
    f(w.n, row, s, to, past);
    simd_scatter(to, w.n, y + w.at[0], cpu_inner(l, 0));
  }
  simd_store_end(past);
}

CPU_RUN(unary) {
  const moon_operand *o[] = {&call->arg[1], &call->arg[0]};
  cpu_loop l = cpu_loop_of(o, 2);
  int64_t lo, hi;
  cpu_share(plan, phase, part, l.numel, CPU_GRAIN, &lo, &hi);
  cpu_walk w = cpu_walk_from(&l, lo, hi, simd_piece(&l));
  if (call->params.unary.kind >= MOON_U_EQ) {
    run_bools(call, &l, w);
  } else {
    run_numbers(call, &l, w);
  }
  return MOON_OK;
}

SIMD_KERNEL(unary)
