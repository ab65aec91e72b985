/* What the cpu backend's kernels share.
 *
 * A kernel here is fast on the layouts that networks use; a call it does not
 * cover goes to ref's kernel when it is planned, and plan->state says so. The
 * kernels in simd/ are compiled once for each instruction set, each time with
 * other names; table.c picks one set when the first one is asked for.
 */
#ifndef MOON_CPU_H
#define MOON_CPU_H
#include <stdbool.h>
#include "../kernel.h"

/* --- one kernel out of two ------------------------------------------------ */
/* CPU_KERNEL(name, symbol) defines a kernel from three functions:
 *   covers_name(call)       whether the call is for this kernel
 *   cut_name(call, plan)    its parts
 *   run_name(call, plan, scratch, phase, part, fail)
 * Calls that are not covered are ref's, errors about them included. */
#define CPU_UNUSED __attribute__((unused))
#define CPU_COVERS(name) static bool covers_##name(const moon_call *call)
#define CPU_CUT(name) \
  static void cut_##name(const moon_call *call, moon_plan *plan)
#define CPU_RUN(name)                                                      \
  static int run_##name(const moon_call *call,                             \
                        CPU_UNUSED const moon_plan *plan,                  \
                        CPU_UNUSED void *scratch, CPU_UNUSED int phase,    \
                        CPU_UNUSED int part, CPU_UNUSED moon_fail *fail)

