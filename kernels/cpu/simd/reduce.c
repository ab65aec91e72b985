/* Reductions of f32 over any dimensions; see ref/reduce.c.
 *
 * What is kept has `width` neighbours in x (1 where the neighbours are
 * reduced). A unit is up to TILE of them, that is columns which are reduced
 * side by side. Parts share the units; where these are few, parts share the
 * elements of every unit, and a second phase joins what they found. Short rows
 * have a way of their own (reduce_rows.h).
 */
#include "reduce_rows.h"

enum { TILE = 1024, UNIT = 250, ROW = 24 };  /* elements a unit costs like */

typedef struct reduction {
  int kind;
  cpu_loop kept;           /* of x (operand 0) and y */
  cpu_loop block;          /* of x: what becomes one element */
  int64_t width, tiles;    /* tiles: units next to each other */
  int64_t outer, n, units; /* units = outer tiles; n elements become one */
} reduction;

static reduction reduction_of(const moon_call *call) {
  const moon_operand *x = &call->arg[0], *y = &call->arg[1];
  moon_operand heads = *x, block = *x;
  for (int d = 0; d < x->ndim; d++) {
    bool reduced = call->params.reduce.dims >> d & 1;
    *(reduced ? &heads.shape[d] : &block.shape[d]) = 1;
  }
  const moon_operand *kept[] = {&heads, y}, *inside[] = {&block};
  reduction r = {.kind = call->params.reduce.kind,
                 .kept = cpu_loop_of(kept, 2),
                 .block = cpu_loop_of(inside, 1)};
  bool neighbours = cpu_inner(&r.kept, 0) == 1;
  r.width = neighbours ? r.kept.shape[r.kept.ndim - 1] : 1;
  r.tiles = (r.width + TILE - 1) / TILE;
  r.outer = r.kept.numel / r.width;
  r.n = r.block.numel;
  r.units = r.outer * r.tiles;
  return r;
}

/* Each unit is a short row in one piece of memory. */
static bool is_rows(const reduction *r) {
  return simd_row_reduces(r->kind) && r->width == 1 && r->n <= SIMD_STAGE &&
         r->block.ndim == 1 && cpu_inner(&r->block, 0) == 1;
}

CPU_COVERS(reduce) {
  return cpu_is_f32(&call->arg[0]) && moon_operand_numel(&call->arg[0]) > 0;
}

/* Two moments per column at most. */
static size_t partial_size(const reduction *r) {
  return (size_t)(2 * r->kept.numel);
}

CPU_CUT(reduce) {
  reduction r = reduction_of(call);
  double work = (double)r.kept.numel * (double)r.n;
  bool few = r.units < CPU_PARTS && (double)r.units < work / CPU_PART;
  double ns = cpu_inner(&r.block, 0) == r.width || r.width > 8 ? 0.2 : 2;
  if (r.kind == MOON_R_LOGSUMEXP) ns *= 4;
  work += (is_rows(&r) ? ROW : UNIT) * (double)r.units;
  cpu_phase(plan, few ? r.n : r.units, work, ns);
  if (!few || plan->parts[0] == 1) return;
  int parts = plan->parts[0];
  cpu_phase(plan, 1, (double)(r.kept.numel * parts), 0.5);
  plan->scratch =
      cpu_align64(partial_size(&r) * (size_t)parts * sizeof(double));
}

/* --- columns ---------------------------------------------------------- */
/* Of one unit: its sums, products or extremes; of a variance also the squares
 * and their shifts; of logsumexp the sums of e^(x - first) in `square`. */
typedef struct state { double *first, *square, *shift; } state;

static bool has_spread(int kind) {
  return kind == MOON_R_VAR || kind == MOON_R_STD;
}

static bool has_two(int kind) {
  return has_spread(kind) || kind == MOON_R_LOGSUMEXP;
}

#define WINS(a, relation, b) \
  (((a) relation (b)) | (((a) != (a)) & ((b) == (b))))
/* In float, as all that may win is one. */
#define EXTREME(name, relation)                                         \
  static void name##_run(int64_t n, int64_t width,                      \
                         const float *restrict x,                       \
                         double *restrict best) {                       \
    float own[TILE];                                                    \
    for (int64_t c = 0; c < width; c++) own[c] = (float)best[c];        \
    for (int64_t i = 0; i < n; i += width) {                            \
      SIMD_COLUMNS(simd_row_at(i, n, width),                            \
                   float a = x[i + c];                                  \
                   own[c] = WINS(a, relation, own[c]) ? a : own[c];)    \
    }                                                                   \
    for (int64_t c = 0; c < width; c++) best[c] = (double)own[c];       \
  }                                                                     \
  static void name##_join(int64_t n, const double *a, double *best) {   \
    for (int64_t i = 0; i < n; i++) {                                   \
      best[i] = WINS(a[i], relation, best[i]) ? a[i] : best[i];         \
    }                                                                   \
  }
