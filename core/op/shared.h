/* What ops share beyond op.h: checks of plain arguments, layouts, views, and
 * calculations, the way gradient rules are written. */
#ifndef MOON_OP_SHARED_H
#define MOON_OP_SHARED_H
#include "op.h"

/* --- arguments.c: what is not a tensor -------------------------------- */
/* Makes *s of a shape that a user gave: dimensions, extents, product. */
int moon__check_shape(const char *op, int ndim, const int64_t *dim,
                      moon__shape *s);
/* An output of this shape is not too large. */
int moon__check_size(const char *op, moon__shape s);
/* As moon__check_shape, where one extent may be -1: what is left of `numel`. */
int moon__check_reshape(const char *op, const moon_tensor *x, int ndim,
                        const int64_t *dim, moon__shape *s);
int moon__check_dtype(const char *op, int dtype);
/* `value` can be an element: whole and in range for integer dtypes. */
int moon__check_number(const char *op, int dtype, double value);
/* t is a vector of n elements of x's dtype. */
int moon__check_vector(const char *op, const char *arg, const moon_tensor *t,
                       int64_t n, const moon_tensor *x);
/* As that, or of f32 beside an x of bf16 or f16. */
int moon__check_parameter(const char *op, const char *arg,
                          const moon_tensor *t, int64_t n,
                          const moon_tensor *x);
int moon__check_index(const char *op, const char *arg, const moon_tensor *t);
int moon__check_live(const char *op, const moon_tensor *t);
/* A pair of 2-D options lies in [least, 2^31). */
int moon__check_pair(const char *op, const char *option,
                     const int64_t pair[2], int64_t least);
int moon__check_epilogue(const char *op, int epilogue);
/* An output of shape s, to which all inputs t broadcast: laid out as the first
 * of them that has the shape and no holes. */
int moon__new_broadcast(moon_ctx *ctx, moon_tensor *const *t, int n,
                        moon__shape s, int dtype, moon_tensor **y);
/* Places a window of `kernel` can take along H (axis 0) or W (axis 1):
 * floor((size + 2 padding + beyond - dilation (kernel - 1) - 1) / stride) + 1,
 * where it may reach `beyond` the padding. */
typedef struct moon__window {
  int64_t size, kernel, stride, padding, dilation, beyond;
} moon__window;
int moon__check_window(const char *op, int axis, moon__window w,
                       int64_t *places);
/* x [N,C,H,W] and options of a pooling fit; *s becomes the output's shape. */
int moon__check_pool2d(const char *op, const moon_tensor *x,
                       const moon_pool2d_params *p, moon__shape *s);
/* As that, for an adaptive pooling to `size`. */
int moon__check_adaptive2d(const char *op, const moon_tensor *x,
                           const int64_t size[2], moon__shape *s);

/* --- running.c: m and v of a batch move s->mean and s->var, in program
 * order. ctx without gradients. */
void moon__late_add(moon_ctx *ctx, const moon_batch_norm_state *s,
                    moon_tensor *m, moon_tensor *v, double momentum);
/* Queues what the task and those below it have left. */
int moon__late_fold_below(moon_ctx *ctx);

/* --- view.c ----------------------------------------------------------- */
/* The output of a view op on x: stride and offset as moon__tensor_view takes
 * them. `params` (may be NULL) is kept for the rule. */
typedef struct moon__seen {
  moon__shape shape;
  int64_t stride[MOON_MAX_DIMS], offset;
} moon__seen;
int moon__view_as(moon_ctx *ctx, const moon__rule *rule, moon_tensor *x,
                  const moon__seen *seen, const moon_params *params,
                  moon_tensor **out);

/* --- calc.c: calculations ------------------------------------------------
 * A calculation owns the tensors its steps give, until moon__calc_end. After
 * the first failure its steps do nothing and give NULL, so they nest:
 *
 *   moon__calc c = {.ctx = b->ctx};
 *   moon__calc_give(&c, b, 0, moon__c_mul(&c, dy, moon__c_scale(&c, x, 2)));
 *   return moon__calc_end(&c);
 *
 * Inside a forward, ctx is moon__quiet(ctx): steps record no graph. */
enum { MOON_CALC_STEPS = 40 };
typedef struct moon__calc {
  moon_ctx *ctx;
  int status, n;
  bool trains;  /* the weight: see packed.c */
  moon_tensor *owned[MOON_CALC_STEPS];
} moon__calc;

