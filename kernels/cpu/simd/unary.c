/* y = f(x), f(x, s) or f(x, s, t), elementwise, f32; some give bool. See
 * ref/unary.c. */
#include "special.h"

typedef struct pair { float s, t; } pair;
typedef void number_fn(int64_t n, const float *restrict x, pair p,
                       float *restrict y, bool past);
typedef void bool_fn(int64_t n, const float *restrict x, pair p,
                     uint8_t *restrict y);

#define NUMBER(name, result)                                               \
  static inline float name##_value(float x, CPU_UNUSED float s,            \
                                   CPU_UNUSED float t) {                   \
    return (result);                                                       \
  }                                                                        \
  static void name(int64_t n, const float *restrict x, pair p,             \
                   float *restrict y, bool past) {                         \
    SIMD_EACH(n, y, past, name##_value(x[i], p.s, p.t))                    \
  }
/* Told by x and by e, the exponential of `inner`: those of a run at a time. */
#define BY_EXP(name, inner, result)                                        \
  static inline float name##_value(CPU_UNUSED float x, float e) {          \
    return (result);                                                       \
  }                                                                        \
  static inline __attribute__((always_inline)) void name##_run(            \
      int64_t n, const float *restrict in, float *restrict y, bool past) { \
    float e[SIMD_RUN];                                                     \
    for (int64_t i = 0; i < n; i++) {                                      \
      float x = in[i];                                                     \
      e[i] = (inner);                                                      \
    }                                                                      \
    simd_exp_less(n, e, 0, e);                                             \
    SIMD_EACH(n, y, past, name##_value(in[i], e[i]))                       \
  }                                                                        \
  static void name(int64_t n, const float *restrict x, CPU_UNUSED pair p,  \
                   float *restrict y, bool past) {                         \
    int64_t i = 0;                                                         \
    for (; i + SIMD_RUN <= n; i += SIMD_RUN) {                             \
      name##_run(SIMD_RUN, x + i, y + i, past);                            \
    }                                                                      \
    if (i < n) name##_run(n - i, x + i, y + i, past);                      \
  }
#define BOOL(name, result)                                                 \
  static void name(int64_t n, const float *restrict in, pair p,            \
                   uint8_t *restrict y) {                                  \
    CPU_UNUSED float s = p.s;                                              \
    for (int64_t i = 0; i < n; i++) {                                      \
      float x = in[i];                                                     \
      y[i] = (uint8_t)(result);                                            \
    }                                                                      \
  }
NUMBER(neg, -x)
NUMBER(relu, x < 0 ? 0 : x)
NUMBER(abs_of, fabsf(x))
NUMBER(sign, (float)(x > 0) - (float)(x < 0))
NUMBER(floor_of, floorf(x))
NUMBER(ceil_of, ceilf(x))
NUMBER(round_of, rintf(x))
NUMBER(plus, x + s)
NUMBER(times, x * s)
NUMBER(minus, s - x)
#ifdef __AVX512F__
BY_EXP(exp_of, x, e)
#else
NUMBER(exp_of, simd_exp(x))  /* nothing else to do meanwhile: a third faster */
#endif
NUMBER(log_of, simd_log(x))
NUMBER(sqrt_of, sqrtf(x))
NUMBER(erf_of, simd_erf(x))
BY_EXP(sigmoid, -fabsf(x), simd_sigmoid_by(x, e))
BY_EXP(tanh_of, 2.0f * fabsf(x), simd_tanh_by(x, e))
BY_EXP(silu, -fabsf(x), x * simd_sigmoid_by(x, e))
BY_EXP(gelu, -0.5f * x * x, x * simd_normal(x, e))
BY_EXP(gelu_tanh, -fabsf(simd_gelu_inner(x)),
       x * simd_sigmoid_by(simd_gelu_inner(x), e))
NUMBER(over, s / x)
NUMBER(square, x * x)
NUMBER(cube, x * x * x)
NUMBER(power, simd_pow(x, s))
NUMBER(leaky_relu, x > 0 ? x : s * x)
NUMBER(elu, x > 0 ? x : s * simd_expm1(x))
NUMBER(softplus, s * x > t ? x : simd_softplus(s * x) / s)
BOOL(eq, x == s)
BOOL(ne, x != s)
BOOL(lt, x < s)
BOOL(le, x <= s)
BOOL(gt, x > s)
BOOL(ge, x >= s)
BOOL(isnan_of, x != x)
BOOL(isinf_of, fabsf(x) == INFINITY)
BOOL(isfinite_of, fabsf(x) < INFINITY)

static inline float clamped(float x, float s, float t) {
  float v = x < s ? s : x;
  return v > t ? t : v;
}
NUMBER(clamp, clamped(x, s, t))

/* What is too large for simd_wave is left to C's library. */
#define WAVE(name, quarter, other)                                         \
  static void name(int64_t n, const float *restrict x, CPU_UNUSED pair p,  \
                   float *restrict y, CPU_UNUSED bool past) {              \
    for (int64_t i = 0; i < n; i++) y[i] = simd_wave(x[i], quarter);       \
    if (!simd_wave_is_far(n, x)) return;                                   \
    for (int64_t i = 0; i < n; i++) {                                      \
      if (fabsf(x[i]) >= SIMD_WAVE_LIMIT) y[i] = other(x[i]);              \
    }                                                                      \
  }
WAVE(sin_of, 0, sinf)
WAVE(cos_of, 1, cosf)

/* `work` is in units of an addition. */
static const struct { number_fn *fn; int work; } numbers[] = {
    [MOON_U_NEG] = {neg, 1},          [MOON_U_RELU] = {relu, 1},
    [MOON_U_ABS] = {abs_of, 1},       [MOON_U_SIGN] = {sign, 1},
    [MOON_U_FLOOR] = {floor_of, 1},   [MOON_U_CEIL] = {ceil_of, 1},
    [MOON_U_ROUND] = {round_of, 1},   [MOON_U_ADD] = {plus, 1},
    [MOON_U_MUL] = {times, 1},        [MOON_U_RSUB] = {minus, 1},
    [MOON_U_CLAMP] = {clamp, 1},      [MOON_U_EXP] = {exp_of, 4},
    [MOON_U_LOG] = {log_of, 4},       [MOON_U_SQRT] = {sqrt_of, 1},
    [MOON_U_SIN] = {sin_of, 8},       [MOON_U_COS] = {cos_of, 8},
    [MOON_U_ERF] = {erf_of, 6},       [MOON_U_SIGMOID] = {sigmoid, 4},
    [MOON_U_TANH] = {tanh_of, 4},     [MOON_U_SILU] = {silu, 4},
    [MOON_U_GELU] = {gelu, 6},        [MOON_U_GELU_TANH] = {gelu_tanh, 4},
    [MOON_U_RDIV] = {over, 1},        [MOON_U_POW] = {power, 16},
    [MOON_U_LEAKY_RELU] = {leaky_relu, 1},
    [MOON_U_ELU] = {elu, 4},          [MOON_U_SOFTPLUS] = {softplus, 6}};

static bool_fn *const bools[] = {
    [MOON_U_EQ] = eq,       [MOON_U_NE] = ne,
    [MOON_U_LT] = lt,       [MOON_U_LE] = le,
    [MOON_U_GT] = gt,       [MOON_U_GE] = ge,
    [MOON_U_ISNAN] = isnan_of, [MOON_U_ISINF] = isinf_of,
    [MOON_U_ISFINITE] = isfinite_of};

static number_fn *number_of(int kind, double s) {
  if (kind != MOON_U_POW || (s != 2 && s != 3)) return numbers[kind].fn;
  return s == 2 ? square : cube;
}

static int work_of(int kind, double s) {
  if (kind >= MOON_U_EQ || (kind == MOON_U_POW && (s == 2 || s == 3))) return 1;
  return numbers[kind].work;
}

static pair pair_of(const moon_call *call) {
  return (pair){(float)call->params.unary.s, (float)call->params.unary.t};
}

static cpu_loop loop_of(const moon_call *call) {
  const moon_operand *o[] = {&call->arg[1], &call->arg[0]};
  return cpu_loop_of(o, 2);
}

/* Of bool: no other comparison than x == 0, its negation. */
CPU_COVERS(unary) {
  const moon_operand *x = &call->arg[0], *y = &call->arg[1];
  int kind = call->params.unary.kind;
  if (moon_operand_numel(y) == 0) return false;
  if (x->dtype == MOON_BOOL) {
    cpu_loop l = loop_of(call);
    return kind == MOON_U_EQ && call->params.unary.s == 0 &&
           cpu_loop_is_flat(&l);
  }
  if (!cpu_is_f32(x)) return false;
  if (kind >= MOON_U_EQ) {
    cpu_loop l = loop_of(call);
    return cpu_inner(&l, 0) == 1;
  }
  return true;
}

CPU_CUT(unary) {
  int kind = call->params.unary.kind;
  int64_t n = moon_operand_numel(&call->arg[1]);
  cpu_phase(plan, n, (double)n * work_of(kind, call->params.unary.s), 0.15);
}

static void negate(int64_t n, const uint8_t *restrict x,
                   uint8_t *restrict y) {
  for (int64_t i = 0; i < n; i++) y[i] = x[i] == 0;
}

static void run_bools(const moon_call *call, const cpu_loop *l, cpu_walk w) {
  const float *x = call->arg[0].data;
  uint8_t *y = call->arg[1].data;
  pair p = pair_of(call);
  float room[SIMD_STAGE];
  for (; w.n > 0; cpu_walk_next(&w)) {
    const float *row = simd_row(x + w.at[1], cpu_inner(l, 1), w.n, room);
    bools[call->params.unary.kind](w.n, row, p, y + w.at[0]);
  }
}

static void run_numbers(const moon_call *call, const cpu_loop *l, cpu_walk w) {
  const float *x = call->arg[0].data;
  float *y = call->arg[1].data, room[SIMD_STAGE], result[SIMD_STAGE];
  pair p = pair_of(call);
  number_fn *f = number_of(call->params.unary.kind, call->params.unary.s);
  bool past = simd_is_past(&call->arg[1]);
  for (; w.n > 0; cpu_walk_next(&w)) {
    const float *row = simd_row(x + w.at[1], cpu_inner(l, 1), w.n, room);
    float *to = simd_target(y + w.at[0], cpu_inner(l, 0), result);
    f(w.n, row, p, to, past);
    simd_scatter(to, w.n, y + w.at[0], cpu_inner(l, 0));
  }
  simd_store_end(past);
}

CPU_RUN(unary) {
  cpu_loop l = loop_of(call);
  int64_t lo, hi;
  cpu_share(plan, phase, part, l.numel, CPU_GRAIN, &lo, &hi);
  cpu_walk w = cpu_walk_from(&l, lo, hi, simd_piece(&l));
  if (call->arg[0].dtype == MOON_BOOL) {
    negate(hi - lo, (const uint8_t *)call->arg[0].data + lo,
           (uint8_t *)call->arg[1].data + lo);
  } else if (call->params.unary.kind >= MOON_U_EQ) {
    run_bools(call, &l, w);
  } else {
    run_numbers(call, &l, w);
  }
  return MOON_OK;
}

SIMD_KERNEL(unary)
