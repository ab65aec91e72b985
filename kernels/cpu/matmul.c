/* y = a b + bias and ReLU; see ref/matmul.c. By oneDNN's matrix product, with
 * a and b as they lie: each has one dimension that is contiguous.
 *
 * Of many matrices each pair is a product of its own; a part takes some of
 * them, or a block of one where they are few and large.
 *
 * y is cut into blocks so that little is read twice. Where the sum is long, as
 * in weight gradients, it is cut into slices, which a second phase adds in
 * order. oneDNN's best product wants operands without gaps: b that lies across
 * (linear's w) is never cut along the sum, where without it a block took up to
 * three times as long, and blocks that are not whole rows of y are computed in
 * scratch.
 *
 * In bf16 a part rounds its block of a and of b into scratch, without gaps but
 * lying as they do. Where that does not pay, by shape, or oneDNN has nothing
 * for it, products are f32's.
 */
#include <string.h>
#include "matmul.h"

enum { A, B, Y, BIAS };
extern const moon_kernel moon_ref_matmul;

enum { MATMUL_PARTS = 16 };

/* --- plan ----------------------------------------------------------------- */
/* Strides as oneDNN wants them, where an extent of 1 leaves them open; false
 * where neither dimension is contiguous, or elements are repeated. */
static bool strides_of(const moon_operand *o, int64_t stride[2]) {
  int row = o->ndim - 2;
  int64_t rows = o->shape[row], columns = o->shape[row + 1];
  stride[0] = o->stride[row];
  stride[1] = o->stride[row + 1];
  if (columns == 1) stride[1] = 1;
  if (rows == 1) stride[0] = stride[1] == 1 ? columns : 1;
  return (stride[1] == 1 && stride[0] >= columns) ||
         (stride[0] == 1 && stride[1] >= rows);
}

static int64_t matrices_of(const moon_call *call) {
  const moon_operand *y = &call->arg[Y];
  int64_t n = 1;
  for (int d = 0; d < y->ndim - 2; d++) n *= y->shape[d];
  return n;
}