moon_ctx moon__quiet(const moon_ctx *ctx);
/* Whether an op on t is a part of the graph that t is trained by. */
static inline bool moon__trains(const moon_ctx *ctx, const moon_tensor *t) {
  return ctx->grad_mode > 0 && moon_tensor_needs_grad(t);
}
/* Takes over a step's result: *t when status is 0. A pointer, because C
 * leaves open whether the call that fills t or the argument t comes first. */
moon_tensor *moon__calc_own(moon__calc *c, int status,
                            moon_tensor *const *t);
/* Makes t the gradient of an input. */
void moon__calc_give(moon__calc *c, moon__back *b, int input, moon_tensor *t);
/* Hands t out (a new reference), then ends. */
int moon__calc_finish(moon__calc *c, moon_tensor *t, moon_tensor **out);
int moon__calc_end(moon__calc *c);

/* New tensors on the device of `x`, not yet written. */
moon_tensor *moon__c_new(moon__calc *c, const moon_tensor *x, int dtype,
                         moon__shape s, moon__layout layout);
moon_tensor *moon__c_like(moon__calc *c, const moon_tensor *x, int dtype);
moon_tensor *moon__c_zeros(moon__calc *c, const moon_tensor *x, int dtype,
                           moon__shape s);
void moon__c_run(moon__calc *c, const char *name, int kernel,
                 const moon_params *params, const moon__arg *args, int n);
/* x itself where it lies so already, else a copy. */
moon_tensor *moon__c_rows(moon__calc *c, moon_tensor *x);
moon_tensor *moon__c_channels_last(moon__calc *c, moon_tensor *x);
moon_tensor *moon__c_unary(moon__calc *c, int kind, moon_tensor *x, double s);
moon_tensor *moon__c_binary(moon__calc *c, int kind, moon_tensor *a,
                            moon_tensor *b);
moon_tensor *moon__c_neg(moon__calc *c, moon_tensor *x);
moon_tensor *moon__c_scale(moon__calc *c, moon_tensor *x, double s);
moon_tensor *moon__c_shift(moon__calc *c, moon_tensor *x, double s);
moon_tensor *moon__c_add(moon__calc *c, moon_tensor *a, moon_tensor *b);
moon_tensor *moon__c_sub(moon__calc *c, moon_tensor *a, moon_tensor *b);
moon_tensor *moon__c_mul(moon__calc *c, moon_tensor *a, moon_tensor *b);
moon_tensor *moon__c_div(moon__calc *c, moon_tensor *a, moon_tensor *b);
/* x `kind` s as ones and zeros of dtype. */
moon_tensor *moon__c_where(moon__calc *c, int kind, moon_tensor *x, double s,
                           int dtype);
/* where: c ? a : b */
moon_tensor *moon__c_pick(moon__calc *c, moon_tensor *condition,
                          moon_tensor *a, moon_tensor *b);
moon_tensor *moon__c_cast(moon__calc *c, moon_tensor *x, int dtype);
moon_tensor *moon__c_copy(moon__calc *c, moon_tensor *x);
/* Over the dimensions whose bits are set (all if none is), which stay with
 * size 1. */
moon_tensor *moon__c_reduce(moon__calc *c, int kind, moon_tensor *x,
                            uint32_t dims);
moon_tensor *moon__c_reshape(moon__calc *c, moon_tensor *x, moon__shape s);
moon_tensor *moon__c_expand(moon__calc *c, moon_tensor *x, moon__shape s);
moon_tensor *moon__c_swap(moon__calc *c, moon_tensor *x);  /* matrices x^T */
moon_tensor *moon__c_narrow(moon__calc *c, moon_tensor *x, int dim,
                            int64_t start, int64_t length);
/* packed.c: w as the call of `kernel` with these n operands likes to find it,
 * or NULL. An operand of mode OPTIONAL; borrowed from w's memory. */
moon_tensor *moon__c_packed(moon__calc *c, int kernel,
                            const moon_params *params, const moon__arg *args,
                            int n, moon_tensor *w);
/* g summed over what broadcasting repeated. */
moon_tensor *moon__c_sum_to(moon__calc *c, moon_tensor *g, moon__shape s);

