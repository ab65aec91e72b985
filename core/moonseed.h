/* Moonseed's public interface: opaque types, enums, prototypes.
 *
 * The compiler and lua/moonseed/ffi.lua read this same text (the binding drops
 * the lines that begin with '#'), so it keeps to what both understand. Adding,
 * removing or changing anything here raises MOON_ABI.
 *
 * Rules that hold for every function, unless it says otherwise:
 * - Called from one thread, the loop thread. Nothing blocks but `*_wait`.
 * - An `int` result is a moon_status: zero, or negative with the text in
 *   moon_last_error(); on failure outputs are untouched.
 * - A `moon_tensor **out` receives a new reference that the caller releases.
 * - Dimensions are 0-based here (1-based in Lua); shapes are N C H W and
 *   H x W; pairs are height, then width; counts of bytes are `nbytes`.
 * - A call that computes puts an op on the context's stream and returns; the
 *   result is its own future.
 */
#ifndef MOONSEED_H
#define MOONSEED_H
#include <stddef.h>
#include <stdint.h>
#pragma GCC visibility push(default)

enum { MOON_ABI = 25, MOON_MAX_DIMS = 8, MOON_MAX_STREAMS = 64 };

typedef enum moon_status {
  MOON_OK = 0,
  MOON_E_SHAPE = -1,       /* shapes that do not fit, or too large */
  MOON_E_DTYPE = -2,       /* dtypes that do not fit */
  MOON_E_DEVICE = -3,      /* devices that do not fit, or are not there */
  MOON_E_VALUE = -4,       /* an option or a value out of range */
  MOON_E_INDEX = -5,       /* an index or a label out of range */
  MOON_E_MEMORY = -6,      /* the memory limit, or the system's end */
  MOON_E_KERNEL = -7,      /* the device has no such kernel */
  MOON_E_FILE = -8,        /* a file that cannot be read or written */
  MOON_E_GRAD = -9,        /* a gradient that cannot be computed */
  MOON_E_CANCELLED = -10,  /* the op's task was cancelled */
  MOON_E_INTERRUPTED = -11, /* Ctrl-C */
  MOON_E_BUSY = -12,       /* not complete yet */
  MOON_E_DISPOSED = -13,   /* the tensor was disposed */
  MOON_E_NONFINITE = -14,  /* debug: an op gave NaN or infinity */
  MOON_E_INJECTED = -15,   /* sim: a failure asked for */
  MOON_E_BACKEND = -16     /* a library underneath reported an error */
} moon_status;

/* BF16 and F16 are for a GPU to compute with; elsewhere they are created, moved
 * and cast. */
typedef enum moon_dtype {
  MOON_F32, MOON_F64, MOON_I64, MOON_I32, MOON_U8, MOON_BOOL, MOON_BF16,
  MOON_F16, MOON_DTYPES
} moon_dtype;

typedef struct moon_runtime moon_runtime;  /* workers, devices, memory */
typedef struct moon_task moon_task;  /* a place in the program, see below */
typedef struct moon_tensor moon_tensor;
typedef struct moon_walk moon_walk;  /* a backward walk under way */
typedef struct moon_job moon_job;    /* a file being read */
typedef struct moon_recording moon_recording;  /* a captured function's ops */
typedef struct moon_replay moon_replay;        /* a recording, queued anew */

/* What an op needs to know of its caller. Plain data, one per coroutine; copy
 * it, change it, restore it as you like. */
typedef struct moon_ctx {
  moon_runtime *rt;
  moon_task *task;
  int32_t device;     /* where creators put tensors */
  int32_t stream;     /* where ops are queued */
  int32_t grad_mode;  /* 1: record the graph */
  int32_t site;       /* debug: moon_site_add's number for the caller's line */
  int32_t autocast;   /* what factors of f32 are rounded to: MOON_BF16 or
                         MOON_F16; 0: to nothing. See op/autocast.c */
  int32_t again;      /* 1: computed before, for its values: running statistics
                         have moved already */
} moon_ctx;

/* A tensor as Lua holds it: by value, so that `t[1]` is ours to define. */
typedef struct moon_handle { moon_tensor *p; } moon_handle;

typedef struct moon_stats {
  int64_t blocked_waits;   /* waits that blocked the loop thread in a task */
  int64_t live_tensors;    /* tensors that exist */
  int64_t live_nodes;      /* graph nodes that exist */
  int64_t live_bytes;      /* bytes of storages that exist */
  int64_t cached_bytes;    /* bytes kept for reuse */
  int64_t limit_bytes;
  int64_t pinned_bytes;    /* the host's, for copies to and from GPUs */
  int64_t allocated_bytes; /* ever handed out, to pace the collector */
  int64_t system_allocs;   /* times memory was taken from the system */
  int64_t ops;             /* ops submitted */
  int64_t inline_ops;      /* of these, run at submit */
  int64_t in_flight;       /* ops submitted, not complete */
  int64_t failed_ops;
} moon_stats;

/* Of one stream; times in nanoseconds over the last 256 ops. */
typedef struct moon_stream_stats {
  int32_t device, leased;
  int64_t ops, depth, errors;
  int64_t busy_ns, age_ns;  /* running time of all ops; since creation */
  int64_t queue_p50, queue_p95, queue_p99, run_p50, run_p95, run_p99;
} moon_stream_stats;

typedef struct moon_op_span {  /* one of a stream's recent ops */
  const char *name;
  int64_t submit_ns, start_ns, end_ns;  /* moon_now's clock */
  int32_t stream, status;
  const char *kernel, *by;  /* as moon_kernel_row names them, but "ref" also
                               where its own kernel left the call to ref */
} moon_op_span;

/* A point on a stream: the ops submitted to it so far. Plain data. */
typedef struct moon_event { int32_t stream; int64_t sequence; } moon_event;

