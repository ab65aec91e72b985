/* Gradients as a step takes them: without the loss scale, and clipped. */
#ifndef MOON_SIMD_STEP_CLIP_H
#define MOON_SIMD_STEP_CLIP_H
#include <float.h>
#include "../../scaler.h"
#include "columns.h"

/* The loss scale, or NULL. */
static inline double *step_scaler_of(const moon_call *call) {
  return call->params.step.scaled ? call->arg[call->n - 1].data : NULL;
}

/* What becomes of a gradient's values before they are scaled: they are
 * multiplied by `unscale`, and those beyond +-most, up to +-beyond, are cut. */
typedef struct step_clip {
  float most, beyond, unscale;
  bool changes;  /* any value */
  double scale;
} step_clip;

/* `norm` counts with max_norm alone. */
static inline step_clip step_clip_of(const moon_call *call, double norm) {
  const moon_step_params *p = &call->params.step.p;
  const double *scaler = step_scaler_of(call);
  step_clip c = {INFINITY, scaler ? FLT_MAX : INFINITY, 1,
            scaler || p->max_value > 0, 1};
  if (p->max_value > 0) c.most = (float)p->max_value;
  if (scaler) c.unscale = (float)(1 / scaler[MOON_SCALER_SCALE]);
  if (p->max_norm > 0) c.scale = p->max_norm / (norm + 1e-6);
  if (c.scale > 1) c.scale = 1;  /* NaN stays */
  return c;
}

/* n elements of a gradient as a row. */
static inline const float *step_gradient_row(const float *g, int64_t stride,
                                             int64_t n, step_clip c,
                                             float *room) {
  const float *row = simd_row(g, stride, n, room);
  if (!c.changes) return row;
  for (int64_t i = 0; i < n; i++) {
    float v = row[i] * c.unscale;  /* NaN stays */
    float high = v > c.most && v <= c.beyond ? c.most : v;
    room[i] = v < -c.most && v >= -c.beyond ? -c.most : high;
  }
  return room;
}

/* How long a piece may be: what changes needs room. */
static inline int64_t step_piece(const cpu_loop *l, step_clip c) {
  return c.changes ? SIMD_STAGE : simd_piece(l);
}

#endif
