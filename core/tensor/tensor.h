/* Tensors: a shape and strides on a storage. Loop thread only. */
#ifndef MOON_TENSOR_H
#define MOON_TENSOR_H
#include "../device/device.h"

/* Of a weight: a copy in the order that a kernel likes, see op/packed.c. */
typedef struct moon__packed {
  struct moon__packed *next;
  const void *order;
  int64_t offset, version;   /* of the weight that was copied */
  struct moon_tensor *t;     /* NULL: none at the moment */
} moon__packed;

/* Memory and what it is known by. One region until it is split. */
typedef struct moon__storage {
  int refs, device, n_regions;
  int64_t id;                /* no other one's, ever */
  bool disposed;
  size_t nbytes;
  int64_t version;           /* raised by every in-place op */
  moon__block *block;
  moon__region **region, *only;
  moon__packed *packed;
  int late;                  /* what is still to move it, see op/running.c */
  int mapped;                /* who has it in hand, see map.c; 0: nobody */
} moon__storage;

struct moon__node;

struct moon_tensor {
  _Atomic int refs;
  int32_t dtype, ndim;
  bool requires_grad;        /* a leaf that wants its gradient */
  bool uncounted;            /* no user's: a disposed stand-in, a packed copy */
  int64_t shape[MOON_MAX_DIMS], stride[MOON_MAX_DIMS], offset, numel;
  moon__storage *storage;
  moon_runtime *rt;
  struct moon__node *node;   /* what made it, or a leaf's own; or NULL */
  moon_tensor *base;         /* of a view in the graph, see op/slice.c */
  int64_t base_version;      /* in-place ops on the base that the graph knows;
                                of a view: when its node was made */
  bool unrecorded;           /* a view made under no_grad */
  moon_tensor *grad;
  int64_t id;
  int64_t argument;          /* of a captured function: its number, which views
                                inherit; 0: of none. See core/capture */
  moon_tensor *next_released;
};

typedef struct moon__shape { int ndim; int64_t dim[MOON_MAX_DIMS]; }
    moon__shape;

/* --- shape.c ---------------------------------------------------------- */
moon__shape moon__shape_of(const moon_tensor *t);
bool moon__shape_equal(moon__shape a, moon__shape b);
/* Product of extents, or MOON_E_SHAPE when negative or past 2^48 elements. */
int moon__shape_numel(const char *op, moon__shape s, int64_t *numel);
/* NumPy broadcasting of two shapes; the same with t, of what there is. */
int moon__shape_broadcast(const char *op, const moon_tensor *a,
                          const moon_tensor *b, moon__shape *out);
int moon__shape_join(const char *op, moon__shape *s, const moon_tensor *t);
/* "8x16x32x32"; "scalar" without dimensions. Eight static buffers in turn. */
const char *moon__shape_text(moon__shape s);
const char *moon__text(const moon_tensor *t);  /* of its shape */
const char *moon__dtype_name(int dtype);
bool moon__dtype_is_float(int dtype);
bool moon__is_contiguous(const moon_tensor *t);     /* row-major, dense */
bool moon__is_channels_last(const moon_tensor *t);  /* 4-D, NHWC, dense */
bool moon__is_dense(const moon_tensor *t);  /* some order without holes */

/* --- tensor.c --------------------------------------------------------- */
typedef enum moon__layout { MOON__ROWS, MOON__CHANNELS_LAST } moon__layout;
int moon__tensor_new(moon_ctx *ctx, int device, int dtype, moon__shape s,
                     moon__layout layout, moon_tensor **out);
/* Same shape and, where x is dense, same order of dimensions in memory (but of
 * those of size 1). */
int moon__tensor_like(moon_ctx *ctx, const moon_tensor *x, int dtype,
                      moon_tensor **out);
/* Another tensor on x's storage, no graph; offset in elements. */
moon_tensor *moon__tensor_alias(const moon_tensor *x);
moon_tensor *moon__tensor_view(const moon_tensor *x, moon__shape s,
                               const int64_t *stride, int64_t offset);
moon_operand moon__operand(const moon_tensor *t);
/* t seen with shape `s`, repeated by stride 0 where it has size 1. */
moon_operand moon__operand_as(const moon_tensor *t, moon__shape s);
/* Refuses dtypes, devices and numbers of dimensions that there are not. */
int moon__check_creation(moon_ctx *ctx, const char *op, int dtype, int ndim);
/* It does not count as one of the program's live tensors. */
void moon__tensor_uncount(moon_tensor *t);
/* Immediate release, from the loop thread. NULL is allowed. */
void moon__unref(moon_tensor *t);
/* Of core/grad: the tensor goes, its node may stay for others. */
void moon__node_leave(moon_tensor *t);
/* map.c: of a storage that is mapped, whether an op may read or write t. */
int moon__mapped_check(const char *op, const moon_tensor *t, bool reads);
/* storage.c */
void moon__storage_retain(moon__storage *s);
void moon__storage_release(moon_runtime *rt, moon__storage *s);
int moon__storage_new(moon_ctx *ctx, int device, size_t nbytes,
                      moon__storage **out);
/* Memory that nothing in flight touches, for writing from the host. */
int moon__storage_new_idle(moon_ctx *ctx, int device, size_t nbytes,
                           moon__storage **out);
void moon__storage_dispose(moon_runtime *rt, moon__storage *s);
moon__storage *moon__storage_ghost(int device);  /* disposed from birth */
/* Of core/capture, called where ctx's task has a recording: memory that was
 * allocated; and what the host has written to t's. */
void moon__note_made(const moon_ctx *ctx, const moon__storage *s);
void moon__note_constant(const moon_ctx *ctx, const moon_tensor *t,
                         const void *data);
/* Whether t covers all bytes of the regions it overlaps. */
bool moon__covers_regions(const moon_tensor *t);
/* The regions that t overlaps: first and count. */
void moon__storage_regions(const moon_tensor *t, int *first, int *count);

#endif
