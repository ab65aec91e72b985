/* Graphs of one convolution: y = conv(x, w), with + z, + b and ReLU; dx; dw. */
#include <stdio.h>
#include <string.h>
#include "conv.h"

/* --- descriptors ------------------------------------------------------ */
cudnnBackendDescriptor_t moon_conv_new(conv_graph *g,
                                       cudnnBackendDescriptorType_t type) {
  cudnnBackendDescriptor_t d = NULL;
  if (g->status || g->n == CONV_MOST) return NULL;
  g->status = g->lib->cudnnBackendCreateDescriptor(type, &d);
  if (g->status) {
    g->what = "a new descriptor";
    return NULL;
  }
  return g->all[g->n++] = d;
}

void moon_conv_set(conv_graph *g, cudnnBackendDescriptor_t d, int attribute,
                   int type, int64_t count, const void *value) {
  if (g->status) return;
  g->status = g->lib->cudnnBackendSetAttribute(
      d, (cudnnBackendAttributeName_t)attribute,
      (cudnnBackendAttributeType_t)type, count, value);
  if (g->status) g->what = "an attribute";
}

void moon_conv_finalize(conv_graph *g, cudnnBackendDescriptor_t d,
                        const char *what) {
  if (g->status) return;
  g->status = g->lib->cudnnBackendFinalize(d);
  if (g->status) g->what = what;
}

void moon_conv_free(conv_graph *g) {
  while (g->n > 0) g->lib->cudnnBackendDestroyDescriptor(g->all[--g->n]);
}

static void set_descriptor(conv_graph *g, cudnnBackendDescriptor_t d,
                           int attribute, cudnnBackendDescriptor_t value) {
  moon_conv_set(g, d, attribute, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &value);
}

/* --- tensors ---------------------------------------------------------- */
static cudnnDataType_t data_type(int dtype) {
  switch (dtype) {
    case MOON_F64: return CUDNN_DATA_DOUBLE;
    case MOON_BF16: return CUDNN_DATA_BFLOAT16;
    case MOON_F16: return CUDNN_DATA_HALF;
    default: return CUDNN_DATA_FLOAT;
  }
}

static cudnnDataType_t sum_type(const conv_key *key) {
  return key->dtype == MOON_F64 ? CUDNN_DATA_DOUBLE : CUDNN_DATA_FLOAT;
}

typedef struct conv_tensor {
  int64_t name;
  const int64_t *shape, *stride;
  cudnnDataType_t type;
  bool is_virtual;            /* only between two operations */
} conv_tensor;

