/* What each rule of ref/step.c does to a row of f32: n elements of a parameter,
 * its gradient and its states. */
#ifndef MOON_SIMD_STEP_ROWS_H
#define MOON_SIMD_STEP_ROWS_H
#include "simd.h"

typedef struct step_row {
  int64_t n;
  float *p;
  const float *g;         /* with values cut, not scaled */
  float *s[MOON_STEP_STATES];
  const float *direction; /* Muon's */
} step_row;

/* The rates as the rows use them. `couple` is the weight decay that goes into
 * the gradient, `keep` what decoupled decay leaves of the parameter. */
typedef struct step_rates {
  float scale, lr, couple, keep, beta1, beta2, fresh1, fresh2, eps;
  float root;             /* Adam: sqrt(1 - beta2^t) */
} step_rates;

/* --- SGD -------------------------------------------------------------- */
static void sgd_plain(step_row r, step_rates q) {
  float *restrict p = r.p;
  for (int64_t i = 0; i < r.n; i++) {
    float step = SIMD_MADD(q.couple, p[i], r.g[i] * q.scale);
    p[i] = SIMD_MADD(-q.lr, step, p[i]);
  }
}

static void sgd_momentum(step_row r, step_rates q) {
  float *restrict p = r.p, *restrict v = r.s[0];
  for (int64_t i = 0; i < r.n; i++) {
    float step = SIMD_MADD(q.couple, p[i], r.g[i] * q.scale);
    float speed = SIMD_MADD(q.beta1, v[i], step);
    v[i] = speed;
    p[i] = SIMD_MADD(-q.lr, speed, p[i]);
  }
}

static void sgd_nesterov(step_row r, step_rates q) {
  float *restrict p = r.p, *restrict v = r.s[0];
  for (int64_t i = 0; i < r.n; i++) {
    float step = SIMD_MADD(q.couple, p[i], r.g[i] * q.scale);
    float speed = SIMD_MADD(q.beta1, v[i], step);
    v[i] = speed;
    p[i] = SIMD_MADD(-q.lr, SIMD_MADD(q.beta1, speed, step), p[i]);
  }
}

/* --- Adam ------------------------------------------------------------- */
static void adam(step_row r, step_rates q) {
  float *restrict p = r.p, *restrict m = r.s[0], *restrict s = r.s[1];
  for (int64_t i = 0; i < r.n; i++) {
    float g = SIMD_MADD(q.couple, p[i], r.g[i] * q.scale);
    float mean = SIMD_MADD(q.fresh1, g - m[i], m[i]);
    float square = SIMD_MADD(q.fresh2 * g, g, q.beta2 * s[i]);
    m[i] = mean;
    s[i] = square;
    float move = mean / (sqrtf(square) / q.root + q.eps);
    p[i] = SIMD_MADD(-q.lr, move, q.keep * p[i]);
  }
}

/* --- RMSprop ---------------------------------------------------------- */
static void rmsprop_plain(step_row r, step_rates q) {
  float *restrict p = r.p, *restrict s = r.s[0];
  for (int64_t i = 0; i < r.n; i++) {
    float g = SIMD_MADD(q.couple, p[i], r.g[i] * q.scale);
    float square = SIMD_MADD(q.fresh2 * g, g, q.beta2 * s[i]);
    s[i] = square;
    p[i] = SIMD_MADD(-q.lr, g / (sqrtf(square) + q.eps), p[i]);
  }
}

static void rmsprop_momentum(step_row r, step_rates q) {
  float *restrict p = r.p, *restrict s = r.s[0], *restrict v = r.s[1];
  for (int64_t i = 0; i < r.n; i++) {
    float g = SIMD_MADD(q.couple, p[i], r.g[i] * q.scale);
    float square = SIMD_MADD(q.fresh2 * g, g, q.beta2 * s[i]);
    float speed = SIMD_MADD(q.beta1, v[i], g / (sqrtf(square) + q.eps));
    s[i] = square;
    v[i] = speed;
    p[i] = SIMD_MADD(-q.lr, speed, p[i]);
  }
}

/* What is left of s around the mean; rounding may take it below 0. */
static inline float spread(float square, float mean) {
  float left = SIMD_MADD(-mean, mean, square);
  return left < 0 ? 0 : left;
}

static void rmsprop_centered(step_row r, step_rates q) {
  float *restrict p = r.p, *restrict s = r.s[0], *restrict m = r.s[2];
  for (int64_t i = 0; i < r.n; i++) {
    float g = SIMD_MADD(q.couple, p[i], r.g[i] * q.scale);
    float square = SIMD_MADD(q.fresh2 * g, g, q.beta2 * s[i]);
    float mean = SIMD_MADD(q.fresh2, g - m[i], m[i]);
    s[i] = square;
    m[i] = mean;
    float move = g / (sqrtf(spread(square, mean)) + q.eps);
    p[i] = SIMD_MADD(-q.lr, move, p[i]);
  }
}

