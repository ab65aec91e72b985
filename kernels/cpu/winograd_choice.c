/* Which convolutions are computed by Winograd's method, and how they are cut:
 * rules on shapes, never timings. See winograd.h. */
#include <stdlib.h>
#include <string.h>
#include "winograd.h"

enum {
  CHANNELS = 32,              /* of both sides together, at least */
  TILES = 16,                 /* of all images, at least */
  NEAR_BYTES = 512 << 10,     /* V and M of a block */
  FAR_BYTES = 16 << 20,       /* of U that the outer cache holds */
  NEAR_BLOCK = 48, FAR_BLOCK = 128,  /* tiles that use U while it is there */
  PART_NS = 150000, PARTS = 32,
  SUMS_BYTES = 5 << 20       /* of all matrices S */
};

static const double PACK_NS = 0.25;  /* per element */

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t share(int64_t n, int64_t by) { return (n + by - 1) / by; }

/* The power of two at or below n, at least 1: as many parts for each core. */
static int64_t power_below(int64_t n) {
  int64_t power = 1;
  while (2 * power <= n) power *= 2;
  return power;
}

/* The multiplications of whole tiles are fewer than half of the direct ones. */
static bool saves(const conv_problem *p) {
  int64_t tiles = share(p->oh, WINOGRAD_TILE) * share(p->ow, WINOGRAD_TILE);
  return 2 * WINOGRAD_PLACES * tiles <= 9 * p->oh * p->ow;
}

bool moon_cpu_winograd_suits(const conv_problem *p, conv_way way) {
  bool plain = p->kh == 3 && p->kw == 3 && p->groups == 1;
  for (int i = 0; i < 2; i++) {
    plain = plain && p->stride[i] == 1 && p->dilation[i] == 1;
  }
  bool whole = p->c % WINOGRAD_CHANNELS == 0 && p->k % WINOGRAD_CHANNELS == 0;
  if (!plain || !whole || way == CONV_BACKWARD_X) return false;
  int64_t tiles = p->n * share(p->oh, WINOGRAD_TILE) *
                  share(p->ow, WINOGRAD_TILE);
  return saves(p) && p->c + p->k >= CHANNELS && tiles >= TILES;
}

/* --- the cut -------------------------------------------------------------- */
static int64_t matrix_bytes(const conv_problem *p) {
  return WINOGRAD_PLACES * p->c * p->k * (int64_t)sizeof(float);
}

/* One core's: the products, and the transforms' memory. */
static double ns_of(const winograd *g) {
  double c = (double)g->p.c, k = (double)g->p.k;
  return 2 * g->products * c * k / 105 + 3 * (double)g->tiles * (c + k);
}

/* Tiles of a block: V and M stay near, but a matrix U or S that does not is
 * used by many of them each time it comes. */
static int64_t block_of(const winograd *g, int64_t k) {
  int64_t grain = moon_cpu_simd()->winograd_product->grain;
  int64_t bytes = matrix_bytes(&g->p), wanted = grain;
  if (bytes > NEAR_BYTES) wanted = NEAR_BLOCK;
  if (bytes > FAR_BYTES) wanted = FAR_BLOCK;
  int64_t fits = NEAR_BYTES / (WINOGRAD_PLACES * (int64_t)sizeof(float) *
                               (g->p.c + k));
  wanted = least(most(wanted, fits), g->tiles);
  return share(wanted, grain) * grain;
}

/* Output channels are cut where tiles alone give too few parts. */
static void slice(winograd *g, int64_t parts) {
  int64_t most_slices = share(g->p.k, WINOGRAD_SLICE);
  while (g->ranges * g->slices < parts && 2 * g->slices <= most_slices) {
    g->slices *= 2;
  }
  g->block = block_of(g, g->p.k / g->slices);
}

static void cut(winograd *g, conv_way way) {
  int64_t parts = power_below(least(PARTS, (int64_t)(ns_of(g) / PART_NS)));
  int64_t ranges = parts;
  if (way == CONV_BACKWARD_W) {
    ranges = least(ranges, power_below(SUMS_BYTES / matrix_bytes(&g->p)));
  }
  g->slices = 1;
  g->ranges = least(ranges, share(g->tiles, block_of(g, g->p.k)));
  slice(g, parts);
}

