/* What a kernel is: arithmetic on pointers, extents and strides.
 *
 * A kernel knows no tensor, stream or thread. `plan` looks at a call's shapes
 * and says how it is cut; `run` does one part. Parts of a phase may run at the
 * same time on any threads; a phase begins when the one before is complete.
 * How a call is cut depends on its shapes, dtypes and params alone, and parts
 * are reduced in index order, so every schedule gives the same bits.
 *
 * All or nothing: a kernel that can fail on values (labels, indices) checks
 * them in a phase that writes nothing but scratch.
 */
#ifndef MOON_KERNEL_H
#define MOON_KERNEL_H
#include "../core/moonseed.h"

enum { MOON_MAX_PHASES = 16, MOON_FAIL_TEXT = 200 };

/* An operand: strides count elements; stride 0 repeats. Sizes may be 0. */
typedef struct moon_operand {
  void *data;
  int32_t dtype, ndim;
  int64_t shape[MOON_MAX_DIMS], stride[MOON_MAX_DIMS];
} moon_operand;

/* The operands of each kernel, in order; `y+` is read and written, [x] may
 * be absent (then n is smaller, or its data is NULL).
 *
 * fill          y                  params.fill
 * arange        y                  params.arange  y[i] = start + i step
 * copy          x, y               same shape; casts when dtypes differ
 * unary         x, y               params.unary; comparisons give bool
 * unary_grad    dy, v, dx          params.unary; v is x or y, as ref's says
 * binary        a, b, y            params.binary; all of y's shape (stride 0)
 * where         c, a, b, y         y = c ? a : b; all of y's shape; c is bool
 * add_into      x, y+              params.scale   y += alpha x
 * relu_grad     dy, y, dx, [db]    dx = y > 0 ? dy : 0; db[C] sums dx over
 *                                  all dimensions but 1
 * reduce        x, y               params.reduce; y has x's ndim, reduced
 *                                  dimensions of size 1
 * arg_reduce    x, [y], i          params.reduce, one dimension; i is i64
 * any           x, y               params.reduce, ANY or ALL; x and y are bool
 * cumsum        x, y               params.scan
 * softmax       x, y               params.dim
 * softmax_grad  dy, y, dx          params.dim
 * log_softmax   x, y               params.dim
 * log_softmax_grad dy, y, dx       params.dim
 * cross_entropy x[N,C], l[N], loss, [s[2,N]], [w[C]]   params.loss; loss is [],
 *                                  of NONE [N]. s: each row's maximum, and the
 *                                  sum of exp(x - maximum); none of logarithms
 * cross_entropy_grad dloss, x, l, [s], dx, [w]         params.loss
 * matmul        a[..,M,K], b[..,K,N], y[..,M,N], [bias[N]]   params.matmul;
 *                                  any strides
 * conv2d        x, w, y, [b], [p], [m], [z]  params.conv; p is w, packed; m is
 *                                  told which of y are > 0, see mask_bytes; z,
 *                                  like y, is added before the epilogue, see
 *                                  adds_to_conv2d
 * conv2d_grad_x dy, w, dx, [p], [m]     params.conv; with m dy counts where
 *                                  y > 0, and any strides of it but
 *                                  dimension 1's, which is 1
 * conv2d_pack   w, p               params.pack: w in another order, for kernels
 *                                  of a table with a weight_order
 * conv2d_grad_w dy, x, dw, [db], [m]    params.conv; dw and db + when
 *                                  accumulate; m likewise
 * max_pool2d    x, y, i            params.pool, kernel 0: adaptive; i i32,
 *                                  h * W + w of the maximum
 * max_pool2d_grad dy, i, dx        params.pool
 * avg_pool2d    x, y               params.avg_pool; kernel 0: adaptive
 * avg_pool2d_grad dy, dx           params.avg_pool
 * batch_norm    x, [w], [b], m, v, y, r, [k], [i]   params.norm; m, v and r
 *                                  are the batch's mean, its unbiased variance
 *                                  and 1/sqrt(biased variance + eps), [C]; k
 *                                  [2,C], for the gradient of a ReLU: y > 0
 *                                  where k0 x > k1; with i u8, y is the largest
 *                                  of each 2x2 (H and W are even) and i says
 *                                  which of the four, see pools_batch_norm
 * running       m, v, mean+, var+  params.norm; mean = (1 - momentum) mean +
 *                                  momentum m, var likewise
 * batch_norm_eval x, [w], [b], mean, var, y         params.norm
 * batch_norm_grad dy, x, [w], m, r, dx, [dw], [db], [k], [i]  params.norm; with
 *                                  a ReLU dy counts where y > 0, told by k, and
 *                                  with i where the maximum was
 * group_norm    x, [w], [b], y, m, r      params.group; m and r [N,groups] are
 *                                  each group's mean and 1/sqrt(variance + eps)
 * group_norm_grad dy, x, [w], m, r, dx, [dw], [db]  params.group
 * layer_norm    x[R,D], [w], [b], y, m[R], r[R]   params.norm; of each row
 * layer_norm_grad dy, x, [w], m, r, dx, [dw], [db]   params.norm
 * blend         h, s, a, [x], y, [p]      params.blend; all of h's shape (a and
 *                                  p: stride 0); data of s may be NULL: y = h.
 *                                  p is the alpha that counted: a, 0 without s
 * blend_grad    dy, p, [h], [s], [x], [dh], [ds], [e], [dx]   params.blend; e
 *                                  are alpha's gradient's terms. data of s may
 *                                  be NULL where p is 0; then e is 0
 * attention     q[..,L,E], k[..,S,E], v[..,S,V], [mask][..,L,S], y[..,L,V],
 *               lse[..,L]          params.attention; mask bool or float
 * attention_grad dy, q, k, v, [mask], y, lse, dq, dk, dv, [ds]
 *                                  params.attention; ds is the mask's
 * pad           x, y               params.pad; any dtype
 * pad_grad      dy, dx             params.pad; not for constant
 * triangle      x, y               params.triangle; any dtype
 * sort          x, y, i            params.sort; y and i have k places along dim
 * one_hot       i[N], y[N,K]
 * dropout       x, y               params.random: y = keep ? x / (1 - p) : 0
 * random        y                  params.random
 * randperm      y                  params.random
 * index_select  x, i, y            params.dim
 * index_add     dy, i, dx          params.dim; dx = 0, then rows added
 * gather        x, i, y            params.dim
 * scatter_add   dy, i, dx          params.dim; dx = 0, then elements added
 * step          r, n times p+, g, [s+...], then norm[1] when wanted, then
 *                                  scaler+[3] when scaled (scaler.h)
 *                                  params.step; r is n moon_step_rates as
 *                                  bytes, which plans may read
 * statistics    x, y[3]            f32: norm, share of zeros, non-finite count
 * batch_images  x, i, y            params.batch
 * affine        x, y               params.affine  (draw.h: what is random)
 * jitter        x, y               params.jitter
 * cutout        x, y               params.cutout
 * mixup         x, y               params.mixup
 * multinomial   w, y               params.random
 * store         [x[n]]             params.store; an x that failed is an error
 * save          n tensors, y[]     params.save (core/file/save.c; io thread)
 * load          y                  params.save (core/file/load.c; io thread)
 * fetch         y[]                params.save (core/file/pictures.c; io)
 * decode        t[], y             params.save (core/file/pictures.c)
 *
 * In step every entry has `each` operands (data NULL where one is absent).
 */
