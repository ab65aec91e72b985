/* Softmax and the negative logarithm of the label's share, over rows of
 * logits, or that of logarithms, of which there are no s; and the gradient. See
 * ref/cross_entropy.c. Labels are checked in a phase of their own, or first
 * thing where one part does everything.
 */
#include "lines.h"
#include "special.h"

enum { X, L, LOSS, S, W };
enum { G_DLOSS, G_X, G_L, G_S, G_DX, G_W };

static bool covers(const moon_operand *x, const moon_operand *l,
                   const moon_operand *s, const moon_operand *w) {
  return cpu_is_f32(x) && cpu_is_rows(x) && moon_operand_numel(x) > 0 &&
         l->dtype == MOON_I64 &&
         (!s || (cpu_is_f32(s) && cpu_is_rows(s))) &&
         (!w || cpu_is_vector(w, x->shape[1]));
}

static int check(const moon_call *call, const moon_operand *l, int64_t classes,
                 moon_fail *fail) {
  return moon_cpu_check_index_but(
      l, "label", classes, &call->params.loss.p.ignore_index, fail);
}

static int64_t label(const moon_operand *l, int64_t row) {
  return ((const int64_t *)l->data)[row * l->stride[0]];
}

static bool is_ignored(const moon_call *call, int64_t label) {
  return label == call->params.loss.p.ignore_index;
}

/* The weight of a class: 1 without weights. */
static double weight(const float *w, int64_t c) {
  return w ? (double)w[c] : 1;
}

static const float *weights_of(const moon_call *call, int k) {
  const moon_operand *w = cpu_optional(call, k);
  return w ? w->data : NULL;
}

/* What a mean is over: the weights of the labels that count. */
static double divisor(const moon_call *call, const moon_operand *l,
                      const float *w) {
  double sum = 0;
  if (call->params.loss.p.reduction != MOON_LOSS_MEAN) return 1;
  for (int64_t n = 0; n < l->shape[0]; n++) {
    int64_t at = label(l, n);
    if (!is_ignored(call, at)) sum += weight(w, at);
  }
  return sum;
}

/* --- forward ---------------------------------------------------------- */
enum { CHECK, ROWS, MEAN };

CPU_COVERS(cross_entropy) {
  return covers(&call->arg[X], &call->arg[L], cpu_optional(call, S),
                cpu_optional(call, W));
}

CPU_CUT(cross_entropy) {
  int64_t n = call->arg[X].shape[0], c = call->arg[X].shape[1];
  cpu_phase(plan, 1, (double)n, 1);
  if (!cpu_optional(call, S)) c = 1;  /* of logarithms one is read */
  cpu_phase(plan, n, (double)(n * c) + 8 * (double)n, 2);
  cpu_phase(plan, 1, (double)n, 2);
  plan->scratch = cpu_align64((size_t)n * sizeof(double));
}

/* The sum of exp(x - max) over one line; in `room` if they fit there. */
static double sum_of(int64_t n, const float *x, float max, float *room) {
  if (n <= SIMD_STAGE) return simd_line_sum(n, room);
  double sum = 0;
  for (int64_t i = 0; i < n; i += SIMD_STAGE) {
    int64_t m = simd_row_at(i, n, SIMD_STAGE);
    simd_exp_less(m, x + i, max, room);
    sum += simd_line_sum(m, room);
  }
  return sum;
}

/* The sum of w (lse - x) over one line. */
static double spread_of(int64_t n, const float *x, const float *w,
                        double lse) {
  if (!w) return (double)n * lse - simd_line_sum(n, x);
  return simd_line_sum(n, w) * lse - simd_line_dot(n, w, x);
}

/* y = log x, where x is at least 1, or NaN. */
static void log_all(int64_t n, const float *restrict x, double *restrict y) {
  for (int64_t i = 0; i < n; i++) {
    double v = simd_log_double(x[i]);
    y[i] = x[i] == x[i] ? v : NAN;
  }
}

/* Of one row: its maximum is known, and the logarithm of its sum. */
static double row_loss(const moon_call *call, int64_t row, double max,
                       double log) {
  int64_t n = call->arg[X].shape[1], at = label(&call->arg[L], row);
  const float *x = (const float *)call->arg[X].data + row * n;
  const float *w = weights_of(call, W);
  double e = call->params.loss.p.label_smoothing;
  if (is_ignored(call, at)) return 0;
  double own = weight(w, at) * (max - (double)x[at] + log);
  if (e == 0) return own;
  double spread = spread_of(n, x, w, max + log);
  return (1 - e) * own + e / (double)n * spread;
}

/* Rows lo to hi: maxima and sums, and each row's loss in `row`. */
static void run_rows(const moon_call *call, int64_t lo, int64_t hi,
                     double *row) {
  const float *x = call->arg[X].data;
  int64_t n = call->arg[X].shape[1], tile = simd_lines_per_tile(n);
  float *max = call->arg[S].data, *sum = max + call->arg[X].shape[0];
  float room[SIMD_STAGE];
  for (int64_t from = lo; from < hi; from += tile) {
    int64_t lines = from + tile < hi ? tile : hi - from;
    const float *first = x + from * n;
    for (int64_t k = 0; k < lines; k++) {
      max[from + k] = simd_row_max(n, first + k * n);
    }
    if (n <= SIMD_STAGE) simd_exp_lines(lines, n, first, max + from, room);
    for (int64_t k = 0; k < lines; k++) {
      float top = max[from + k];
      double v = sum_of(n, first + k * n, top,
                        n <= SIMD_STAGE ? room + k * n : room);
      sum[from + k] = (float)v;
    }
  }
  log_all(hi - lo, sum + lo, row + lo);
  for (int64_t i = lo; i < hi; i++) {
    row[i] = row_loss(call, i, (double)max[i], row[i]);
  }
}