/* --- relu.c: also the epilogue of conv2d and linear ------------------- */
/* y > 0 ? dy : 0; with db (may be NULL) also its sum over all dimensions but
 * the second, [C]. */
moon_tensor *moon__c_relu_grad(moon__calc *c, moon_tensor *dy, moon_tensor *y,
                               moon_tensor **db);

/* --- mask.c: conv2d with ReLU ------------------------------------------ */
/* Bits of y > 0 that this call of MOON_K_conv2d is to write, or NULL: y is to
 * be kept. inputs: x, w and b as the user gave them, whose gradients may be
 * wanted in ctx. */
moon_tensor *moon__c_mask(moon__calc *c, const moon_ctx *ctx,
                          const moon_params *params, const moon__arg *args,
                          moon_tensor *const inputs[3]);
/* dy as gradients with a mask take it: of each pixel the channels in a row. */
moon_tensor *moon__c_any_pixels(moon__calc *c, moon_tensor *dy);

/* --- autocast.c ------------------------------------------------------- */
/* Whether products with x round their factors to bf16 inside the kernel. What a
 * forward did holds for its gradients: params.conv or .matmul say it. */
bool moon__rounds(const moon_ctx *ctx, const moon_tensor *x);
/* Whether what x is added up to is f32, x being a half. */
bool moon__lifts(const moon_ctx *ctx, const moon_tensor *x);
/* Casts operands (NULL: absent) as autocast wants it, with c's context on the
 * graph: down to its dtype; up to f32, where one of them is or n is 1. */
int moon__c_lower(moon__calc *c, moon_tensor **t, int n);
int moon__c_lift(moon__calc *c, moon_tensor **t, int n);
/* Casts what y, in place, takes; y keeps its dtype. */
int moon__c_meet(moon__calc *c, moon_tensor **x, const moon_tensor *y);
/* As moon__c_lower, of a convolution's x, w and b. */
int moon__c_lower_conv(moon__calc *c, moon_tensor *t[3]);
/* w as convolutions take it: in rows; a half channels-last, too. */
moon_tensor *moon__c_weight(moon__calc *c, moon_tensor *w);
/* cast.c: x, of four dimensions, as another dtype in channels-last memory. */
int moon__cast_image(moon_ctx *ctx, moon_tensor *x, int dtype,
                     moon_tensor **out);
/* In which dtype statistics of tensors of `dtype` are kept: f32 for halves. */
int moon__wide(int dtype);
/* t, beside x, is of x's dtype or of that. */
int moon__check_beside(const char *op, const char *arg, const moon_tensor *t,
                       const moon_tensor *x);

/* --- matmul.c --------------------------------------------------------- */
/* t, or a copy, of matrices for moon__c_product. */
moon_tensor *moon__c_plain(moon__calc *c, moon_tensor *t);
/* y = a b, or y += a b, as params.matmul says; matrices of a and b are repeated
 * to y's shape. */
void moon__c_product(moon__calc *c, moon_tensor *a, moon_tensor *b,
                     moon_tensor *y, moon_params params);
moon_params moon__product_params(const moon_ctx *ctx, const moon_tensor *x);
/* Params of a product that rounds its factors if the forward did. */
moon_params moon__product_like(const moon__back *b);
/* Makes left right the gradient of an input, added to what a leaf has. */
void moon__give_product(moon__calc *c, moon__back *b, int input,
                        moon_tensor *left, moon_tensor *right);

/* --- inplace.c -------------------------------------------------------- */
/* Before y is written in place from x (NULL: from nothing): the target, and
 * whether the graph can follow. */
int moon__inplace_check(moon_ctx *ctx, const char *op, moon_tensor *y,
                        moon_tensor *x);
/* After: a whole y gets a new node with this rule, whose inputs are what y was
 * and x; of a view, the base gets one (slice.c). `adds`: what y was counts. */
moon__node *moon__inplace_record(moon_ctx *ctx, const moon__rule *rule,
                                 bool adds, int status, moon_tensor *y,
                                 moon_tensor *x);
/* slice.c: the base's new node. */
moon__node *moon__slice_record(moon_ctx *ctx, bool adds, moon_tensor *slice,
                               moon_tensor *base,
                               moon_tensor *const inputs[2]);
/* x, or a copy of it where it lies partly over y. */
moon_tensor *moon__c_apart(moon__calc *c, moon_tensor *x,
                           const moon_tensor *y);

#endif
