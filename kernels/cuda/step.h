/* What the files of `step` share: an entry's operands, its rates on the device,
 * and the rules (ref's step.c).
 */
#ifndef MOON_CUDA_STEP_H
#define MOON_CUDA_STEP_H
#include "../scaler.h"
#include "block.h"
#include "walk.h"

enum { P, G, S, STREAMS = 2 + MOON_STEP_STATES };  /* of an entry */

/* What an entry's elements need of its rates. */
struct settled {
  double lr, decay, weight_decay, beta1, beta2, eps, rate, root, clip, unscale;
  int32_t rule, flags, steps, scaled, skips;  /* scaled: by a loss scale */
};

/* Operand `stream` of entry k, or NULL. */
static inline const moon_operand *operand(const moon_call *call, int k,
                                          int stream) {
  int each = call->params.step.each;
  return stream < each ? moon_optional(call, 1 + each * k + stream) : NULL;
}

/* The loss scale, or NULL. */
static inline double *scaler_of(const moon_call *call) {
  bool scaled = call->params.step.scaled != 0;
  return scaled ? (double *)call->arg[call->n - 1].data : NULL;
}

/* With a loss scale an infinity stays: the step is skipped. */
template <typename A> MOON_DEVICE A cut(A g, A most, bool scaled) {
  if (most <= 0 || (scaled && fabs(g) == (A)INFINITY)) return g;
  return g > most ? most : g < -most ? -most : g;  /* NaN stays */
}

/* --- rules: one element, with its states -------------------------------- */
template <typename A> struct element { A p, g, state[MOON_STEP_STATES]; };

template <typename A> struct rule_of {
  A lr, decay, weight_decay, beta1, rest1, beta2, rest2, eps, rate, root;
  int rule, flags;

  MOON_DEVICE rule_of(const settled &s)
      : lr((A)s.lr), decay((A)s.decay), weight_decay((A)s.weight_decay),
        beta1((A)s.beta1), rest1((A)(1 - s.beta1)), beta2((A)s.beta2),
        rest2((A)(1 - s.beta2)), eps((A)s.eps), rate((A)s.rate),
        root((A)s.root), rule(s.rule), flags(s.flags) {}

  MOON_DEVICE void sgd(element<A> *e) const {
    A g = e->g + weight_decay * e->p, v = beta1 * e->state[0] + g;
    e->state[0] = v;
    if (beta1 == 0) v = g;
    if (flags & MOON_STEP_NESTEROV) v = g + beta1 * v;
    e->p -= lr * v;
  }

  MOON_DEVICE void adam(element<A> *e) const {
    A *m = &e->state[0], *s = &e->state[1], g = e->g;
    if (flags & MOON_STEP_DECOUPLED) e->p *= decay;
    else g += weight_decay * e->p;
    *m = beta1 * *m + rest1 * g;
    *s = beta2 * *s + rest2 * g * g;
    e->p -= rate * *m / ((A)sqrt(*s) * root + eps);
  }

  MOON_DEVICE void rmsprop(element<A> *e) const {
    A *s = &e->state[0], *v = &e->state[1], *m = &e->state[2];
    A g = e->g + weight_decay * e->p;
    *s = beta2 * *s + rest2 * g * g;
    *m = beta2 * *m + rest2 * g;
    A square = *s;
    if (flags & MOON_STEP_CENTERED) square -= *m * *m;
    A d = g / ((A)sqrt(square < 0 ? (A)0 : square) + eps);
    *v = beta1 * *v + d;
    e->p -= lr * *v;
  }

  MOON_DEVICE void lion(element<A> *e) const {
    A m = e->state[0], v = beta1 * m + rest1 * e->g;
    A sign = v > 0 ? (A)1 : v < 0 ? (A)-1 : v;
    e->p = e->p * decay - lr * sign;
    e->state[0] = beta2 * m + rest2 * e->g;
  }

  /* State 1 is what p moves by. */
  MOON_DEVICE void muon(element<A> *e) const {
    e->state[0] = beta1 * e->state[0] + e->g;
    e->p = e->p * decay - lr * e->state[1];
  }

  MOON_DEVICE void apply(element<A> *e) const {
    A p = e->p;
    switch (rule) {
      case MOON_STEP_SGD: sgd(e); break;
      case MOON_STEP_ADAM: adam(e); break;
      case MOON_STEP_RMSPROP: rmsprop(e); break;
      case MOON_STEP_LION: lion(e); break;
      case MOON_STEP_MUON: muon(e); break;
      case MOON_STEP_LERP: e->p += lr * (e->g - p); break;
      case MOON_STEP_SWAP: e->p = e->state[0]; e->state[0] = p; break;
      default: break;
    }
  }
};

#endif