/* --- runtime ---------------------------------------------------------- */
int moon_abi(void);
const char *moon_version(void);
const char *moon_last_error(void);       /* of the calling thread */
const char *moon_status_name(int status);
int64_t moon_now(void);                  /* monotonic nanoseconds */
/* n_threads 0: one worker per core of the affinity mask. */
int moon_runtime_open(int n_threads, moon_runtime **out);
void moon_runtime_close_wait(moon_runtime *rt);
int moon_threads(const moon_runtime *rt);
int moon_set_threads(moon_runtime *rt, int n);  /* at any time */
/* Of a device's memory; "cpu", "ref" and "sim" share the host's. */
int moon_set_memory_limit(moon_runtime *rt, int device, int64_t nbytes);
/* on: convolutions submitted from now on, and their gradients, are computed
 * the direct way alone. Off (as at first): 3x3 convolutions of stride 1 by
 * Winograd's method where their shapes suit it, faster and with larger rounding
 * errors (some 1e-6 of the largest value, the direct way 1e-6 and less). On a
 * GPU: off, products of f32 round their factors to TF32; on, they do not. */
void moon_set_strict(moon_runtime *rt, int on);
int moon_strict(const moon_runtime *rt);
void moon_stats_read(moon_runtime *rt, moon_stats *out);
double moon_allocated(const moon_runtime *rt);  /* bytes, see moon_stats */
int64_t moon_in_flight(const moon_runtime *rt);  /* ops, see moon_stats */
void moon_count_blocked_wait(moon_runtime *rt);
void moon_memory_trim(moon_runtime *rt);  /* idle cached blocks go back */
/* on: the collector has given what it can, tensors may take what is left to
 * kernels' scratch; until told otherwise. */
void moon_memory_press(moon_runtime *rt, int on);
enum { MOON_DEBUG_SYNC = 1, MOON_DEBUG_NAN = 2 };
void moon_debug(moon_runtime *rt, int flags);
int moon_site_add(moon_runtime *rt, const char *text);  /* a source line */
const char *moon_isa(void);  /* "plain", "avx2" or "avx512": our kernels */
int moon_has_bf16(void);     /* 1: they multiply in bf16 (avx512_bf16) */
/* "cpu", "ref", "sim", "cuda:0": the device's index, or MOON_E_DEVICE. */
int moon_device_find(moon_runtime *rt, const char *name);
/* 1: it computes with bf16 and f16, as GPUs do. */
int moon_device_has_halves(const moon_runtime *rt, int device);
/* A GPU's own name, its memory and the limit on it, in bytes; 0 where the
 * device is no GPU. */
int moon_gpu_facts(const moon_runtime *rt, int device, const char **name,
                   double *total, double *limit);
const char *moon_device_name(const moon_runtime *rt, int device);
/* The k-th kernel: its name and where `device` takes it from ("cpu", "ref" or
 * "", none); 0 past the last. */
int moon_kernel_row(const moon_runtime *rt, int device, int k,
                    const char **name, const char **from);

/* Ctrl-C: the handler sets a flag and wakes the loop; every op call then
 * returns MOON_E_INTERRUPTED until it is taken. A second one within 2 s ends
 * the process. */
int moon_interrupt_install(moon_runtime *rt);
int moon_interrupt_take(moon_runtime *rt);  /* 1 if one was pending */
void moon_interrupt_raise(moon_runtime *rt);
/* For sessions, where Ctrl-C is for one task: only its ops are interrupted and
 * the process never ends; whose the ops are does not matter any more when a
 * Ctrl-C comes while the one before has waited for a second. NULL: as above.
 * The task is compared, not kept. */
void moon_interrupt_aim(moon_runtime *rt, const moon_task *task);
/* Called by the handler, so safe there, while there is an aim. NULL: none. */
typedef struct moon_interrupt_call {
  void (*fn)(void *, void *, int, int);
  void *a, *b;
  int c, d;
} moon_interrupt_call;
void moon_interrupt_tell(moon_runtime *rt, const moon_interrupt_call *call);

/* --- completion: tickets, one eventfd --------------------------------- */
int moon_completion_fd(moon_runtime *rt);
/* Clears the eventfd, drains up to n tickets; returns how many. With spin_ns
 * looks at the ring that long before it gives up. */
int moon_completion_drain(moon_runtime *rt, double *tickets, int n,
                          int64_t spin_ns);
/* 1: complete. 0: `ticket` will arrive when it is. */
int moon_tensor_watch(moon_ctx *ctx, const moon_tensor *t, double ticket);
int moon_event_watch(moon_ctx *ctx, moon_event e, double ticket);
int moon_idle_watch(moon_ctx *ctx, double ticket);  /* all streams */
int moon_tensor_ready(const moon_tensor *t);
int moon_tensor_wait(moon_ctx *ctx, const moon_tensor *t);  /* blocks */
int moon_event_wait(moon_ctx *ctx, moon_event e);           /* blocks */
int moon_idle_wait(moon_ctx *ctx);                          /* blocks */
/* The error a complete tensor carries: 0, or a status and its text. */
int moon_tensor_error(const moon_tensor *t);

/* --- streams ---------------------------------------------------------- */
/* The device's next compute stream, round robin, made when first asked for. */
int moon_stream_next(moon_runtime *rt, int device);
int moon_stream_default(moon_runtime *rt, int device);
int moon_stream_device(const moon_runtime *rt, int stream);
/* How many compute streams round robin uses (1 to 32, 8 until told). An error
 * once a stream was handed out and the count differs. */
int moon_stream_configure(moon_runtime *rt, int device, int count);
int moon_stream_lease(moon_runtime *rt, int device);  /* exclusive */
int moon_stream_release(moon_runtime *rt, int stream);
moon_event moon_stream_event(moon_runtime *rt, int stream);
int moon_stream_wait_event(moon_runtime *rt, int stream, moon_event e);
int moon_event_ready(moon_runtime *rt, moon_event e);
int moon_stream_stats_read(moon_runtime *rt, int stream,
                           moon_stream_stats *out);
/* Newest first; returns how many were written. */
int moon_stream_recent(moon_runtime *rt, int stream, moon_op_span *out, int n);

/* --- tasks: program order, generator, errors nobody read -------------- */
/* A task is a path in the program: its parent, the parent's sequence when it
 * was made, its number among the children made there. NULL parent: a root. */
