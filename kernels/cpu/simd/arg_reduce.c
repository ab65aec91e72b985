/* The extreme along one dimension and its place, f32; see ref/reduce.c: NaN
 * wins, and of equals the first. Lines that are neighbours in memory are looked
 * at side by side, a tile of them at a time; others one by one.
 */
#include "columns.h"
#include "wide.h"

enum { TILE = 512 };
enum { X, Y, I };

typedef struct lines {
  cpu_loop heads;        /* of x, i and y: where lines begin */
  int64_t n, step;       /* elements of a line; how far apart in x */
  int64_t width, tiles;  /* lines side by side; tiles of them */
  bool has_y;
} lines;

static int dimension(const moon_call *call) {
  return __builtin_ctz(call->params.reduce.dims);
}

static lines lines_of(const moon_call *call) {
  moon_operand x = call->arg[X];
  int dim = dimension(call);
  lines l = {.n = x.shape[dim], .step = x.stride[dim], .width = 1, .tiles = 1,
             .has_y = call->arg[Y].data != NULL};
  x.shape[dim] = 1;
  const moon_operand *i = &call->arg[I], *y = l.has_y ? &call->arg[Y] : i;
  const moon_operand *o[] = {&x, i, y};
  l.heads = cpu_loop_of(o, 3);
  bool side_by_side = true;
  for (int k = 0; k < 3; k++) side_by_side &= cpu_inner(&l.heads, k) == 1;
  if (side_by_side) {
    l.width = l.heads.shape[l.heads.ndim - 1];
    l.tiles = (l.width + TILE - 1) / TILE;
  }
  return l;
}

static int64_t units_of(const lines *l) {
  return l->heads.numel / l->width * l->tiles;
}

CPU_COVERS(arg_reduce) {
  const moon_operand *x = &call->arg[X];
  uint32_t dims = call->params.reduce.dims;
  return cpu_is_f32(x) && moon_operand_numel(x) > 0 && dims != 0 &&
         (dims & (dims - 1)) == 0 && x->shape[dimension(call)] < INT32_MAX &&
         call->arg[I].dtype == MOON_I64;
}

CPU_CUT(arg_reduce) {
  lines l = lines_of(call);
  double n = (double)moon_operand_numel(&call->arg[X]);
  cpu_phase(plan, units_of(&l), n, 0.5);
}

#define WINS(a, relation, b) \
  (((a) relation (b)) | (((a) != (a)) & ((b) == (b))))

/* The place of the extreme of a line in one piece: first the extreme, or a
 * NaN, then where it is. */
static int64_t find(int64_t n, const float *x, bool is_max) {
  wide sign = wide_all(is_max ? 1 : -1), none = wide_all(-INFINITY);
  wide rest = none * sign, best = none, nan = wide_all(NAN);
  uint32_t all = (1u << WIDE) - 1, numbers = all;  /* a bit a lane */
  for (int64_t i = 0; i < n; i += WIDE) {
    wide v = wide_load_or(x + i, simd_row_at(i, n, WIDE), rest) * sign;
    numbers &= wide_equal(v, v);
    best = wide_max(v, best);
  }
  int64_t at = 0;
  if (numbers != all) {
    while (x[at] == x[at]) at++;
    return at;
  }
  best = wide_all(wide_most(best)) * sign;
  for (; at < n; at += WIDE) {
    wide v = wide_load_or(x + at, simd_row_at(at, n, WIDE), nan);
    uint32_t bits = wide_equal(v, best);
    if (bits) return at + __builtin_ctz(bits);
  }
  return 0;
}

/* name_walk: the place of a line's extreme, step by step. name_rows: of n lines
 * side by side. */
#define EXTREME(name, relation)                                             \
  static int64_t name##_walk(int64_t n, const float *x, int64_t step) {     \
    int64_t best = 0;                                                       \
    for (int64_t i = 1; i < n; i++) {                                       \
      if (WINS(x[i * step], relation, x[best * step])) best = i;            \
    }                                                                       \
    return best;                                                            \
  }                                                                         \
  static void name##_rows(int64_t n, const float *restrict x, int32_t row,  \
                          float *restrict best, int32_t *restrict place) {  \
    for (int64_t k = 0; k < n; k++) {                                       \
      float a = x[k], b = best[k];                                          \
      int32_t old = place[k];                                               \
      bool wins = WINS(a, relation, b);                                     \
      best[k] = wins ? a : b;                                               \
      place[k] = wins ? row : old;                                          \
    }                                                                       \
  }
EXTREME(max, >)
EXTREME(min, <)

/* n lines from x; their places to `to` and, where y is wanted, the values. */
static void run_tile(const lines *l, int64_t n, bool is_max, const float *x,
                     int64_t *to, float *y) {
  float best[TILE];
  int32_t place[TILE] = {0};
  memcpy(best, x, (size_t)n * sizeof *best);
  for (int64_t i = 1; i < l->n; i++) {
    if (is_max) {
      max_rows(n, x + i * l->step, (int32_t)i, best, place);
    } else {
      min_rows(n, x + i * l->step, (int32_t)i, best, place);
    }
  }
  for (int64_t k = 0; k < n; k++) to[k] = place[k];
  if (y) memcpy(y, best, (size_t)n * sizeof *y);
}

static void run_line(const lines *l, bool is_max, const float *x, int64_t *to,
                     float *y) {
  if (l->step == 1) {
    *to = find(l->n, x, is_max);
  } else {
    *to = is_max ? max_walk(l->n, x, l->step) : min_walk(l->n, x, l->step);
  }
  if (y) *y = x[*to * l->step];
}

CPU_RUN(arg_reduce) {
  lines l = lines_of(call);
  bool is_max = call->params.reduce.kind == MOON_R_MAX;
  int64_t lo, hi;
  cpu_share(plan, phase, part, units_of(&l), 1, &lo, &hi);
  for (int64_t u = lo; u < hi; u++) {
    int64_t column = u % l.tiles * TILE, left = l.width - column;
    int64_t first = u / l.tiles * l.width + column;
    cpu_walk w = cpu_walk_from(&l.heads, first, first + 1, 1);
    const float *x = (const float *)call->arg[X].data + w.at[0];
    int64_t *to = (int64_t *)call->arg[I].data + w.at[1];
    float *y = l.has_y ? (float *)call->arg[Y].data + w.at[2] : NULL;
    if (l.width == 1) {
      run_line(&l, is_max, x, to, y);
    } else {
      run_tile(&l, left < TILE ? left : TILE, is_max, x, to, y);
    }
  }
  return MOON_OK;
}

SIMD_KERNEL(arg_reduce)