#define MOON_KERNELS(X)                                                     \
  X(fill) X(arange) X(copy) X(unary) X(binary) X(add_into) X(relu_grad)     \
  X(unary_grad) X(where) X(any) X(cumsum) X(log_softmax)                    \
  X(log_softmax_grad)                                                       \
  X(reduce) X(arg_reduce) X(softmax) X(softmax_grad) X(cross_entropy)       \
  X(cross_entropy_grad) X(matmul) X(conv2d) X(conv2d_grad_x)                \
  X(conv2d_grad_w) X(conv2d_pack) X(max_pool2d) X(max_pool2d_grad)          \
  X(avg_pool2d) X(avg_pool2d_grad) X(batch_norm) X(running)                 \
  X(batch_norm_eval) X(batch_norm_grad) X(group_norm) X(group_norm_grad)    \
  X(layer_norm) X(layer_norm_grad) X(blend) X(blend_grad) X(attention)      \
  X(attention_grad) X(dropout) X(random) X(randperm) X(index_select)        \
  X(index_add) X(gather) X(scatter_add) X(step) X(statistics)               \
  X(batch_images) X(store) X(save) X(load) X(fetch) X(decode) X(affine)     \
  X(jitter) X(cutout) X(mixup) X(multinomial) X(pad) X(pad_grad)            \
  X(triangle) X(sort) X(one_hot)