moon_task *moon_task_new(moon_runtime *rt, moon_task *parent);
moon_task *moon_task_retain(moon_task *task);
/* It submits nothing any more, nor do tasks below it. */
void moon_task_end(moon_task *task);
void moon_task_release(moon_task *task);
/* Errors that nobody raised here do not become the parent's. */
void moon_task_isolate(moon_task *task);
void moon_task_seed(moon_task *task, uint64_t rng_seed);
/* Ops of the task that have not started will not. */
void moon_task_cancel(moon_task *task);
/* The first error of an in-place op of this task (in program order) that was
 * not raised yet: its status, text in moon_last_error(); 0: none. */
int moon_task_take_error(moon_task *task);
/* Generator state, five words: seed, key, 0, draws, children. */
void moon_task_generator(moon_task *task, uint64_t *state, int set);

/* --- tensors ---------------------------------------------------------- */
int moon_empty(moon_ctx *ctx, int dtype, int ndim, const int64_t *shape,
               moon_tensor **out);
int moon_full(moon_ctx *ctx, int dtype, int ndim, const int64_t *shape,
              double value, moon_tensor **out);
int moon_arange(moon_ctx *ctx, int dtype, double start, double stop,
                double step, moon_tensor **out);
/* Copies nbytes (which must be the tensor's size) before it returns. */
int moon_from_host(moon_ctx *ctx, int dtype, int ndim, const int64_t *shape,
                   const void *data, size_t nbytes, moon_tensor **out);
enum { MOON_RAND_UNIFORM, MOON_RAND_NORMAL, MOON_RAND_INT };
/* uniform in [a, b), normal of mean a and deviation b, whole in [a, b).
 * Philox 4x32-10 (Salmon et al. 2011), indexed by logical position. */
int moon_random(moon_ctx *ctx, int dtype, int kind, double a, double b,
                int ndim, const int64_t *shape, moon_tensor **out);
int moon_randperm(moon_ctx *ctx, int64_t n, moon_tensor **out);  /* i64 */
moon_tensor *moon_tensor_retain(moon_tensor *t);
void moon_tensor_release(moon_tensor *t);  /* only pushes on a list */
int moon_tensor_dispose(moon_tensor *t);   /* memory back; later use fails */
int moon_tensor_disposed(const moon_tensor *t);
/* A disposed stand-in with t's id, dtype and shape and no memory: what a name
 * refers to once its tensor was taken from under it. New reference. */
moon_tensor *moon_tensor_ghost(const moon_tensor *t);
int64_t moon_tensor_id(const moon_tensor *t);
int64_t moon_tensor_version(const moon_tensor *t); /* raised in place */
int moon_tensor_dtype(const moon_tensor *t);
int moon_tensor_device(const moon_tensor *t);
int moon_tensor_ndim(const moon_tensor *t);
int64_t moon_tensor_numel(const moon_tensor *t);
const int64_t *moon_tensor_shape(const moon_tensor *t);
const int64_t *moon_tensor_strides(const moon_tensor *t);  /* in elements */
/* First element, for reading now, on the loop thread, before the next call;
 * NULL unless complete and without error. */
const void *moon_tensor_data(const moon_tensor *t);
/* Element `index` in logical order as a double; complete tensors only. */
int moon_tensor_item(const moon_tensor *t, int64_t index, double *out);
/* The ops in flight that touch t's memory, up to n of them as points on their
 * streams; how many there are. */
int moon_tensor_uses(const moon_tensor *t, moon_event *out, int n);
/* t's memory in the caller's hands until moon_tensor_unmap: complete, dense and
 * row-major, and used by nobody where it is to be written. Meanwhile ops that
 * would write it, or touch what the caller writes, are refused with
 * MOON_E_BUSY. */
int moon_tensor_map(moon_ctx *ctx, moon_tensor *t, int writes, void **out);
void moon_tensor_unmap(moon_tensor *t);
/* Cuts the storage into `n` equal regions along dimension 0 (as far as rows
 * are whole), so that views of different rows depend on nothing of each
 * other. The tensor must be contiguous. */
int moon_tensor_split(moon_ctx *ctx, moon_tensor *t, int n);
/* The graph. */
int moon_tensor_set_requires_grad(moon_tensor *t, int on);  /* leaves only */
int moon_tensor_needs_grad(const moon_tensor *t);
int moon_tensor_is_leaf(const moon_tensor *t);
/* Whether they lie in the same memory, if not in the same place. */
int moon_tensor_shares(const moon_tensor *a, const moon_tensor *b);
/* New reference, or NULL; a NULL grad clears. */
moon_tensor *moon_tensor_grad(moon_ctx *ctx, moon_tensor *t);
int moon_tensor_set_grad(moon_ctx *ctx, moon_tensor *t, moon_tensor *grad);
int moon_detach(moon_ctx *ctx, moon_tensor *x, moon_tensor **out);

/* --- views: no copy; gradients flow through --------------------------- */
int moon_view(moon_ctx *ctx, moon_tensor *x, int ndim, const int64_t *shape,
              moon_tensor **out);     /* or MOON_E_SHAPE */
int moon_reshape(moon_ctx *ctx, moon_tensor *x, int ndim,
                 const int64_t *shape, moon_tensor **out);  /* may copy */
int moon_permute(moon_ctx *ctx, moon_tensor *x, const int32_t *dims,
                 moon_tensor **out);
int moon_narrow(moon_ctx *ctx, moon_tensor *x, int dim, int64_t start,
                int64_t length, moon_tensor **out);
int moon_select(moon_ctx *ctx, moon_tensor *x, int dim, int64_t index,
                moon_tensor **out);   /* narrow by one, dimension dropped */
int moon_expand(moon_ctx *ctx, moon_tensor *x, int ndim, const int64_t *shape,
                moon_tensor **out);   /* PyTorch's rules */

/* x, but a gradient that carries an error arrives as zero. */
int moon_shield(moon_ctx *ctx, moon_tensor *x, moon_tensor **out);

