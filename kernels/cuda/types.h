/* Element types on the device, and the type that a dtype is computed in: f32
 * for bf16 and f16, f64 for itself. `moon_load` and `moon_store` convert.
 *
 *   return MOON_FLOATS(x->dtype, run, call, fail);   // run<T>(call, fail)
 */
#ifndef MOON_CUDA_TYPES_H
#define MOON_CUDA_TYPES_H
#include "../half.h"
#include "launch.h"

struct moon_bf16 { uint16_t bits; };
struct moon_f16 { uint16_t bits; };
struct moon_bool { uint8_t bits; };

template <typename T> struct moon_element {};
#define MOON_ELEMENT(T, computed, number) \
  template <> struct moon_element<T> {    \
    typedef computed type;                \
    enum { dtype = number };              \
  }
MOON_ELEMENT(float, float, MOON_F32);
MOON_ELEMENT(double, double, MOON_F64);
MOON_ELEMENT(moon_bf16, float, MOON_BF16);
MOON_ELEMENT(moon_f16, float, MOON_F16);
MOON_ELEMENT(int64_t, int64_t, MOON_I64);
MOON_ELEMENT(int32_t, int64_t, MOON_I32);
MOON_ELEMENT(uint8_t, int64_t, MOON_U8);
MOON_ELEMENT(moon_bool, int64_t, MOON_BOOL);
template <typename T> using moon_computed = typename moon_element<T>::type;

#define MOON_DEVICE __device__ __forceinline__
MOON_DEVICE float moon_load(float v) { return v; }
MOON_DEVICE double moon_load(double v) { return v; }
MOON_DEVICE float moon_load(moon_bf16 v) { return moon_bf16_to_f32(v.bits); }
MOON_DEVICE float moon_load(moon_f16 v) { return moon_f16_to_f32(v.bits); }
MOON_DEVICE int64_t moon_load(int64_t v) { return v; }
MOON_DEVICE int64_t moon_load(int32_t v) { return v; }
MOON_DEVICE int64_t moon_load(uint8_t v) { return v; }
MOON_DEVICE int64_t moon_load(moon_bool v) { return v.bits != 0; }

/* Toward zero; NaN gives 0, what is out of range the nearest there is. */
MOON_DEVICE int64_t moon_truncate(double v) {
  if (v != v) return 0;
  if (v >= 0x1p63) return INT64_MAX;
  return v < -0x1p63 ? INT64_MIN : (int64_t)v;
}

/* As a cast does it: to an integer toward zero, to bool v != 0, integers keep
 * their low bits, bf16 and f16 by way of f32. */
template <typename T, typename V> struct moon_conversion {
  static MOON_DEVICE T of(V v) { return (T)v; }
};
template <typename T> struct moon_conversion<T, float> {
  static MOON_DEVICE T of(float v) { return (T)moon_truncate(v); }
};
template <typename T> struct moon_conversion<T, double> {
  static MOON_DEVICE T of(double v) { return (T)moon_truncate(v); }
};
#define MOON_CONVERSION(T, V, expression)        \
  template <> struct moon_conversion<T, V> {     \
    static MOON_DEVICE T of(V v) { return expression; } \
  }
MOON_CONVERSION(float, float, v);
MOON_CONVERSION(float, double, (float)v);
MOON_CONVERSION(double, float, (double)v);
MOON_CONVERSION(double, double, v);
template <typename V> struct moon_conversion<moon_bf16, V> {
  static MOON_DEVICE moon_bf16 of(V v) {
    return moon_bf16{moon_bf16_from_f32((float)v)};
  }
};
template <typename V> struct moon_conversion<moon_f16, V> {
  static MOON_DEVICE moon_f16 of(V v) {
    return moon_f16{moon_f16_from_f32((float)v)};
  }
};
template <typename V> struct moon_conversion<moon_bool, V> {
  static MOON_DEVICE moon_bool of(V v) { return moon_bool{v != 0}; }
};
MOON_CONVERSION(moon_bf16, float, moon_bf16{moon_bf16_from_f32(v)});
MOON_CONVERSION(moon_bf16, double, moon_bf16{moon_bf16_from_f32((float)v)});
MOON_CONVERSION(moon_f16, float, moon_f16{moon_f16_from_f32(v)});
MOON_CONVERSION(moon_f16, double, moon_f16{moon_f16_from_f32((float)v)});
MOON_CONVERSION(moon_bool, float, moon_bool{v != 0});
MOON_CONVERSION(moon_bool, double, moon_bool{v != 0});

template <typename T, typename V>
MOON_DEVICE void moon_store(T *at, V v) { *at = moon_conversion<T, V>::of(v); }

/* Up to 16 bytes of elements that are read or written at once. */
template <typename T, int N> struct alignas(sizeof(T) * N) moon_vector {
  T at[N];
};

/* --- dispatch: fn<T>(...) for the dtype, or an error ------------------- */
static inline int moon_no_dtype(int dtype, moon_fail *fail) {
  static const char *const name[MOON_DTYPES] = {"f32", "f64", "i64", "i32",
                                                "u8", "bool", "bf16", "f16"};
  snprintf(fail->text, sizeof fail->text, "no kernel for %s on cuda",
           name[(unsigned)dtype % MOON_DTYPES]);
  return MOON_E_DTYPE;
}
#define MOON_CASE(number, T, fn, ...) \
  (number) == moon_element<T>::dtype ? fn<T>(__VA_ARGS__):
#define MOON_FLOATS(number, fn, ...)                       \
  (MOON_CASE(number, float, fn, __VA_ARGS__)               \
   MOON_CASE(number, moon_bf16, fn, __VA_ARGS__)           \
   MOON_CASE(number, moon_f16, fn, __VA_ARGS__)            \
   MOON_CASE(number, double, fn, __VA_ARGS__)              \
   moon_no_dtype(number, fail))
#define MOON_ALL_TYPES(number, fn, ...)                    \
  (MOON_CASE(number, float, fn, __VA_ARGS__)               \
   MOON_CASE(number, moon_bf16, fn, __VA_ARGS__)           \
   MOON_CASE(number, moon_f16, fn, __VA_ARGS__)            \
   MOON_CASE(number, double, fn, __VA_ARGS__)              \
   MOON_CASE(number, int64_t, fn, __VA_ARGS__)             \
   MOON_CASE(number, int32_t, fn, __VA_ARGS__)             \
   MOON_CASE(number, uint8_t, fn, __VA_ARGS__)             \
   MOON_CASE(number, moon_bool, fn, __VA_ARGS__)           \
   moon_no_dtype(number, fail))
/* Bytes that are only moved: an unsigned integer of the element's size. */
#define MOON_SIZES(nbytes, fn, ...)                        \
  ((nbytes) == 8 ? fn<uint64_t>(__VA_ARGS__)               \
   : (nbytes) == 4 ? fn<uint32_t>(__VA_ARGS__)             \
   : (nbytes) == 2 ? fn<uint16_t>(__VA_ARGS__)             \
                   : fn<uint8_t>(__VA_ARGS__))

#endif