#define CPU_KERNEL(name, symbol)                                           \
  extern const moon_kernel moon_ref_##name;                                \
  static int plan_##name(const moon_call *call, moon_plan *plan,           \
                         int may_create, moon_fail *fail) {                \
    if (!covers_##name(call)) {                                            \
      return cpu_plan_by(&moon_ref_##name, call, plan, may_create, fail);  \
    }                                                                      \
    cut_##name(call, plan);                                                \
    return MOON_OK;                                                        \
  }                                                                        \
  static int do_##name(const moon_call *call, const moon_plan *plan,       \
                       void *scratch, int phase, int part,                 \
                       moon_fail *fail) {                                  \
    const moon_kernel *other = plan->state;                                \
    if (other) return other->run(call, plan, scratch, phase, part, fail);  \
    return run_##name(call, plan, scratch, phase, part, fail);             \
  }                                                                        \
  const moon_kernel symbol = {#name, plan_##name, do_##name};

/* ref's kernels leave plan->state alone. */
static inline int cpu_plan_by(const moon_kernel *other, const moon_call *call,
                              moon_plan *plan, int may_create,
                              moon_fail *fail) {
  int status = other->plan(call, plan, may_create, fail);
  plan->state = other;
  return status;
}

/* --- cutting -------------------------------------------------------------- */
/* Elements per part that are worth another thread's while, and the borders of
 * parts: whole cache lines of f32. */
enum { CPU_PART = 1 << 16, CPU_PARTS = 32, CPU_GRAIN = 64 };

/* Another phase of `work` element visits of `ns` each, cut in `units` pieces
 * at most. */
static inline void cpu_phase(moon_plan *plan, int64_t units, double work,
                             double ns) {
  double parts = work / CPU_PART;
  if (parts > CPU_PARTS) parts = CPU_PARTS;
  if (parts > (double)units) parts = (double)units;
  plan->parts[plan->phases++] = parts < 2 ? 1 : (int32_t)parts;
  plan->cost_ns += 100 + work * ns;
}

static inline void cpu_share(const moon_plan *plan, int phase, int part,
                             int64_t units, int64_t grain, int64_t *lo,
                             int64_t *hi) {
  moon_part_range(units, plan->parts[phase], part, grain, lo, hi);
}

/* --- operands ------------------------------------------------------------- */
static inline const moon_operand *cpu_optional(const moon_call *call, int k) {
  return k < call->n && call->arg[k].data ? &call->arg[k] : NULL;
}

static inline bool cpu_is_f32(const moon_operand *o) {
  return o->dtype == MOON_F32;
}

/* Dense, row-major; extents of size 1 may have any stride. */
static inline bool cpu_is_rows(const moon_operand *o) {
  int64_t expected = 1;
  for (int d = o->ndim - 1; d >= 0; d--) {
    if (o->shape[d] != 1 && o->stride[d] != expected) return false;
    expected *= o->shape[d];
  }
  return true;
}

/* Dense with dimension 1 innermost, the others in their order: channels-last;
 * with two dimensions the same as rows. */
static inline bool cpu_is_channels_last(const moon_operand *o) {
  if (o->ndim < 2) return false;
  if (o->shape[1] != 1 && o->stride[1] != 1) return false;
  int64_t expected = o->shape[1];
  for (int d = o->ndim - 1; d >= 0; d--) {
    if (d == 1) continue;
    if (o->shape[d] != 1 && o->stride[d] != expected) return false;
    expected *= o->shape[d];
  }
  return true;
}

/* A vector of n f32 without gaps. */
static inline bool cpu_is_vector(const moon_operand *o, int64_t n) {
  return cpu_is_f32(o) && o->ndim == 1 && o->shape[0] == n &&
         (n == 1 || o->stride[0] == 1);
}

static inline size_t cpu_align64(size_t nbytes) {
  return (nbytes + 63) / 64 * 64;
}

/* Every one of the n labels or indices (i64, `stride` apart) lies in
 * [0, size), or MOON_E_INDEX with the first that does not. */
int moon_cpu_check_index(const moon_operand *index, const char *what,
                         int64_t size, moon_fail *fail);
/* The same, but one other value is right, too. */
int moon_cpu_check_index_but(const moon_operand *index, const char *what,
                             int64_t size, const int64_t *but,
                             moon_fail *fail);

/* --- what simd/ gives ----------------------------------------------------- */
struct cpu_packing;
struct cpu_sum;
typedef struct cpu_weights_simd {  /* simd/pack.c */
  void (*pack)(const struct cpu_packing *p, const float *rows, float *packed,
               int64_t lo, int64_t hi);
  void (*unpack)(const struct cpu_packing *p, const struct cpu_sum *sum,
                 int64_t lo, int64_t hi);
  void (*add)(int64_t n, const float *x, float *y);  /* y += x */
  void (*relu)(int64_t n, float *y);                 /* NaN stays */
  /* Lines of n, `stride` apart, to bf16 without gaps. */
  void (*round)(int64_t lines, int64_t n, const float *x, int64_t stride,
                uint16_t *y);
  /* As pack, but packed elements are bf16. */
  void (*pack_rounded)(const struct cpu_packing *p, const float *rows,
                       float *packed, int64_t lo, int64_t hi);
} cpu_weights_simd;

/* y = a b, or y += a b; strides are those of rows and of columns. */
typedef struct cpu_product {
  int64_t m, n, k;
  const float *a, *b;
  float *y;
  int64_t a_stride[2], b_stride[2], y_stride;  /* y's columns: 1 */
  bool adds;
} cpu_product;

struct cpu_winograd_simd;          /* winograd.h */
struct cpu_winograd_product_simd;
struct cpu_winograd_weights_simd;
struct cpu_depthwise_simd;         /* depthwise.h */
struct cpu_depthwise_weights_simd;
struct cpu_mask_simd;              /* mask.h */

typedef struct cpu_simd {
  const moon_kernel *kernel[MOON_KERNEL_COUNT];
  const cpu_weights_simd *weights;
  /* simd/small_product.c: false without memory. */
  bool (*multiply)(const cpu_product *p);
  const struct cpu_winograd_simd *winograd;
  const struct cpu_winograd_product_simd *winograd_product;
  const struct cpu_winograd_weights_simd *winograd_weights;
  const struct cpu_depthwise_simd *depthwise;
  const struct cpu_depthwise_weights_simd *depthwise_weights;
  const struct cpu_mask_simd *mask;
} cpu_simd;

const cpu_simd *moon_cpu_simd(void);  /* the set in use */

/* --- factors in bf16 ------------------------------------------------------ */
/* Whether it pays to round that many factors for these multiplications: these
 * are twice as fast, and rounding costs what some of them do. */
static inline bool cpu_rounding_pays(double multiplications, double factors) {
  return multiplications >= 24 * factors;
}

/* --- a thread's own memory ------------------------------------------------ */
/* nbytes that the calling thread may use until it asks again; they stay warm
 * in its cache and are freed when it ends. NULL: no memory. */
void *moon_cpu_pad(size_t nbytes);

#endif
