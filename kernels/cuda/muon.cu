/* The rounds of Muon's polynomial for many matrices at once: a round is three
 * launches, in which each block has a tile of one matrix' product.
 *
 *   gram = x x^T     square = a + b gram + c gram gram^T     next = square x
 *
 * or, where there are more rows than columns, x^T x and x square. A matrix lies
 * in scratch: x, its next value, gram and square, and the partial sums of its
 * norm. Its columns may be in another order than p's: that changes nothing but
 * the order of sums.
 */
#include "muon.h"
#include "tile.h"

enum { MATRICES = 32, GRAM = 0, SQUARE, APPLY };

struct matrix {
  char *room;
  int64_t rows, columns;
  int64_t block[2];  /* the first, of squares and of x */
  int32_t at;        /* its entry */
};

struct matrices {
  matrix of[MATRICES];
  int32_t n, round;
  int64_t blocks[2];
};


static int64_t smaller(const matrix &m) {
  return m.rows < m.columns ? m.rows : m.columns;
}

static size_t rounded(size_t nbytes) { return (nbytes + 63) / 64 * 64; }

/* Bytes of a matrix; the sums come last. */
static size_t sums_at(moon_matrix m, size_t size) {
  int64_t s = moon_matrix_smaller(m);
  return rounded((size_t)(2 * m.rows * m.columns + 2 * s * s) * size);
}

static size_t room_of(const moon_operand *p) {
  moon_matrix m = moon_matrix_of(p);
  size_t size = p->dtype == MOON_F64 ? sizeof(double) : sizeof(float);
  return sums_at(m, size) +
         rounded(moon_blocks(m.rows * m.columns, 1) * sizeof(double));
}

size_t moon_muon_bytes(const moon_call *call) {
  size_t nbytes = 0;
  for (int k = 0; k < call->params.step.n; k++) {
    if (moon_muon_takes(call, k)) nbytes += room_of(operand(call, k, P));
  }
  return nbytes;
}

/* --- the start: what momentum makes of the gradient, and its norm ------- */
/* In p's order in memory if its rows follow each other there, else logical. */
static moon_operand direction_of(const moon_operand *p) {
  moon_operand x = *p;
  const moon_operand *o[] = {p};
  int64_t n = moon_operand_numel(p), step = 1;
  bool by_rows = p->shape[0] == 1 || p->stride[0] * p->shape[0] == n;
  x.dtype = p->dtype == MOON_F64 ? MOON_F64 : MOON_F32;
  if (by_rows && moon_places_of(o).dense) return x;
  for (int d = p->ndim - 1; d >= 0; d--) {
    x.stride[d] = step;
    step *= p->shape[d];
  }
  return x;
}

moon_operand moon_muon_direction(const moon_call *call, int k, char **room) {
  const moon_operand *p = operand(call, k, P);
  moon_operand x = direction_of(p);
  bool other = call->params.step.muon % 2;
  x.data = *room + (other ? (size_t)moon_operand_numel(p) *
                                moon_dtype_size(x.dtype) : 0);
  *room += room_of(p);
  return x;
}

