/* y = a b + bias and ReLU; see ref/matmul.c. By oneDNN's matrix product, with
 * operands as they lie: each has one dimension that is contiguous.
 *
 * y is cut into blocks, near squares, so that little is read twice. Where y is
 * small and the sum long, as in weight gradients, the sum is cut as well: each
 * slice has its own y in scratch, and a second phase adds them in order.
 */
#include <stdlib.h>
#include <string.h>
#include "onednn.h"

enum { A, B, Y, BIAS };
extern const moon_kernel moon_ref_matmul;

enum {
  BLOCK_NS = 40000,                   /* a part, roughly, at least */
  MATMUL_PARTS = 32,
  LEAST_M = 32, LEAST_N = 64, LEAST_K = 512, /* of a block that was cut */
  GRAIN = 16                          /* borders between blocks */
};

typedef struct matmul_key {  /* whole words only */
  int64_t kernel, m, n, k;
  int64_t a_stride[2], b_stride[2], y_stride;
  int64_t has_bias, adds;
} matmul_key;

/* One dimension in blocks of `size`, the last one shorter. */
typedef struct cuts { int64_t total, size, count; } cuts;

typedef struct matmul_state {
  bool by_ref;  /* oneDNN has only plain loops: nothing below */
  cuts m, n, k;
  dnn_primitive *primitive[2][2][2];  /* [last m][last n][last k] */
  size_t scratch;                     /* of one part */
  double ns;
} matmul_state;

/* --- how it is cut ---------------------------------------------------------------- */
static cuts cut(int64_t total, int64_t count, int64_t grain) {
  int64_t size = (total + count - 1) / count;
  size = (size + grain - 1) / grain * grain;
  if (size > total) size = total;
  return (cuts){total, size, (total + size - 1) / size};
}

static int64_t size_at(const cuts *c, int64_t i) {
  return i == c->count - 1 ? c->total - i * c->size : c->size;
}

static double estimate(const matmul_key *q) {
  double m = (double)q->m, n = (double)q->n, k = (double)q->k;
  return 700 + 2 * m * n * k / 120 + 4 * (m * k + k * n + m * n) / 20;
}

/* Halves the side whose other operand is then read again the least. */
static void cut_all(matmul_state *s, const matmul_key *q) {
  int64_t m = 1, n = 1, k = 1;
  double wanted = 1.34 * s->ns / BLOCK_NS;
  if (wanted > MATMUL_PARTS) wanted = MATMUL_PARTS;
  while (2.0 * (double)(m * n * k) <= wanted) {
    bool may_m = q->m / m >= 2 * LEAST_M, may_n = q->n / n >= 2 * LEAST_N;
    if (may_m && (!may_n || q->m / m >= q->n / n)) {
      m *= 2;
    } else if (may_n) {
      n *= 2;
    } else if (q->k / k >= 2 * LEAST_K) {
      k *= 2;
    } else {
      break;
    }
  }
  s->m = cut(q->m, m, GRAIN);
  s->n = cut(q->n, n, GRAIN);
  s->k = cut(q->k, k, GRAIN);
}

/* --- primitives --------------------------------------------------------------------- */
static dnn_primitive *new_primitive(const matmul_key *q, bool sliced,
                                    const int64_t size[3]) {
  dnnl_memory_desc_t a, b, y, bias;
  dnnl_dims_t as = {size[0], size[2]}, bs = {size[2], size[1]};
  dnnl_dims_t ys = {size[0], size[1]}, vs = {1, size[1]};
  dnnl_dims_t ya = {sliced ? q->n : q->y_stride, 1};
  dnnl_dims_t aa = {q->a_stride[0], q->a_stride[1]};
  dnnl_dims_t ba = {q->b_stride[0], q->b_stride[1]};
  if (dnnl_memory_desc_init_by_strides(&a, 2, as, dnnl_f32, aa) ||
      dnnl_memory_desc_init_by_strides(&b, 2, bs, dnnl_f32, ba) ||
      dnnl_memory_desc_init_by_strides(&y, 2, ys, dnnl_f32, ya) ||
      dnnl_memory_desc_init_by_tag(&bias, 2, vs, dnnl_f32, dnnl_ab)) {
    return NULL;
  }
  bool has_bias = q->has_bias && !sliced;
  dnnl_matmul_desc_t desc;
  if (dnnl_matmul_desc_init(&desc, &a, &b, has_bias ? &bias : NULL, &y)) {
    return NULL;
  }
  return dnn_new(&(dnn_recipe){
      .desc = &desc, .n = has_bias ? 4 : 3, .adds = q->adds && !sliced,
      .arg = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST, DNNL_ARG_BIAS}});
}