EXTREME(max, >)
EXTREME(min, <)

static void multiply(int64_t n, int64_t width, const float *restrict x,
                     double *restrict product) {
  for (int64_t i = 0; i < n; i += width) {
    int64_t m = simd_row_at(i, n, width);
    for (int64_t c = 0; c < m; c++) product[c] *= (double)x[i + c];
  }
}

static void add_powers(int64_t n, int64_t width, const float *restrict x,
                       const double *restrict less, double *restrict sum) {
  for (int64_t i = 0; i < n; i += width) {
    int64_t m = simd_row_at(i, n, width);
    for (int64_t c = 0; c < m; c++) {
      sum[c] += (double)simd_exp(x[i + c] - (float)less[c]);
    }
  }
}

static void add_run(int kind, int64_t n, int64_t width, const float *x,
                    state s) {
  switch (kind) {
    case MOON_R_MAX: max_run(n, width, x, s.first); break;
    case MOON_R_MIN: min_run(n, width, x, s.first); break;
    case MOON_R_NORM: simd_add_squares(n, width, x, s.first); break;
    case MOON_R_PROD: multiply(n, width, x, s.first); break;
    case MOON_R_LOGSUMEXP: add_powers(n, width, x, s.first, s.square); break;
    case MOON_R_VAR:
    case MOON_R_STD:
      simd_add_spread(n, width, x, (simd_spread){s.first, s.square, s.shift});
      break;
    default: simd_add_sums(n, width, x, s.first);
  }
}

/* What n columns found, joined with what others found for them. */
static void join(int kind, int64_t n, const double *more, double *into) {
  if (kind == MOON_R_MAX) {
    max_join(n, more, into);
  } else if (kind == MOON_R_MIN) {
    min_join(n, more, into);
  } else if (kind == MOON_R_PROD) {
    for (int64_t i = 0; i < n; i++) into[i] *= more[i];
  } else {
    for (int64_t i = 0; i < n; i++) into[i] += more[i];
  }
}

/* Of no elements. */
static double none_of(int kind) {
  switch (kind) {
    case MOON_R_MAX: return -INFINITY;
    case MOON_R_MIN: return INFINITY;
    case MOON_R_PROD: return 1;
    default: return 0;
  }
}

static void begin(int kind, const float *x, simd_columns c, state s) {
  for (int64_t i = 0; i < c.width; i++) s.first[i] = none_of(kind);
  if (!has_spread(kind)) return;
  for (int64_t i = 0; i < c.width; i++) {
    s.square[i] = 0;
    s.shift[i] = simd_shift_of(x[i % c.n]);
  }
}

static void fold(int kind, simd_columns c, double *v) {
  for (int64_t half = c.width / 2; half >= c.n; half /= 2) {
    join(kind, half, v + half, v);
  }
}

/* Elements range[0] to range[1] of each block of a unit, the first at x. */
static void add_block(const reduction *r, int kind, const float *x,
                      simd_columns c, state s, const int64_t range[2]) {
  int64_t step = cpu_inner(&r->block, 0);
  bool dense = step == c.n;  /* the next row follows the last column */
  cpu_walk w = cpu_walk_from(&r->block, range[0], range[1], INT64_MAX);
  for (; w.n > 0; cpu_walk_next(&w)) {
    const float *from = x + w.at[0];
    if (dense) {
      add_run(kind, w.n * c.n, c.width, from, s);
      continue;
    }
    for (int64_t i = 0; i < w.n; i++) {
      add_run(kind, c.n, c.width, from + i * step, s);
    }
  }
}

/* In two passes: the maxima, 0 in place of those that are not finite, and then
 * the sums. */
static void add_logs(const reduction *r, const float *x, simd_columns c,
                     state s, const int64_t range[2]) {
  begin(MOON_R_MAX, x, c, s);
  add_block(r, MOON_R_MAX, x, c, s, range);
  fold(MOON_R_MAX, c, s.first);
  for (int64_t i = 0; i < c.width; i++) {
    s.first[i] = isfinite(s.first[i % c.n]) ? s.first[i % c.n] : 0;
    s.square[i] = 0;
  }
  add_block(r, MOON_R_LOGSUMEXP, x, c, s, range);
  fold(MOON_R_SUM, c, s.square);
}

/* Where a sum is 0, all its x are minus infinity. */
static void join_logs(int64_t n, const double *more, int64_t sums,
                      double *into) {
  for (int64_t i = 0; i < n; i++) {
    double a = into[i], b = more[i], max = a > b ? a : b;
    double sum = into[sums + i], other = more[sums + i];
    if (other == 0) continue;
    into[i] = sum == 0 ? b : max;
    into[sums + i] =
        sum == 0 ? other : sum * exp(a - max) + other * exp(b - max);
  }
}