static void rmsprop_both(step_row r, step_rates q) {
  float *restrict p = r.p, *restrict s = r.s[0], *restrict v = r.s[1],
        *restrict m = r.s[2];
  for (int64_t i = 0; i < r.n; i++) {
    float g = SIMD_MADD(q.couple, p[i], r.g[i] * q.scale);
    float square = SIMD_MADD(q.fresh2 * g, g, q.beta2 * s[i]);
    float mean = SIMD_MADD(q.fresh2, g - m[i], m[i]);
    float move = g / (sqrtf(spread(square, mean)) + q.eps);
    float speed = SIMD_MADD(q.beta1, v[i], move);
    s[i] = square;
    m[i] = mean;
    v[i] = speed;
    p[i] = SIMD_MADD(-q.lr, speed, p[i]);
  }
}

/* --- Lion, Muon, averages --------------------------------------------- */
static void lion(step_row r, step_rates q) {
  float *restrict p = r.p, *restrict m = r.s[0];
  for (int64_t i = 0; i < r.n; i++) {
    float g = r.g[i] * q.scale, past = g - m[i];
    float look = SIMD_MADD(q.fresh1, past, m[i]);
    float sign = look > 0 ? 1.0f : look < 0 ? -1.0f : look;  /* NaN stays */
    m[i] = SIMD_MADD(q.fresh2, past, m[i]);
    p[i] = SIMD_MADD(-q.lr, sign, q.keep * p[i]);
  }
}

static void muon(step_row r, step_rates q) {
  float *restrict p = r.p, *restrict v = r.s[0];
  const float *restrict direction = r.direction;
  for (int64_t i = 0; i < r.n; i++) {
    v[i] = SIMD_MADD(q.beta1, v[i], r.g[i] * q.scale);
    p[i] = SIMD_MADD(-q.lr, direction[i], q.keep * p[i]);
  }
}

static void lerp(step_row r, step_rates q) {
  float *restrict p = r.p;
  for (int64_t i = 0; i < r.n; i++) {
    p[i] = SIMD_MADD(q.lr, r.g[i] - p[i], p[i]);
  }
}

static void swap(step_row r, CPU_UNUSED step_rates q) {
  float *restrict p = r.p, *restrict s = r.s[0];
  for (int64_t i = 0; i < r.n; i++) {
    float v = p[i];
    p[i] = s[i];
    s[i] = v;
  }
}

/* --- which ------------------------------------------------------------ */
typedef void (*step_fn)(step_row r, step_rates q);

static step_fn step_fn_of(const moon_step_rates *r) {
  bool moves = r->beta1 > 0;
  switch (r->rule) {
    case MOON_STEP_SGD:
      if (!moves) return sgd_plain;
      return r->flags & MOON_STEP_NESTEROV ? sgd_nesterov : sgd_momentum;
    case MOON_STEP_ADAM: return adam;
    case MOON_STEP_RMSPROP:
      if (r->flags & MOON_STEP_CENTERED) {
        return moves ? rmsprop_both : rmsprop_centered;
      }
      return moves ? rmsprop_momentum : rmsprop_plain;
    case MOON_STEP_LION: return lion;
    case MOON_STEP_MUON: return muon;
    case MOON_STEP_LERP: return lerp;
    default: return swap;
  }
}

/* scale: the gradient's; count: of Adam's steps, this one included. */
static step_rates step_rates_of(const moon_step_rates *r, double scale,
                                double count) {
  bool decoupled = r->rule == MOON_STEP_LION || r->rule == MOON_STEP_MUON ||
                   (r->rule == MOON_STEP_ADAM &&
                    r->flags & MOON_STEP_DECOUPLED);
  step_rates q = {
      .scale = (float)scale, .lr = (float)r->lr, .keep = 1,
      .beta1 = (float)r->beta1, .beta2 = (float)r->beta2,
      .fresh1 = (float)(1 - r->beta1), .fresh2 = (float)(1 - r->beta2),
      .eps = (float)r->eps};
  if (decoupled) {
    q.keep = (float)(1 - r->lr * r->weight_decay);
  } else {
    q.couple = (float)r->weight_decay;
  }
  if (r->rule == MOON_STEP_ADAM) {
    q.lr = (float)(r->lr / (1 - pow(r->beta1, count)));
    q.root = (float)sqrt(1 - pow(r->beta2, count));
  }
  return q;
}

#endif
