/* Blocks and primitives of a matrix product. See matmul.c. */
#include <stdlib.h>
#include "matmul.h"

enum {
  LEAST_M = 64, LEAST_N = 64, LEAST_K = 512, /* of a block that was cut */
  GRAIN = 16                                 /* borders between blocks */
};

/* --- how it is cut -------------------------------------------------------- */
static matmul_cuts cut(int64_t total, int64_t count, int64_t grain) {
  int64_t size = (total + count - 1) / count;
  size = (size + grain - 1) / grain * grain;
  if (size > total) size = total;
  return (matmul_cuts){total, size, (total + size - 1) / size};
}

static double estimate(const matmul_key *q) {
  double m = (double)q->m, n = (double)q->n, k = (double)q->k;
  double flops = 2 * m * n * k, numel = m * k + k * n + m * n;
  return 700 + flops / (q->bf16 ? 220 : 120) + 4 * numel / 20;
}

/* What it costs to read an operand once more, in elements: one that lies across
 * is transposed each time. */
static double again(int64_t rows, int64_t columns, bool across) {
  return (double)rows * (double)columns * (across ? 4 : 1);
}

/* Halves k while it is much the longest; else m (b is then read once more) or
 * n (a is), whichever costs less. */
static void cut_all(matmul_state *s, const matmul_key *q) {
  int64_t m = 1, n = 1, k = 1, longest = q->m > q->n ? q->m : q->n;
  double wanted = 1.34 * s->ns / MATMUL_PART_NS;
  if (wanted > (double)q->parts) wanted = (double)q->parts;
  bool a_across = q->a_stride[1] != 1, b_across = q->b_stride[1] != 1;
  double a = again(q->m, q->k, a_across), b = again(q->k, q->n, b_across);
  while (2.0 * (double)(m * n * k) <= wanted) {
    bool may_m = q->m / m >= 2 * LEAST_M, may_n = q->n / n >= 2 * LEAST_N;
    bool may_k = q->k / k >= 2 * LEAST_K && !b_across;
    if (may_k && (q->k / k >= 8 * longest || (!may_m && !may_n))) {
      k *= 2;
    } else if (may_m && (!may_n || b * (double)m <= a * (double)n)) {
      m *= 2;
    } else if (may_n) {
      n *= 2;
    } else {
      break;
    }
  }
  s->m = cut(q->m, m, GRAIN);
  s->n = cut(q->n, n, GRAIN);
  s->k = cut(q->k, k, GRAIN);
  s->direct = s->n.count == 1 && s->k.count == 1 && q->y_stride == q->n;
}

/* --- primitives ----------------------------------------------------------- */
static bool init_factor(dnnl_memory_desc_t *desc, int64_t rows,
                        int64_t columns, const int64_t stride[2], bool bf16) {
  dnnl_dims_t size = {rows, columns}, as = {stride[0], stride[1]};
  if (bf16) as[stride[1] != 1] = stride[1] == 1 ? columns : rows;
  return dnnl_memory_desc_init_by_strides(
             desc, 2, size, bf16 ? dnnl_bf16 : dnnl_f32, as) == dnnl_success;
}

/* Of a block: y without gaps; the bias unless there are slices. */
static dnn_primitive *new_primitive(const matmul_state *s, const matmul_key *q,
                                    const int64_t size[3]) {
  dnnl_memory_desc_t a, b, y, bias;
  dnnl_dims_t ys = {size[0], size[1]}, vs = {1, size[1]};
  if (!init_factor(&a, size[0], size[2], q->a_stride, q->bf16) ||
      !init_factor(&b, size[2], size[1], q->b_stride, q->bf16) ||
      dnnl_memory_desc_init_by_tag(&y, 2, ys, dnnl_f32, dnnl_ab) ||
      dnnl_memory_desc_init_by_tag(&bias, 2, vs, dnnl_f32, dnnl_ab)) {
    return NULL;
  }
  bool has_bias = q->has_bias && s->k.count == 1;
  dnnl_matmul_desc_t desc;
  if (dnnl_matmul_desc_init(&desc, &a, &b, has_bias ? &bias : NULL, &y)) {
    return NULL;
  }
  return moon_dnn_new(&(dnn_recipe){
      .desc = &desc, .n = has_bias ? 4 : 3, .adds = q->adds && s->direct,
      .arg = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST, DNNL_ARG_BIAS}});
}

static bool make_primitive(matmul_state *s, const matmul_key *q, int form) {
  bool last[3] = {form & 1, form >> 1 & 1, form >> 2 & 1};
  const matmul_cuts *c[3] = {&s->m, &s->n, &s->k};
  int64_t size[3];
  for (int d = 0; d < 3; d++) {
    if (!last[d] && c[d]->count == 1) return true;  /* there is none */
    size[d] = last[d] ? matmul_size(c[d], c[d]->count - 1) : c[d]->size;
  }
  dnn_primitive *p = new_primitive(s, q, size);
  if (!p) return false;
  s->primitive[last[0]][last[1]][last[2]] = p;
  return true;
}

/* Each block of a is rounded for each block of columns, of b for each of
 * rows. */
static bool rounding_pays(const matmul_state *s) {
  double m = (double)s->m.total, n = (double)s->n.total;
  double k = (double)s->k.total;
  double factors = k * (m * (double)s->n.count + n * (double)s->m.count);
  return cpu_rounding_pays(m * n * k, factors);
}

static int64_t room_of(int64_t numel) { return (numel + 31) / 32 * 32; }

static void build(matmul_state *s, const matmul_key *q) {
  *s = (matmul_state){.ns = estimate(q), .bf16 = q->bf16,
                      .a_across = q->a_stride[1] != 1,
                      .b_across = q->b_stride[1] != 1};
  cut_all(s, q);
  if (s->bf16) {
    s->by_ref = !rounding_pays(s);
    s->a_room = room_of(s->m.size * s->k.size);
    s->b_room = room_of(s->k.size * s->n.size);
  }
  for (int form = 0; form < 8 && !s->by_ref; form++) {
    s->by_ref = !make_primitive(s, q, form);
  }
}

static const void *make(const void *key) {
  matmul_key q = *(const matmul_key *)key;
  matmul_state *s = malloc(sizeof *s);
  if (!s) return NULL;
  build(s, &q);
  if (q.bf16 && s->by_ref) {
    q.bf16 = false;
    build(s, &q);
  }
  return s;
}

const matmul_state *moon_cpu_matmul_state(const matmul_key *key,
                                          bool may_create) {
  return moon_dnn_find(key, sizeof *key, may_create, make);
}
