/* Functions that unary.c and unary_grad.c share. */
#ifndef MOON_REF_FUNCTIONS_H
#define MOON_REF_FUNCTIONS_H
#include <math.h>

/* 1 / (1 + e^-x), from the side where e is at most 1, so that a small result
 * keeps its digits. */
static inline double ref_sigmoid(double x) {
  double e = exp(-fabs(x));
  return (x < 0 ? e : 1) / (1 + e);
}

/* The normal distribution: P(X <= x), and its density. */
static inline double ref_normal(double x) {
  return 0.5 * erfc(-M_SQRT1_2 * x);
}

static inline double ref_density(double x) {
  return 0.5 * M_SQRT1_2 * M_2_SQRTPI * exp(-0.5 * x * x);
}

/* GELU's approximation (Hendrycks and Gimpel 2016), x (1 + tanh z) / 2 with
 * z = sqrt(2 / pi) (x + 0.044715 x^3), is x sigmoid(2 z): here 2 z, and what
 * its slope is. Where x^2 is above 10^4 the sigmoid is flat. */
static inline double ref_gelu_inner(double x) {
  return 2 * M_SQRT1_2 * M_2_SQRTPI * x * (1 + 0.044715 * x * x);
}

static inline double ref_gelu_inner_slope(double x) {
  double square = fmin(x * x, 1e4);
  return 2 * M_SQRT1_2 * M_2_SQRTPI * (1 + 3 * 0.044715 * square);
}

#endif