#define MOON_KERNEL_ENUM(name) MOON_K_##name,
enum { MOON_KERNELS(MOON_KERNEL_ENUM) MOON_KERNEL_COUNT };

typedef union moon_params {
  struct { double value; } fill;
  struct { double start, step; } arange;
  struct { int32_t kind; double s, t; } unary; /* MOON_U_* */
  struct { int32_t kind; } binary;             /* MOON_B_* */
  struct { double alpha; } scale;
  struct { int32_t kind; uint32_t dims; } reduce;  /* MOON_R_*; bit d: dim d */
  struct { int32_t dim; } dim;
  struct { int32_t dim, reverse; } scan;       /* 1: from the end */
  struct { moon_cross_entropy_params p; int32_t is_log; } loss;
  struct { int32_t epilogue, accumulate, strict, bf16; } matmul;
  struct {
    int64_t stride[2], padding[2], dilation[2], groups;
    int32_t epilogue, accumulate;
    int32_t strict;              /* direct convolution only; no TF32 */
    int32_t bf16;
  } conv;
  struct { const void *order; } pack;          /* of weight_order */
  moon_pool2d_params pool;
  moon_avg_pool2d_params avg_pool;
  struct { double eps, momentum; int32_t epilogue; } norm;
  moon_group_norm_params group;
  struct { int32_t kind; } blend;              /* MOON_BLEND_* */
  moon_attention_params attention;
  struct { int64_t diagonal; int32_t upper; } triangle;
  struct { int32_t dim, descending; } sort;
  struct { double value; int32_t mode, before[MOON_MAX_DIMS]; } pad;
  /* Element i of draw `counter` of generator `key`: philox.h says how. For
   * randperm and dropout (p) likewise. */
  struct { uint64_t key, counter; double a, b, p; int32_t kind; } random;
  struct {                                     /* counts: some are ADAM's */
    moon_step_params p;
    int32_t n, each, wants_norm, counts, scaled;
    int32_t muon;                              /* most steps of a polynomial */
  } step;
  struct { moon_batch_params p; int64_t position; } batch;
  struct { moon_affine_params p; moon_place at; } affine;
  struct { moon_jitter_params p; moon_place at; } jitter;
  struct { moon_cutout_params p; moon_place at; } cutout;
  struct { moon_place at; double alpha; } mixup;
  struct {                                     /* host memory */
    double *to; int64_t *count, *errors;
    const int64_t *life; int64_t wanted;       /* where they differ: nothing */
  } store;
  struct { void *plan; } save;
  /* No kernel's: what gradient rules keep (core/op). */
  struct { int64_t shift[MOON_MAX_DIMS]; } roll;
  moon_unfold_params unfold;
  struct { int32_t dim, order[MOON_MAX_DIMS]; int64_t start; } view;
} moon_params;

typedef struct moon_call {
  int32_t kernel, n;       /* MOON_K_*, operands */
  moon_operand *arg;
  moon_params params;
  /* On a GPU only: where `run` puts its work, and host memory to which a first
   * phase reports: 0, or 1 + the place of a bad value, and that value. */
  void *queue;
  int64_t *notice;
} moon_call;

typedef struct moon_plan {
  int32_t phases;                  /* 1 to MOON_MAX_PHASES */
  int32_t parts[MOON_MAX_PHASES];  /* at least 1 each */
  /* Where there are rounds, the `looped` phases from `first` on are run that
   * many times in turn, and `run` counts them through. */
  int32_t first, looped, rounds;
  size_t scratch;                  /* bytes, 64-aligned, shared by all parts */
  double cost_ns;                  /* a rough estimate of the whole call */
  const void *state;               /* the kernel's own, cached, never freed
                                      before the runtime closes */
} moon_plan;