/* --- elementwise: broadcasting as in NumPy; no promotion -------------- */
enum {
  /* of numbers; the last ones with s, CLAMP with s and t */
  MOON_U_NEG, MOON_U_RELU, MOON_U_ABS, MOON_U_SIGN, MOON_U_FLOOR,
  MOON_U_CEIL, MOON_U_ROUND,
  MOON_U_ADD, MOON_U_MUL, MOON_U_RSUB, MOON_U_CLAMP,
  /* of floats; the last ones with s, SOFTPLUS with s and t */
  MOON_U_EXP, MOON_U_LOG, MOON_U_SQRT, MOON_U_SIN, MOON_U_COS, MOON_U_ERF,
  MOON_U_SIGMOID, MOON_U_TANH, MOON_U_SILU, MOON_U_GELU, MOON_U_GELU_TANH,
  MOON_U_RDIV, MOON_U_POW, MOON_U_LEAKY_RELU, MOON_U_ELU, MOON_U_SOFTPLUS,
  /* to bool; the first six with s */
  MOON_U_EQ, MOON_U_NE, MOON_U_LT, MOON_U_LE, MOON_U_GT, MOON_U_GE,
  MOON_U_ISNAN, MOON_U_ISINF, MOON_U_ISFINITE
};
/* y = f(x) or f(x, s): x + s, x * s, s - x, s / x, x ^ s, x == s, ... What
 * each is, kernels/ref/unary.c says. */
int moon_unary(moon_ctx *ctx, int kind, moon_tensor *x, double s,
               moon_tensor **out);
/* y = f(x, s, t). CLAMP to [s, t], either of which may be infinite. */
int moon_unary2(moon_ctx *ctx, int kind, moon_tensor *x, double s, double t,
                moon_tensor **out);
enum {
  MOON_B_ADD, MOON_B_SUB, MOON_B_MUL, MOON_B_MIN, MOON_B_MAX,
  MOON_B_DIV, MOON_B_POW,                      /* of floats */
  MOON_B_EQ, MOON_B_NE, MOON_B_LT, MOON_B_LE, MOON_B_GT, MOON_B_GE, /* bool */
  MOON_B_AND, MOON_B_OR, MOON_B_XOR            /* bool; true is not 0 */
};
int moon_binary(moon_ctx *ctx, int kind, moon_tensor *a, moon_tensor *b,
                moon_tensor **out);
/* y = c ? a : b; c is bool. */
int moon_where(moon_ctx *ctx, moon_tensor *c, moon_tensor *a, moon_tensor *b,
               moon_tensor **out);
int moon_cast(moon_ctx *ctx, moon_tensor *x, int dtype, moon_tensor **out);
int moon_to_device(moon_ctx *ctx, moon_tensor *x, int device,
                   moon_tensor **out);
int moon_clone(moon_ctx *ctx, moon_tensor *x, moon_tensor **out);
int moon_contiguous(moon_ctx *ctx, moon_tensor *x, moon_tensor **out);
/* In place: all or nothing. y = x, y = value, y += alpha x (x broadcasts). */
int moon_copy_into(moon_ctx *ctx, moon_tensor *y, moon_tensor *x);
int moon_fill_into(moon_ctx *ctx, moon_tensor *y, double value);
int moon_add_into(moon_ctx *ctx, moon_tensor *y, moon_tensor *x, double alpha);

/* --- reductions ------------------------------------------------------- */
enum { MOON_R_SUM, MOON_R_MEAN, MOON_R_MAX, MOON_R_MIN, MOON_R_NORM,
       MOON_R_VAR, MOON_R_STD, MOON_R_PROD, MOON_R_LOGSUMEXP,
       MOON_R_ANY, MOON_R_ALL };
/* Over `n` dimensions (0: all). norm is Euclidean, var and std unbiased. */
int moon_reduce(moon_ctx *ctx, int kind, moon_tensor *x, int n,
                const int32_t *dims, int keepdim, moon_tensor **out);
/* kind MAX or MIN over one dimension: values (may be NULL) and i64 indices,
 * the first of equals. dim -1: over all, flattened. */
int moon_arg_reduce(moon_ctx *ctx, int kind, moon_tensor *x, int dim,
                    int keepdim, moon_tensor **values, moon_tensor **indices);

/* Sums of x's elements up to each one along a dimension. */
int moon_cumsum(moon_ctx *ctx, moon_tensor *x, int dim, moon_tensor **out);

/* --- neural ----------------------------------------------------------- */
/* The last, a ReLU and max_pool2d of 2x2, is batch_norm's alone. */
enum { MOON_EPILOGUE_NONE, MOON_EPILOGUE_RELU, MOON_EPILOGUE_RELU_POOL };
typedef struct moon_conv2d_params {
  int64_t stride[2], padding[2], dilation[2];
  int64_t groups;
  int32_t epilogue;
} moon_conv2d_params;
/* x [N,C,H,W], w [K,C/groups,kH,kW], b [K] or NULL -> y [N,K,oH,oW]. */
int moon_conv2d(moon_ctx *ctx, moon_tensor *x, moon_tensor *w, moon_tensor *b,
                const moon_conv2d_params *p, moon_tensor **out);
typedef struct moon_conv2d_inputs {
  moon_tensor *x, *w, *b, *z;
} moon_conv2d_inputs;
/* The same and z, which repeats to y's shape as in moon_binary, added before
 * the epilogue: in one kernel, where the device has one. */
int moon_conv2d_add(moon_ctx *ctx, const moon_conv2d_inputs *in,
                    const moon_conv2d_params *p, moon_tensor **out);
typedef struct moon_conv_transpose2d_params {
  moon_conv2d_params conv;    /* the convolution whose gradient it is */
  int64_t output_padding[2];  /* below stride or dilation */
} moon_conv_transpose2d_params;
/* x [N,C,H,W], w [C,K/groups,kH,kW], b [K] or NULL -> y [N,K,oH,oW]; no
 * epilogue. */
int moon_conv_transpose2d(moon_ctx *ctx, moon_tensor *x, moon_tensor *w,
                          moon_tensor *b,
                          const moon_conv_transpose2d_params *p,
                          moon_tensor **out);
typedef struct moon_unfold_params {
  int64_t kernel[2], stride[2], padding[2], dilation[2];
} moon_unfold_params;
/* The windows that conv2d sees as columns: x [N,C,H,W] -> [N, C kH kW, oH oW].
 * fold sums them back: x [N, C kH kW, oH oW] -> [N,C,size]. */
int moon_unfold(moon_ctx *ctx, moon_tensor *x, const moon_unfold_params *p,
                moon_tensor **out);
