/* The gradient of attention; see ref/attention.c and attention.h. A unit of
 * work is a head's keys, or a run of them (a chunk) where heads are few: it
 * goes through all queries, computes their scores again from lse, and owns its
 * dk and dv. dq sums over keys: over the chunks in a second phase.
 */
#include "attention.h"

enum { DY, Q, K, V, MASK, Y, LSE, DQ, DK, DV, DS };
enum { UNITS = 16 };  /* wanted where heads are few */

CPU_COVERS(attention_grad) {
  const moon_operand *o = call->arg;
  return attend_covers(o + Q, &o[Y]) && attend_is_rows(&o[DY]) &&
         cpu_is_f32(&o[LSE]) && attend_is_rows(&o[DQ]) &&
         attend_is_rows(&o[DK]) && attend_is_rows(&o[DV]);
}

static attend attend_grad_of(const moon_call *call) {
  return attend_of(call, call->arg + Q, &call->arg[Y]);
}

/* --- how it is cut ---------------------------------------------------- */
typedef struct cut { int64_t chunks, size; } cut;  /* of a head; keys */

static cut cut_of(const attend *a) {
  double wanted = 2.5 * attend_work(a) / CPU_PART;
  int64_t chunks = wanted > UNITS ? UNITS : (int64_t)wanted;
  chunks = (chunks + a->heads - 1) / a->heads;
  if (chunks < 1) chunks = 1;
  int64_t size = (a->keys + chunks - 1) / chunks;
  size = (size + ATTEND_BLOCK - 1) / ATTEND_BLOCK * ATTEND_BLOCK;
  return (cut){(a->keys + size - 1) / size, size};
}

/* Of a part. Rows are padded with zeros to whole vectors; a lane is a query. */
typedef struct room {
  float *q_rows, *dy_rows;    /* [queries, features or values] */
  float *q, *dy, *dq;         /* [features or values, lanes] */
  float *p, *ds;              /* [keys, lanes] */
  float *lse, *d;             /* [lanes] */
  float *dk, *dv;             /* [keys of a chunk, features or values] */
} room;

static int64_t wider(const attend *a) {
  return a->features > a->values ? a->features : a->values;
}

/* dq's place holds y's lanes first. */
static int64_t room_numel(const attend *a, const cut *c) {
  int64_t width = attend_round(a->features) + attend_round(a->values);
  int64_t rows = a->features + a->values + wider(a) + 2 * ATTEND_BLOCK + 2;
  int64_t keys = a->keys < c->size ? a->keys : c->size;
  return attend_round((width + rows) * ATTEND_BLOCK + width * keys);
}

static room room_of(const attend *a, const cut *c, void *scratch, int part) {
  enum { B = ATTEND_BLOCK };
  room r;
  int64_t e = attend_round(a->features), v = attend_round(a->values);
  int64_t keys = a->keys < c->size ? a->keys : c->size;
  r.q_rows = (float *)scratch + part * room_numel(a, c);
  r.dy_rows = r.q_rows + e * B;
  r.q = r.dy_rows + v * B;
  r.dy = r.q + a->features * B;
  r.dq = r.dy + a->values * B;
  r.p = r.dq + wider(a) * B;
  r.ds = r.p + B * B;
  r.lse = r.ds + B * B;
  r.d = r.lse + B;
  r.dk = r.d + B;
  r.dv = r.dk + e * keys;
  return r;
}

CPU_CUT(attention_grad) {
  attend a = attend_grad_of(call);
  cut c = cut_of(&a);
  cpu_phase(plan, a.heads * c.chunks, 2.5 * attend_work(&a), 0.3);
  int64_t numel = plan->parts[0] * room_numel(&a, &c);
  if (c.chunks > 1) {
    int64_t sums = a.heads * a.queries * a.features * c.chunks;
    cpu_phase(plan, a.heads * a.queries, (double)sums, 0.3);
    numel += sums;
  }
  plan->scratch = cpu_align64((size_t)numel * sizeof(float));
}

/* --- one chunk -------------------------------------------------------- */
/* A head's matrices and the keys of a chunk; dq is the chunk's own where there
 * are several. */
typedef struct unit {
  const attend *a;
  room r;
  attend_rows q, k, v, y, dy, dq, dk, dv, ds;
  int64_t from, to;           /* keys */
} unit;