typedef struct moon_fail { char text[MOON_FAIL_TEXT]; } moon_fail;

/* plan: fills a zeroed plan. Any thread. With may_create 0 it must be quick
 * (no code generation): MOON_E_BUSY says "ask again on a worker".
 * run: one part. On failure a status and a text with the numbers, without the
 * kernel's name. */
typedef struct moon_kernel {
  const char *name;
  int (*plan)(const moon_call *call, moon_plan *plan, int may_create,
              moon_fail *fail);
  int (*run)(const moon_call *call, const moon_plan *plan, void *scratch,
             int phase, int part, moon_fail *fail);
} moon_kernel;

/* An order of weights: its identity (the same order is the same pointer, kept
 * for good) and the elements of a copy. */
typedef struct moon_order { const void *id; int64_t numel; } moon_order;

/* Phases that are run, and which of the plan's the n-th of them is. */
static inline int32_t moon_plan_length(const moon_plan *plan) {
  int32_t more = plan->rounds > 0 ? plan->looped * (plan->rounds - 1) : 0;
  return plan->phases + more;
}

static inline int32_t moon_plan_phase(const moon_plan *plan, int32_t n) {
  int32_t into = n - plan->first, all = plan->looped * plan->rounds;
  if (plan->rounds == 0 || into < 0) return n;
  return into < all ? plan->first + into % plan->looped
                    : n - all + plan->looped;
}

static inline int32_t moon_plan_parts(const moon_plan *plan, int32_t n) {
  return plan->parts[moon_plan_phase(plan, n)];
}

/* A backend's kernels by number; NULL: it has none. */
typedef struct moon_kernel_table {
  const char *name;
  const moon_kernel *kernel[MOON_KERNEL_COUNT];
  /* NULL: no kernel wants its weights packed. Else the order in which this
   * call of conv2d or conv2d_grad_x would like to find its w; false where it
   * takes w as it is, or while the call was not planned yet. Quick. */
  int (*weight_order)(const moon_call *call, moon_order *out);
  /* NULL: none. Bytes of the mask m that this call of conv2d can write and its
   * gradients of x, w and b, as wanted, can read; 0: they cannot, or were not
   * planned yet. Quick. */
  int64_t (*mask_bytes)(const moon_call *call, const int wants[3]);
  int computes_halves;  /* 1: its kernels take bf16 and f16 */
  int adds_to_conv2d;   /* 1: its kernel takes z */
  int pools_batch_norm; /* 1: its kernels take i, channels-last */
} moon_kernel_table;

extern const moon_kernel_table moon_ref_table;  /* kernels/ref/table.c */
/* kernels/cpu/table.c: the vectorised ones; holes are taken from ref. The
 * function picks by what the processor can do, once. */
const moon_kernel_table *moon_cpu_table(void);

/* The half-open range of `total` that part `part` of `parts` covers; the
 * borders are multiples of `grain` but for the last. */
static inline void moon_part_range(int64_t total, int parts, int part,
                                   int64_t grain, int64_t *lo, int64_t *hi) {
  int64_t units = (total + grain - 1) / grain;
  int64_t a = units * part / parts * grain;
  int64_t b = units * (part + 1) / parts * grain;
  *lo = a < total ? a : total;
  *hi = b < total ? b : total;
}

static inline int64_t moon_operand_numel(const moon_operand *o) {
  int64_t n = 1;
  for (int d = 0; d < o->ndim; d++) n *= o->shape[d];
  return n;
}

static inline size_t moon_dtype_size(int dtype) {
  static const uint8_t size[MOON_DTYPES] = {4, 8, 8, 4, 1, 1, 2, 2};
  return size[dtype];
}

static inline int moon_dtype_is_half(int dtype) {
  return dtype == MOON_BF16 || dtype == MOON_F16;
}

/* Whether a kernel does no arithmetic, so that every table's takes bf16 and
 * f16. */
static inline int moon_kernel_moves(int kernel) {
  switch (kernel) {
    case MOON_K_fill:
    case MOON_K_arange:
    case MOON_K_copy:
    case MOON_K_where:
    case MOON_K_index_select:
    case MOON_K_gather:
    case MOON_K_save:
    case MOON_K_load: return 1;
    default: return 0;
  }
}

#endif