int moon_fold(moon_ctx *ctx, moon_tensor *x, const int64_t size[2],
              const moon_unfold_params *p, moon_tensor **out);
/* a [...,M,K], b [...,K,N] -> [...,M,N], the dimensions in front broadcast; a
 * vector is a row on the left, a column on the right. bmm: three dimensions,
 * nothing broadcasts. */
int moon_matmul(moon_ctx *ctx, moon_tensor *a, moon_tensor *b,
                moon_tensor **out);
int moon_bmm(moon_ctx *ctx, moon_tensor *a, moon_tensor *b,
             moon_tensor **out);
/* x [..., in], w [out, in], b [out] or NULL -> [..., out]. */
int moon_linear(moon_ctx *ctx, moon_tensor *x, moon_tensor *w, moon_tensor *b,
                int epilogue, moon_tensor **out);
typedef struct moon_attention_inputs {
  moon_tensor *q, *k, *v, *mask;
} moon_attention_inputs;
typedef struct moon_attention_params {
  double scale;    /* of the scores; often 1 / sqrt(E) */
  int32_t causal;  /* 1: query i meets keys 1 to i alone */
} moon_attention_params;
/* q [...,L,E], k [...,S,E], v [...,S,V] -> softmax(scale q k^T + mask) v
 * [...,L,V]. mask: NULL, or what repeats to [...,L,S]: bool, true where a key
 * takes part, or of q's dtype. */
int moon_attention(moon_ctx *ctx, const moon_attention_inputs *in,
                   const moon_attention_params *p, moon_tensor **out);
int moon_softmax(moon_ctx *ctx, moon_tensor *x, int dim, moon_tensor **out);
int moon_log_softmax(moon_ctx *ctx, moon_tensor *x, int dim,
                     moon_tensor **out);
enum { MOON_LOSS_MEAN, MOON_LOSS_SUM, MOON_LOSS_NONE };
typedef struct moon_cross_entropy_params {
  double label_smoothing;  /* in [0, 1] */
  int64_t ignore_index;    /* rows of this label do not count */
  int32_t reduction;       /* MOON_LOSS_*: to a scalar, or [N] */
} moon_cross_entropy_params;
/* logits [N,C], labels i64 [N] in [0, C), weight [C] or NULL. Also logits [C]
 * and [N,C,...]; labels then have their shape without C. MEAN divides by the
 * sum of the labels' weights. p NULL: the mean, -100 ignored, no smoothing. */
int moon_cross_entropy(moon_ctx *ctx, moon_tensor *logits, moon_tensor *labels,
                       moon_tensor *weight,
                       const moon_cross_entropy_params *p, moon_tensor **out);
/* The same of logarithms of probabilities; no label smoothing. */
int moon_nll(moon_ctx *ctx, moon_tensor *logs, moon_tensor *labels,
             moon_tensor *weight, const moon_cross_entropy_params *p,
             moon_tensor **out);
typedef struct moon_pool2d_params {
  int64_t kernel[2], stride[2], padding[2];
  int32_t ceil_mode;  /* 1: the last window may reach beyond the padding, if it
                       * begins before it */
} moon_pool2d_params;
int moon_max_pool2d(moon_ctx *ctx, moon_tensor *x,
                    const moon_pool2d_params *p, moon_tensor **out);
int moon_adaptive_max_pool2d(moon_ctx *ctx, moon_tensor *x,
                             const int64_t size[2], moon_tensor **out);
typedef struct moon_avg_pool2d_params {
  moon_pool2d_params window;
  int32_t count_padding;  /* 1: a mean counts the padding's places, as zeros */
} moon_avg_pool2d_params;
int moon_avg_pool2d(moon_ctx *ctx, moon_tensor *x,
                    const moon_avg_pool2d_params *p, moon_tensor **out);
int moon_adaptive_avg_pool2d(moon_ctx *ctx, moon_tensor *x,
                             const int64_t size[2], moon_tensor **out);
int moon_global_avg_pool2d(moon_ctx *ctx, moon_tensor *x, moon_tensor **out);
typedef struct moon_batch_norm_params {
  double eps, momentum;
  int32_t training;  /* 1: batch statistics, which also move the running ones,
                        in program order: when somebody looks at them, at the
                        latest */
  int32_t epilogue;
} moon_batch_norm_params;
/* weight and bias [C], or both NULL; running mean and variance [C]. */
typedef struct moon_batch_norm_state {
  moon_tensor *weight, *bias, *mean, *var;
} moon_batch_norm_state;
int moon_batch_norm(moon_ctx *ctx, moon_tensor *x,
                    const moon_batch_norm_state *s,
                    const moon_batch_norm_params *p, moon_tensor **out);
int moon_dropout(moon_ctx *ctx, moon_tensor *x, double p, moon_tensor **out);
typedef struct moon_group_norm_params { double eps; int64_t groups; }
    moon_group_norm_params;
/* x [N,C,...]; weight and bias [C] or NULL, each. */
int moon_group_norm(moon_ctx *ctx, moon_tensor *x, moon_tensor *weight,
                    moon_tensor *bias, const moon_group_norm_params *p,
                    moon_tensor **out);
/* weight and bias have the shape of x's last n dimensions; NULL: 1 and 0. */
typedef struct moon_layer_norm_inputs {
  moon_tensor *x, *weight, *bias;
} moon_layer_norm_inputs;
int moon_layer_norm(moon_ctx *ctx, const moon_layer_norm_inputs *in, int n,
                    double eps, moon_tensor **out);
enum { MOON_BLEND_ADD, MOON_BLEND_MULTIPLY };
/* h, s and x of one shape [N,...]; alpha of one element, or [N,1,...,1]. x is
 * MULTIPLY's alone. An s that carries an error is left out. */
typedef struct moon_blend_inputs {
  moon_tensor *h, *s, *alpha, *x;
} moon_blend_inputs;
/* ADD (1-alpha) h + alpha s, MULTIPLY h (1 + alpha tanh(s - x)). */
int moon_blend(moon_ctx *ctx, int kind, const moon_blend_inputs *in,
               moon_tensor **out);

/* --- joining and picking ---------------------------------------------- */
int moon_cat(moon_ctx *ctx, int n, moon_tensor *const *x, int dim,
             moon_tensor **out);
