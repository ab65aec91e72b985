/* Winograd's transforms of pixels; see ../winograd.h. Each is made for the nine
 * sizes of a tile, 2 to 4 pixels high and wide. */
#include "mask.h"
#include "winograd.h"

enum { PANEL = WINO_PANEL };

/* Tile t of a block: its pixels of x or dy are read `from` there, those of y
 * written `to` there; db is the bias gradient or NULL. */
typedef struct tile {
  const winograd_block *b;
  int64_t t;
  wino_place at;
  const cpu_masked *from;
  const conv_packed *to;
  float *db;
  bool streams;
} tile;

typedef void tile_fn(const tile *q);

#define SIZED(body, h, w) \
  static void body##_##h##_##w(const tile *q) { body(q, h, w); }
/* Compiled once more for pixels with a mask. */
#define MASKED(name, body)                                                  \
  WINO_INLINE void name(const tile *q, const int height, const int width) { \
    if (q->from->mask) body(q, height, width, true);                        \
    else body(q, height, width, false);                                     \
  }
/* body_of: by height and width. */
#define EACH_SIZE(body)                                                     \
  SIZED(body, 2, 2) SIZED(body, 2, 3) SIZED(body, 2, 4)                     \
  SIZED(body, 3, 2) SIZED(body, 3, 3) SIZED(body, 3, 4)                     \
  SIZED(body, 4, 2) SIZED(body, 4, 3) SIZED(body, 4, 4)                     \
  static tile_fn *const body##_of[][3] = {                                  \
      {body##_2_2, body##_2_3, body##_2_4},                                 \
      {body##_3_2, body##_3_3, body##_3_4},                                 \
      {body##_4_2, body##_4_3, body##_4_4}};

/* All tiles of a block. */
static void each_tile(tile q, tile_fn *const of[][3]) {
  for (q.t = 0; q.t < q.b->count; q.t++) {
    q.at = wino_place_of(q.b->g, q.b->first + q.t);
    of[q.at.region->height - 2][q.at.region->width - 2](&q);
  }
}

/* --- V -------------------------------------------------------------------- */

/* A pixel's channels, and their bits of the mask if there is one. */
typedef struct pixel {
  const float *at;
  const uint8_t *mask;
} pixel;

/* Outside it is `zeros`, whatever its bits say. */
static pixel find(const tile *q, int64_t i, int64_t j) {
  const cpu_masked *x = q->from;
  if (i < 0 || i >= x->rows || j < 0 || j >= x->columns) {
    return (pixel){q->b->zeros, x->mask};
  }
  const float *at = x->data + q->at.n * x->stride[0] + i * x->stride[1] +
                    j * x->stride[2];
  if (!x->mask) return (pixel){at, NULL};
  int64_t before = (q->at.n * x->rows + i) * x->columns + j;
  return (pixel){at, x->mask + before * x->channels / 8};
}

WINO_INLINE wide load(pixel p, int64_t c, const bool masked) {
  wide x = wide_load(p.at + c);
  return masked ? wide_keep(x, mask_get(p.mask, c)) : x;
}

/* The 36 pixels of x around a tile. */
static void find_pixels(const tile *q, pixel x[6][6]) {
  const conv_problem *p = &q->b->g->p;
  for (int64_t u = 0; u < 6; u++) {
    for (int64_t v = 0; v < 6; v++) {
      x[u][v] = find(q, q->at.i + u - p->padding[0],
                     q->at.j + v - p->padding[1]);
    }
  }
}

/* Column by column, then row by row, each over all channels: so few streams of
 * memory at a time, each without gaps. */
WINO_INLINE void input_of(const tile *q, const int height, const int width,
                          const bool masked) {
  const winograd_block *b = q->b;
  pixel x[6][6];
  int64_t channels = b->g->p.c;
  find_pixels(q, x);
  for (int v = 0; v < width + 2; v++) {
    for (int64_t c = 0; c < channels; c += WIDE) {
      wide d[6], s[6];
#pragma GCC unroll 6
      for (int u = 0; u < height + 2; u++) d[u] = load(x[u][v], c, masked);
      wino_input(height, d, s);
#pragma GCC unroll 6
      for (int u = 0; u < 6; u++) {
        if (!winograd_needs(height, u)) continue;
        wide_store(b->part + (6 * u + v) * channels + c, s[u]);
      }
    }
  }
  for (int u = 0; u < 6; u++) {
    if (!winograd_needs(height, u)) continue;
    const float *from = b->part + 6 * u * channels;
    float *to = b->v + 6 * u * b->v_size + q->t * channels;
    for (int64_t c = 0; c < channels; c += WIDE) {
      wide d[6], s[6];
#pragma GCC unroll 6
      for (int v = 0; v < width + 2; v++) {
        d[v] = wide_load(from + v * channels + c);
      }
      wino_input(width, d, s);
#pragma GCC unroll 6
      for (int v = 0; v < 6; v++) {
        if (winograd_needs(width, v)) wide_store(to + v * b->v_size + c, s[v]);
      }
    }
  }
}
MASKED(input_tile, input_of)
EACH_SIZE(input_tile)

static void input(const winograd_block *b, const cpu_masked *x) {
  each_tile((tile){.b = b, .from = x}, input_tile_of);
}

/* --- y -------------------------------------------------------------------- */

/* Where column k of row t of M or Z lies. */
static int64_t place(const winograd_block *b, int64_t t, int64_t k) {
  int64_t first = (k - b->k) / PANEL * PANEL;
  int64_t width = wino_panel(b->k_end - b->k, first, PANEL);
  return first * b->g->block + t * width + (k - b->k - first);
}

WINO_INLINE void output_vector(const winograd_block *b, const float *m,
                               const int height, const int width,
                               wide y[4][4]) {
  wide part[4][6];
#pragma GCC unroll 6
  for (int v = 0; v < 6; v++) {
    if (!winograd_needs(width, v)) continue;
    wide s[6], t[4];
#pragma GCC unroll 6
    for (int u = 0; u < 6; u++) {
      if (winograd_needs(height, u)) {
        s[u] = wide_load(m + (6 * u + v) * b->m_size);
      }
    }
    wino_output(height, s, t);
#pragma GCC unroll 4
    for (int u = 0; u < height; u++) part[u][v] = t[u];
  }
#pragma GCC unroll 4
  for (int u = 0; u < height; u++) wino_output(width, part[u], y[u]);
}

WINO_INLINE void output_tile(const tile *q, const int height, const int width) {
  const winograd_block *b = q->b;
  const conv_packed *c = q->to;
  const conv_problem *p = &b->g->p;
  int64_t rows = p->oh - q->at.i < height ? p->oh - q->at.i : height;
  int64_t columns = p->ow - q->at.j < width ? p->ow - q->at.j : width;
  int64_t to = ((q->at.n * p->oh + q->at.i) * p->ow + q->at.j) * p->k;
  for (int64_t k = b->k; k < b->k_end; k += WIDE) {
    wide s[4][4], bias = c->bias ? wide_load(c->bias + k) : wide_all(0);
    output_vector(b, b->m + place(b, q->t, k), height, width, s);
    for (int64_t u = 0; u < rows; u++) {
      for (int64_t v = 0; v < columns; v++) {
        wide value = s[u][v] + bias;
        int64_t at = to + (u * p->ow + v) * p->k + k;
        if (c->relu) value = wide_relu(value);
        if (c->mask) mask_put(c->mask, at, wide_positive(value));
        if (q->streams) wide_stream(c->y + at, value);
        else wide_store(c->y + at, value);
      }
    }
  }
}
EACH_SIZE(output_tile)

static void output(const winograd_block *b, const conv_packed *c) {
  const conv_problem *p = &b->g->p;
  size_t nbytes = (size_t)(p->n * p->oh * p->ow * p->k) * sizeof *c->y;
  bool streams = simd_goes_past(nbytes);
  each_tile((tile){.b = b, .to = c, .streams = streams}, output_tile_of);
  simd_store_end(streams);
}

/* --- Z -------------------------------------------------------------------- */

/* The pixels of dy that a tile has. */
static void find_gradient(const tile *q, pixel dy[4][4]) {
  for (int64_t u = 0; u < 4; u++) {
    for (int64_t v = 0; v < 4; v++) {
      dy[u][v] = find(q, q->at.i + u, q->at.j + v);
    }
  }
}

WINO_INLINE wide sum_of(const wide *d, const int n) {
  if (n == 2) return d[0] + d[1];
  return n == 3 ? (d[0] + d[1]) + d[2] : (d[0] + d[1]) + (d[2] + d[3]);
}

WINO_INLINE void gradient_of(const tile *q, const int height,
                             const int width, const bool masked) {
  const winograd_block *b = q->b;
  pixel dy[4][4];
  find_gradient(q, dy);
  for (int64_t k = b->k; k < b->k_end; k += WIDE) {
    wide part[6][4], sum = wide_all(0);
#pragma GCC unroll 4
    for (int v = 0; v < width; v++) {
      wide d[4], s[6];
#pragma GCC unroll 4
      for (int u = 0; u < height; u++) d[u] = load(dy[u][v], k, masked);
      sum += sum_of(d, height);
      wino_gradient(height, d, s);
#pragma GCC unroll 6
      for (int u = 0; u < 6; u++) {
        if (winograd_needs(height, u)) part[u][v] = s[u];
      }
    }
    if (q->db) wide_store(q->db + k, wide_load(q->db + k) + sum);
    float *to = b->m + place(b, q->t, k);
#pragma GCC unroll 6
    for (int u = 0; u < 6; u++) {
      if (!winograd_needs(height, u)) continue;
      wide s[6];
      wino_gradient(width, part[u], s);
#pragma GCC unroll 6
      for (int v = 0; v < 6; v++) {
        if (!winograd_needs(width, v)) continue;
        wide_store(to + (6 * u + v) * b->m_size, s[v]);
      }
    }
  }
}
MASKED(gradient_tile, gradient_of)
EACH_SIZE(gradient_tile)

static void gradient(const winograd_block *b, const cpu_masked *dy,
                     float *db) {
  each_tile((tile){.b = b, .from = dy, .db = db}, gradient_tile_of);
}

const cpu_winograd_simd MOON_NAME(winograd) = {input, output, gradient};