template <typename T>
__global__ void start(const T *g, const T *v, moon_computed<T> *x,
                      moon_places<3> places, double most,
                      const settled *rates, double *partial) {
  typedef moon_computed<T> A;
  const settled &r = *rates;
  A beta = (A)r.beta1, clip = (A)r.clip, unscale = (A)r.unscale;
  double sum = 0;
  if (r.rule != MOON_STEP_MUON) return;
  MOON_EACH(i, places.n) {
    int64_t at[3];
    places.find(i, at);
    A d = clip * cut(moon_load(g[at[1]]) * unscale, (A)most, r.scaled);
    A u = beta * (A)moon_load(v[at[2]]) + d;
    if (r.flags & MOON_STEP_NESTEROV) u = d + beta * u;
    x[at[0]] = u;
    sum += (double)u * (double)u;
  }
  sum = moon_block_sum(sum);
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

template <typename A>
__global__ void normalise(A *x, int64_t n, const settled *rates,
                          const double *partial) {
  double sum = 0;
  if (rates->rule != MOON_STEP_MUON) return;
  for (int i = threadIdx.x; i < (int)gridDim.x; i += MOON_THREADS) {
    sum += partial[i];
  }
  A norm = (A)(sqrt(moon_block_sum(sum)) + MOON_MUON_EPS);
  MOON_EACH(i, n) x[i] /= norm;
}

template <typename T>
static int queue_start(const moon_call *call, int k, const settled *rates,
                       char *room, moon_fail *) {
  typedef moon_computed<T> A;
  const moon_operand *p = operand(call, k, P), *g = operand(call, k, G);
  const moon_operand *v = operand(call, k, S);
  moon_operand x = direction_of(p);
  const moon_operand *o[] = {&x, g, v};
  moon_places<3> places = moon_places_of(o);
  double *sums = (double *)(room + sums_at(moon_matrix_of(p), sizeof(A)));
  unsigned blocks = moon_blocks(places.n, 1);
  MOON_LAUNCH_TOGETHER(start<T>, blocks, MOON_THREADS, call->queue,
                       (const T *)g->data, (const T *)v->data, (A *)room,
                       places, call->params.step.p.max_value, rates + k, sums);
  MOON_LAUNCH_TOGETHER(normalise<A>, blocks, MOON_THREADS, call->queue,
                       (A *)room, places.n, rates + k, (const double *)sums);
  return MOON_OK;
}

/* --- rounds ----------------------------------------------------------- */
/* The matrix of a block. */
MOON_DEVICE int matrix_of(const matrices &c, int of_x, int64_t b) {
  int k = 0;
  while (k + 1 < c.n && c.of[k + 1].block[of_x] <= b) k++;
  return k;
}

template <typename A> struct view {
  A *x, *next, *gram, *square;
  int64_t rows, columns, side;

  MOON_DEVICE view(const matrix &m, int round)
      : rows(m.rows), columns(m.columns),
        side(m.rows < m.columns ? m.rows : m.columns) {
    int64_t n = rows * columns;
    A *first = (A *)m.room;
    x = round % 2 ? first + n : first;
    next = round % 2 ? first : first + n;
    gram = first + 2 * n;
    square = gram + side * side;
  }

  MOON_DEVICE moon_sheet<A> of_x() const {
    return moon_sheet<A>{x, columns, 1, rows, columns};
  }
  MOON_DEVICE moon_sheet<A> of(const A *square_matrix) const {
    return moon_sheet<A>{square_matrix, side, 1, side, side};
  }
};

/* The factors of a product: what it is, is a b^T. */
template <typename A>
MOON_DEVICE void find_factors(const view<A> &v, int product, moon_sheet<A> *a,
                              moon_sheet<A> *b) {
  bool is_tall = v.rows > v.columns;
  if (product == GRAM) {
    *a = *b = is_tall ? v.of_x().across() : v.of_x();
  } else if (product == SQUARE) {
    *a = *b = v.of(v.gram);
  } else {
    *a = is_tall ? v.of_x() : v.of(v.square);
    *b = is_tall ? v.of(v.square) : v.of_x().across();
  }
}

template <typename A>
MOON_DEVICE void put(const view<A> &v, int product, int64_t i, int64_t j,
                     A sum) {
  int64_t at = i * (product == APPLY ? v.columns : v.side) + j;
  if (product == GRAM) {
    v.gram[at] = sum;
  } else if (product == SQUARE) {
    sum = (A)MOON_MUON_B * v.gram[at] + (A)MOON_MUON_C * sum;
    v.square[at] = i == j ? sum + (A)MOON_MUON_A : sum;
  } else {
    v.next[at] = sum;
  }
}

template <typename A, int R>
__global__ void multiply(matrices c, int product, const settled *rates) {
  enum { SIDE = MOON_TILE_SIDE * R };
  __shared__ moon_tile_room<A, R> room;
  int of_x = product == APPLY, k = matrix_of(c, of_x, blockIdx.x);
  const matrix &m = c.of[k];
  const settled &r = rates[m.at];
  view<A> v(m, c.round);
  int64_t height = of_x ? v.rows : v.side, width = of_x ? v.columns : v.side;
  int64_t tiles = (width + SIDE - 1) / SIDE;
  int64_t tile = (int64_t)blockIdx.x - m.block[of_x];
  int64_t i0 = tile / tiles * SIDE, j0 = tile % tiles * SIDE;
  bool is_done = c.round >= r.steps;
  if (r.rule != MOON_STEP_MUON || (is_done && !of_x)) return;
  moon_sheet<A> a, b;
  A sum[R][R] = {};
  find_factors(v, product, &a, &b);
  if (!is_done) moon_tile_dots(sum, a.from(i0), b.from(j0), room);
  for (int i = 0; i < R; i++) {
    int64_t row = i0 + moon_tile_row() + MOON_TILE_SIDE * i;
    for (int j = 0; j < R; j++) {
      int64_t column = j0 + moon_tile_column() + MOON_TILE_SIDE * j;
      if (row >= height || column >= width) continue;
      if (is_done) sum[i][j] = v.x[row * v.columns + column];
      put(v, product, row, column, sum[i][j]);
    }
  }
}

template <typename A>
static void queue_rounds(matrices *c, const moon_call *call,
                         const settled *rates) {
  enum { R = sizeof(A) == 4 ? 4 : 2, SIDE = MOON_TILE_SIDE * R };
  c->blocks[0] = c->blocks[1] = 0;
  for (int k = 0; k < c->n; k++) {
    matrix *m = &c->of[k];
    int64_t s = (smaller(*m) + SIDE - 1) / SIDE;
    m->block[0] = c->blocks[0];
    m->block[1] = c->blocks[1];
    c->blocks[0] += s * s;
    c->blocks[1] += (m->rows + SIDE - 1) / SIDE *
                    ((m->columns + SIDE - 1) / SIDE);
  }
  int32_t rounds = c->n ? call->params.step.muon : 0;
  for (c->round = 0; c->round != rounds; c->round++) {
    for (int product = GRAM; product <= APPLY; product++) {
      MOON_LAUNCH_TOGETHER((multiply<A, R>),
                           (unsigned)c->blocks[product == APPLY], MOON_THREADS,
                           call->queue, *c, product, rates);
    }
  }
  c->n = 0;
}

static void queue_all(matrices *c, int dtype, const moon_call *call,
                      const settled *rates) {
  if (dtype == MOON_F64) queue_rounds<double>(c, call, rates);
  else queue_rounds<float>(c, call, rates);
}

int moon_muon_run(const moon_call *call, const settled *rates, char *room,
                  moon_fail *fail) {
  matrices c = {};
  int kind = MOON_F32;  /* what those in c are computed in */
  for (int k = 0; k < call->params.step.n; k++) {
    if (!moon_muon_takes(call, k)) continue;
    const moon_operand *p = operand(call, k, P);
    int dtype = p->dtype == MOON_F64 ? MOON_F64 : MOON_F32;
    moon_matrix m = moon_matrix_of(p);
    int status = MOON_FLOATS(p->dtype, queue_start, call, k, rates, room, fail);
    if (status < 0) return status;
    if (c.n == MATRICES || dtype != kind) queue_all(&c, kind, call, rates);
    kind = dtype;
    c.of[c.n++] = matrix{room, m.rows, m.columns, {0, 0}, k};
    room += room_of(p);
  }
  queue_all(&c, kind, call, rates);
  return moon_launched(fail);
}
