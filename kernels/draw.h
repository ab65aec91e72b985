/* How the image at place `place` of an epoch is varied: words of Philox under
 * the epoch's key, with the place as the counter, tell it and nothing else. So
 * any batch size, part or thread gives the same. Block 0 of a place is for flip
 * and crop (philox.h); the others are:
 */
#ifndef MOON_DRAW_H
#define MOON_DRAW_H
#include "../core/moonseed.h"
#include "philox.h"

enum {
  MOON_DRAW_AFFINE = 1,  /* two blocks */
  MOON_DRAW_JITTER = 3,  /* two */
  MOON_DRAW_CUTOUT = 5,
  MOON_DRAW_MIXUP = 6    /* as many as it takes */
};

MOON_INLINE double moon_draw_within(const double range[2], uint32_t word) {
  return range[0] + (range[1] - range[0]) * ((double)word * 0x1p-32);
}

/* Where the pixel (h, w) of the result is taken from:
 *
 *   row = h_h h + h_w w + h_0        column = w_h h + w_w w + w_0
 *
 * The picture, H x W, turned clockwise, sheared along its rows, scaled, all
 * about its middle, then moved: the inverse of that (torchvision's affine). */
typedef struct moon_affine_draw {
  double h_h, h_w, h_0, w_h, w_w, w_0;
} moon_affine_draw;

MOON_INLINE moon_affine_draw moon_draw_affine(
    const moon_affine_params *p, uint64_t key, uint64_t place, int64_t height,
    int64_t width) {
  const double degree = 0.017453292519943295769;
  moon_philox r = moon_philox_block(key, place, MOON_DRAW_AFFINE);
  moon_philox s = moon_philox_block(key, place, MOON_DRAW_AFFINE + 1);
  double turn = moon_draw_within(p->rotate, r.word[0]) * degree;
  double lean = tan(moon_draw_within(p->shear, r.word[1]) * degree);
  double scale = moon_draw_within(p->scale, r.word[2]);
  const double most_h[2] = {-p->translate[0], p->translate[0]};
  const double most_w[2] = {-p->translate[1], p->translate[1]};
  double dy = moon_draw_within(most_h, s.word[0]) * (double)height;
  double dx = moon_draw_within(most_w, s.word[1]) * (double)width;
  double c = cos(turn), n = sin(turn);
  /* forward: x' = c x - (c lean + n) y,  y' = n x + (c - n lean) y */
  moon_affine_draw d;
  d.h_h = c / scale;
  d.h_w = -n / scale;
  d.w_h = (c * lean + n) / scale;
  d.w_w = (c - n * lean) / scale;
  double y = ((double)height - 1) / 2, x = ((double)width - 1) / 2;
  d.w_0 = x - d.w_w * (x + dx) - d.w_h * (y + dy);
  d.h_0 = y - d.h_w * (x + dx) - d.h_h * (y + dy);
  return d;
}

/* Factors of brightness, contrast and saturation, turns of hue, and the order
 * in which they come. */
enum { MOON_BRIGHTNESS, MOON_CONTRAST, MOON_SATURATION, MOON_HUE,
       MOON_JITTERS };

typedef struct moon_jitter_draw {
  double by[MOON_JITTERS];
  int order[MOON_JITTERS];
} moon_jitter_draw;

MOON_INLINE moon_jitter_draw moon_draw_jitter(const moon_jitter_params *p,
                                              uint64_t key,
                                              uint64_t place) {
  moon_philox r = moon_philox_block(key, place, MOON_DRAW_JITTER);
  moon_philox s = moon_philox_block(key, place, MOON_DRAW_JITTER + 1);
  const double *range[] = {p->brightness, p->contrast, p->saturation, p->hue};
  moon_jitter_draw d;
  for (int i = 0; i < MOON_JITTERS; i++) {
    d.by[i] = moon_draw_within(range[i], r.word[i]);
    d.order[i] = i;
  }
  for (uint32_t i = MOON_JITTERS - 1; i > 0; i--) {  /* Fisher and Yates */
    uint32_t j = moon_philox_below(s.word[i], i + 1);
    int kept = d.order[i];
    d.order[i] = d.order[j];
    d.order[j] = kept;
  }
  return d;
}

/* Whether that part of the jitter leaves every pixel as it is. */
MOON_INLINE int moon_jitter_is_off(const moon_jitter_params *p, int i) {
  const double *range[] = {p->brightness, p->contrast, p->saturation, p->hue};
  double rest = i == MOON_HUE ? 0 : 1;
  return range[i][0] == rest && range[i][1] == rest;
}

/* Rows [top, bottom) and columns [left, right), cut at the edges: a box about a
 * pixel, any of the H x W. */
typedef struct moon_box { int64_t top, left, bottom, right; } moon_box;

MOON_INLINE moon_box moon_draw_cutout(const moon_cutout_params *p,
                                      uint64_t key, uint64_t place,
                                      int64_t height, int64_t width) {
  moon_philox r = moon_philox_block(key, place, MOON_DRAW_CUTOUT);
  int64_t top = (int64_t)moon_philox_below(r.word[0], (uint32_t)height);
  int64_t left = (int64_t)moon_philox_below(r.word[1], (uint32_t)width);
  top -= p->size[0] / 2;
  left -= p->size[1] / 2;
  int64_t bottom = top + p->size[0], right = left + p->size[1];
  return (moon_box){top < 0 ? 0 : top, left < 0 ? 0 : left,
                    bottom > height ? height : bottom,
                    right > width ? width : right};
}

/* Beta(alpha, alpha), the share that an image keeps in a mixup: the share of
 * one of two gammas. Below one by Johnk (1964), in logarithms, for a small
 * alpha underflows; above by Marsaglia and Tsang (2000). */
MOON_INLINE double moon_draw_gamma(double shape, uint64_t key,
                                   uint64_t place, uint64_t *block) {
  double d = shape - 1.0 / 3, c = 1 / sqrt(9 * d);
  for (;;) {
    moon_philox r = moon_philox_block(key, place, (*block)++);
    double z[2];
    moon_philox_normal2(r.word[0], r.word[1], z);
    double v = 1 + c * z[0], u = ((double)r.word[2] + 1) * 0x1p-32;
    if (v <= 0) continue;
    v = v * v * v;
    if (log(u) < z[0] * z[0] / 2 + d - d * v + d * log(v)) return d * v;
  }
}

MOON_INLINE double moon_draw_mixup(double alpha, uint64_t key,
                                   uint64_t place) {
  uint64_t block = MOON_DRAW_MIXUP;
  if (alpha > 1) {
    double a = moon_draw_gamma(alpha, key, place, &block);
    return a / (a + moon_draw_gamma(alpha, key, place, &block));
  }
  for (;;) {
    moon_philox r = moon_philox_block(key, place, block++);
    double u = log(((double)r.word[0] + 1) * 0x1p-32) / alpha;
    double v = log(((double)r.word[1] + 1) * 0x1p-32) / alpha;
    double most = u > v ? u : v;
    double sum = most + log(exp(u - most) + exp(v - most));
    if (sum <= 0) return exp(u - sum);
  }
}

#endif
