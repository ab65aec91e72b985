/* A host's features with a seed's output, and their gradients, f32, in one
 * pass; see ref/blend.c. Alpha is constant along the rows of the loop: rows
 * along which it changes are ref's. So a row is copied, or computed without
 * asking again.
 */
#include "elementary.h"

enum { H, S, A, X, Y, P };

static bool multiplies(const moon_call *call) {
  return call->params.blend.kind == MOON_BLEND_MULTIPLY;
}

static void copy_row(int64_t n, const float *x, float *y) {
  memcpy(y, x, (size_t)n * sizeof *y);
}

static void zero_row(int64_t n, float *y) {
  memset(y, 0, (size_t)n * sizeof *y);
}

/* --- forward ---------------------------------------------------------- */
enum { L_Y, L_H, L_A, L_S, L_X, L_COUNT };

static cpu_loop loop_of(const moon_call *call) {
  const moon_operand *o[L_COUNT] = {&call->arg[Y], &call->arg[H],
                                    &call->arg[A], &call->arg[S],
                                    &call->arg[multiplies(call) ? X : H]};
  return cpu_loop_of(o, L_COUNT);
}

CPU_COVERS(blend) {
  const moon_operand *y = &call->arg[Y];
  if (!cpu_is_f32(y) || moon_operand_numel(y) == 0) return false;
  cpu_loop l = loop_of(call);
  return cpu_inner(&l, L_A) == 0;
}

CPU_CUT(blend) {
  int64_t n = moon_operand_numel(&call->arg[Y]);
  cpu_phase(plan, n, (double)n, multiplies(call) ? 0.8 : 0.25);
}

static void add_row(int64_t n, float a, const float *restrict h,
                    const float *restrict s, float *restrict y) {
  float rest = 1.0f - a;
  for (int64_t i = 0; i < n; i++) y[i] = SIMD_MADD(a, s[i], rest * h[i]);
}

static void tanh_row(int64_t n, const float *restrict s,
                     const float *restrict x, float *restrict t) {
  for (int64_t i = 0; i < n; i++) t[i] = simd_tanh(s[i] - x[i]);
}

/* y = h (1 + a t) */
static void multiply_row(int64_t n, float a, const float *restrict h,
                         const float *restrict t, float *restrict y) {
  for (int64_t i = 0; i < n; i++) y[i] = h[i] * SIMD_MADD(a, t[i], 1.0f);
}

/* a is one for all, or one for each place along the first dimension. */
static void store_counted(const moon_call *call) {
  const moon_operand *a = &call->arg[A], *p = cpu_optional(call, P);
  if (!p) return;
  bool each = p->stride[0] != 0;
  int64_t n = each ? p->shape[0] : 1;
  for (int64_t i = 0; i < n; i++) {
    float v = call->arg[S].data ? ((float *)a->data)[each ? i * a->stride[0]
                                                          : 0]
                                : 0;
    ((float *)p->data)[each ? i * p->stride[0] : 0] = v;
  }
}

/* Where piece w of operand k is, in a row; `l` is its place in the loop. */
static const float *row_of(const moon_call *call, int k, const cpu_walk *w,
                           int l, float *room) {
  const float *data = call->arg[k].data;
  return simd_row(data + w->at[l], cpu_inner(w->loop, l), w->n, room);
}

static void blend_piece(const moon_call *call, const cpu_walk *w, float a,
                        float room[3][SIMD_STAGE]) {
  float *y = (float *)call->arg[Y].data + w->at[L_Y];
  int64_t stride = cpu_inner(w->loop, L_Y), n = w->n;
  float *to = simd_target(y, stride, room[2]);
  bool is_h = a == 0, is_s = a == 1 && !multiplies(call);
  const float *h = is_s ? NULL : row_of(call, H, w, L_H, room[0]);
  const float *s = is_h ? NULL : row_of(call, S, w, L_S, room[1]);
  if (is_h || is_s) {
    copy_row(n, is_h ? h : s, to);
  } else if (multiplies(call)) {
    float x[SIMD_STAGE], t[SIMD_STAGE];
    tanh_row(n, s, row_of(call, X, w, L_X, x), t);
    multiply_row(n, a, h, t, to);
  } else {
    add_row(n, a, h, s, to);
  }
  simd_scatter(to, n, y, stride);
}

CPU_RUN(blend) {
  cpu_loop l = loop_of(call);
  const float *alpha = call->arg[A].data;
  bool has_s = call->arg[S].data;
  float room[3][SIMD_STAGE];
  int64_t lo, hi;
  if (part == 0) store_counted(call);
  cpu_share(plan, phase, part, l.numel, CPU_GRAIN, &lo, &hi);
  cpu_walk w = cpu_walk_from(&l, lo, hi, SIMD_STAGE);
  for (; w.n > 0; cpu_walk_next(&w)) {
    blend_piece(call, &w, has_s ? alpha[w.at[L_A]] : 0, room);
  }
  return MOON_OK;
}

/* --- gradient --------------------------------------------------------- */
enum { G_DY, G_A, G_H, G_S, G_X, G_DH, G_DS, G_E, G_DX, G_COUNT };
enum { M_OUT, M_DY, M_A, M_H, M_S, M_X, M_COUNT };  /* in the loop */

static const moon_operand *first_output(const moon_call *call) {
  int k = G_DH;
  while (k < G_DX && !call->arg[k].data) k++;
  return &call->arg[k];
}

/* Absent operands are never read: the output's strides do for them. */
static cpu_loop grad_loop(const moon_call *call) {
  const moon_operand *out = first_output(call), *o[M_COUNT] = {out};
  for (int k = G_DY; k <= G_X; k++) {
    const moon_operand *given = cpu_optional(call, k);
    o[M_DY + k] = given ? given : out;
  }
  return cpu_loop_of(o, M_COUNT);
}

