/* dx = dy f'(x), told by x or y, f32; see ref/unary_grad.c. */
#include "special.h"

enum { DY, V, DX };

typedef void grad_fn(int64_t n, const float *restrict dy,
                     const float *restrict v, const float *p,
                     float *restrict dx);

/* p: s and t */
#define EACH(name, result)                                                \
  static void name(int64_t n, const float *restrict dy,                   \
                   const float *restrict v, const float *p,               \
                   float *restrict dx) {                                  \
    CPU_UNUSED float s = p[0], t = p[1];                                  \
    for (int64_t i = 0; i < n; i++) {                                     \
      float d = dy[i], x = v[i];                                          \
      dx[i] = (result);                                                   \
    }                                                                     \
  }

/* Told by x and by e, the exponential of `inner`: those of a run at a time. */
#define BY_EXP(name, inner, slope)                                        \
  static inline __attribute__((always_inline)) void name##_run(           \
      int64_t n, const float *restrict dy, const float *restrict v,       \
      float *restrict dx) {                                               \
    float e[SIMD_RUN];                                                    \
    for (int64_t i = 0; i < n; i++) {                                     \
      float x = v[i];                                                     \
      e[i] = (inner);                                                     \
    }                                                                     \
    simd_exp_less(n, e, 0, e);                                            \
    for (int64_t i = 0; i < n; i++) dx[i] = dy[i] * slope(v[i], e[i]);    \
  }                                                                       \
  static void name(int64_t n, const float *restrict dy,                   \
                   const float *restrict v, CPU_UNUSED const float *p,    \
                   float *restrict dx) {                                  \
    int64_t i = 0;                                                        \
    for (; i + SIMD_RUN <= n; i += SIMD_RUN) {                            \
      name##_run(SIMD_RUN, dy + i, v + i, dx + i);                        \
    }                                                                     \
    if (i < n) name##_run(n - i, dy + i, v + i, dx + i);                  \
  }

/* e = exp(-|x|) */
static inline float slope_silu(float x, float e) {
  float s = simd_sigmoid_by(x, e);
  return SIMD_MADD(x * s, 1.0f - s, s);
}

/* e = exp(-x^2 / 2) */
static inline float slope_gelu(float x, float e) {
  return SIMD_MADD(x, e * 0x1.988454p-2f, simd_normal(x, e));
}

/* e = exp(-|inner|) */
static inline float slope_gelu_tanh(float x, float e) {
  float s = simd_sigmoid_by(simd_gelu_inner(x), e);
  return SIMD_MADD(x * s * (1.0f - s), simd_gelu_inner_slope(x), s);
}

EACH(abs_of, x > 0 ? d : x < 0 ? -d : 0)
EACH(erf_of, d * (0x1.20dd76p+0f * simd_exp(-x * x)))
EACH(sigmoid, d * (x * (1.0f - x)))
EACH(tanh_of, d * (1.0f - x * x))
BY_EXP(silu, -fabsf(x), slope_silu)
BY_EXP(gelu, -0.5f * x * x, slope_gelu)
BY_EXP(gelu_tanh, -fabsf(simd_gelu_inner(x)), slope_gelu_tanh)
EACH(leaky_relu, x > 0 ? d : s * d)
EACH(elu, d * (x > 0 ? 1.0f : s * simd_exp(x)))
EACH(softplus, d * (s * x > t ? 1.0f : simd_sigmoid(s * x)))

static void clamp(int64_t n, const float *restrict dy,
                  const float *restrict v, const float *p,
                  float *restrict dx) {
  float s = p[0], t = p[1];
  for (int64_t i = 0; i < n; i++) {
    float d = dy[i];
    dx[i] = (v[i] >= s) & (v[i] <= t) ? d : 0;
  }
}

static void sin_of(int64_t n, const float *restrict dy,
                   const float *restrict v, CPU_UNUSED const float *p,
                   float *restrict dx) {
  for (int64_t i = 0; i < n; i++) dx[i] = dy[i] * simd_wave(v[i], 1);
  if (!simd_wave_is_far(n, v)) return;
  for (int64_t i = 0; i < n; i++) {
    if (fabsf(v[i]) >= SIMD_WAVE_LIMIT) dx[i] = dy[i] * cosf(v[i]);
  }
}

static void cos_of(int64_t n, const float *restrict dy,
                   const float *restrict v, CPU_UNUSED const float *p,
                   float *restrict dx) {
  for (int64_t i = 0; i < n; i++) dx[i] = -dy[i] * simd_wave(v[i], 0);
  if (!simd_wave_is_far(n, v)) return;
  for (int64_t i = 0; i < n; i++) {
    if (fabsf(v[i]) >= SIMD_WAVE_LIMIT) dx[i] = -dy[i] * sinf(v[i]);
  }
}

static grad_fn *const gradients[] = {
    [MOON_U_ABS] = abs_of,         [MOON_U_CLAMP] = clamp,
    [MOON_U_SIN] = sin_of,         [MOON_U_COS] = cos_of,
    [MOON_U_ERF] = erf_of,         [MOON_U_SIGMOID] = sigmoid,
    [MOON_U_TANH] = tanh_of,       [MOON_U_SILU] = silu,
    [MOON_U_GELU] = gelu,          [MOON_U_GELU_TANH] = gelu_tanh,
    [MOON_U_LEAKY_RELU] = leaky_relu, [MOON_U_ELU] = elu,
    [MOON_U_SOFTPLUS] = softplus};

static cpu_loop loop_of(const moon_call *call) {
  const moon_operand *o[] = {&call->arg[DX], &call->arg[DY], &call->arg[V]};
  return cpu_loop_of(o, 3);
}

CPU_COVERS(unary_grad) {
  const moon_operand *dx = &call->arg[DX];
  if (!cpu_is_f32(dx) || moon_operand_numel(dx) == 0) return false;
  cpu_loop l = loop_of(call);
  return cpu_inner(&l, 0) == 1;
}

CPU_CUT(unary_grad) {
  int64_t n = moon_operand_numel(&call->arg[DX]);
  cpu_phase(plan, n, (double)n * 4, 0.15);
}

CPU_RUN(unary_grad) {
  cpu_loop l = loop_of(call);
  const float *dy = call->arg[DY].data, *v = call->arg[V].data;
  float *dx = call->arg[DX].data, room[2][SIMD_STAGE];
  float p[] = {(float)call->params.unary.s, (float)call->params.unary.t};
  grad_fn *f = gradients[call->params.unary.kind];
  int64_t lo, hi;
  cpu_share(plan, phase, part, l.numel, CPU_GRAIN, &lo, &hi);
  cpu_walk w = cpu_walk_from(&l, lo, hi, simd_piece(&l));
  for (; w.n > 0; cpu_walk_next(&w)) {
    f(w.n, simd_row(dy + w.at[1], cpu_inner(&l, 1), w.n, room[0]),
      simd_row(v + w.at[2], cpu_inner(&l, 2), w.n, room[1]), p, dx + w.at[0]);
  }
  return MOON_OK;
}

SIMD_KERNEL(unary_grad)
