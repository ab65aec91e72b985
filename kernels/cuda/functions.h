/* Functions that unary.cu and unary_grad.cu share (ref's functions.h), in float
 * or double. */
#ifndef MOON_CUDA_FUNCTIONS_H
#define MOON_CUDA_FUNCTIONS_H
#include "types.h"

template <typename V> MOON_DEVICE V moon_sigmoid(V x) {
  V e = exp(-fabs(x));
  return (x < 0 ? e : (V)1) / (1 + e);
}

template <typename V> MOON_DEVICE V moon_normal(V x) {
  return (V)0.5 * erfc((V)-M_SQRT1_2 * x);
}

template <typename V> MOON_DEVICE V moon_density(V x) {
  return (V)(0.5 * M_SQRT1_2 * M_2_SQRTPI) * exp((V)-0.5 * x * x);
}

template <typename V> MOON_DEVICE V moon_gelu_inner(V x) {
  const V c = (V)(2 * M_SQRT1_2 * M_2_SQRTPI);
  return c * x * (1 + (V)0.044715 * x * x);
}

template <typename V> MOON_DEVICE V moon_gelu_inner_slope(V x) {
  const V c = (V)(2 * M_SQRT1_2 * M_2_SQRTPI);
  V square = x * x;
  if (square > (V)1e4) square = (V)1e4;
  return c * (1 + (V)(3 * 0.044715) * square);
}

/* The six comparisons, counted from EQ; NaN is unequal to everything and
 * neither less nor greater. */
template <typename V> MOON_DEVICE bool moon_compare(int relation, V a, V b) {
  switch (relation) {
    case 0: return a == b;
    case 1: return a != b;
    case 2: return a < b;
    case 3: return a <= b;
    case 4: return a > b;
    default: return a >= b;
  }
}

#endif