int moon_stack(moon_ctx *ctx, int n, moon_tensor *const *x, int dim,
               moon_tensor **out);
enum { MOON_PAD_CONSTANT, MOON_PAD_REFLECT, MOON_PAD_REPLICATE,
       MOON_PAD_CIRCULAR };
typedef struct moon_pad_params {
  int32_t mode;
  double value;      /* of CONSTANT */
  /* Of each dimension; CONSTANT crops by what is less than 0. */
  int64_t before[MOON_MAX_DIMS], after[MOON_MAX_DIMS];
} moon_pad_params;
int moon_pad(moon_ctx *ctx, moon_tensor *x, const moon_pad_params *p,
             moon_tensor **out);
/* Dimensions backwards; each once. */
int moon_flip(moon_ctx *ctx, moon_tensor *x, int n, const int32_t *dims,
              moon_tensor **out);
/* Elements moved on by shifts[i] along dims[i], and in at the other end. */
int moon_roll(moon_ctx *ctx, moon_tensor *x, int n, const int64_t *shifts,
              const int32_t *dims, moon_tensor **out);
/* The last n dimensions (new ones in front) counts[i] times. */
int moon_tile(moon_ctx *ctx, moon_tensor *x, int n, const int64_t *counts,
              moon_tensor **out);
/* Of matrices what lies on (j - i = diagonal) and below or, `upper`, above a
 * diagonal; zeros elsewhere. */
int moon_triangle(moon_ctx *ctx, moon_tensor *x, int upper, int64_t diagonal,
                  moon_tensor **out);
/* The first k along dim in order, and where they were (i64). Equals keep their
 * order, NaN is the largest. */
int moon_sort(moon_ctx *ctx, moon_tensor *x, int dim, int descending,
              int64_t k, moon_tensor **values, moon_tensor **indices);
/* x with from[.., j, ..] added at index[.., j, ..] along dim. */
int moon_scatter_add(moon_ctx *ctx, moon_tensor *x, int dim,
                     moon_tensor *index, moon_tensor *from,
                     moon_tensor **out);
/* index i64 [...] -> [...,classes]: 1 where the index says, else 0. */
int moon_one_hot(moon_ctx *ctx, moon_tensor *index, int64_t classes, int dtype,
                 moon_tensor **out);
/* index i64 [n] -> rows of x along dim. */
int moon_index_select(moon_ctx *ctx, moon_tensor *x, int dim,
                      moon_tensor *index, moon_tensor **out);
/* index i64 [...], weight [V,D] -> rows of weight [...,D]. The row `padding`
 * (-1: none) gets no gradient. */
int moon_embedding(moon_ctx *ctx, moon_tensor *index, moon_tensor *weight,
                   int64_t padding, moon_tensor **out);
/* index i64, as many dimensions as x (PyTorch's gather). */
int moon_gather(moon_ctx *ctx, moon_tensor *x, int dim, moon_tensor *index,
                moon_tensor **out);

/* --- optimisers, gradients, data -------------------------------------- */
/* What happens to the parameter p of an entry; g is its gradient, clipped. The
 * formulas are in kernels/ref/step.c. `state` holds tensors of p's shape and
 * dtype, in the order given. */
enum {
  MOON_STEP_NORM,     /* no parameter: g only counts in the norm */
  MOON_STEP_SGD,      /* velocity, with beta1 */
  MOON_STEP_ADAM,     /* mean, square, count (of steps, an f64 scalar) */
  MOON_STEP_RMSPROP,  /* square, velocity (with beta1), mean (CENTERED) */
  MOON_STEP_LION,     /* mean */
  MOON_STEP_MUON,     /* velocity; p has two dimensions at least */
  MOON_STEP_LERP,     /* none: p += lr (g - p) */
  MOON_STEP_SWAP,     /* the other: p and it change places; no gradient */
  MOON_STEP_RULES
};
enum { MOON_STEP_STATES = 3 };
enum { MOON_STEP_NESTEROV = 1, MOON_STEP_DECOUPLED = 2,  /* flags */
       MOON_STEP_CENTERED = 4 };
typedef struct moon_step_rates {
  int32_t rule, flags;
  int64_t steps;      /* of Muon's polynomial, 1 to 100 */
  double lr, weight_decay, beta1, beta2, eps;
} moon_step_rates;
typedef struct moon_step_entry {
  moon_tensor *parameter, *gradient, *state[MOON_STEP_STATES];
  moon_step_rates rates;
} moon_step_entry;
typedef struct moon_step_params {
  double max_value;  /* > 0: every element of a gradient is cut to +-this */
  double max_norm;   /* > 0: then all are scaled to at most this norm */
  double growth, backoff;  /* the scaler's, see below */
  int64_t every;
  int32_t rule;      /* that names the op */
} moon_step_params;
/* One op over n entries, all or nothing. Those without a gradient that need one
 * are left out. `norm` (may be NULL) receives the Euclidean norm of all
 * gradients before they are scaled, f32.
 *
 * With a scaler (may be NULL), f64 [3], gradients are first divided by its
 * first element, the loss scale; where one is not finite then, no parameter and
 * no state changes, and the third element, of steps skipped, is raised by one.
 * With a growth of more than 0 the scaler is settled after that: if steps were
 * skipped since the last time the scale is multiplied by `backoff`, after
 * `every` times without (counted by the second element) by `growth`. */
int moon_step(moon_ctx *ctx, int n, const moon_step_entry *entry,
              const moon_step_params *p, moon_tensor *scaler,
              moon_tensor **norm);
/* f32 [3]: Euclidean norm, share of zeros, count of non-finite values. */
int moon_statistics(moon_ctx *ctx, moon_tensor *x, moon_tensor **out);
typedef struct moon_batch_params {
  uint64_t key;    /* of the augmentation's random numbers */
  int32_t flip;    /* 1: mirror each image with probability 1/2 */
  int32_t crop;    /* shift by up to +-crop pixels, zeros beyond the edge */
} moon_batch_params;
/* x [N,C,H,W] f32 or u8 (u8 is divided by 255), index i64 [B], position i64
 * (the batch's first place in the epoch, for the random numbers)
 * -> [B,C,H,W] f32, channels-last. */
