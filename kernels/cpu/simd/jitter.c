/* Colours of images; see ref/jitter.c. Pixels go by in pieces, a row for each
 * channel; the first change reads x, the others y.
 */
#include "../../draw.h"
#include "images.h"

enum { X, Y, MOST = 3 };

CPU_COVERS(jitter) {
  int64_t size;
  return moon_operand_numel(&call->arg[X]) > 0 &&
         simd_same_images(&call->arg[X], &call->arg[Y], &size);
}

CPU_CUT(jitter) {
  const moon_operand *y = &call->arg[Y];
  cpu_phase(plan, y->shape[0], 8 * (double)moon_operand_numel(y), 0.5);
}

/* One image: n pixels `step` apart, their channels `plane` apart. */
typedef struct image {
  int64_t n, step, plane;
  int channels;
} image;

/* A piece of it: rows of m numbers, a channel each. */
typedef struct piece { float row[MOST][SIMD_STAGE]; } piece;

static void load(const image *p, const float *from, int64_t m, piece *v) {
  for (int c = 0; c < p->channels; c++) {
    const float *x = from + c * p->plane;
    for (int64_t i = 0; i < m; i++) v->row[c][i] = x[i * p->step];
  }
}

static void store(const image *p, const piece *v, int64_t m, float *to) {
  for (int c = 0; c < p->channels; c++) {
    float *y = to + c * p->plane;
    for (int64_t i = 0; i < m; i++) y[i * p->step] = v->row[c][i];
  }
}

static void luma_of(const image *p, const piece *v, int64_t m, float *luma) {
  if (p->channels == 1) {
    memcpy(luma, v->row[0], (size_t)m * sizeof *luma);
    return;
  }
  for (int64_t i = 0; i < m; i++) {
    luma[i] = 0.2989f * v->row[0][i] + 0.587f * v->row[1][i] +
              0.114f * v->row[2][i];
  }
}

static int64_t piece_at(const image *p, int64_t i) {
  return p->n - i < SIMD_STAGE ? p->n - i : SIMD_STAGE;
}

/* In double, in eight lanes by index. */
static double mean_luma(const image *p, const float *from) {
  double lane[8] = {0}, sum = 0;
  float luma[SIMD_STAGE];
  piece v;
  for (int64_t i = 0; i < p->n; i += SIMD_STAGE) {
    int64_t m = piece_at(p, i);
    load(p, from + i * p->step, m, &v);
    luma_of(p, &v, m, luma);
    for (int64_t k = m; k < (m + 7) / 8 * 8; k++) luma[k] = 0;
    for (int64_t k = 0; k < m; k += 8) {
      for (int l = 0; l < 8; l++) lane[l] += (double)luma[k + l];
    }
  }
  for (int l = 0; l < 8; l++) sum += lane[l];
  return sum / (double)p->n;
}

static inline float clip(float v) { return v < 0 ? 0 : v > 1 ? 1 : v; }

/* v by `by` and grey by the rest. */
static void blend(float *restrict v, int64_t m, float by,
                  const float *restrict grey) {
  float rest = 1 - by;
  for (int64_t i = 0; i < m; i++) v[i] = clip(by * v[i] + rest * grey[i]);
}

/* A channel, 5 - 2 c = `from`, of the hue h (six a turn). */
static inline float channel(float most, float span, float h, float from) {
  float k = from + h;
  k -= 6 * floorf(k / 6);
  float far = k < 4 - k ? k : 4 - k;
  far = far < 1 ? far : 1;
  return clip(most - span * (far > 0 ? far : 0));
}

static void turn_hue(piece *v, int64_t m, float by) {
  float *restrict r = v->row[0], *restrict g = v->row[1];
  float *restrict b = v->row[2];
  for (int64_t i = 0; i < m; i++) {
    float most = r[i] > g[i] ? r[i] : g[i], least = r[i] < g[i] ? r[i] : g[i];
    most = most > b[i] ? most : b[i];
    least = least < b[i] ? least : b[i];
    float span = most - least, over = span > 0 ? 1 / span : 0;
    float h = most == r[i]   ? (g[i] - b[i]) * over
              : most == g[i] ? 2 + (b[i] - r[i]) * over
                             : 4 + (r[i] - g[i]) * over;
    h += 6 * by;
    float red = channel(most, span, h, 5), green = channel(most, span, h, 3);
    float blue = channel(most, span, h, 1);
    r[i] = span > 0 ? red : r[i];
    g[i] = span > 0 ? green : g[i];
    b[i] = span > 0 ? blue : b[i];
  }
}

static void change(const image *p, int what, double by, const float *from,
                   float *to) {
  float grey[SIMD_STAGE];
  float mean = what == MOON_CONTRAST ? (float)mean_luma(p, from) : 0;
  piece v;
  for (int64_t i = 0; i < SIMD_STAGE; i++) grey[i] = mean;
  for (int64_t i = 0; i < p->n; i += SIMD_STAGE) {
    int64_t m = piece_at(p, i);
    load(p, from + i * p->step, m, &v);
    if (what == MOON_SATURATION) luma_of(p, &v, m, grey);
    if (what == MOON_HUE) turn_hue(&v, m, (float)by);
    for (int c = 0; c < p->channels && what != MOON_HUE; c++) {
      blend(v.row[c], m, (float)by, grey);
    }
    store(p, &v, m, to + i * p->step);
  }
}

static void change_all(const image *p, const moon_jitter_params *q,
                       const moon_jitter_draw *d, const float *x, float *y) {
  const float *from = x;
  for (int i = 0; i < MOON_JITTERS; i++) {
    int what = d->order[i];
    bool colour = what == MOON_SATURATION || what == MOON_HUE;
    if (moon_jitter_is_off(q, what) || (colour && p->channels == 1)) continue;
    change(p, what, d->by[what], from, y);
    from = y;
  }
  size_t size = (size_t)(p->n * p->channels) * sizeof *y;
  if (from == x) memcpy(y, x, size);
}

CPU_RUN(jitter) {
  const moon_operand *x = &call->arg[X], *y = &call->arg[Y];
  const moon_place *at = &call->params.jitter.at;
  bool inner = !cpu_is_rows(y);
  int64_t size, lo, hi, n = y->shape[2] * y->shape[3];
  image p = {.n = n, .channels = (int)y->shape[1],
             .step = inner ? y->shape[1] : 1, .plane = inner ? 1 : n};
  simd_same_images(x, y, &size);
  cpu_share(plan, phase, part, y->shape[0], 1, &lo, &hi);
  for (int64_t j = lo; j < hi; j++) {
    moon_jitter_draw d =
        moon_draw_jitter(&call->params.jitter.p, at->key,
                         (uint64_t)(at->position + j));
    change_all(&p, &call->params.jitter.p, &d,
               (const float *)x->data + j * size, (float *)y->data + j * size);
  }
  return MOON_OK;
}

SIMD_KERNEL(jitter)
