/* y = f(x), f(x, s) or f(x, s, t), elementwise, f32; some give bool. See
 * ref/unary.c. Of powers only the square and the cube are here. */
#include "special.h"

typedef struct pair { float s, t; } pair;
typedef void number_fn(int64_t n, const float *restrict x, pair p,
                       float *restrict y);
typedef void bool_fn(int64_t n, const float *restrict x, pair p,
                     uint8_t *restrict y);

#define EACH(name, type, result)                                           \
  static void name(int64_t n, const float *restrict in, pair p,            \
                   type *restrict y) {                                     \
    CPU_UNUSED float s = p.s, t = p.t;                                     \
    for (int64_t i = 0; i < n; i++) {                                      \
      float x = in[i];                                                     \
      y[i] = (type)(result);                                               \
    }                                                                      \
  }
EACH(neg, float, -x)
EACH(relu, float, x < 0 ? 0 : x)
EACH(abs_of, float, fabsf(x))
EACH(sign, float, (float)(x > 0) - (float)(x < 0))
EACH(floor_of, float, floorf(x))
EACH(ceil_of, float, ceilf(x))
EACH(round_of, float, rintf(x))
EACH(plus, float, x + s)
EACH(times, float, x * s)
EACH(minus, float, s - x)
EACH(exp_of, float, simd_exp(x))
EACH(log_of, float, simd_log(x))
EACH(sqrt_of, float, sqrtf(x))
EACH(erf_of, float, simd_erf(x))
EACH(sigmoid, float, simd_sigmoid(x))
EACH(tanh_of, float, simd_tanh(x))
EACH(silu, float, x * simd_sigmoid(x))
EACH(gelu, float, x * simd_normal(x, simd_exp(-0.5f * x * x)))
EACH(gelu_tanh, float, x * simd_sigmoid(simd_gelu_inner(x)))
EACH(over, float, s / x)
EACH(square, float, x * x)
EACH(cube, float, x * x * x)
EACH(leaky_relu, float, x > 0 ? x : s * x)
EACH(elu, float, x > 0 ? x : s * simd_expm1(x))
EACH(softplus, float, s * x > t ? x : simd_softplus(s * x) / s)
EACH(eq, uint8_t, x == s)
EACH(ne, uint8_t, x != s)
EACH(lt, uint8_t, x < s)
EACH(le, uint8_t, x <= s)
EACH(gt, uint8_t, x > s)
EACH(ge, uint8_t, x >= s)
EACH(isnan_of, uint8_t, x != x)
EACH(isinf_of, uint8_t, fabsf(x) == INFINITY)
EACH(isfinite_of, uint8_t, fabsf(x) < INFINITY)

static void clamp(int64_t n, const float *restrict x, pair p,
                  float *restrict y) {
  float s = p.s, t = p.t;
  for (int64_t i = 0; i < n; i++) {
    float v = x[i] < s ? s : x[i];
    y[i] = v > t ? t : v;
  }
}

/* What is too large for simd_wave is left to C's library. */
#define WAVE(name, quarter, other)                                         \
  static void name(int64_t n, const float *restrict x, CPU_UNUSED pair p,  \
                   float *restrict y) {                                    \
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
    [MOON_U_RDIV] = {over, 1},        [MOON_U_LEAKY_RELU] = {leaky_relu, 1},
    [MOON_U_ELU] = {elu, 4},          [MOON_U_SOFTPLUS] = {softplus, 6}};

static bool_fn *const bools[] = {
    [MOON_U_EQ] = eq,       [MOON_U_NE] = ne,
    [MOON_U_LT] = lt,       [MOON_U_LE] = le,
    [MOON_U_GT] = gt,       [MOON_U_GE] = ge,
    [MOON_U_ISNAN] = isnan_of, [MOON_U_ISINF] = isinf_of,
    [MOON_U_ISFINITE] = isfinite_of};

static number_fn *number_of(int kind, double s) {
  if (kind != MOON_U_POW) return numbers[kind].fn;
  return s == 2 ? square : s == 3 ? cube : NULL;
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
  return number_of(kind, call->params.unary.s) != NULL;
}

CPU_CUT(unary) {
  int kind = call->params.unary.kind;
  int64_t n = moon_operand_numel(&call->arg[1]);
  int work = kind < MOON_U_EQ ? numbers[kind].work : 1;
  cpu_phase(plan, n, (double)n * (work > 1 ? work : 1), 0.15);
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
  for (; w.n > 0; cpu_walk_next(&w)) {
    const float *row = simd_row(x + w.at[1], cpu_inner(l, 1), w.n, room);
    float *to = simd_target(y + w.at[0], cpu_inner(l, 0), result);
    f(w.n, row, p, to);
    simd_scatter(to, w.n, y + w.at[0], cpu_inner(l, 0));
  }
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
