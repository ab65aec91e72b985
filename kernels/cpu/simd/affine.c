/* Images turned, sheared, scaled and moved; see ref/affine.c. A piece of a row
 * at a time: where its pixels come from and with which weights is worked out
 * once, in double, then used for every channel.
 */
#include "../../draw.h"
#include "simd.h"

enum { X, Y, CORNERS = 4 };

/* The elements of an image fit into 31 bits. */
static bool is_near(const moon_operand *x) {
  int64_t far = 0;
  for (int d = 1; d < 4; d++) far += (x->shape[d] - 1) * x->stride[d];
  return far < INT32_MAX;
}

CPU_COVERS(affine) {
  const moon_operand *x = &call->arg[X];
  return cpu_is_f32(x) && moon_operand_numel(x) > 0 && is_near(x) &&
         x->shape[2] < 1 << 24 && x->shape[3] < 1 << 24;
}

CPU_CUT(affine) {
  const moon_operand *y = &call->arg[Y];
  cpu_phase(plan, y->shape[0], 4 * (double)moon_operand_numel(y), 1);
}

/* Of n pixels of the result: the four of x that each lies between, by their
 * places in an image, and their weights; `rest` is the fill's. */
typedef struct corners {
  int32_t at[CORNERS][SIMD_STAGE];
  float weight[CORNERS][SIMD_STAGE], rest[SIMD_STAGE];
} corners;

static inline int32_t clamp(int32_t v, int32_t size) {
  v = v > 0 ? v : 0;
  return v < size ? v : size - 1;
}

/* 1 where there is such a row or column. */
static inline float there(int32_t v, int32_t size) {
  return (v >= 0) & (v < size) ? 1.0f : 0.0f;
}

/* Far outside is as good as just outside. */
static inline double near_edge(double v, double size) {
  v = v > -2 ? v : -2;
  return v < size ? v : size;
}

static void find_corners(const moon_operand *x, const moon_affine_draw *d,
                         int64_t h, int64_t w, int64_t n, corners *p) {
  int32_t height = (int32_t)x->shape[2], width = (int32_t)x->shape[3];
  int32_t down = (int32_t)x->stride[2], right = (int32_t)x->stride[3];
  double row = (double)h;
  for (int64_t i = 0; i < n; i++) {
    double column = (double)(w + i);
    double y = d->h_h * row + d->h_w * column + d->h_0;
    double z = d->w_h * row + d->w_w * column + d->w_0;
    y = near_edge(y, (double)height);
    z = near_edge(z, (double)width);
    double top = floor(y), left = floor(z);
    int32_t t = (int32_t)top, l = (int32_t)left;
    float b = (float)(y - top), r = (float)(z - left);
    float a = (1 - b) * there(t, height), s = (1 - r) * there(l, width);
    b *= there(t + 1, height);
    r *= there(l + 1, width);
    p->weight[0][i] = a * s;
    p->weight[1][i] = a * r;
    p->weight[2][i] = b * s;
    p->weight[3][i] = b * r;
    p->rest[i] = 1 - (a + b) * (s + r);
    int32_t above = clamp(t, height) * down, before = clamp(l, width) * right;
    int32_t below = clamp(t + 1, height) * down;
    int32_t behind = clamp(l + 1, width) * right;
    p->at[0][i] = above + before;
    p->at[1][i] = above + behind;
    p->at[2][i] = below + before;
    p->at[3][i] = below + behind;
  }
}

static void mix(const corners *p, int64_t n, const float *restrict x,
                float fill, float *restrict y, int64_t step) {
  for (int64_t i = 0; i < n; i++) {
    float v = p->weight[0][i] * x[p->at[0][i]];
    v += p->weight[1][i] * x[p->at[1][i]];
    v += p->weight[2][i] * x[p->at[2][i]];
    v += p->weight[3][i] * x[p->at[3][i]];
    y[i * step] = v + p->rest[i] * fill;
  }
}

static void move_image(const moon_call *call, const moon_affine_draw *d,
                       const float *x, float *y) {
  const moon_operand *a = &call->arg[X], *b = &call->arg[Y];
  float fill = (float)call->params.affine.p.fill;
  corners p;
  for (int64_t h = 0; h < b->shape[2]; h++) {
    for (int64_t w = 0; w < b->shape[3]; w += SIMD_STAGE) {
      int64_t left = b->shape[3] - w, n = left < SIMD_STAGE ? left : SIMD_STAGE;
      float *to = y + h * b->stride[2] + w * b->stride[3];
      find_corners(a, d, h, w, n, &p);
      for (int64_t c = 0; c < b->shape[1]; c++) {
        mix(&p, n, x + c * a->stride[1], fill, to + c * b->stride[1],
            b->stride[3]);
      }
    }
  }
}

CPU_RUN(affine) {
  const moon_operand *x = &call->arg[X], *y = &call->arg[Y];
  const moon_place *at = &call->params.affine.at;
  int64_t lo, hi;
  cpu_share(plan, phase, part, y->shape[0], 1, &lo, &hi);
  for (int64_t j = lo; j < hi; j++) {
    moon_affine_draw d =
        moon_draw_affine(&call->params.affine.p, at->key,
                         (uint64_t)(at->position + j), y->shape[2],
                         y->shape[3]);
    move_image(call, &d, (const float *)x->data + j * x->stride[0],
               (float *)y->data + j * y->stride[0]);
  }
  return MOON_OK;
}

SIMD_KERNEL(affine)