static cudnnBackendDescriptor_t tensor(conv_graph *g, const conv_key *key,
                                       conv_tensor t) {
  cudnnBackendDescriptor_t d =
      moon_conv_new(g, CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  int64_t align = key->align;
  moon_conv_set(g, d, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1,
                &t.type);
  moon_conv_set(g, d, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4,
                t.shape);
  moon_conv_set(g, d, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4,
                t.stride);
  moon_conv_set(g, d, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1,
                &t.name);
  moon_conv_set(g, d, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, 1,
                &align);
  moon_conv_set(g, d, CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, 1,
                &t.is_virtual);
  moon_conv_finalize(g, d, "a tensor");
  return d;
}

static cudnnBackendDescriptor_t operand(conv_graph *g, const conv_key *key,
                                        int which) {
  return tensor(g, key, (conv_tensor){CONV_NAME(which), key->shape[which],
                                      key->stride[which],
                                      data_type(key->dtype), false});
}

static cudnnBackendDescriptor_t between(conv_graph *g, const conv_key *key,
                                        int number) {
  return tensor(g, key, (conv_tensor){CONV_NAME(CONV_TENSORS + number),
                                      key->shape[CONV_Y], key->stride[CONV_Y],
                                      sum_type(key), true});
}

/* --- operations ------------------------------------------------------- */
static cudnnBackendDescriptor_t geometry(conv_graph *g, const conv_key *key) {
  cudnnBackendDescriptor_t d =
      moon_conv_new(g, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  cudnnDataType_t sum = sum_type(key);
  cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
  int64_t dims = 2;
  moon_conv_set(g, d, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE,
                1, &sum);
  moon_conv_set(g, d, CUDNN_ATTR_CONVOLUTION_CONV_MODE,
                CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode);
  moon_conv_set(g, d, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64,
                1, &dims);
  moon_conv_set(g, d, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64,
                2, key->padding);
  moon_conv_set(g, d, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64,
                2, key->padding);
  moon_conv_set(g, d, CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64, 2,
                key->dilation);
  moon_conv_set(g, d, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES,
                CUDNN_TYPE_INT64, 2, key->step);
  moon_conv_finalize(g, d, "a convolution");
  return d;
}

/* Attributes of an operation are numbered x, w, y or dx, w, dy or dw, x, dy;
 * this says which. */
typedef struct conv_form {
  cudnnBackendDescriptorType_t type;
  int alpha, beta, geometry, x, w, y;
} conv_form;

#define FORM(kind, name, x, w, y)                               \
  {CUDNN_BACKEND_OPERATION_CONVOLUTION_##kind##_DESCRIPTOR,     \
   CUDNN_ATTR_OPERATION_CONVOLUTION_##name##_ALPHA,             \
   CUDNN_ATTR_OPERATION_CONVOLUTION_##name##_BETA,              \
   CUDNN_ATTR_OPERATION_CONVOLUTION_##name##_CONV_DESC,         \
   CUDNN_ATTR_OPERATION_CONVOLUTION_##name##_##x,               \
   CUDNN_ATTR_OPERATION_CONVOLUTION_##name##_##w,               \
   CUDNN_ATTR_OPERATION_CONVOLUTION_##name##_##y}
static const conv_form forms[] = {
    FORM(FORWARD, FORWARD, X, W, Y), FORM(BACKWARD_DATA, BWD_DATA, DX, W, DY),
    FORM(BACKWARD_FILTER, BWD_FILTER, X, DW, DY)};

static cudnnBackendDescriptor_t convolution(conv_graph *g, const conv_key *key,
                                            cudnnBackendDescriptor_t y) {
  const conv_form *f = &forms[key->way];
  bool is_double = key->dtype == MOON_F64;
  double one = 1, sum = key->adds != 0;
  float one_f = 1, sum_f = key->adds != 0;
  int type = is_double ? CUDNN_TYPE_DOUBLE : CUDNN_TYPE_FLOAT;
  cudnnBackendDescriptor_t conv = geometry(g, key);
  cudnnBackendDescriptor_t x = operand(g, key, CONV_X);
  cudnnBackendDescriptor_t w = operand(g, key, CONV_W);
  cudnnBackendDescriptor_t d = moon_conv_new(g, f->type);
  set_descriptor(g, d, f->geometry, conv);
  set_descriptor(g, d, f->x, x);
  set_descriptor(g, d, f->w, w);
  set_descriptor(g, d, f->y, y);
  moon_conv_set(g, d, f->alpha, type, 1,
                is_double ? (void *)&one : (void *)&one_f);
  moon_conv_set(g, d, f->beta, type, 1,
                is_double ? (void *)&sum : (void *)&sum_f);
  moon_conv_finalize(g, d, "the convolution");
  return d;
}

/* y = x + b, or y = max(x, 0) where b is NULL. */
static cudnnBackendDescriptor_t pointwise(conv_graph *g, const conv_key *key,
                                          cudnnBackendDescriptor_t x,
                                          cudnnBackendDescriptor_t b,
                                          cudnnBackendDescriptor_t y) {
  cudnnPointwiseMode_t mode =
      b ? CUDNN_POINTWISE_ADD : CUDNN_POINTWISE_RELU_FWD;
  cudnnDataType_t math = sum_type(key);
  cudnnBackendDescriptor_t p =
      moon_conv_new(g, CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
  moon_conv_set(g, p, CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, 1,
                &mode);
  moon_conv_set(g, p, CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, 1,
                &math);
  moon_conv_finalize(g, p, "an epilogue");
  cudnnBackendDescriptor_t d =
      moon_conv_new(g, CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
  set_descriptor(g, d, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, p);
  set_descriptor(g, d, CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x);
  if (b) set_descriptor(g, d, CUDNN_ATTR_OPERATION_POINTWISE_BDESC, b);
  set_descriptor(g, d, CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y);
  moon_conv_finalize(g, d, "the epilogue");
  return d;
}

void moon_conv_build(conv_graph *g, const conv_key *key) {
  cudnnBackendDescriptor_t op[4], with[3], y = operand(g, key, CONV_Y);
  int64_t k = key->shape[CONV_Y][1], n = 0;
  if (key->epilogue & CONV_ADD) {
    with[n++] = tensor(g, key, (conv_tensor){CONV_NAME(CONV_Z),
                                             key->shape[CONV_Y],
                                             key->stride[CONV_Y],
                                             data_type(key->dtype), false});
  }
  if (key->epilogue & CONV_BIAS) {
    int64_t shape[4] = {1, k, 1, 1}, stride[4] = {k, 1, k, k};
    with[n++] = tensor(g, key, (conv_tensor){CONV_NAME(CONV_B), shape, stride,
                                             data_type(key->dtype), false});
  }
  if (key->epilogue & CONV_RELU) with[n++] = NULL;
  cudnnBackendDescriptor_t sum = n > 0 ? between(g, key, 0) : y;
  op[0] = convolution(g, key, sum);
  for (int i = 0; i < n; i++) {
    cudnnBackendDescriptor_t next = i + 1 < n ? between(g, key, i + 1) : y;
    op[i + 1] = pointwise(g, key, sum, with[i], next);
    sum = next;
  }
  n++;
  g->graph = moon_conv_new(g, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  moon_conv_set(g, g->graph, CUDNN_ATTR_OPERATIONGRAPH_OPS,
                CUDNN_TYPE_BACKEND_DESCRIPTOR, n, op);
  moon_conv_finalize(g, g->graph, "the graph");
}

/* --- texts ------------------------------------------------------------ */
void moon_conv_text(const conv_key *key, char *text, size_t size) {
  static const char *const name[] = {"x", "w", "y"};
  size_t at = 0;
  for (int k = 0; k < 3 && at < size; k++) {
    const int64_t *s = key->shape[k];
    at += (size_t)snprintf(text + at, size - at, "%s%s %lldx%lldx%lldx%lld",
                           k ? ", " : "", name[k], (long long)s[0],
                           (long long)s[1], (long long)s[2], (long long)s[3]);
  }
}

int moon_conv_fail(const conv_graph *g, const conv_key *key,
                   moon_fail *fail) {
  char shapes[120];
  moon_conv_text(key, shapes, sizeof shapes);
  return moon_library_fail(fail, MOON_E_BACKEND, "cuDNN refuses %s: %s (%s)",
                           g->what, g->lib->cudnnGetErrorString(g->status),
                           shapes);
}