/* The same of logarithms. */
static void run_log_rows(const moon_call *call, int64_t lo, int64_t hi,
                         double *row) {
  for (int64_t i = lo; i < hi; i++) row[i] = row_loss(call, i, 0, 0);
}

/* The rows' losses, or their sum or mean, to loss. */
static void store(const moon_call *call, int64_t n, const double *row) {
  float *loss = call->arg[LOSS].data;
  double sum = 0;
  if (call->params.loss.p.reduction == MOON_LOSS_NONE) {
    for (int64_t i = 0; i < n; i++) loss[i] = (float)row[i];
    return;
  }
  for (int64_t i = 0; i < n; i++) sum += row[i];
  *loss = (float)(sum / divisor(call, &call->arg[L], weights_of(call, W)));
}

CPU_RUN(cross_entropy) {
  const moon_operand *x = &call->arg[X];
  int64_t lo, hi, n = x->shape[0];
  if (phase == CHECK) return check(call, &call->arg[L], x->shape[1], fail);
  if (phase == ROWS) {
    cpu_share(plan, phase, part, n, 1, &lo, &hi);
    (cpu_optional(call, S) ? run_rows : run_log_rows)(call, lo, hi, scratch);
  } else {
    store(call, n, scratch);
  }
  return MOON_OK;
}

/* --- gradient --------------------------------------------------------- */
CPU_COVERS(cross_entropy_grad) {
  return covers(&call->arg[G_X], &call->arg[G_L], cpu_optional(call, G_S),
                cpu_optional(call, G_W)) &&
         cpu_is_rows(&call->arg[G_DX]);
}

CPU_CUT(cross_entropy_grad) {
  int64_t n = call->arg[G_X].shape[0], c = call->arg[G_X].shape[1];
  cpu_phase(plan, 1, (double)n, 1);
  cpu_phase(plan, n, (double)(n * c), 2);
  plan->scratch = cpu_align64(2 * sizeof(double));
}

/* total: a mean's divisor, and the sum of w. */
static void measure_weights(const moon_call *call, double total[2]) {
  const float *w = weights_of(call, G_W);
  int64_t classes = call->arg[G_X].shape[1];
  total[0] = divisor(call, &call->arg[G_L], w);
  total[1] = w ? simd_line_sum(classes, w) : (double)classes;
}

static void scale(int64_t n, float by, float *y) {
  for (int64_t i = 0; i < n; i++) y[i] *= by;
}

static void subtract(int64_t n, float by, const float *restrict w,
                     float *restrict y) {
  if (w) {
    for (int64_t i = 0; i < n; i++) y[i] -= by * w[i];
  } else {
    for (int64_t i = 0; i < n; i++) y[i] -= by;
  }
}

/* Row `row` of dx out of its exp(x - max), in place; of logarithms out of
 * nothing. */
static void finish_row(const moon_call *call, int64_t row,
                       const double total[2], float *dx) {
  const moon_operand *dloss = &call->arg[G_DLOSS];
  int64_t n = call->arg[G_X].shape[1], at = label(&call->arg[G_L], row);
  const float *w = weights_of(call, G_W);
  const moon_operand *s = cpu_optional(call, G_S);
  double e = call->params.loss.p.label_smoothing;
  int64_t step = dloss->ndim > 0 ? dloss->stride[0] : 0;
  bool ignored = is_ignored(call, at);
  if (ignored || !s) memset(dx, 0, (size_t)n * sizeof *dx);
  if (ignored) return;
  double by = (double)((const float *)dloss->data)[row * step] / total[0];
  double own = by * (1 - e) * weight(w, at), even = by * e / (double)n;
  if (s) {
    const float *sum = (const float *)s->data + call->arg[G_X].shape[0];
    scale(n, (float)(own + even * total[1]) / sum[row], dx);
  }
  if (e > 0) subtract(n, (float)even, w, dx);
  dx[at] -= (float)own;
}

CPU_RUN(cross_entropy_grad) {
  const moon_operand *x = &call->arg[G_X];
  const moon_operand *s = cpu_optional(call, G_S);
  const float *max = s ? s->data : NULL;
  double *total = scratch;
  if (phase == CHECK) {
    int status = check(call, &call->arg[G_L], x->shape[1], fail);
    if (status >= 0) measure_weights(call, total);
    return status;
  }
  int64_t lo, hi, n = x->shape[1], tile = simd_lines_per_tile(n);
  cpu_share(plan, phase, part, x->shape[0], 1, &lo, &hi);
  for (int64_t i = lo; i < hi; i += tile) {
    int64_t lines = i + tile < hi ? tile : hi - i;
    float *dx = (float *)call->arg[G_DX].data + i * n;
    if (s) {
      simd_exp_lines(lines, n, (const float *)x->data + i * n, max + i, dx);
    }
    for (int64_t k = 0; k < lines; k++) {
      finish_row(call, i + k, total, dx + k * n);
    }
  }
  return MOON_OK;
}

SIMD_KERNEL(cross_entropy)
SIMD_KERNEL(cross_entropy_grad)
