/* Winograd's transforms of weights and of their gradient; see ../winograd.h.
 * A vector holds neighbouring output channels, whose taps lie far apart in the
 * user's memory. */
#include "winograd.h"


enum { TAPS = 9, PANEL = WINO_PANEL };

/* Where output channel k of row c of U or S [c_all, k_all] lies. */
static int64_t place(int64_t c_all, int64_t k_all, int64_t c, int64_t k) {
  int64_t panel = PANEL, first = k / panel * panel;
  int64_t width = wino_panel(k_all, first, panel);
  return first * c_all + c * width + (k - first);
}

static void load_taps(const winograd_weights *w, const float *from,
                      wide g[3][3]) {
  float tap[TAPS][WIDE];
  for (int lane = 0; lane < WIDE; lane++) {
    const float *x = from + lane * w->stride[1];
    for (int i = 0; i < 3; i++) {
      for (int j = 0; j < 3; j++) {
        int to = w->flip ? TAPS - 1 - (3 * i + j) : 3 * i + j;
        tap[to][lane] = x[i * w->stride[2] + j * w->stride[3]];
      }
    }
  }
  for (int i = 0; i < TAPS; i++) g[i / 3][i % 3] = wide_load(tap[i]);
}

static void weights(const winograd_weights *w, const float *from, float *u,
                    int64_t c, int64_t c_end) {
  int64_t size = winograd_apart(w->c, w->k);
  for (; c < c_end; c++) {
    for (int64_t k = 0; k < w->k; k += WIDE) {
      wide g[3][3], part[3][6];
      load_taps(w, from + c * w->stride[0] + k * w->stride[1], g);
      for (int i = 0; i < 3; i++) wino_weights(g[i], part[i]);
      float *to = u + place(w->c, w->k, c, k);
      for (int j = 0; j < 6; j++) {
        wide column[3] = {part[0][j], part[1][j], part[2][j]}, s[6];
        wino_weights(column, s);
        for (int i = 0; i < 6; i++) wide_store(to + (6 * i + j) * size, s[i]);
      }
    }
  }
}

/* The first matrix that has the element serves as the sum. */
static wide sum_at(const winograd_sum *s, const float *at) {
  wide sum = wide_load(at);
  for (int64_t i = 1; i < s->n; i++) sum += wide_load(at + i * s->size);
  return sum;
}

static void store_taps(const winograd_sum *s, int64_t c, int64_t k,
                       wide g[3][3]) {
  float tap[TAPS][WIDE];
  for (int i = 0; i < TAPS; i++) wide_store(tap[i], g[i / 3][i % 3]);
  for (int lane = 0; lane < WIDE; lane++) {
    float *to = s->dw + ((k + lane) * s->c_all + c) * TAPS;
    for (int i = 0; i < TAPS; i++) {
      to[i] = s->add ? to[i] + tap[i][lane] : tap[i][lane];
    }
  }
}

static void finish(const winograd_sum *s, int64_t c, int64_t c_end) {
  int64_t size = winograd_apart(s->c_all, s->k_all);
  for (; c < c_end; c++) {
    for (int64_t k = 0; k < s->k_all; k += WIDE) {
      const float *from = s->s + place(s->c_all, s->k_all, c, k);
      wide part[3][6], g[3][3];
      for (int j = 0; j < 6; j++) {
        wide column[6], t[3];
        for (int i = 0; i < 6; i++) {
          column[i] = sum_at(s, from + (6 * i + j) * size);
        }
        wino_finish(column, t);
        for (int i = 0; i < 3; i++) part[i][j] = t[i];
      }
      for (int i = 0; i < 3; i++) wino_finish(part[i], g[i]);
      store_taps(s, c, k, g);
    }
  }
}

const cpu_winograd_weights_simd MOON_NAME(winograd_weights) = {weights,
                                                               finish};