static bool key_of(const moon_call *call, matmul_key *q) {
  const moon_operand *a = &call->arg[A], *b = &call->arg[B];
  const moon_operand *y = &call->arg[Y], *bias = cpu_optional(call, BIAS);
  int64_t y_stride[2], matrices = matrices_of(call);
  if (matrices == 0) return false;
  *q = (matmul_key){.kernel = MOON_K_matmul,
                    .m = y->shape[y->ndim - 2], .n = y->shape[y->ndim - 1],
                    .k = a->shape[a->ndim - 1],
                    .parts = matrices < MATMUL_PARTS
                                 ? MATMUL_PARTS / matrices : 1,
                    .has_bias = bias != NULL,
                    .adds = call->params.matmul.accumulate != 0,
                    .bf16 = call->params.matmul.bf16 && moon_has_bf16()};
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

/* Floats of scratch for one block of one slice. */
static int64_t block_numel(const matmul_state *s) {
  return s->direct ? 0 : (s->m.size * s->n.size + 15) / 16 * 16;
}

/* Of one matrix: a unit of work each. */
static int64_t blocks_of(const matmul_state *s) {
  return s->m.count * s->n.count * s->k.count;
}

/* A part has one block, or several whole products of one block each. */
static int32_t parts_for(const matmul_state *s, int64_t matrices) {
  double wanted = 1.34 * s->ns * (double)matrices / MATMUL_PART_NS;
  if (blocks_of(s) > 1) return (int32_t)(matrices * blocks_of(s));
  if (wanted > CPU_PARTS) wanted = CPU_PARTS;
  if (wanted > (double)matrices) wanted = (double)matrices;
  return wanted < 2 ? 1 : (int32_t)wanted;
}

static int plan_matmul(const moon_call *call, moon_plan *plan, int may_create,
                       moon_fail *fail) {
  matmul_key q;
  const matmul_state *s = NULL;
  if (key_of(call, &q)) {
    s = moon_cpu_matmul_state(&q, may_create);
    if (!s && !may_create) return MOON_E_BUSY;
  }
  if (!s || s->by_ref) {
    return cpu_plan_by(&moon_ref_matmul, call, plan, may_create, fail);
  }
  int64_t matrices = matrices_of(call);
  int32_t parts = parts_for(s, matrices);
  plan->parts[plan->phases++] = parts;
  plan->cost_ns = s->ns * (double)matrices;
  if (s->k.count > 1) {
    cpu_phase(plan, matrices * q.m,
              (double)(matrices * q.m * q.n * s->k.count), 0.3);
  }
  plan->scratch = (size_t)(parts * block_numel(s)) * sizeof(float) +
                  (size_t)(parts * (s->a_room + s->b_room)) * sizeof(uint16_t);
  plan->state = s;
  return MOON_OK;
}

/* --- run ------------------------------------------------------------------ */
/* One of the products: its first elements, and the scratch of its blocks. */
typedef struct product {
  const moon_call *call;
  const matmul_state *s;
  float *a, *b, *y, *bias, *scratch;
  uint16_t *room;  /* for a block of a and one of b in bf16 */
  int64_t y_stride;
} product;

static product product_at(const moon_call *call, const matmul_state *s,
                          float *scratch, int64_t matrix) {
  const moon_operand *y = &call->arg[Y], *bias = cpu_optional(call, BIAS);
  int64_t at[3] = {0};
  for (int d = y->ndim - 3; d >= 0; d--) {
    int64_t i = matrix % y->shape[d];
    matrix /= y->shape[d];
    for (int k = A; k <= Y; k++) at[k] += i * call->arg[k].stride[d];
  }
  return (product){.call = call, .s = s, .scratch = scratch,
                   .a = (float *)call->arg[A].data + at[A],
                   .b = (float *)call->arg[B].data + at[B],
                   .y = (float *)y->data + at[Y],
                   .bias = bias ? bias->data : NULL,
                   .y_stride = y->stride[y->ndim - 2]};
}

/* Block (i, j) of slice l. */
static int64_t block_at(const matmul_state *s, int64_t i, int64_t j,
                        int64_t l) {
  return (l * s->m.count + i) * s->n.count + j;
}

/* Row r of block (i, j) out of its slices, the first of which serves as the
 * sum. */
static void finish_row(const product *p, int64_t i, int64_t j, int64_t r) {
  const matmul_state *s = p->s;
  const cpu_weights_simd *simd = moon_cpu_simd()->weights;
  int64_t n = matmul_size(&s->n, j), first = j * s->n.size;
  int64_t block = block_at(s, i, j, 0) * block_numel(s);
  float *sum = p->scratch + block + r * n;
  float *to = p->y + (i * s->m.size + r) * p->y_stride + first;
  for (int64_t l = 1; l < s->k.count; l++) {
    block = block_at(s, i, j, l) * block_numel(s);
    simd->add(n, p->scratch + block + r * n, sum);
  }
  if (p->bias && s->k.count > 1) simd->add(n, p->bias + first, sum);
  if (p->call->params.matmul.accumulate) {
    simd->add(n, sum, to);
  } else {
    memcpy(to, sum, (size_t)n * sizeof *to);
  }
  if (p->call->params.matmul.epilogue == MOON_EPILOGUE_RELU) simd->relu(n, to);
}

/* What is left to do with a block when there is but one slice. */
static void finish_block(const product *p, int64_t i, int64_t j) {
  int64_t m = matmul_size(&p->s->m, i), n = matmul_size(&p->s->n, j);
  if (!p->s->direct) {
    for (int64_t r = 0; r < m; r++) finish_row(p, i, j, r);
  } else if (p->call->params.matmul.epilogue == MOON_EPILOGUE_RELU) {
    moon_cpu_simd()->weights->relu(m * n, p->y + i * p->s->m.size * n);
  }
}

/* The blocks of a and b at data[A] and data[B], of these sizes, in bf16. */
static void round_block(const product *p, const int64_t size[3],
                        void *data[]) {
  const matmul_state *s = p->s;
  const cpu_weights_simd *simd = moon_cpu_simd()->weights;
  const moon_operand *a = &p->call->arg[A], *b = &p->call->arg[B];
  const int64_t *as = a->stride + a->ndim - 2, *bs = b->stride + b->ndim - 2;
  int64_t m = size[0], n = size[1], k = size[2];
  uint16_t *b_room = p->room + s->a_room;
  simd->round(s->a_across ? k : m, s->a_across ? m : k, data[A],
              as[s->a_across], p->room);
  simd->round(s->b_across ? n : k, s->b_across ? k : n, data[B],
              bs[s->b_across], b_room);
  data[A] = p->room;
  data[B] = b_room;
}

static int run_block(const product *p, int64_t block, moon_fail *fail) {
  const matmul_state *s = p->s;
  int64_t j = block % s->n.count, i = block / s->n.count % s->m.count;
  int64_t l = block / (s->n.count * s->m.count);
  int64_t m = i * s->m.size, n = j * s->n.size, k = l * s->k.size;
  const moon_operand *a = &p->call->arg[A], *b = &p->call->arg[B];
  const int64_t *as = a->stride + a->ndim - 2, *bs = b->stride + b->ndim - 2;
  float *y = p->scratch + block * block_numel(s);
  if (s->direct) y = p->y + m * s->n.total;
  void *data[] = {p->a + m * as[0] + k * as[1], p->b + k * bs[0] + n * bs[1],
                  y, p->bias ? p->bias + n : NULL};
  dnn_primitive *dnn = s->primitive[i == s->m.count - 1][j == s->n.count - 1]
                                   [l == s->k.count - 1];
  if (s->bf16) {
    round_block(p, (int64_t[]){matmul_size(&s->m, i), matmul_size(&s->n, j),
                               matmul_size(&s->k, l)}, data);
  }
  int status = moon_dnn_run(dnn, data, fail);
  if (status == MOON_OK && s->k.count == 1) finish_block(p, i, j);
  return status;
}

/* Scratch is one block's for each part: where a product has more than one, a
 * part has one of them. */
static int run_blocks(const moon_call *call, const moon_plan *plan,
                      float *scratch, int part, moon_fail *fail) {
  const matmul_state *s = plan->state;
  int64_t lo, hi, blocks = blocks_of(s), numel = block_numel(s);
  uint16_t *rooms = (uint16_t *)(scratch + plan->parts[0] * numel);
  cpu_share(plan, 0, part, matrices_of(call) * blocks, 1, &lo, &hi);
  for (int64_t u = lo; u < hi; u++) {
    int64_t first = blocks > 1 ? u - u % blocks : part;
    product p = product_at(call, s, scratch + first * numel, u / blocks);
    p.room = rooms + part * (s->a_room + s->b_room);
    int status = run_block(&p, u % blocks, fail);
    if (status < 0) return status;
  }
  return MOON_OK;
}

static int run_matmul(const moon_call *call, const moon_plan *plan,
                      void *scratch, int phase, int part, moon_fail *fail) {
  if (plan->state == &moon_ref_matmul) {
    return moon_ref_matmul.run(call, plan, scratch, phase, part, fail);
  }
  const matmul_state *s = plan->state;
  if (phase == 0) return run_blocks(call, plan, scratch, part, fail);
  int64_t lo, hi, numel = blocks_of(s) * block_numel(s);
  cpu_share(plan, phase, part, matrices_of(call) * s->m.total, 1, &lo, &hi);
  for (int64_t row = lo; row < hi; row++) {
    int64_t matrix = row / s->m.total, of = row % s->m.total;
    product p = product_at(call, s, (float *)scratch + matrix * numel, matrix);
    for (int64_t j = 0; j < s->n.count; j++) {
      finish_row(&p, of / s->m.size, j, of % s->m.size);
    }
  }
  return MOON_OK;
}

const moon_kernel moon_cpu_matmul = {"matmul", plan_matmul, run_matmul};