/* --- units ------------------------------------------------------------ */
typedef struct unit {
  int64_t x, y;       /* where its first column is */
  int64_t number, n;  /* that column among all of y; columns */
} unit;

static unit unit_at(const reduction *r, int64_t u) {
  int64_t column = u % r->tiles * TILE, left = r->width - column;
  unit t = {.number = u / r->tiles * r->width + column};
  cpu_walk w = cpu_walk_from(&r->kept, t.number, t.number + 1, 1);
  t.x = w.at[0];
  t.y = w.at[1];
  t.n = left < TILE ? left : TILE;
  return t;
}

static void store(const reduction *r, const moon_operand *y, unit t,
                  const double *first, const double *square) {
  double n = (double)r->n;
  float *to = (float *)y->data + t.y;
  int64_t step = cpu_inner(&r->kept, 1);
  for (int64_t i = 0; i < t.n; i++) {
    double v = first[i];
    if (r->kind == MOON_R_MEAN) v /= n;
    if (r->kind == MOON_R_NORM) v = sqrt(v);
    if (r->kind == MOON_R_LOGSUMEXP) v += log(square[i]);
    if (has_spread(r->kind)) {
      v = n < 2 ? NAN : simd_variance(n, v, square[i]) * (n / (n - 1));
    }
    if (r->kind == MOON_R_STD) v = sqrt(v);
    to[i * step] = (float)v;
  }
}

/* Elements lo to hi of the blocks of unit u: to y, or into `partial`. */
static void run_unit(const moon_call *call, const reduction *r, int64_t u,
                     int64_t lo, int64_t hi, double *partial) {
  double room[3][TILE];
  state s = {room[0], room[1], room[2]};
  unit t = unit_at(r, u);
  const float *x = (const float *)call->arg[0].data + t.x;
  simd_columns c = simd_columns_of(t.n, r->n);
  int64_t range[] = {lo, hi};
  if (r->kind == MOON_R_LOGSUMEXP) {
    add_logs(r, x, c, s, range);
  } else {
    begin(r->kind, x, c, s);
    add_block(r, r->kind, x, c, s, range);
    fold(r->kind, c, s.first);
    if (has_spread(r->kind)) fold(r->kind, c, s.square);
  }
  if (!partial) {
    store(r, &call->arg[1], t, s.first, s.square);
    return;
  }
  size_t nbytes = (size_t)t.n * sizeof(double);
  memcpy(partial + t.number, s.first, nbytes);
  if (!has_two(r->kind)) return;
  memcpy(partial + r->kept.numel + t.number, s.square, nbytes);
}

static void run_rows(const moon_call *call, const reduction *r, int64_t lo,
                     int64_t hi) {
  int64_t x_step = cpu_inner(&r->kept, 0), y_step = cpu_inner(&r->kept, 1);
  for (cpu_walk w = cpu_walk_from(&r->kept, lo, hi, INT64_MAX); w.n > 0;
       cpu_walk_next(&w)) {
    const float *x = (const float *)call->arg[0].data + w.at[0];
    float *y = (float *)call->arg[1].data + w.at[1];
    for (int64_t i = 0; i < w.n; i++) {
      y[i * y_step] = (float)simd_row_reduce(r->kind, r->n, x + i * x_step);
    }
  }
}

static void finish(const moon_call *call, const reduction *r, int parts,
                   double *partial) {
  int64_t pitch = (int64_t)partial_size(r), n = r->kept.numel;
  for (int k = 1; k < parts; k++) {
    double *more = partial + k * pitch;
    if (r->kind == MOON_R_LOGSUMEXP) {
      join_logs(n, more, n, partial);
      continue;
    }
    join(r->kind, n, more, partial);
    if (has_spread(r->kind)) join(r->kind, n, more + n, partial + n);
  }
  for (int64_t u = 0; u < r->units; u++) {
    unit t = unit_at(r, u);
    store(r, &call->arg[1], t, partial + t.number, partial + n + t.number);
  }
}

CPU_RUN(reduce) {
  reduction r = reduction_of(call);
  int64_t lo, hi;
  if (phase == 1) {
    finish(call, &r, plan->parts[0], scratch);
  } else if (plan->phases == 2) {
    double *partial = (double *)scratch + part * (int64_t)partial_size(&r);
    cpu_share(plan, phase, part, r.n, CPU_GRAIN, &lo, &hi);
    for (int64_t u = 0; u < r.units; u++) {
      run_unit(call, &r, u, lo, hi, partial);
    }
  } else {
    cpu_share(plan, phase, part, r.units, 1, &lo, &hi);
    if (is_rows(&r)) {
      run_rows(call, &r, lo, hi);
      return MOON_OK;
    }
    for (int64_t u = lo; u < hi; u++) run_unit(call, &r, u, 0, r.n, NULL);
  }
  return MOON_OK;
}

SIMD_KERNEL(reduce)