int moon_batch_images(moon_ctx *ctx, moon_tensor *x, moon_tensor *index,
                      int64_t position, const moon_batch_params *p,
                      moon_tensor **out);

/* Images varied at random, x f32 or f64 -> its shape: image j as its place in
 * the epoch, position + j, says under this key. No gradient. */
typedef struct moon_place { uint64_t key; int64_t position; } moon_place;
typedef struct moon_affine_params {  /* ranges: from, to */
  double rotate[2], shear[2];  /* degrees: clockwise; along rows */
  double scale[2];
  double translate[2];        /* up to these shares of height and width */
  double fill;                /* what lies beyond the edge */
} moon_affine_params;
typedef struct moon_jitter_params {
  double brightness[2], contrast[2], saturation[2];  /* factors */
  double hue[2];                                     /* turns */
} moon_jitter_params;
typedef struct moon_cutout_params { int64_t size[2]; double fill; }
    moon_cutout_params;
int moon_affine(moon_ctx *ctx, moon_tensor *x, const moon_place *at,
                const moon_affine_params *p, moon_tensor **out);
/* C 1 or 3 (RGB), in [0, 1]. */
int moon_jitter(moon_ctx *ctx, moon_tensor *x, const moon_place *at,
                const moon_jitter_params *p, moon_tensor **out);
int moon_cutout(moon_ctx *ctx, moon_tensor *x, const moon_place *at,
                const moon_cutout_params *p, moon_tensor **out);
/* x [B,...]: each with the next, the last with the first; the same shares for
 * the same place, whatever x is. */
int moon_mixup(moon_ctx *ctx, moon_tensor *x, const moon_place *at,
               double alpha, moon_tensor **out);
/* w [N] f32 or f64, not negative -> i64 [n], rows drawn with replacement, each
 * as often as its weight. */
int moon_multinomial(moon_ctx *ctx, moon_tensor *w, int64_t n,
                     moon_tensor **out);

/* --- backward --------------------------------------------------------- */
/* Starts at a scalar, or at any tensor with `dy` of its shape. */
int moon_backward_begin(moon_ctx *ctx, moon_tensor *y, moon_tensor *dy,
                        moon_walk **out);
/* 0: done. 1: a user-defined node wants its gradients, see below.
 * MOON_E_MEMORY: step again once there is some; other errors are final. */
int moon_backward_step(moon_walk *walk);
void moon_backward_end(moon_walk *walk);
int64_t moon_walk_visited(const moon_walk *walk);  /* nodes */
/* Makes `out` (computed under no-grad) the output of a user-defined node. */
int moon_user_node(moon_ctx *ctx, moon_tensor *out, int n,
                   moon_tensor *const *inputs, double id);
/* Of the node that waits: its id and gradient (borrowed), then one answer per
 * input (NULL: none), then step again. */
double moon_walk_user_id(const moon_walk *walk);
moon_tensor *moon_walk_user_gradient(const moon_walk *walk);
int moon_walk_user_give(moon_walk *walk, int input, moon_tensor *dx);
/* Ids of user nodes that died since the last call, so that Lua can drop what
 * it holds for them; returns how many. */
int moon_user_nodes_dead(moon_runtime *rt, double *ids, int n);

/* --- capture: what a function queues, recorded and queued anew ---------- */
/* From here to moon_record_end all that ctx's task queues is also noted. A
 * recording belongs to the caller, who may release it at any time: what goes
 * on holds it. */
int moon_record_begin(moon_ctx *ctx, moon_recording **out);
/* The function's next argument: t itself if it requires its gradient, and then
 * replays must be given the same; else a stand-in, for t of each replay. */
int moon_record_argument(moon_recording *r, moon_tensor *t, moon_tensor **out);
/* From here to moon_record_resume nothing is noted: what happens is the
 * caller's to do at each replay, when it stops here. `pass`: a tensor that it
 * is to be handed then. `given`: one that comes out of it; a stand-in. */
int moon_record_host(moon_ctx *ctx, moon_recording *r);
int moon_record_pass(moon_recording *r, moon_tensor *t);
void moon_record_pause(moon_ctx *ctx, moon_recording *r);
void moon_record_resume(moon_ctx *ctx, moon_recording *r);
int moon_record_given(moon_recording *r, moon_tensor *t, moon_tensor **out);
/* `child`, made in ctx's task, begins with the generator at `words` (NULL: its
 * random numbers were drawn before); it ends, ctx being its own, and leaves
 * its generator there. The words must stay as long as the recording, whose
 * number this gives; 0: none. */
int64_t moon_record_task(moon_ctx *ctx, moon_task *child, uint64_t *words);
void moon_record_leave(moon_ctx *ctx, uint64_t *words);
/* The function's next result. 1: a replay makes it anew. 0: it was there
 * before, and stays what it is. */
int moon_record_result(moon_recording *r, moon_tensor *t);
/* NULL, or why it cannot be replayed, although all went well. */
const char *moon_record_end(moon_ctx *ctx, moon_recording *r);
void moon_recording_release(moon_recording *r);
int64_t moon_recording_size(const moon_recording *r);  /* ops */
int64_t moon_recording_number(const moon_recording *r);
/* 1: a device that had not seen such ops before may have better ones now. */
int moon_recording_unsure(const moon_recording *r);
/* An error that names the first difference. */
int moon_recording_compare(const moon_recording *now,
                           const moon_recording *before);
/* 1: begun. 0: it does not suit these arguments, or what it was recorded in is
 * not as it was. */
int moon_replay_begin(moon_ctx *ctx, moon_recording *r, int n,
                      moon_tensor *const *arguments, moon_replay **out);
/* 0: done. k > 0: the k-th host part is due; then step again. MOON_E_MEMORY:
 * step again once there is some; other errors are final. */
int moon_replay_step(moon_replay *p);
int64_t moon_replay_at(const moon_replay *p);  /* what is next, of the list */
/* In a host part: makes ctx what it was there; what is passed, a new
 * reference; what comes out of it (borrowed). */