/* to[lane, c] = by x[lane, c], zeros beyond. */
static void gather_rows(const attend_block *b, attend_rows x, int64_t columns,
                        float by, float *to) {
  int64_t width = attend_round(columns);
  for (int64_t l = 0; l < b->n; l++, to += width) {
    const float *row = x.data + (b->i + l) * x.row;
    for (int64_t c = 0; c < columns; c++) to[c] = by * row[c];
    for (int64_t c = columns; c < width; c++) to[c] = 0;
  }
}

/* The block's queries, in all the forms that products want. */
static void load_queries(const moon_call *call, const unit *u,
                         const attend_block *b) {
  const attend *a = u->a;
  const room *r = &u->r;
  const moon_operand *lse = &call->arg[LSE];
  int64_t step = lse->stride[lse->ndim - 1], lanes = b->lanes;
  const float *from =
      (const float *)lse->data + attend_place(a, lse, b->head) + b->i * step;
  gather_rows(b, u->q, a->features, a->scale, r->q_rows);
  gather_rows(b, u->dy, a->values, 1, r->dy_rows);
  attend_turn(b, u->q, a->features, a->scale, r->q);
  attend_turn(b, u->dy, a->values, 1, r->dy);
  attend_turn(b, u->y, a->values, 1, r->dq);
  for (int64_t l = 0; l < lanes; l++) {
    /* Without keys, and beyond the queries, exp(s - lse) is 0. */
    float v = l < b->n ? from[l * step] : INFINITY;
    r->lse[l] = v == -INFINITY ? INFINITY : v;
    r->d[l] = 0;
  }
  for (int64_t c = 0; c < a->values; c++) {
    const float *restrict y = r->dq + c * lanes;
    const float *restrict dy = r->dy + c * lanes;
    for (int64_t l = 0; l < lanes; l++) r->d[l] += y[l] * dy[l];
  }
}

/* p = exp(s - lse), ds = p (ds - d), for the block's keys. */
static void weigh(const attend_block *b, const room *r) {
  const float *restrict lse = r->lse, *restrict d = r->d;
  float *restrict p = r->p, *restrict ds = r->ds;
  for (int64_t k = 0; k < b->m; k++, p += b->lanes, ds += b->lanes) {
    for (int64_t l = 0; l < b->lanes; l += WIDE) {
      wide v = wide_exp(wide_load(p + l) - wide_load(lse + l));
      wide_store(p + l, v);
      wide_store(ds + l, v * (wide_load(ds + l) - wide_load(d + l)));
    }
  }
}

/* What the block's keys and queries give each other. */
static void meet(const unit *u, const attend_block *b) {
  const room *r = &u->r;
  int64_t lanes = b->lanes, at = b->j - u->from;
  int64_t e = attend_round(u->a->features), v = attend_round(u->a->values);
  simd_product dq = {.m = u->a->features, .k = b->m, .lanes = lanes,
                     .a = u->k.data + b->j * u->k.row, .a_row = 1,
                     .a_column = u->k.row, .b = r->ds, .b_row = lanes,
                     .c = r->dq, .c_row = lanes, .adds = b->j > u->from};
  simd_product dk = {.m = b->m, .k = b->n, .lanes = e, .a = r->ds,
                     .a_row = lanes, .a_column = 1, .b = r->q_rows, .b_row = e,
                     .c = r->dk + at * e, .c_row = e, .adds = true};
  simd_product dv = {.m = b->m, .k = b->n, .lanes = v, .a = r->p,
                     .a_row = lanes, .a_column = 1, .b = r->dy_rows,
                     .b_row = v, .c = r->dv + at * v, .c_row = v,
                     .adds = true};
  simd_multiply(&dq);
  simd_multiply(&dk);
  simd_multiply(&dv);
}

/* Rows [n, columns] of padded rows go to keys from..n of `to`. */
static void store_keys(const unit *u, const float *rows, int64_t columns,
                       attend_rows to) {
  int64_t width = attend_round(columns);
  for (int64_t j = u->from; j < u->to; j++, rows += width) {
    memcpy(to.data + j * to.row, rows, (size_t)columns * sizeof *rows);
  }
}