static bool make_primitive(matmul_state *s, const matmul_key *q, int form) {
  bool last[3] = {form & 1, form >> 1 & 1, form >> 2 & 1};
  const cuts *c[3] = {&s->m, &s->n, &s->k};
  int64_t size[3];
  for (int d = 0; d < 3; d++) {
    if (!last[d] && c[d]->count == 1) return true;  /* there is none */
    size[d] = last[d] ? size_at(c[d], c[d]->count - 1) : c[d]->size;
  }
  dnn_primitive *p = new_primitive(q, s->k.count > 1, size);
  if (!p) return false;
  s->primitive[last[0]][last[1]][last[2]] = p;
  if (dnn_scratch(p) > s->scratch) s->scratch = dnn_scratch(p);
  return true;
}

static const void *make(const void *key) {
  const matmul_key *q = key;
  matmul_state *s = calloc(1, sizeof *s);
  if (!s) return NULL;
  s->ns = estimate(q);
  cut_all(s, q);
  for (int form = 0; form < 8 && !s->by_ref; form++) {
    s->by_ref = !make_primitive(s, q, form);
  }
  return s;
}

/* --- plan ------------------------------------------------------------------------------ */
/* Strides as oneDNN wants them, where an extent of 1 leaves them open; false
 * where neither dimension is contiguous, or elements are repeated. */
static bool strides_of(const moon_operand *o, int64_t stride[2]) {
  int64_t rows = o->shape[0], columns = o->shape[1];
  stride[0] = o->stride[0];
  stride[1] = o->stride[1];
  if (columns == 1) stride[1] = 1;
  if (rows == 1) stride[0] = stride[1] == 1 ? columns : 1;
  return (stride[1] == 1 && stride[0] >= columns) ||
         (stride[0] == 1 && stride[1] >= rows);
}

static bool key_of(const moon_call *call, matmul_key *q) {
  const moon_operand *a = &call->arg[A], *b = &call->arg[B];
  const moon_operand *y = &call->arg[Y], *bias = cpu_optional(call, BIAS);
  int64_t y_stride[2];
  *q = (matmul_key){.kernel = MOON_K_matmul,
                    .m = y->shape[0], .n = y->shape[1], .k = a->shape[1],
                    .has_bias = bias != NULL,
                    .adds = call->params.matmul.accumulate != 0};
  if (!cpu_is_f32(a) || !cpu_is_f32(b) || !cpu_is_f32(y)) return false;
  if (q->m == 0 || q->n == 0 || q->k == 0) return false;
  if (bias && !cpu_is_vector(bias, q->n)) return false;
  if (!strides_of(a, q->a_stride) || !strides_of(b, q->b_stride) ||
      !strides_of(y, y_stride)) {
    return false;
  }
  q->y_stride = y_stride[0];
  return y_stride[1] == 1 && q->y_stride >= q->n;
}

static size_t slice_bytes(const matmul_state *s) {
  if (s->k.count == 1) return 0;
  size_t numel = (size_t)(s->k.count * s->m.total * s->n.total);
  return cpu_align64(numel * sizeof(float));
}

