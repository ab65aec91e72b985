/* The loss scale of mixed precision in f16: small gradients would become 0, so
 * the loss is multiplied by a scale, as large as gradients stay finite. It
 * follows them (Micikevicius et al. 2018; torch.amp.GradScaler). */
#ifndef MOON_SCALER_H
#define MOON_SCALER_H
#include "inline.h"
#include "kernel.h"

enum { MOON_SCALER_SCALE, MOON_SCALER_GOOD, MOON_SCALER_SKIPPED,
       MOON_SCALER_SIZE };
#define MOON_LEAST_SCALE 0x1p-24  /* so that it comes back from NaN */

/* After a step; in double. */
MOON_INLINE void moon_scaler_note(double *s, int skips, double growth,
                                  double backoff, int64_t every) {
  if (skips) s[MOON_SCALER_SKIPPED] += 1;
  if (growth <= 0) return;
  if (s[MOON_SCALER_SKIPPED] > 0) {
    s[MOON_SCALER_SCALE] *= backoff;
    if (s[MOON_SCALER_SCALE] < MOON_LEAST_SCALE) {
      s[MOON_SCALER_SCALE] = MOON_LEAST_SCALE;
    }
    s[MOON_SCALER_GOOD] = s[MOON_SCALER_SKIPPED] = 0;
    return;
  }
  s[MOON_SCALER_GOOD] += 1;
  if (s[MOON_SCALER_GOOD] < (double)every) return;
  s[MOON_SCALER_SCALE] *= growth;
  s[MOON_SCALER_GOOD] = 0;
}

#endif
