/* Colours of images: x and y [B,C,H,W], C 1 (brightness and contrast alone) or
 * 3 (RGB). With the factors f that draw.h says, in its order, as torchvision's
 * ColorJitter:
 *
 *   brightness  v = clip(f v)
 *   contrast    v = clip(f v + (1 - f) m)     m: mean luma of the image
 *   saturation  v = clip(f v + (1 - f) luma)
 *   hue         h = h + f, a turn being 1, with s and v as they were (HSV)
 *
 * luma = 0.2989 R + 0.587 G + 0.114 B; clip: to [0, 1].
 */
#include "../draw.h"
#include "walk.h"

enum { X, Y };

REF_PLAN(plan_jitter) {
  const moon_operand *y = &call->arg[Y];
  ref_phase(plan, y->shape[0], 16 * (double)moon_operand_numel(y));
  return MOON_OK;
}

/* The pixels of one image, in y. */
typedef struct image {
  const moon_operand *y;
  int64_t n, channels;
} image;

static void load(const image *p, int64_t h, int64_t w, double v[3]) {
  for (int64_t c = 0; c < 3; c++) {
    v[c] = ref_load(p->y, ref_at4(p->y, p->n, c % p->channels, h, w));
  }
}

static double luma(const image *p, const double v[3]) {
  return p->channels == 1 ? v[0]
                          : 0.2989 * v[0] + 0.587 * v[1] + 0.114 * v[2];
}

static double clip(double v) { return v < 0 ? 0 : v > 1 ? 1 : v; }

static double mean_luma(const image *p) {
  double sum = 0, v[3];
  for (int64_t h = 0; h < p->y->shape[2]; h++) {
    for (int64_t w = 0; w < p->y->shape[3]; w++) {
      load(p, h, w, v);
      sum += luma(p, v);
    }
  }
  return sum / (double)(p->y->shape[2] * p->y->shape[3]);
}

/* Hue in [0, 1), of grey 0; v[3] as RGB. */
static double hue_of(const double v[3], double most, double span) {
  double h = most == v[0]   ? (v[1] - v[2]) / span
             : most == v[1] ? 2 + (v[2] - v[0]) / span
                            : 4 + (v[0] - v[1]) / span;
  h /= 6;
  return h - floor(h);
}

static void turn_hue(double v[3], double by) {
  double most = fmax(v[0], fmax(v[1], v[2]));
  double span = most - fmin(v[0], fmin(v[1], v[2]));
  if (span == 0) return;
  double h = 6 * (hue_of(v, most, span) + by);
  for (int c = 0; c < 3; c++) {
    /* how far from where the channel is least */
    double k = fmod(5 - 2 * c + h + 12, 6), far = fmin(k, 4 - k);
    v[c] = clip(most - span * fmax(0, fmin(far, 1)));
  }
}

/* Towards `grey`, or away from it. */
static void blend(double v[3], double by, double grey) {
  for (int c = 0; c < 3; c++) v[c] = clip(by * v[c] + (1 - by) * grey);
}

static void change(const image *p, int what, double by) {
  double mean = what == MOON_CONTRAST ? mean_luma(p) : 0, v[3];
  for (int64_t h = 0; h < p->y->shape[2]; h++) {
    for (int64_t w = 0; w < p->y->shape[3]; w++) {
      load(p, h, w, v);
      if (what == MOON_HUE) {
        turn_hue(v, by);
      } else {
        blend(v, by, what == MOON_SATURATION ? luma(p, v) : mean);
      }
      for (int64_t c = 0; c < p->channels; c++) {
        ref_store(p->y, ref_at4(p->y, p->n, c, h, w), v[c]);
      }
    }
  }
}

static void copy_image(const moon_call *call, int64_t j) {
  const moon_operand *o[] = {&call->arg[Y], &call->arg[X]};
  int64_t size = o[0]->shape[1] * o[0]->shape[2] * o[0]->shape[3];
  ref_walk w = ref_begin(o, 2, j * size, (j + 1) * size);
  for (; w.left > 0; ref_next(&w)) ref_move(o[1], w.at[1], o[0], w.at[0]);
}

REF_RUN(run_jitter) {
  const moon_operand *y = &call->arg[Y];
  const moon_place *at = &call->params.jitter.at;
  const moon_jitter_params *q = &call->params.jitter.p;
  int64_t lo, hi;
  ref_share(plan, phase, part, y->shape[0], &lo, &hi);
  for (int64_t j = lo; j < hi; j++) {
    image p = {y, j, y->shape[1]};
    moon_jitter_draw d =
        moon_draw_jitter(q, at->key, (uint64_t)(at->position + j));
    copy_image(call, j);
    for (int i = 0; i < MOON_JITTERS; i++) {
      int what = d.order[i];
      bool colour = what == MOON_SATURATION || what == MOON_HUE;
      if (moon_jitter_is_off(q, what) || (colour && p.channels == 1)) continue;
      change(&p, what, d.by[what]);
    }
  }
  return MOON_OK;
}

const moon_kernel moon_ref_jitter = {"jitter", plan_jitter, run_jitter};
