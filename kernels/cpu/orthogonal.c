/* Rounds of Muon's polynomial; see orthogonal.h. The products are those of
 * matmul.c, each a call of its own on matrices in scratch. */
#include <stdlib.h>
#include "onednn.h"
#include "orthogonal.h"

extern const moon_kernel moon_cpu_matmul;

/* A phase of a round. */
enum { POLYNOMIAL = 2 * ORTHOGONAL_APPLY };

/* --- calls ---------------------------------------------------------------- */
static moon_operand operand(float *x, int64_t rows, int64_t columns) {
  return (moon_operand){.data = x, .dtype = MOON_F32, .ndim = 2,
                        .shape = {rows, columns}, .stride = {columns, 1}};
}

static moon_operand across(moon_operand o) {
  return (moon_operand){.data = o.data, .dtype = o.dtype, .ndim = 2,
                        .shape = {o.shape[1], o.shape[0]}, .stride = {1,
                        o.shape[1]}};
}

/* a b = y, the product of that number. */
static void fill(const orthogonal_matrix *m, float *scratch, int64_t round,
                 int product, moon_operand arg[3]) {
  int64_t s = moon_matrix_smaller(m->size);
  bool is_tall = m->size.rows > m->size.columns;
  moon_operand x = operand(orthogonal_x(m, scratch, round), m->size.rows,
                           m->size.columns);
  moon_operand gram = operand(scratch + m->gram, s, s);
  moon_operand square = operand(scratch + m->square, s, s);
  if (product == ORTHOGONAL_GRAM) {
    arg[0] = is_tall ? across(x) : x;
    arg[1] = is_tall ? x : across(x);
    arg[2] = gram;
  } else if (product == ORTHOGONAL_SQUARE) {
    arg[0] = arg[1] = gram;
    arg[2] = square;
  } else {
    arg[0] = is_tall ? x : square;
    arg[1] = is_tall ? square : x;
    arg[2] = x;
    arg[2].data = orthogonal_x(m, scratch, round + 1);
  }
}

static moon_call call_of(moon_operand arg[3]) {
  return (moon_call){.kernel = MOON_K_matmul, .n = 3, .arg = arg};
}

/* --- the state ------------------------------------------------------------ */
/* Floats of room, in whole cache lines. */
static int64_t room_of(int64_t numel) { return (numel + 15) / 16 * 16; }

static int64_t place(int64_t numel, int64_t *next) {
  int64_t at = *next;
  *next += room_of(numel);
  return at;
}

/* Plans a fresh matrix' products and lays it out from *next on; a status. */
static int plan_matrix(orthogonal_matrix *m, int64_t *next, int may_create) {
  int64_t numel = m->size.rows * m->size.columns;
  int64_t s = moon_matrix_smaller(m->size);
  size_t most = 0;
  for (int k = 0; k < ORTHOGONAL_PRODUCTS; k++) {
    moon_operand arg[3];
    moon_fail fail;
    fill(m, NULL, 0, k, arg);
    moon_call call = call_of(arg);
    m->product[k] = (moon_plan){0};
    int status = moon_cpu_matmul.plan(&call, &m->product[k], may_create,
                                      &fail);
    if (status < 0) return status;
    if (m->product[k].scratch > most) most = m->product[k].scratch;
  }
  m->x = place(numel, next);
  m->next = place(numel, next);
  m->gram = place(s * s, next);
  m->square = place(s * s, next);
  m->room = place((int64_t)((most + 3) / 4), next);
  return MOON_OK;
}

/* Counts a matrix' parts. */
static void add_parts(orthogonal_state *s, const orthogonal_matrix *m) {
  for (int k = 0; k < ORTHOGONAL_PRODUCTS; k++) {
    const moon_plan *p = &m->product[k];
    int first = 2 * k + (k == ORTHOGONAL_APPLY);
    s->parts[first] += p->parts[0];
    if (p->phases > 1) s->parts[first + 1] += p->parts[1];
    s->cost_ns += p->cost_ns;
  }
  s->parts[POLYNOMIAL]++;
  s->cost_ns += (double)(moon_matrix_smaller(m->size) *
                         moon_matrix_smaller(m->size));
}