void moon_replay_enter(const moon_replay *p, moon_ctx *ctx);
int moon_replay_passed(moon_replay *p, int i, moon_tensor **out);
int moon_replay_give(moon_replay *p, int i, moon_tensor *t);
/* When done: the i-th result that is made anew. */
int moon_replay_result(moon_replay *p, int i, moon_tensor **out);
void moon_replay_end(moon_replay *p);

/* --- files ------------------------------------------------------------ */
/* Reads off the loop thread. The format is told by content: safetensors, idx
 * (plain or gzip), npy, npz, png, jpeg; or by its name: these, which then
 * refuse others, cifar10, cifar100. Of a folder "pictures" gives names alone:
 * "a/" of each folder in it, "a/b.png" of each picture below. `ticket` arrives
 * when the job is done. */
int moon_file_read(moon_ctx *ctx, const char *path, const char *format,
                   double ticket, moon_job **out);
int moon_job_status(const moon_job *job);  /* MOON_E_BUSY until done */
int moon_job_count(const moon_job *job);
const char *moon_job_name(const moon_job *job, int i);
int moon_job_take(moon_ctx *ctx, moon_job *job, int i, moon_tensor **out);
void moon_job_release(moon_job *job);
/* Tables as text, plain or gzip (RFC 4180): entries "x" [rows, columns] and,
 * with a label, "y" [rows]. Errors name the line. */
enum { MOON_CSV_NUMBER, MOON_CSV_BOOL, MOON_CSV_CATEGORY, MOON_CSV_SKIP };
typedef struct moon_csv_rule {  /* what a column is; without one, numbers */
  const char *name;             /* NULL: by position */
  int32_t position, kind, label, n;
  const char *const *values;    /* [n] all that a category may be; n 0: found
                                   out, numbered as they come */
} moon_csv_rule;
enum { MOON_CSV_REFUSE, MOON_CSV_NAN, MOON_CSV_FILL, MOON_CSV_DROP };
typedef struct moon_csv_params {
  int32_t separator;  /* a character */
  int32_t header;     /* the first row names columns: 1, 0; -1: found out */
  int32_t missing;    /* what becomes of an empty cell; `fill`: FILL's number */
  int32_t dtype;      /* of x, and of y where it is a number: f32 or f64 */
  int32_t n_rules, n_empty;
  double fill;
  const moon_csv_rule *rule;
  const char *const *empty;  /* texts that say so */
} moon_csv_params;
int moon_csv_read(moon_ctx *ctx, const char *path, const moon_csv_params *p,
                  double ticket, moon_job **out);
/* Of a job that is done: the name of x's column i, NULL past the last or
 * without a header; its place in the file, from 0, or -1; the k-th text of its
 * categories (-1: the label's). */
const char *moon_csv_column(const moon_job *job, int i);
int moon_csv_position(const moon_job *job, int i);
const char *moon_csv_category(const moon_job *job, int i, int k);
/* Pictures of any size, PNG or JPEG, as u8 [n, channels, size], channels-last;
 * 1 channel or 3. STRETCH: all of each; COVER: the largest middle part that has
 * the proportions. One that cannot be read is named in the error. */
enum { MOON_FIT_STRETCH, MOON_FIT_COVER };
typedef struct moon_pictures_params {
  int64_t size[2];
  int32_t channels, fit;
} moon_pictures_params;
int moon_pictures_read(moon_ctx *ctx, const moon_pictures_params *p, int n,
                       const char *const *paths, moon_tensor **out);
/* Writes a file off the loop thread: temporary name, sync, rename. An op like
 * any other: later in-place writes wait for it. An npy file holds one tensor,
 * whose name does not count. `out` is an i64 scalar, the bytes written, or
 * carries the error. */
int moon_file_save(moon_ctx *ctx, const char *path, const char *format, int n,
                   const char *const *names, moon_tensor *const *tensors,
                   moon_tensor **out);

/* --- slots: what is known of a model's seeds -------------------------- */
enum { MOON_MAX_SEEDS = 4096, MOON_MEASURES = 16 };
/* A row per seed; may be read at any time, nothing waits. stage, alpha and age
 * are the caller's. The rest comes from the device when it gets there: what
 * each measure was last, how often it was stored, how often there was an error
 * in its place. */
typedef struct moon_slots {
  int32_t n, *stage;
  double *alpha;
  int64_t *age, *errors;
  int64_t *stores;         /* [n][MOON_MEASURES] */
  double *measure;         /* [n][MOON_MEASURES]; NaN until stored */
} moon_slots;
int moon_slots_new(moon_runtime *rt, int n, moon_slots **out);
void moon_slots_release(moon_runtime *rt, moon_slots *slots);
/* Forgets measures and errors of a row (of all: -1). */
void moon_slots_clear(moon_slots *slots, int row);
/* Queues: x [k], once it is there, becomes measures `measure` to measure + k
 * of the row. An x that carries an error counts in errors. Stores of one
 * measure belong on one stream. */
int moon_slots_store(moon_ctx *ctx, moon_slots *slots, int row, int measure,
                     moon_tensor *x);

/* --- sim: the device that looks for races ----------------------------- */
/* What a mutation breaks on purpose, so that a spec can be seen to fail. */
enum {
  MOON_MUTATE_NONE, MOON_MUTATE_SKIP_EDGE, MOON_MUTATE_REUSE_BLOCK,
  MOON_MUTATE_RUN_ORDER, MOON_MUTATE_UNWAITED_EVENT, MOON_MUTATE_DROP_ERROR,
  MOON_MUTATE_PARTIAL_WRITE, MOON_MUTATE_STALE_VERSION,
  MOON_MUTATE_SERIALISE, MOON_MUTATE_COUNT
};
typedef struct moon_sim_options {
  uint64_t rng_seed;     /* order and delays */
  int64_t max_delay_ns;  /* before each op */
  int64_t fail_op;       /* the k-th op from now fails in its worker; 0: none */
  int32_t mutate;
  int32_t check;         /* happens-before check at enqueue */
  int32_t wrap;          /* device whose kernels run: index of cpu or ref */
} moon_sim_options;
int moon_sim_configure(moon_runtime *rt, const moon_sim_options *options);
int64_t moon_sim_races(const moon_runtime *rt);  /* found by the check */

#pragma GCC visibility pop
#endif