/* The queries of a block meet the unit's keys. */
static void run_queries(const unit *u, attend_block b) {
  const attend *a = u->a;
  const room *r = &u->r;
  int64_t j = u->from, numel = a->features * b.lanes;
  for (; attend_keys(a, &b, j, u->to); j += ATTEND_BLOCK) {
    attend_scores(&b, u->k, a->features, r->q, r->p);
    attend_scores(&b, u->v, a->values, r->dy, r->ds);
    attend_mask(a, &b, r->p);
    weigh(&b, r);
    meet(u, &b);
    if (!u->ds.data) continue;
    simd_transpose_any(r->ds, b.lanes, u->ds.data + b.i * u->ds.row + j,
                       u->ds.row, b.m, b.n);
  }
  for (int64_t k = 0; k < numel; k++) {
    r->dq[k] = j > u->from ? r->dq[k] * a->scale : 0;
  }
  simd_transpose_any(r->dq, b.lanes, u->dq.data + b.i * u->dq.row, u->dq.row,
                     a->features, b.n);
  int64_t met = b.i + b.n > u->from ? b.i + b.n : u->from;
  if (!u->ds.data || !a->causal || met >= u->to) return;
  for (int64_t l = 0; l < b.n; l++) {  /* keys that these queries never meet */
    float *row = u->ds.data + (b.i + l) * u->ds.row;
    memset(row + met, 0, (size_t)(u->to - met) * sizeof *row);
  }
}

static void run_unit(const moon_call *call, const unit *u, int64_t head) {
  const attend *a = u->a;
  size_t keys = (size_t)(u->to - u->from) * sizeof(float);
  memset(u->r.dk, 0, keys * (size_t)attend_round(a->features));
  memset(u->r.dv, 0, keys * (size_t)attend_round(a->values));
  for (int64_t i = 0; i * ATTEND_BLOCK < a->queries; i++) {
    attend_block b = attend_queries(a, head, i);
    load_queries(call, u, &b);
    run_queries(u, b);
  }
  store_keys(u, u->r.dk, a->features, u->dk);
  store_keys(u, u->r.dv, a->values, u->dv);
}

static unit unit_of(const moon_call *call, const attend *a, int64_t head) {
  const moon_operand *o = call->arg;
  unit u = {.a = a, .q = attend_rows_of(a, &o[Q], head),
            .k = attend_rows_of(a, &o[K], head),
            .v = attend_rows_of(a, &o[V], head),
            .y = attend_rows_of(a, &o[Y], head),
            .dy = attend_rows_of(a, &o[DY], head),
            .dq = attend_rows_of(a, &o[DQ], head),
            .dk = attend_rows_of(a, &o[DK], head),
            .dv = attend_rows_of(a, &o[DV], head)};
  if (cpu_optional(call, DS)) u.ds = attend_rows_of(a, &o[DS], head);
  return u;
}

/* Query `row` of a head: dq as the sum of what the chunks made of it. */
static void sum_chunks(const attend *a, const cut *c, const float *partial,
                       int64_t query, float *restrict to) {
  int64_t e = a->features, step = a->queries * e;
  memcpy(to, partial + query * e, (size_t)e * sizeof *to);
  for (int64_t k = 1; k < c->chunks; k++) {
    const float *more = partial + k * step + query * e;
    for (int64_t i = 0; i < e; i++) to[i] += more[i];
  }
}

CPU_RUN(attention_grad) {
  attend a = attend_grad_of(call);
  cut c = cut_of(&a);
  int64_t lo, hi, of_dq = a.queries * a.features;
  float *partial =
      (float *)scratch + plan->parts[0] * room_numel(&a, &c);
  int64_t units = phase == 0 ? a.heads * c.chunks : a.heads * a.queries;
  cpu_share(plan, phase, part, units, 1, &lo, &hi);
  for (int64_t i = lo; i < hi && phase == 0; i++) {
    int64_t head = i / c.chunks, chunk = i % c.chunks;
    unit u = unit_of(call, &a, head);
    u.r = room_of(&a, &c, scratch, part);
    u.from = chunk * c.size;
    u.to = u.from + c.size < a.keys ? u.from + c.size : a.keys;
    if (c.chunks > 1) u.dq = (attend_rows){partial + i * of_dq, a.features};
    run_unit(call, &u, head);
  }
  for (int64_t i = lo; i < hi && phase == 1; i++) {
    int64_t head = i / a.queries, query = i % a.queries;
    attend_rows dq = attend_rows_of(&a, &call->arg[DQ], head);
    sum_chunks(&a, &c, partial + head * c.chunks * of_dq, query,
               dq.data + query * dq.row);
  }
  return MOON_OK;
}

SIMD_KERNEL(attention_grad)
