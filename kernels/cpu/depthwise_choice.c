/* Which convolutions are depthwise ones of our own, and how they are cut:
 * rules on shapes, never timings. See depthwise.h. */
#include <stdlib.h>
#include <string.h>
#include "depthwise.h"

enum {
  LANES = 16,      /* channels of packed weights: whole multiples */
  PART_NS = 30000, PARTS = 32,
  PARTS_W = 16,    /* each has two weight gradients of its own */
  SUMS = 4 << 20   /* elements of all these, but for one part */
};

static const double PACK_NS = 1;  /* per element */

/* oneDNN keeps the sums of 3x3 weights in registers over all rows of an image.
 * Where rows are this narrow, that is faster by up to 1.8 times (AVX-512); ours
 * come back to their sums at every block. */
static bool is_narrow(const conv_problem *p) {
  bool plain = p->kh == 3 && p->kw == 3;
  for (int i = 0; i < 2; i++) {
    plain = plain && p->stride[i] <= 2 && p->dilation[i] == 1;
  }
  return plain && p->ow >= 3 && p->ow < 8;
}

/* oneDNN's forward of one channel takes two to three times as long (AVX-512, 32
 * filters of 3x3 on 64 images of 28 x 28). */
static bool spreads(const conv_problem *p, conv_way way) {
  return way == CONV_FORWARD && p->c == 1 && p->groups == 1 && p->k >= LANES;
}

bool moon_cpu_depthwise_suits(const conv_problem *p, conv_way way) {
  if (spreads(p, way)) return true;
  if (p->groups == 1 || p->groups != p->c || p->groups != p->k) return false;
  return way != CONV_BACKWARD_W || !is_narrow(p);
}

/* --- the weights' order --------------------------------------------------- */
/* Tap by tap, all channels of each; those that there are not are 0. */
static void pack(const cpu_order *o, const float *w, float *packed, int64_t tap,
                 int64_t tap_end) {
  const depthwise_weights *d = (const depthwise_weights *)o;
  for (; tap < tap_end; tap++) {
    int64_t at = d->flip ? d->kh * d->kw - 1 - tap : tap;
    const float *from =
        w + at / d->kw * d->stride[1] + at % d->kw * d->stride[2];
    float *to = packed + tap * d->lanes;
    for (int64_t c = 0; c < d->channels; c++) to[c] = from[c * d->stride[0]];
    for (int64_t c = d->channels; c < d->lanes; c++) to[c] = 0;
  }
}

static bool same(const depthwise_weights *a, const depthwise_weights *b) {
  return a->channels == b->channels && a->kh == b->kh && a->kw == b->kw &&
         a->flip == b->flip && !memcmp(a->stride, b->stride, sizeof a->stride);
}

/* The one description of these weights; one caller at a time. */
static const depthwise_weights *weights_of(const conv_key *key, bool flip) {
  static depthwise_weights *known;
  const conv_problem *p = &key->p;
  int64_t taps = p->kh * p->kw, lanes = (p->k + LANES - 1) / LANES * LANES;
  depthwise_weights w = {
      .order = {taps * lanes, taps, PACK_NS * (double)(taps * lanes), pack},
      .next = known, .channels = p->k, .lanes = lanes, .kh = p->kh,
      .kw = p->kw, .flip = flip,
      .stride = {key->w_stride[0], key->w_stride[2], key->w_stride[3]}};
  for (depthwise_weights *k = known; k; k = k->next) {
    if (same(k, &w)) return k;
  }
  depthwise_weights *made = malloc(sizeof *made);
  if (!made) return NULL;
  *made = w;
  return known = made;
}

/* --- the state ------------------------------------------------------------ */
/* Parts are runs of rows: of y, or of dx. */
static int parts_of(const depthwise *g, double ns, conv_way way) {
  int64_t rows = moon_cpu_depthwise_rows(g), parts = 1;
  int64_t most = PARTS;
  if (way == CONV_BACKWARD_W) {
    int64_t fit = SUMS / (2 * moon_cpu_depthwise_sums(g->weights));
    most = fit < PARTS_W ? fit : PARTS_W;
  }
  while (2 * parts <= most && 2 * parts <= rows &&
         2 * (double)parts * PART_NS <= ns) {
    parts *= 2;
  }
  return (int)parts;
}

bool moon_cpu_depthwise_make(conv_state *s, const conv_key *key) {
  depthwise *g = calloc(1, sizeof *g);
  if (!g) return false;
  *g = (depthwise){.p = key->p, .back = key->kernel == MOON_K_conv2d_grad_x};
  g->weights = weights_of(key, g->back);
  if (!g->weights) {
    free(g);
    return false;
  }
  s->ns = moon_cpu_conv_ns(&g->p, s->way);
  s->parts = parts_of(g, s->ns, s->way);
  s->depthwise = g;
  if (g->back) s->way = CONV_FORWARD;
  s->order = &g->weights->order;
  return true;
}
