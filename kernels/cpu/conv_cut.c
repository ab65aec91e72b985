/* How a convolution is cut into tiles and parts. See convolution.h.
 *
 * Small tiles are good: at 64 channels of 32 x 32 the forward ran as fast on
 * one image as on eight, the weight gradient 1.3 times faster, because x and y
 * stay in the cache. They must be long enough to be worth a call, and to read
 * the weights once more or to add one more weight gradient. A part may be
 * shorter than that, if this keeps a second worker busy.
 */
#include "convolution.h"

enum {
  CALL_NS = 60000, PART_NS = 20000,  /* at least */
  PARTS = 64,
  PARTS_W = 16,                      /* each has a weight gradient of its own */
  PARTIAL_BYTES = 16 << 20           /* all of these */
};

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t share(int64_t n, int64_t by) { return (n + by - 1) / by; }
static double larger(double a, double b) { return a > b ? a : b; }

static double weights(const conv_problem *p) {
  return (double)(p->k * (p->c / p->groups) * p->kh * p->kw);
}

/* Channels as the kernels see them: whole vectors of 16. */
static double whole(int64_t channels) {
  return (double)((channels + 15) / 16 * 16);
}

/* Arithmetic, memory, and something for each pixel of y. */
double moon_cpu_conv_ns(const conv_problem *p, conv_way way) {
  double pixels = (double)(p->n * p->oh * p->ow);
  double x = (double)(p->n * p->h * p->w * p->c);
  int64_t c = p->c / p->groups, k = p->k / p->groups;
  double pairs = (double)p->groups;
  if (c > 1 || k > 1) {
    pairs *= whole(k) * (way == CONV_BACKWARD_X ? whole(c) : (double)c);
  }
  double flops = 2 * pixels * pairs * (double)(p->kh * p->kw);
  return 600 + flops / 120 + (x + pixels * (double)p->k) / 5 + 4 * pixels;
}

bool moon_cpu_conv_rounds(const conv_problem *p, conv_way way) {
  double x = (double)(p->n * p->h * p->w * p->c);
  double y = (double)(p->n * p->oh * p->ow * p->k);
  double factors = way == CONV_FORWARD ? x : way == CONV_BACKWARD_X ? y : x + y;
  int64_t taps = p->c / p->groups * p->kh * p->kw;
  return cpu_rounding_pays(y * (double)taps, factors);
}

/* The power of two at or below v, at least 1. */
static int64_t power_below(double v) {
  int64_t n = 1;
  while (2.0 * (double)n <= v) n *= 2;
  return n;
}

/* The largest divisor of n in (images / 2, images], or `images`. */
static int64_t even(int64_t images, int64_t n) {
  for (int64_t d = images; d > images / 2; d--) {
    if (n % d == 0) return d;
  }
  return images;
}

conv_cut moon_cpu_conv_cut(const conv_problem *p, conv_way way) {
  double ns = moon_cpu_conv_ns(p, way), image_ns = ns / (double)p->n;
  double again_ns = weights(p) * (way == CONV_BACKWARD_W ? 1.6 : 0.27);
  double call_ns = larger(CALL_NS, 20 * again_ns);
  double part_ns = larger(PART_NS, 5 * again_ns);
  int64_t limit = PARTS;
  if (way == CONV_BACKWARD_W) {
    double room = PARTIAL_BYTES / (4 * weights(p));
    limit = least(PARTS_W, power_below(larger(room, 2)));
  }
  int64_t parts = least(power_below(ns / part_ns), limit);
  if (parts == 1 && ns >= 2 * PART_NS) parts = 2;
  conv_cut cut = {1, 1, parts};
  if (parts > p->n && way != CONV_BACKWARD_X) {
    cut.bands = least(share(parts, p->n), most(1, p->oh / 4));
  } else {
    int64_t images = most(1, (int64_t)(call_ns / image_ns + 0.5));
    cut.images = even(least(images, share(p->n, parts)), p->n);
  }
  cut.parts = least(parts, share(p->n, cut.images) * cut.bands);
  return cut;
}

bool moon_cpu_conv_piece(const conv_problem *p, const conv_range *r,
                         conv_problem *piece, conv_tile *tile) {
  int64_t top = 0;
  *piece = *p;
  piece->n = r->n_end - r->n;
  if (r->i > 0 || r->i_end < p->oh) {
    int64_t first = r->i * p->stride[0] - p->padding[0];
    int64_t last = (r->i_end - 1) * p->stride[0] - p->padding[0] +
                   p->dilation[0] * (p->kh - 1);
    int64_t bottom = least(last, p->h - 1);
    top = most(first, 0);
    if (bottom < top) return false;
    piece->oh = r->i_end - r->i;
    piece->h = bottom - top + 1;
    piece->padding[0] = top - first;
    piece->after[0] = last - bottom;
  }
  tile->x = (r->n * p->h + top) * p->w * p->c;
  tile->numel_x = piece->n * piece->h * p->w * p->c;
  tile->y = (r->n * p->oh + r->i) * p->ow * p->k;
  tile->numel = piece->n * piece->oh * p->ow * p->k;
  return true;
}
