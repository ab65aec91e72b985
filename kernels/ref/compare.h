/* The six comparisons, for unary.c and binary.c. They count from EQ in the
 * order that MOON_U_EQ ... and MOON_B_EQ ... share. */
#ifndef MOON_REF_COMPARE_H
#define MOON_REF_COMPARE_H
#include <stdbool.h>
#include <stdint.h>

enum { REF_EQ, REF_NE, REF_LT, REF_LE, REF_GT, REF_GE };

static inline bool ref_holds(int relation, bool less, bool equal,
                             bool greater) {
  switch (relation) {
    case REF_EQ: return equal;
    case REF_NE: return !equal;
    case REF_LT: return less;
    case REF_LE: return less || equal;
    case REF_GT: return greater;
    default: return greater || equal;
  }
}

/* NaN is unequal to everything and neither less nor greater. */
static inline bool ref_compare(int relation, double a, double b) {
  return ref_holds(relation, a < b, a == b, a > b);
}

static inline bool ref_compare_int(int relation, int64_t a, int64_t b) {
  return ref_holds(relation, a < b, a == b, a > b);
}

#endif
