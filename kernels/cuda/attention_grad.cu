/* The gradient of attention, from scores that are computed again (attention.h):
 * one launch has tiles of queries, for dq and the mask's gradient, another
 * tiles of keys, for dk and dv, so that nothing is added by two blocks.
 * Scratch: D, a number for each query.
 */
#include "attention.h"

namespace {

enum { DY, Q, K, V, MASK, Y, LSE, DQ, DK, DV, DS, OPERANDS };

/* What is written. */
template <typename T> struct result {
  T *data;
  int64_t row, column, rows, columns;

  template <typename A, int R>
  MOON_DEVICE void store(int64_t at, int64_t first, int64_t chunk,
                         const A (&sum)[R][R], A scale) const {
    for (int i = 0; i < R; i++) {
      int64_t r = first + moon_tile_row() + MOON_TILE_SIDE * i;
      for (int j = 0; j < R; j++) {
        int64_t c = chunk + moon_tile_column() + MOON_TILE_SIDE * j;
        if (r >= rows || c >= columns) continue;
        moon_store(&data[at + r * row + c * column], scale * sum[i][j]);
      }
    }
  }
};

template <typename T> result<T> result_of(const moon_operand *o) {
  moon_sheet<T> s = moon_sheet_of<T>(o);
  return result<T>{(T *)o->data, s.row, s.column, s.rows, s.columns};
}

template <typename T> struct attend {
  moon_sheet<T> dy, q, k, v, y;
  result<T> dq, dk, dv, ds;
  moon_attend_scores<T> scores;
  moon_line lse;
  int64_t lse_row;
  moon_computed<T> *of_rows;  /* D */
  moon_attend_grid grid;
  moon_places<OPERANDS> heads;
};

/* D_i = dy_i . y_i, a warp's each. */
template <typename T> __global__ void find_rows(attend<T> p) {
  typedef moon_computed<T> A;
  int64_t warps = (int64_t)gridDim.x * blockDim.x / MOON_WARP;
  int64_t n = p.heads.n * p.scores.queries;
  int64_t u = ((int64_t)blockIdx.x * blockDim.x + threadIdx.x) / MOON_WARP;
  for (; u < n; u += warps) {
    int64_t at[OPERANDS], i = u % p.scores.queries;
    p.heads.find(u / p.scores.queries, at);
    const T *dy = p.dy.data + at[DY] + i * p.dy.row;
    const T *y = p.y.data + at[Y] + i * p.y.row;
    A sum = 0;
    for (int64_t c = threadIdx.x % MOON_WARP; c < p.y.columns; c += MOON_WARP) {
      sum += (A)moon_load(dy[c * p.dy.column]) * moon_load(y[c * p.y.column]);
    }
    sum = moon_warp_fold(sum, moon_plus());
    if (threadIdx.x % MOON_WARP == 0) p.of_rows[u] = sum;
  }
}

/* s, q_i . k_j, becomes p_ij, and d, dy_i . v_j, becomes ds_ij. */
template <typename T, typename A>
MOON_DEVICE void weigh(const attend<T> &p, const int64_t at[OPERANDS],
                       int64_t i, int64_t j, A *s, A *d) {
  A score = p.scores.of(*s, at[MASK], i, j);
  *s = 0;
  if (score != -(A)INFINITY) {
    *s = exp(score - (A)p.lse.load(at[LSE] + i * p.lse_row));
    *d -= p.of_rows[p.grid.head() * p.scores.queries + i];
  }
  *d *= *s;
}

template <typename A, int R, int SIDE>
MOON_DEVICE void keep(A (&to)[SIDE][SIDE + 1], const A (&v)[R][R]) {
  __syncthreads();  /* somebody may still read */
  for (int i = 0; i < R; i++) {
    for (int j = 0; j < R; j++) {
      to[moon_tile_row() + MOON_TILE_SIDE * i]
        [moon_tile_column() + MOON_TILE_SIDE * j] = v[i][j];
    }
  }
}

template <typename T, int R> __global__ void by_queries(attend<T> p) {
  typedef moon_computed<T> A;
  enum { SIDE = MOON_TILE_SIDE * R };
  __shared__ moon_tile_room<A, R> room;
  __shared__ A kept[SIDE][SIDE + 1];
  int64_t first = p.grid.tile() * SIDE, chunk = p.grid.chunk() * SIDE;
  int64_t at[OPERANDS], keys = p.scores.keys;
  A sum[R][R] = {};
  p.heads.find(p.grid.head(), at);
  moon_sheet<T> q = moon_sheet_at(p.q, at[Q]).from(first);
  moon_sheet<T> dy = moon_sheet_at(p.dy, at[DY]).from(first);
  moon_sheet<T> k = moon_sheet_at(p.k, at[K]), v = moon_sheet_at(p.v, at[V]);
  moon_sheet<T> k_chunk = k.across().from(chunk).across();
  bool stops = p.scores.causal && !p.ds.data && first + SIDE < keys;
  if (stops) keys = first + SIDE;
  for (int64_t j0 = 0; j0 < keys; j0 += SIDE) {
    A s[R][R] = {}, d[R][R] = {};
    moon_tile_dots(s, q, k.from(j0), room);
    moon_tile_dots(d, dy, v.from(j0), room);
    for (int i = 0; i < R; i++) {
      int64_t r = first + moon_tile_row() + MOON_TILE_SIDE * i;
      for (int j = 0; j < R; j++) {
        int64_t c = j0 + moon_tile_column() + MOON_TILE_SIDE * j;
        weigh(p, at, r, c, &s[i][j], &d[i][j]);
      }
    }
    if (p.ds.data && chunk == 0) p.ds.store(at[DS], first, j0, d, (A)1);
    keep(kept, d);
    moon_tile_times(sum, kept, k_chunk.from(j0).across(), room);
  }
  p.dq.store(at[DQ], first, chunk, sum, p.scores.scale);
}

/* Its tiles have a key a row and a query a column. */
template <typename T, int R> __global__ void by_keys(attend<T> p) {
  typedef moon_computed<T> A;
  enum { SIDE = MOON_TILE_SIDE * R };
  __shared__ moon_tile_room<A, R> room;
  __shared__ A kept[SIDE][SIDE + 1];
  int64_t first = p.grid.tile() * SIDE, chunk = p.grid.chunk() * SIDE;
  int64_t at[OPERANDS];
  A dk[R][R] = {}, dv[R][R] = {};
  p.heads.find(p.grid.head(), at);
  moon_sheet<T> k = moon_sheet_at(p.k, at[K]).from(first);
  moon_sheet<T> v = moon_sheet_at(p.v, at[V]).from(first);
  moon_sheet<T> q = moon_sheet_at(p.q, at[Q]);
  moon_sheet<T> dy = moon_sheet_at(p.dy, at[DY]);
  moon_sheet<T> q_chunk = q.across().from(chunk).across();
  moon_sheet<T> dy_chunk = dy.across().from(chunk).across();
  int64_t i0 = p.scores.causal ? first : 0;
  for (; i0 < p.scores.queries; i0 += SIDE) {
    A s[R][R] = {}, d[R][R] = {};
    moon_tile_dots(s, k, q.from(i0), room);
    moon_tile_dots(d, v, dy.from(i0), room);
    for (int i = 0; i < R; i++) {
      int64_t r = first + moon_tile_row() + MOON_TILE_SIDE * i;
      for (int j = 0; j < R; j++) {
        int64_t c = i0 + moon_tile_column() + MOON_TILE_SIDE * j;
        weigh(p, at, c, r, &s[i][j], &d[i][j]);
      }
    }
    keep(kept, s);
    moon_tile_times(dv, kept, dy_chunk.from(i0).across(), room);
    keep(kept, d);
    moon_tile_times(dk, kept, q_chunk.from(i0).across(), room);
  }
  p.dk.store(at[DK], first, chunk, dk, p.scores.scale);
  p.dv.store(at[DV], first, chunk, dv, (A)1);
}

template <typename T, int R>
void queue_queries(attend<T> p, const moon_call *call) {
  p.grid = moon_attend_grid_of(p.heads.n, p.scores.queries, p.q.columns,
                               MOON_TILE_SIDE * R);
  MOON_LAUNCH_TOGETHER((by_queries<T, R>), p.grid.blocks(), MOON_THREADS,
                       call->queue, p);
}

template <typename T, int R>
void queue_keys(attend<T> p, const moon_call *call) {
  int64_t wide = p.k.columns > p.v.columns ? p.k.columns : p.v.columns;
  p.grid = moon_attend_grid_of(p.heads.n, p.scores.keys, wide,
                               MOON_TILE_SIDE * R);
  MOON_LAUNCH_TOGETHER((by_keys<T, R>), p.grid.blocks(), MOON_THREADS,
                       call->queue, p);
}

template <typename T> attend<T> attend_of(const moon_call *call,
                                          void *scratch) {
  const moon_operand *o = call->arg, *y = &o[Y], *heads[OPERANDS];
  moon_operand front[OPERANDS];
  int last = y->ndim - 1;
  for (int k = 0; k < OPERANDS; k++) {
    front[k] = moon_heads_of(moon_optional(call, k), last - 1, y);
    heads[k] = &front[k];
  }
  result<T> none = {};
  const moon_operand *ds = moon_optional(call, DS);
  return attend<T>{moon_sheet_of<T>(&o[DY]), moon_sheet_of<T>(&o[Q]),
                   moon_sheet_of<T>(&o[K]), moon_sheet_of<T>(&o[V]),
                   moon_sheet_of<T>(y), result_of<T>(&o[DQ]),
                   result_of<T>(&o[DK]), result_of<T>(&o[DV]),
                   ds ? result_of<T>(ds) : none,
                   moon_scores_of<T>(call, &o[Q], &o[K], &o[MASK]),
                   {o[LSE].data, 1, o[LSE].dtype}, o[LSE].stride[last - 1],
                   (moon_computed<T> *)scratch, {}, moon_places_of(heads)};
}

template <typename T>
int run_of(const moon_call *call, void *scratch, moon_fail *fail) {
  attend<T> p = attend_of<T>(call, scratch);
  int64_t n = p.heads.n, queries = p.scores.queries, keys = p.scores.keys;
  if (n * queries > 0) {
    MOON_LAUNCH_TOGETHER(find_rows<T>, moon_blocks(n * queries * MOON_WARP, 1),
                         MOON_THREADS, call->queue, p);
  }
  if (n * queries > 0) {
    if (moon_attend_is_small(n, queries)) queue_queries<T, 2>(p, call);
    else queue_queries<T, moon_attend_large<T>()>(p, call);
  }
  if (n * keys > 0) {
    if (moon_attend_is_small(n, keys)) queue_keys<T, 2>(p, call);
    else queue_keys<T, moon_attend_large<T>()>(p, call);
  }
  return moon_launched(fail);
}

}  // namespace

CUDA_PLAN(plan_grad) {
  const moon_operand *y = &call->arg[Y];
  int64_t rows = 1;
  for (int d = 0; d < y->ndim - 1; d++) rows *= y->shape[d];
  plan->scratch = ((size_t)rows * sizeof(double) + 63) / 64 * 64;
  return moon_plan_once(call, plan, may_create, fail);
}

CUDA_RUN(run_grad) {
  return MOON_FLOATS(call->arg[Q].dtype, run_of, call, scratch, fail);
}

extern "C" const moon_kernel moon_cuda_attention_grad = {
    "attention_grad", plan_grad, run_grad};
