/* Bare oneDNN convolutions; see bare.h. */
#define _GNU_SOURCE
#include "bare.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CHECK(call) check((call), #call)

static dnnl_engine_t engine;
static dnnl_stream_t stream;

static void check(dnnl_status_t status, const char *what) {
  if (status == dnnl_success) return;
  fprintf(stderr, "oneDNN status %d: %s\n", (int)status, what);
  exit(1);
}

static void open_engine(void) {
  if (engine) return;
  CHECK(dnnl_engine_create(&engine, dnnl_cpu, 0));
  CHECK(dnnl_stream_create(&stream, engine, dnnl_stream_default_flags));
}

float *bare_floats(size_t n) {
  size_t nbytes = (n * sizeof(float) + 63) / 64 * 64;
  float *p = aligned_alloc(64, nbytes);
  if (!p) {
    fprintf(stderr, "no memory for %zu bytes\n", nbytes);
    exit(1);
  }
  return memset(p, 0, nbytes);
}

void bare_fill(float *p, size_t n, float scale) {
  unsigned state = 8;
  for (size_t i = 0; i < n; i++) {
    state = (state * 75 + 74) % 65537;
    p[i] = ((float)state / 32768 - 1) * scale;
  }
}

double bare_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

double bare_median(double *values, int n) {
  qsort(values, (size_t)n, sizeof *values, ascending);
  return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

int bare_next_round(void) {
  char line[64];
  fflush(stdout);
  return fgets(line, sizeof line, stdin) != NULL;
}

void bare_run(const bare_call *call) {
  if (!call->primitive) return;
  CHECK(dnnl_primitive_execute(call->primitive, stream, call->n, call->arg));
  CHECK(dnnl_stream_wait(stream));
}

static dnnl_memory_desc_t described(int ndim, const dnnl_dims_t dims,
                                    dnnl_format_tag_t tag) {
  dnnl_memory_desc_t md;
  CHECK(dnnl_memory_desc_init_by_tag(&md, ndim, dims, dnnl_f32, tag));
  return md;
}

static void add_arg(bare_call *call, int which, const dnnl_memory_desc_t *md,
                    float *p) {
  dnnl_memory_t memory;
  CHECK(dnnl_memory_create(&memory, md, engine, p));
  call->arg[call->n++] = (dnnl_exec_arg_t){which, memory};
}

/* Turns a convolution's description into the primitive of a call. */
static dnnl_primitive_desc_t make(bare_call *call, const void *desc,
                                  int relu, dnnl_primitive_desc_t hint) {
  dnnl_primitive_attr_t attr;
  dnnl_post_ops_t post;
  dnnl_primitive_desc_t pd;
  CHECK(dnnl_primitive_attr_create(&attr));
  if (relu) {
    CHECK(dnnl_post_ops_create(&post));
    CHECK(dnnl_post_ops_append_eltwise(post, 1, dnnl_eltwise_relu, 0, 0));
    CHECK(dnnl_primitive_attr_set_post_ops(attr, post));
  }
  CHECK(dnnl_primitive_desc_create(&pd, desc, attr, engine, hint));
  CHECK(dnnl_primitive_create(&call->primitive, pd));
  return pd;
}

static dnnl_memory_desc_t layout(dnnl_primitive_desc_t pd, dnnl_query_t what) {
  return *dnnl_primitive_desc_query_md(pd, what, 0);
}

static void make_reorder(bare_call *call, const dnnl_memory_desc_t *from,
                         const dnnl_memory_desc_t *to, float *src,
                         float *dst) {
  dnnl_primitive_desc_t pd;
  CHECK(dnnl_reorder_primitive_desc_create(&pd, from, engine, to, engine,
                                           NULL));
  CHECK(dnnl_primitive_create(&call->primitive, pd));
  add_arg(call, DNNL_ARG_FROM, from, src);
  add_arg(call, DNNL_ARG_TO, to, dst);
}

static size_t floats_of(const dnnl_memory_desc_t *md) {
  return dnnl_memory_desc_get_size(md) / sizeof(float);
}

/* What the three primitives agree on. */
typedef struct bare_layouts {
  dnnl_memory_desc_t x, y, b, any_w, w, plain_w;
  int has_bias;
  dnnl_dims_t stride, padding;
} bare_layouts;

static bare_layouts layouts_of(const bare_conv *conv, int flags) {
  const bare_shape *s = &conv->shape;
  bare_layouts l;
  int g = s->groups > 1;
  dnnl_dims_t x = {s->n, s->c, s->h, s->h};
  dnnl_dims_t y = {s->n, s->k, conv->out, conv->out}, b = {s->k};
  dnnl_dims_t w = {s->groups, s->k / s->groups, s->c / s->groups, s->r, s->r};
  const int64_t *dims = g ? w : w + 1;
  l.x = described(4, x, dnnl_nhwc);
  l.y = described(4, y, dnnl_nhwc);
  l.b = described(1, b, dnnl_a);
  l.any_w = described(4 + g, dims, dnnl_format_tag_any);
  l.plain_w = described(4 + g, dims, g ? dnnl_goihw : dnnl_oihw);
  l.has_bias = !(flags & BARE_NO_BIAS);
  l.stride[0] = l.stride[1] = s->stride;
  l.padding[0] = l.padding[1] = s->padding;
  return l;
}

static dnnl_primitive_desc_t make_forward(bare_conv *conv, bare_layouts *l,
                                          int flags) {
  dnnl_convolution_desc_t desc;
  CHECK(dnnl_convolution_forward_desc_init(
      &desc, dnnl_forward_training, dnnl_convolution_direct, &l->x, &l->any_w,
      l->has_bias ? &l->b : NULL, &l->y, l->stride, l->padding, l->padding));
  bare_call *call = &conv->forward;
  dnnl_primitive_desc_t pd = make(call, &desc, flags & BARE_RELU, NULL);
  l->w = layout(pd, dnnl_query_weights_md);
  conv->n_w = floats_of(&l->w);
  conv->w = bare_floats(conv->n_w);
  add_arg(call, DNNL_ARG_SRC, &l->x, conv->x);
  add_arg(call, DNNL_ARG_WEIGHTS, &l->w, conv->w);
  if (l->has_bias) add_arg(call, DNNL_ARG_BIAS, &l->b, conv->b);
  add_arg(call, DNNL_ARG_DST, &l->y, conv->y);
  return pd;
}

static void make_data(bare_conv *conv, bare_layouts *l,
                      dnnl_primitive_desc_t hint) {
  dnnl_convolution_desc_t desc;
  CHECK(dnnl_convolution_backward_data_desc_init(
      &desc, dnnl_convolution_direct, &l->x, &l->any_w, &l->y, l->stride,
      l->padding, l->padding));
  bare_call *call = &conv->data;
  dnnl_primitive_desc_t pd = make(call, &desc, 0, hint);
  dnnl_memory_desc_t w = layout(pd, dnnl_query_weights_md);
  float *values = conv->w;
  if (!dnnl_memory_desc_equal(&w, &l->w)) {
    values = bare_floats(floats_of(&w));
    make_reorder(&conv->w_to_data, &l->w, &w, conv->w, values);
  }
  add_arg(call, DNNL_ARG_DIFF_DST, &l->y, conv->dy);
  add_arg(call, DNNL_ARG_WEIGHTS, &w, values);
  add_arg(call, DNNL_ARG_DIFF_SRC, &l->x, conv->dx);
}

static void make_weights(bare_conv *conv, bare_layouts *l,
                         dnnl_primitive_desc_t hint) {
  dnnl_convolution_desc_t desc;
  CHECK(dnnl_convolution_backward_weights_desc_init(
      &desc, dnnl_convolution_direct, &l->x, &l->any_w,
      l->has_bias ? &l->b : NULL, &l->y, l->stride, l->padding, l->padding));
  bare_call *call = &conv->weights;
  dnnl_primitive_desc_t pd = make(call, &desc, 0, hint);
  dnnl_memory_desc_t w = layout(pd, dnnl_query_diff_weights_md);
  conv->dw = bare_floats(conv->n_w);
  float *values = conv->dw;
  if (!dnnl_memory_desc_equal(&w, &l->w)) {
    values = bare_floats(floats_of(&w));
    make_reorder(&conv->dw_to_w, &w, &l->w, values, conv->dw);
  }
  add_arg(call, DNNL_ARG_SRC, &l->x, conv->x);
  add_arg(call, DNNL_ARG_DIFF_DST, &l->y, conv->dy);
  add_arg(call, DNNL_ARG_DIFF_WEIGHTS, &w, values);
  if (l->has_bias) add_arg(call, DNNL_ARG_DIFF_BIAS, &l->b, conv->db);
}

/* Small pseudo-random weights, written through the plain layout. */
static void fill_weights(bare_conv *conv, bare_layouts *l) {
  const bare_shape *s = &conv->shape;
  size_t n = floats_of(&l->plain_w);
  float *plain = bare_floats(n);
  bare_fill(plain, n, 1.0f / (float)(s->c / s->groups * s->r));
  bare_call call = {0};
  make_reorder(&call, &l->plain_w, &l->w, plain, conv->w);
  bare_run(&call);
  bare_run(&conv->w_to_data);
  free(plain);
}

void bare_conv_make(bare_conv *conv, const bare_shape *shape, float *x,
                    int flags) {
  open_engine();
  *conv = (bare_conv){.shape = *shape};
  conv->out = (shape->h + 2 * shape->padding - shape->r) / shape->stride + 1;
  size_t n_x = (size_t)shape->n * shape->h * shape->h * shape->c;
  size_t n_y = (size_t)shape->n * conv->out * conv->out * shape->k;
  conv->x = x ? x : bare_floats(n_x);
  if (!x) bare_fill(conv->x, n_x, 1);
  conv->y = bare_floats(n_y);
  conv->dy = bare_floats(n_y);
  bare_fill(conv->dy, n_y, 1);
  conv->b = bare_floats((size_t)shape->k);
  conv->db = bare_floats((size_t)shape->k);
  bare_layouts l = layouts_of(conv, flags);
  dnnl_primitive_desc_t hint = make_forward(conv, &l, flags);
  if (!(flags & BARE_NO_DX)) {
    conv->dx = bare_floats(n_x);
    make_data(conv, &l, hint);
  }
  make_weights(conv, &l, hint);
  fill_weights(conv, &l);
}