static int plan_matmul(const moon_call *call, moon_plan *plan, int may_create,
                       moon_fail *fail) {
  matmul_key q;
  const matmul_state *s = NULL;
  if (key_of(call, &q)) {
    s = dnn_find(&q, sizeof q, may_create, make);
    if (!s && !may_create) return MOON_E_BUSY;
  }
  if (!s || s->by_ref) {
    return cpu_plan_by(&moon_ref_matmul, call, plan, may_create, fail);
  }
  int64_t parts = s->m.count * s->n.count * s->k.count;
  plan->parts[plan->phases++] = (int32_t)parts;
  plan->cost_ns = s->ns;
  if (s->k.count > 1) {
    cpu_phase(plan, q.m, (double)(q.m * q.n * s->k.count), 0.3);
  }
  plan->scratch = slice_bytes(s) + (size_t)parts * s->scratch;
  plan->state = s;
  return MOON_OK;
}

/* --- run -------------------------------------------------------------------------------- */
static void relu_rows(float *y, int64_t stride, int64_t rows, int64_t n) {
  const cpu_weights_simd *simd = moon_cpu_simd()->weights;
  if (stride == n) {
    simd->relu(rows * n, y);
    return;
  }
  for (int64_t i = 0; i < rows; i++) simd->relu(n, y + i * stride);
}

static int run_block(const moon_call *call, const matmul_state *s,
                     const matmul_key *q, float *scratch, int part,
                     moon_fail *fail) {
  int64_t j = part % s->n.count, i = part / s->n.count % s->m.count;
  int64_t l = part / (s->n.count * s->m.count);
  int64_t m = i * s->m.size, n = j * s->n.size, k = l * s->k.size;
  bool sliced = s->k.count > 1;
  float *y = (float *)call->arg[Y].data + m * q->y_stride + n;
  if (sliced) y = scratch + (l * q->m + m) * q->n + n;
  const moon_operand *bias = cpu_optional(call, BIAS);
  void *data[] = {
      (float *)call->arg[A].data + m * q->a_stride[0] + k * q->a_stride[1],
      (float *)call->arg[B].data + k * q->b_stride[0] + n * q->b_stride[1], y,
      bias ? (float *)bias->data + n : NULL};
  dnn_primitive *p = s->primitive[i == s->m.count - 1][j == s->n.count - 1]
                                 [l == s->k.count - 1];
  void *own = (char *)scratch + slice_bytes(s) + (size_t)part * s->scratch;
  int status = dnn_run(p, data, own, fail);
  bool relu = call->params.matmul.epilogue == MOON_EPILOGUE_RELU;
  if (status == MOON_OK && relu && !sliced) {
    relu_rows(y, q->y_stride, size_at(&s->m, i), size_at(&s->n, j));
  }
  return status;
}

/* Row i of y out of the slices, the first of which serves as the sum. */
static void add_slices(const moon_call *call, const matmul_state *s,
                       const matmul_key *q, float *slices, int64_t i) {
  const cpu_weights_simd *simd = moon_cpu_simd()->weights;
  const moon_operand *bias = cpu_optional(call, BIAS);
  float *sum = slices + i * q->n;
  float *y = (float *)call->arg[Y].data + i * q->y_stride;
  for (int64_t l = 1; l < s->k.count; l++) {
    simd->add(q->n, slices + (l * q->m + i) * q->n, sum);
  }
  if (bias) simd->add(q->n, bias->data, sum);
  if (q->adds) {
    simd->add(q->n, sum, y);
  } else {
    memcpy(y, sum, (size_t)q->n * sizeof *y);
  }
  if (call->params.matmul.epilogue == MOON_EPILOGUE_RELU) simd->relu(q->n, y);
}

static int run_matmul(const moon_call *call, const moon_plan *plan,
                      void *scratch, int phase, int part, moon_fail *fail) {
  if (plan->state == &moon_ref_matmul) {
    return moon_ref_matmul.run(call, plan, scratch, phase, part, fail);
  }
  const matmul_state *s = plan->state;
  matmul_key q;
  key_of(call, &q);
  if (phase == 0) return run_block(call, s, &q, scratch, part, fail);
  int64_t lo, hi;
  cpu_share(plan, phase, part, q.m, 1, &lo, &hi);
  for (int64_t i = lo; i < hi; i++) add_slices(call, s, &q, scratch, i);
  return MOON_OK;
}

const moon_kernel moon_cpu_matmul = {"matmul", plan_matmul, run_matmul};
