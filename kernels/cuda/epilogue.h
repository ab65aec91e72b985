/* What the libraries leave to do after a product or beside a convolution. */
#ifndef MOON_CUDA_EPILOGUE_H
#define MOON_CUDA_EPILOGUE_H
#include "../kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

/* y = y + bias, and its ReLU when wanted; bias [N] (or NULL) along y's last
 * dimension. */
int moon_cuda_finish(const moon_operand *y, const moon_operand *bias,
                     int relu, void *queue, moon_fail *fail);

/* db[k] = sum of dy [N,K,H,W] over all but k, added to db when wanted. Summed
 * in a fixed order, in f32 (f64 in f64); scratch as many bytes as this says. */
size_t moon_cuda_channel_room(const moon_operand *dy);
int moon_cuda_channel_sum(const moon_operand *dy, const moon_operand *db,
                          int adds, void *scratch, void *queue,
                          moon_fail *fail);

/* y: x [N,C,H,W] of any strides in channels-last memory, with channels of
 * zeros after its own up to `channels`, which are whole pieces of 16 bytes; y
 * lies at a multiple of 16. */
int moon_cuda_widen(const moon_operand *x, int64_t channels, void *y,
                    void *queue, moon_fail *fail);

#ifdef __cplusplus
}
#endif
#endif