/* --- tiles ---------------------------------------------------------------- */
/* How many of a tile's places are needed. */
static int places(int height, int width) {
  int rows = 0, columns = 0;
  for (int point = 0; point < 6; point++) {
    rows += winograd_needs(height, point);
    columns += winograd_needs(width, point);
  }
  return rows * columns;
}

static void set_regions(winograd *g) {
  const conv_problem *p = &g->p;
  int64_t h = p->oh / WINOGRAD_TILE, w = p->ow / WINOGRAD_TILE;
  int64_t more_h = p->oh % WINOGRAD_TILE, more_w = p->ow % WINOGRAD_TILE;
  int64_t i = h * WINOGRAD_TILE, j = w * WINOGRAD_TILE;
  int low = more_h == 3 ? 3 : 2, narrow = more_w == 3 ? 3 : 2;
  winograd_region region[WINOGRAD_REGIONS] = {
      [WINOGRAD_LOW] = {.rows = more_h > 0, .columns = w, .i = i,
                        .height = low, .width = WINOGRAD_TILE},
      [WINOGRAD_WHOLE] = {.rows = h, .columns = w,
                          .height = WINOGRAD_TILE, .width = WINOGRAD_TILE},
      [WINOGRAD_NARROW] = {.rows = h, .columns = more_w > 0, .j = j,
                           .height = WINOGRAD_TILE, .width = narrow},
      [WINOGRAD_CORNER] = {.rows = more_h > 0, .columns = more_w > 0, .i = i,
                           .j = j, .height = low, .width = narrow}};
  for (int r = 0; r < WINOGRAD_REGIONS; r++) {
    int64_t tiles = p->n * region[r].rows * region[r].columns;
    g->tiles += tiles;
    g->products += (double)tiles * places(region[r].height, region[r].width);
    region[r].end = g->tiles;
    g->region[r] = region[r];
  }
}

/* --- the state ------------------------------------------------------------ */
static void pack(const cpu_order *o, const float *w, float *packed,
                 int64_t unit, int64_t unit_end) {
  const winograd_weights *weights = (const winograd_weights *)o;
  moon_cpu_simd()->winograd_weights->weights(weights, w, packed, unit,
                                             unit_end);
}

static bool same(const winograd_weights *a, const winograd_weights *b) {
  return a->c == b->c && a->k == b->k && a->flip == b->flip &&
         !memcmp(a->stride, b->stride, sizeof a->stride);
}

/* The one order of these weights; one caller at a time. In a turned problem
 * (see conv_choice.c) the weights' rows are input channels. */
static const cpu_order *order_of(const conv_key *key, const conv_problem *p) {
  static winograd_weights *known;
  const int64_t *s = key->w_stride;
  bool turned = key->kernel == MOON_K_conv2d_grad_x;
  int64_t numel = WINOGRAD_PLACES * winograd_apart(p->c, p->k);
  winograd_weights w = {
      .order = {numel, p->c, PACK_NS * (double)numel, pack}, .next = known,
      .c = p->c, .k = p->k, .flip = turned,
      .stride = {s[!turned], s[turned], s[2], s[3]}};
  for (winograd_weights *k = known; k; k = k->next) {
    if (same(k, &w)) return &k->order;
  }
  winograd_weights *made = malloc(sizeof *made);
  if (!made) return NULL;
  *made = w;
  known = made;
  return &made->order;
}

bool moon_cpu_winograd_make(conv_state *s, const conv_key *key,
                            const conv_problem *p) {
  winograd *g = calloc(1, sizeof *g);
  if (!g) return false;
  *g = (winograd){.p = *p};
  set_regions(g);
  cut(g, s->way);
  s->winograd = g;
  s->parts = (int)(g->ranges * g->slices);
  s->ns = ns_of(g);
  if (s->way == CONV_BACKWARD_W) return true;
  s->order = order_of(key, p);
  return s->order != NULL;
}
