/* Muon's directions of a step's matrices, made near orthogonal in scratch
 * (ref's orthogonal.h). Only the device knows for certain which rule an entry
 * has; what may be Muon's has room, and is left alone if it is not.
 */
#ifndef MOON_CUDA_MUON_H
#define MOON_CUDA_MUON_H
#include "../matrix.h"
#include "step.h"

/* Whether entry k may be Muon's: a matrix with a velocity and nothing else. */
static inline bool moon_muon_takes(const moon_call *call, int k) {
  const moon_operand *p = operand(call, k, P);
  return call->params.step.muon > 0 && p && p->ndim >= 2 &&
         moon_operand_numel(p) > 0 && operand(call, k, G) &&
         operand(call, k, S) && !operand(call, k, S + 1) &&
         !operand(call, k, S + 2);
}

size_t moon_muon_bytes(const moon_call *call);
/* Where entry k's direction will be, of the type that p is computed in; *room
 * goes on to the next entry's. */
moon_operand moon_muon_direction(const moon_call *call, int k, char **room);
int moon_muon_run(const moon_call *call, const settled *rates, char *room,
                  moon_fail *fail);

#endif
