/* Resizing pictures, as Pillow 11 does it (Image.resize with BILINEAR; Clark
 * and contributors, src/libImaging/Resample.c): along rows, then along columns,
 * with weights of 22 bits after the point. */
#include <stdlib.h>
#include <string.h>
#include "picture.h"

enum { BITS = 22 };

/* For each new pixel the first old one that counts, and so many weights. */
typedef struct taps {
  int n, most;
  int *first, *count;
  int32_t *weight;  /* [n][most] */
} taps;

static double triangle(double x) {
  if (x < 0) x = -x;
  return x < 1 ? 1 - x : 0;
}

static void taps_free(taps *t) {
  free(t->first);
  free(t->count);
  free(t->weight);
}

/* Weights of the old pixels about the middle of new pixel i, which sum to 1. */
static void weigh(taps *t, int i, double middle, double wide, double *w) {
  double sum = 0, by = 1 / wide;
  for (int k = 0; k < t->count[i]; k++) {
    w[k] = triangle((k + t->first[i] - middle + 0.5) * by);
    sum += w[k];
  }
  for (int k = 0; k < t->count[i]; k++) {
    double share = sum != 0 ? w[k] / sum : w[k];
    t->weight[i * t->most + k] = (int32_t)(0.5 + share * (1 << BITS));
  }
}

/* `size` old pixels, of which [from, to) becomes n new ones. */
static bool taps_make(taps *t, int size, double from, double to, int n) {
  double scale = (to - from) / n, wide = scale < 1 ? 1 : scale;
  int reach = (int)wide + (wide > (int)wide);
  *t = (taps){.n = n, .most = 2 * reach + 1};
  t->first = calloc((size_t)n, sizeof *t->first);
  t->count = calloc((size_t)n, sizeof *t->count);
  t->weight = calloc((size_t)n * (size_t)t->most, sizeof *t->weight);
  double *w = malloc((size_t)t->most * sizeof *w);
  bool room = t->first && t->count && t->weight && w;
  for (int i = 0; room && i < n; i++) {
    double middle = from + (i + 0.5) * scale;
    int lo = (int)(middle - wide + 0.5), hi = (int)(middle + wide + 0.5);
    if (lo < 0) lo = 0;
    if (hi > size) hi = size;
    t->first[i] = lo;
    t->count[i] = hi - lo;
    weigh(t, i, middle, wide, w);
  }
  free(w);
  return room;
}

static uint8_t rounded(int32_t sum) {
  int v = sum >> BITS;
  return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

/* `rows` rows of `width` old pixels of c channels -> of t->n new ones. */
static void along_rows(const taps *t, const uint8_t *in, int64_t width, int c,
                       int64_t rows, uint8_t *out) {
  for (int64_t y = 0; y < rows; y++, in += width * c) {
    for (int i = 0; i < t->n; i++) {
      const int32_t *w = t->weight + i * t->most;
      const uint8_t *x = in + (int64_t)t->first[i] * c;
      for (int k = 0; k < c; k++) {
        int32_t sum = 1 << (BITS - 1);
        for (int j = 0; j < t->count[i]; j++) sum += x[j * c + k] * w[j];
        *out++ = rounded(sum);
      }
    }
  }
}

/* Rows of n bytes; `first` is the number of the first one in `in`. */
static void along_columns(const taps *t, const uint8_t *in, int64_t first,
                          int64_t n, uint8_t *out) {
  for (int i = 0; i < t->n; i++) {
    const int32_t *w = t->weight + i * t->most;
    const uint8_t *x = in + (t->first[i] - first) * n;
    for (int64_t k = 0; k < n; k++) {
      int32_t sum = 1 << (BITS - 1);
      for (int j = 0; j < t->count[i]; j++) sum += x[j * n + k] * w[j];
      *out++ = rounded(sum);
    }
  }
}

static bool is_whole(const moon__box *b, const moon__picture *p) {
  return b->top == 0 && b->left == 0 && b->bottom == (double)p->height &&
         b->right == (double)p->width;
}

/* Both passes; only the rows that the second one needs go through the first. */
static bool resize(const moon__picture *from, const uint8_t *in,
                   const taps *rows, const taps *columns, uint8_t *out) {
  int c = from->channels, last = columns->n - 1;
  int64_t lo = columns->first[0];
  int64_t hi = columns->first[last] + columns->count[last];
  int64_t wide = (int64_t)rows->n * c;
  uint8_t *half = malloc((size_t)((hi - lo) * wide));
  if (!half) return false;
  along_rows(rows, in + lo * from->width * c, from->width, c, hi - lo, half);
  along_columns(columns, half, lo, wide, out);
  free(half);
  return true;
}

int moon__picture_resize(const moon__picture *from, const uint8_t *in,
                         const moon__box *box, const moon__picture *to,
                         uint8_t *out, moon_fail *fail) {
  taps rows = {0}, columns = {0};
  if (is_whole(box, from) && from->height == to->height &&
      from->width == to->width) {
    memcpy(out, in, (size_t)(to->height * to->width * from->channels));
    return MOON_OK;
  }
  bool room = taps_make(&rows, (int)from->width, box->left, box->right,
                        (int)to->width) &&
              taps_make(&columns, (int)from->height, box->top, box->bottom,
                        (int)to->height) &&
              resize(from, in, &rows, &columns, out);
  taps_free(&rows);
  taps_free(&columns);
  if (room) return MOON_OK;
  moon__file_fail(fail, "resize", "no memory");
  return MOON_E_MEMORY;
}

/* (R 0.299 + G 0.587 + B 0.114), in 16 bits after the point. */
static uint8_t luma(const uint8_t *p) {
  return (uint8_t)((p[0] * 19595 + p[1] * 38470 + p[2] * 7471 + 0x8000) >> 16);
}

void moon__picture_recolour(const moon__picture *p, const uint8_t *in,
                            int channels, uint8_t *out) {
  int64_t n = p->height * p->width;
  if (p->channels == channels) {
    if (in != out) memcpy(out, in, (size_t)(n * channels));
  } else if (channels == 1) {
    for (int64_t i = 0; i < n; i++) out[i] = luma(in + 3 * i);
  } else {
    for (int64_t i = 0; i < n; i++) memset(out + 3 * i, in[i], 3);
  }
}
