/* Indices and labels are looked at before anything is written. The look is the
 * call's first phase: a kernel that writes to the host's call->notice the place
 * of the first bad value. It needs nothing but the indices, so the runtime runs
 * it ahead of what the GPU is busy with; the second phase reads the notice.
 */
#ifndef MOON_CUDA_CHECK_H
#define MOON_CUDA_CHECK_H
#include "types.h"

/* Values must lie in [0, size) or be `but`. */
typedef struct moon_range { int64_t size, but; } moon_range;

/* Queues the look at a call's indices. */
int moon_check_values(const moon_call *call, const moon_operand *index,
                      moon_range range, moon_fail *fail);
/* What it found; `what` is what the text calls a value. */
int moon_check_notice(const moon_call *call, const char *what, int64_t size,
                      moon_fail *fail);

#endif