/* A key: the kernel's number, how many matrices, and their sizes. */
static const void *make(const void *key) {
  const int64_t *word = key;
  int64_t n = word[1];
  orthogonal_state *s = calloc(1, sizeof *s + (size_t)n * sizeof s->matrix[0]);
  if (!s) return NULL;
  s->n = n;
  for (int64_t i = 0; i < n; i++) {
    orthogonal_matrix *m = &s->matrix[i];
    m->size = (moon_matrix){word[2 + 2 * i], word[3 + 2 * i]};
    if (plan_matrix(m, &s->numel, 0) < 0) {
      free(s);
      return NULL;
    }
    add_parts(s, m);
  }
  return s;
}

/* What the products' plans keep is made first: `make` runs under the lock that
 * this takes. */
static bool prepare(int64_t n, const moon_matrix *size) {
  for (int64_t i = 0; i < n; i++) {
    orthogonal_matrix m = {.size = size[i]};
    int64_t next = 0;
    if (plan_matrix(&m, &next, 1) < 0) return false;
  }
  return true;
}

const orthogonal_state *moon_cpu_orthogonal(int64_t n, const moon_matrix *size,
                                            bool may_create) {
  size_t nbytes = (size_t)(2 + 2 * n) * sizeof(int64_t);
  int64_t *key = malloc(nbytes);
  if (!key) return NULL;
  key[0] = MOON_K_step;
  key[1] = n;
  for (int64_t i = 0; i < n; i++) {
    key[2 + 2 * i] = size[i].rows;
    key[3 + 2 * i] = size[i].columns;
  }
  const orthogonal_state *s = moon_dnn_find(key, nbytes, false, make);
  if (!s && may_create && prepare(n, size)) {
    s = moon_dnn_find(key, nbytes, true, make);
  }
  free(key);
  return s;
}

/* --- run ------------------------------------------------------------------ */
/* Of a phase: its product, and which half. */
static int product_of(int phase, int *half) {
  int at = phase - (phase > POLYNOMIAL);
  *half = at % 2;
  return at / 2;
}

static int32_t parts_of(const orthogonal_matrix *m, int phase) {
  int half;
  if (phase == POLYNOMIAL) return 1;
  const moon_plan *p = &m->product[product_of(phase, &half)];
  return half < p->phases ? p->parts[half] : 0;
}

int64_t moon_cpu_orthogonal_at(const orthogonal_state *s, int phase,
                               int32_t *part) {
  for (int64_t i = 0; i < s->n; i++) {
    int32_t parts = parts_of(&s->matrix[i], phase);
    if (*part < parts) return i;
    *part -= parts;
  }
  return -1;
}

/* What x is multiplied by, out of a matrix [n,n] and its square, in place of
 * the latter. */
static void polynomial(int64_t n, const float *restrict gram,
                       float *restrict square) {
  const float b = (float)MOON_MUON_B, c = (float)MOON_MUON_C;
  for (int64_t i = 0; i < n * n; i++) {
    square[i] = b * gram[i] + c * square[i];
  }
  for (int64_t i = 0; i < n; i++) square[i * (n + 1)] += (float)MOON_MUON_A;
}

int moon_cpu_orthogonal_run(const orthogonal_matrix *m, float *scratch,
                            int64_t round, int phase, int32_t part,
                            moon_fail *fail) {
  if (phase == POLYNOMIAL) {
    polynomial(moon_matrix_smaller(m->size), scratch + m->gram,
               scratch + m->square);
    return MOON_OK;
  }
  int half, product = product_of(phase, &half);
  moon_operand arg[3];
  fill(m, scratch, round, product, arg);
  moon_call call = call_of(arg);
  return moon_cpu_matmul.run(&call, &m->product[product], scratch + m->room,
                             half, part, fail);
}