static bool lies_like(const moon_operand *o, const moon_operand *like) {
  for (int d = 0; d < like->ndim; d++) {
    if (like->shape[d] != 1 && o->stride[d] != like->stride[d]) return false;
  }
  return true;
}

CPU_COVERS(blend_grad) {
  const moon_operand *out = first_output(call);
  if (!cpu_is_f32(out) || moon_operand_numel(out) == 0) return false;
  for (int k = G_DH; k <= G_DX; k++) {
    const moon_operand *o = cpu_optional(call, k);
    if (o && !lies_like(o, out)) return false;
  }
  cpu_loop l = grad_loop(call);
  return cpu_inner(&l, M_A) == 0 && cpu_inner(&l, M_OUT) == 1;
}

CPU_CUT(blend_grad) {
  int64_t n = moon_operand_numel(first_output(call));
  cpu_phase(plan, n, (double)n, multiplies(call) ? 1 : 0.4);
}

/* n elements: what is given, NULL where it is absent, and what is wanted. */
typedef struct piece {
  int64_t n;
  float a;
  const float *dy, *h, *s, *x;
  float *dh, *ds, *e, *dx;
} piece;

static void scale_row(int64_t n, float by, const float *restrict x,
                      float *restrict y) {
  for (int64_t i = 0; i < n; i++) y[i] = by * x[i];
}

static void add_terms(const piece *p) {
  const float *restrict s = p->s, *restrict h = p->h, *restrict dy = p->dy;
  float *restrict e = p->e;
  bool all = p->a != 0;
  for (int64_t i = 0; i < p->n; i++) {
    float v = (s[i] - h[i]) * dy[i];
    e[i] = all || fabsf(s[i]) < INFINITY ? v : 0.0f;
  }
}

static void add_piece(const piece *p) {
  if (p->dh && p->a == 0) {
    copy_row(p->n, p->dy, p->dh);
  } else if (p->dh) {
    scale_row(p->n, 1.0f - p->a, p->dy, p->dh);
  }
  if (p->ds && p->a == 0) {
    zero_row(p->n, p->ds);
  } else if (p->ds) {
    scale_row(p->n, p->a, p->dy, p->ds);
  }
  if (p->e && p->s) {
    add_terms(p);
  } else if (p->e) {
    zero_row(p->n, p->e);
  }
}

static void multiply_terms(const piece *p, const float *restrict t) {
  const float *restrict h = p->h, *restrict dy = p->dy;
  float *restrict e = p->e;
  bool all = p->a != 0;
  for (int64_t i = 0; i < p->n; i++) {
    float v = h[i] * t[i] * dy[i];
    e[i] = all || t[i] == t[i] ? v : 0.0f;
  }
}

/* ds = h a (1 - t^2) dy */
static void inner_row(const piece *p, const float *restrict t,
                      float *restrict ds) {
  const float *restrict h = p->h, *restrict dy = p->dy;
  float a = p->a;
  for (int64_t i = 0; i < p->n; i++) {
    ds[i] = h[i] * a * (1.0f - t[i] * t[i]) * dy[i];
  }
}

/* With a = 0 in all of it. */
static void silent_piece(const piece *p, const float *t) {
  if (p->dh) copy_row(p->n, p->dy, p->dh);
  if (p->ds) zero_row(p->n, p->ds);
  if (p->dx) zero_row(p->n, p->dx);
  if (p->e && p->s) {
    multiply_terms(p, t);
  } else if (p->e) {
    zero_row(p->n, p->e);
  }
}

static void multiply_piece(const piece *p) {
  float t[SIMD_STAGE], room[SIMD_STAGE];
  if (p->s && (p->a != 0 || p->e)) tanh_row(p->n, p->s, p->x, t);
  if (!p->s || p->a == 0) {
    silent_piece(p, t);
    return;
  }
  if (p->dh) multiply_row(p->n, p->a, p->dy, t, p->dh);
  if (p->e) multiply_terms(p, t);
  if (!p->ds && !p->dx) return;
  float *ds = p->ds ? p->ds : room;
  inner_row(p, t, ds);
  if (p->dx) scale_row(p->n, -1.0f, ds, p->dx);
}

static float *output_at(const moon_call *call, int k, int64_t at) {
  const moon_operand *o = cpu_optional(call, k);
  return o ? (float *)o->data + at : NULL;
}

CPU_RUN(blend_grad) {
  cpu_loop l = grad_loop(call);
  const float *alpha = call->arg[G_A].data;
  float room[4][SIMD_STAGE];
  int64_t lo, hi;
  cpu_share(plan, phase, part, l.numel, CPU_GRAIN, &lo, &hi);
  cpu_walk w = cpu_walk_from(&l, lo, hi, SIMD_STAGE);
  for (; w.n > 0; cpu_walk_next(&w)) {
    const float *in[4] = {NULL};
    static const int given[] = {G_DY, G_H, G_S, G_X};
    for (int i = 0; i < 4; i++) {
      int k = given[i];
      if (!call->arg[k].data) continue;
      in[i] = row_of(call, k, &w, M_DY + k, room[i]);
    }
    int64_t at = w.at[M_OUT];
    piece p = {w.n, alpha[w.at[M_A]], in[0], in[1], in[2], in[3],
               output_at(call, G_DH, at), output_at(call, G_DS, at),
               output_at(call, G_E, at), output_at(call, G_DX, at)};
    if (multiplies(call)) {
      multiply_piece(&p);
    } else {
      add_piece(&p);
    }
  }
  return MOON_OK;
}

SIMD_KERNEL(blend)
SIMD_KERNEL(blend_grad)
