/* A depthwise convolution, forward or for the input's gradient, row by row; see
 * depthwise.h. */
#include "depthwise.h"

enum { NEAR = 1 << 21 };  /* elements that the caches hold */

/* Which taps of an axis count, `apart` from one to the next, and the place of x
 * that the first of them meets; the next ones' are `reach` further. */
typedef struct axis { int64_t tap, taps, apart, first, reach; } axis;

static int64_t divisor(int64_t a, int64_t b) {
  while (b) {
    int64_t rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

/* Forward, place i meets i s - p + v d. In dx, place h meets the i for which
 * i s = h + p - v d, and taps are counted from the last on. */
static axis axis_at(const depthwise *g, int k, int64_t at) {
  const conv_problem *p = &g->p;
  int64_t taps = k == 0 ? p->kh : p->kw;
  int64_t s = p->stride[k], d = p->dilation[k];
  if (!g->back) return (axis){0, taps, 1, at * s - p->padding[k], d};
  int64_t common = divisor(s, d);
  for (int64_t v = 0; v < taps; v++) {
    int64_t far = at + p->padding[k] - (taps - 1 - v) * d;
    if (far % s) continue;
    int64_t apart = s / common;
    return (axis){v, (taps - 1 - v) / apart + 1, apart, far / s, d / common};
  }
  return (axis){0, 0, 1, 0, 1};
}

/* Without the taps that meet nothing in [0, size). */
static axis clip(axis a, int64_t size) {
  int64_t before = a.first < 0 ? (-a.first + a.reach - 1) / a.reach : 0;
  if (before > a.taps) before = a.taps;
  a.tap += before * a.apart;
  a.taps -= before;
  a.first += before * a.reach;
  int64_t there = a.first < size ? (size - 1 - a.first) / a.reach + 1 : 0;
  if (a.taps > there) a.taps = there;
  return a;
}

/* Whether x and y together are more than that. An x of one channel is small
 * beside y. */
static bool is_far(const conv_problem *p) {
  return p->c > 1 && p->n * p->c * (p->h * p->w + p->oh * p->ow) > NEAR;
}

int64_t moon_cpu_depthwise_rows(const depthwise *g) {
  return g->p.n * (g->back ? g->p.h : g->p.oh);
}

depthwise_line moon_cpu_depthwise_line(const depthwise *g, const float *x,
                                       int64_t row, int64_t phase) {
  const conv_problem *p = &g->p;
  int64_t rows = g->back ? p->h : p->oh, height = g->back ? p->oh : p->h;
  int64_t places = g->back ? p->w : p->ow, width = g->back ? p->ow : p->w;
  int64_t apart = g->back ? p->stride[1] : 1, lanes = g->weights->lanes;
  int64_t line = width * p->c, fresh = g->back ? 1 : p->stride[0];
  axis down = clip(axis_at(g, 0, row % rows), height);
  axis along = axis_at(g, 1, phase);
  return (depthwise_line){
      .x = x + (row / rows * height + down.first) * line,
      .first_w = (down.tap * p->kw + along.tap) * lanes,
      .channels = p->k, .x_step = p->c, .spread = p->c < p->k,
      .rows = down.taps, .x_row = down.reach * line,
      .w_row = down.apart * p->kw * lanes,
      .fresh = down.taps < fresh ? down.taps : fresh,
      .taps = along.taps, .w_tap = along.apart * lanes,
      .far = is_far(p),
      .width = width, .first = along.first, .reach = along.reach,
      .step = g->back ? 1 : p->stride[1],
      .places = (places - phase + apart - 1) / apart, .y_step = apart * p->k};
}

void moon_cpu_depthwise_run(const conv_packed *c, const float *packed,
                            int part) {
  const depthwise *g = c->state->depthwise;
  const cpu_depthwise_simd *simd = moon_cpu_simd()->depthwise;
  int64_t rows = moon_cpu_depthwise_rows(g), lo, hi, phases = 1;
  int64_t places = g->back ? g->p.w : g->p.ow, size = places * g->p.k;
  if (g->back) phases = places < g->p.stride[1] ? places : g->p.stride[1];
  bool past = simd->goes_past(c->y, rows * size, g->p.k);
  moon_part_range(rows, c->state->parts, part, 1, &lo, &hi);
  for (int64_t row = lo; row < hi; row++) {
    for (int64_t phase = 0; phase < phases; phase++) {
      depthwise_line l = moon_cpu_depthwise_line(g, c->x, row, phase);
      l.w = packed + l.first_w;
      l.bias = c->bias;
      l.y = c->y + row * size + phase * g->p.k;
      l.relu = c->relu;
      l.mask = c->mask ? c->mask + row * size / 8 : NULL;
      l.past = past;
      simd->line(&l);
    }
  }
  simd->end(past);
}
