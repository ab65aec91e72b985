/* Attention with its softmax made tile by tile: what has been added up is
 * scaled whenever a row's largest score so far grows (attention.h). */
#include "attention.h"

namespace {

enum { Q, K, V, MASK, Y, LSE, OPERANDS };

struct largest {
  template <typename A> MOON_DEVICE A operator()(A a, A b) const {
    return fmax(a, b);
  }
};

template <typename T> struct attend {
  moon_sheet<T> q, k, v;
  moon_attend_scores<T> scores;
  T *y;
  int64_t y_row, y_column, lse_row;
  moon_line lse;
  moon_attend_grid grid;
  moon_places<OPERANDS> heads;
};

/* The scores of a row become their exponentials less the largest so far; gives
 * the factor of what was added up before. */
template <typename A, int R>
MOON_DEVICE A advance(A (&s)[R], A *most, A *total) {
  A peak = *most, own = 0;
  for (int j = 0; j < R; j++) peak = fmax(peak, s[j]);
  peak = moon_tile_fold(peak, largest());
  A shift = peak == -(A)INFINITY ? (A)0 : peak;
  A factor = exp(*most - shift);
  for (int j = 0; j < R; j++) {
    s[j] = exp(s[j] - shift);
    own += s[j];
  }
  *most = peak;
  *total = *total * factor + own;
  return factor;
}

template <typename T, int R> __global__ void forward(attend<T> p) {
  typedef moon_computed<T> A;
  enum { SIDE = MOON_TILE_SIDE * R };
  __shared__ moon_tile_room<A, R> room;
  __shared__ A weight[SIDE][SIDE + 1];
  int64_t first = p.grid.tile() * SIDE, chunk = p.grid.chunk() * SIDE;
  int64_t at[OPERANDS], keys = p.scores.keys;
  int row = moon_tile_row(), column = moon_tile_column();
  A most[R], total[R] = {}, sum[R][R] = {};
  for (int i = 0; i < R; i++) most[i] = -(A)INFINITY;
  p.heads.find(p.grid.head(), at);
  moon_sheet<T> q = moon_sheet_at(p.q, at[Q]).from(first);
  moon_sheet<T> k = moon_sheet_at(p.k, at[K]);
  moon_sheet<T> v = moon_sheet_at(p.v, at[V]).across().from(chunk);
  if (p.scores.causal && first + SIDE < keys) keys = first + SIDE;
  for (int64_t j0 = 0; j0 < keys; j0 += SIDE) {
    A s[R][R] = {};
    moon_tile_dots(s, q, k.from(j0), room);
    for (int i = 0; i < R; i++) {
      int r = row + MOON_TILE_SIDE * i;
      for (int j = 0; j < R; j++) {
        s[i][j] = p.scores.of(s[i][j], at[MASK], first + r,
                              j0 + column + MOON_TILE_SIDE * j);
      }
      A factor = advance(s[i], &most[i], &total[i]);
      for (int j = 0; j < R; j++) {
        sum[i][j] *= factor;
        weight[r][column + MOON_TILE_SIDE * j] = s[i][j];
      }
    }
    moon_tile_times(sum, weight, v.across().from(j0).across(), room);
  }
  for (int i = 0; i < R; i++) {
    int64_t r = first + row + MOON_TILE_SIDE * i;
    A all = moon_tile_fold(total[i], moon_plus());
    if (r >= p.scores.queries) continue;
    for (int j = 0; j < R; j++) {
      int64_t c = chunk + column + MOON_TILE_SIDE * j;
      if (c >= p.v.columns) continue;
      moon_store(&p.y[at[Y] + r * p.y_row + c * p.y_column],
                 all == 0 ? (A)0 : sum[i][j] / all);
    }
    if (column > 0 || chunk > 0) continue;
    p.lse.store(at[LSE] + r * p.lse_row,
                all == 0 ? -INFINITY : (double)(most[i] + log(all)));
  }
}

template <typename T, int R>
int queue(attend<T> p, const moon_call *call, moon_fail *fail) {
  p.grid = moon_attend_grid_of(p.heads.n, p.scores.queries, p.v.columns,
                               MOON_TILE_SIDE * R);
  MOON_LAUNCH_TOGETHER((forward<T, R>), p.grid.blocks(), MOON_THREADS,
                       call->queue, p);
  return moon_launched(fail);
}

template <typename T> int run_of(const moon_call *call, moon_fail *fail) {
  const moon_operand *o = call->arg, *y = &o[Y];
  int last = y->ndim - 1;
  moon_operand front[OPERANDS];
  for (int k = 0; k < OPERANDS; k++) {
    front[k] = moon_heads_of(&o[k], last - 1, y);
  }
  const moon_operand *heads[] = {&front[0], &front[1], &front[2],
                                 &front[3], &front[4], &front[5]};
  attend<T> p = {moon_sheet_of<T>(&o[Q]), moon_sheet_of<T>(&o[K]),
                 moon_sheet_of<T>(&o[V]),
                 moon_scores_of<T>(call, &o[Q], &o[K], &o[MASK]),
                 (T *)y->data, y->stride[last - 1], y->stride[last],
                 o[LSE].stride[last - 1], {o[LSE].data, 1, o[LSE].dtype},
                 {}, moon_places_of(heads)};
  if (p.heads.n * p.scores.queries == 0) return MOON_OK;
  return moon_attend_is_small(p.heads.n, p.scores.queries)
             ? queue<T, 2>(p, call, fail)
             : queue<T, moon_attend_large<T>()>(p, call, fail);
}

}  // namespace

CUDA_RUN(run_attention) {
  return MOON_FLOATS(call->arg[Q].dtype, run_of, call, fail);
}

extern "C" const moon_kernel moon_cuda_attention = {
    "attention", moon_plan_once, run_attention};
