/* Winograd's transforms of pixels; see ../winograd.h. */
#include "winograd.h"

enum { PANEL = WINO_PANEL };

/* The 36 pixels of x that a tile needs; those outside are `zeros`. */
static void find_pixels(const winograd_block *b, int64_t tile, const float *x,
                        const float *pixel[6][6]) {
  const conv_problem *p = &b->g->p;
  wino_place at = wino_place_of(b->g, tile);
  for (int64_t u = 0; u < 6; u++) {
    int64_t i = at.i + u - p->padding[0];
    const float *row = x + (at.n * p->h + i) * p->w * p->c;
    for (int64_t v = 0; v < 6; v++) {
      int64_t j = at.j + v - p->padding[1];
      bool inside = i >= 0 && i < p->h && j >= 0 && j < p->w;
      pixel[u][v] = inside ? row + j * p->c : b->zeros;
    }
  }
}

/* Column by column, then row by row, each over all channels: so few streams of
 * memory at a time, each without gaps. */
static void input(const winograd_block *b, const float *x) {
  int64_t channels = b->g->p.c;
  for (int64_t t = 0; t < b->count; t++) {
    const float *pixel[6][6];
    find_pixels(b, b->first + t, x, pixel);
    for (int v = 0; v < 6; v++) {
      for (int64_t c = 0; c < channels; c += WIDE) {
        wide d[6], s[6];
#pragma GCC unroll 6
        for (int u = 0; u < 6; u++) d[u] = wide_load(pixel[u][v] + c);
        wino_input(d, s);
#pragma GCC unroll 6
        for (int u = 0; u < 6; u++) {
          wide_store(b->part + (6 * u + v) * channels + c, s[u]);
        }
      }
    }
    for (int u = 0; u < 6; u++) {
      const float *from = b->part + 6 * u * channels;
      float *to = b->v + 6 * u * b->v_size + t * channels;
      for (int64_t c = 0; c < channels; c += WIDE) {
        wide d[6], s[6];
#pragma GCC unroll 6
        for (int v = 0; v < 6; v++) d[v] = wide_load(from + v * channels + c);
        wino_input(d, s);
#pragma GCC unroll 6
        for (int v = 0; v < 6; v++) wide_store(to + v * b->v_size + c, s[v]);
      }
    }
  }
}

/* Where column k of row t of M or Z lies. */
static int64_t place(const winograd_block *b, int64_t t, int64_t k) {
  int64_t first = (k - b->k) / PANEL * PANEL;
  int64_t width = wino_panel(b->k_end - b->k, first, PANEL);
  return first * b->g->block + t * width + (k - b->k - first);
}

static void output_vector(const winograd_block *b, const float *m, wide bias,
                          wide y[4][4]) {
  wide part[4][6];
  for (int v = 0; v < 6; v++) {
    wide s[6], t[4];
#pragma GCC unroll 6
    for (int u = 0; u < 6; u++) s[u] = wide_load(m + (6 * u + v) * b->m_size);
    wino_output(s, t);
#pragma GCC unroll 4
    for (int u = 0; u < 4; u++) part[u][v] = t[u];
  }
  for (int u = 0; u < 4; u++) {
    wino_output(part[u], y[u]);
#pragma GCC unroll 4
    for (int v = 0; v < 4; v++) y[u][v] += bias;
  }
}

static void output(const winograd_block *b, const float *bias, bool relu,
                   float *y) {
  const conv_problem *p = &b->g->p;
  size_t nbytes = (size_t)(p->n * p->oh * p->ow * p->k) * sizeof *y;
  bool streams = simd_goes_past(nbytes);
  for (int64_t t = 0; t < b->count; t++) {
    wino_place at = wino_place_of(b->g, b->first + t);
    int64_t rows = p->oh - at.i < 4 ? p->oh - at.i : 4;
    int64_t columns = p->ow - at.j < 4 ? p->ow - at.j : 4;
    float *to = y + ((at.n * p->oh + at.i) * p->ow + at.j) * p->k;
    for (int64_t k = b->k; k < b->k_end; k += WIDE) {
      wide s[4][4];
      output_vector(b, b->m + place(b, t, k),
                    bias ? wide_load(bias + k) : wide_all(0), s);
      for (int64_t u = 0; u < rows; u++) {
        for (int64_t v = 0; v < columns; v++) {
          wide value = relu ? wide_relu(s[u][v]) : s[u][v];
          float *at = to + (u * p->ow + v) * p->k + k;
          if (streams) wide_stream(at, value);
          else wide_store(at, value);
        }
      }
    }
  }
  simd_store_end(streams);
}

/* The pixels of dy that a tile has; those outside are `zeros`. */
static void find_gradient(const winograd_block *b, int64_t tile,
                          const float *dy, const float *pixel[4][4]) {
  const conv_problem *p = &b->g->p;
  wino_place at = wino_place_of(b->g, tile);
  const float *from = dy + ((at.n * p->oh + at.i) * p->ow + at.j) * p->k;
  for (int64_t u = 0; u < 4; u++) {
    for (int64_t v = 0; v < 4; v++) {
      bool inside = at.i + u < p->oh && at.j + v < p->ow;
      pixel[u][v] = inside ? from + (u * p->ow + v) * p->k : b->zeros;
    }
  }
}

static void gradient(const winograd_block *b, const float *dy, float *db) {
  for (int64_t t = 0; t < b->count; t++) {
    const float *pixel[4][4];
    find_gradient(b, b->first + t, dy, pixel);
    for (int64_t k = b->k; k < b->k_end; k += WIDE) {
      wide part[6][4], sum = wide_all(0);
      for (int v = 0; v < 4; v++) {
        wide d[4], s[6];
#pragma GCC unroll 4
        for (int u = 0; u < 4; u++) d[u] = wide_load(pixel[u][v] + k);
        sum += (d[0] + d[1]) + (d[2] + d[3]);
        wino_gradient(d, s);
#pragma GCC unroll 6
        for (int u = 0; u < 6; u++) part[u][v] = s[u];
      }
      if (db) wide_store(db + k, wide_load(db + k) + sum);
      float *to = b->m + place(b, t, k);
      for (int u = 0; u < 6; u++) {
        wide s[6];
        wino_gradient(part[u], s);
#pragma GCC unroll 6
        for (int v = 0; v < 6; v++) {
          wide_store(to + (6 * u + v) * b->m_size, s[v]);
        }
      }
    }
  }
}

const cpu_winograd_simd MOON_NAME(winograd) = {input, output, gradient};
