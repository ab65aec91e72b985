/* The fastest of cuDNN's choices, by a clock: for whoever asks for it with
 * MOONSEED_CUDNN_TUNE=1.
 *
 * It happens when a call is planned, never when it runs: so outside of any
 * capture, and with operands of its own, so that no output changes and none is
 * read while another stream writes it. The device is idle meanwhile, as the
 * thread that launches its work is the one that plans. The operands are within
 * the device's memory limit, or nothing is timed. The choices take turns; each
 * one's first run is not counted.
 */
#include <math.h>
#include "conv.h"
#include "lender.h"

static double median(double *t, int n) {
  for (int i = 1; i < n; i++) {
    for (int k = i; k > 0 && t[k] < t[k - 1]; k--) {
      double larger = t[k - 1];
      t[k - 1] = t[k];
      t[k] = larger;
    }
  }
  return t[n / 2];
}

/* Equals stay in cuDNN's order; those that failed come last. */
bool moon_conv_order(conv_plan *plan, conv_clock *clock, void *self) {
  double time[CONV_CHOICES][CONV_ROUNDS], typical[CONV_CHOICES];
  bool failed[CONV_CHOICES] = {false};
  for (int n = 0; n < CONV_ROUNDS; n++) {
    for (int i = 0; i < plan->n; i++) {
      time[i][n] = failed[i] ? -1 : clock(self, i, n);
      failed[i] |= time[i][n] < 0;
    }
  }
  for (int i = 0; i < plan->n; i++) {
    double t = failed[i] ? INFINITY : median(time[i] + 1, CONV_ROUNDS - 1);
    conv_choice c = plan->choice[i];
    int k = i;
    for (; k > 0 && t < typical[k - 1]; k--) {
      typical[k] = typical[k - 1];
      plan->choice[k] = plan->choice[k - 1];
    }
    typical[k] = t;
    plan->choice[k] = c;
  }
  return plan->n > 0 && typical[0] < INFINITY;
}

/* --- the device's clock ----------------------------------------------- */
enum { REPEATS = 4 };

typedef struct bench {
  const moon_cudnn *lib;
  conv_plan plan;             /* in cuDNN's order */
  cudnnHandle_t handle;
  cudaStream_t queue;
  cudaEvent_t start, stop;
  char *memory;
  size_t nbytes;              /* of it */
  void *data[CONV_TENSORS], *workspace;
} bench;

static double measure(void *self, int i, int n) {
  bench *b = self;
  float ms = -1;
  cudnnStatus_t error = CUDNN_STATUS_SUCCESS;
  (void)n;
  cudaEventRecord(b->start, b->queue);
  for (int k = 0; k < REPEATS && !error; k++) {
    error = moon_conv_execute(b->lib, b->handle, &b->plan, i, b->data,
                              b->workspace);
  }
  cudaEventRecord(b->stop, b->queue);
  if (cudaEventSynchronize(b->stop) != cudaSuccess || error) return -1;
  return cudaEventElapsedTime(&ms, b->start, b->stop) ? -1 : (double)ms;
}

/* All operands and the largest workspace, in one piece. What is in them takes
 * no part, but for numbers so small that they would be slow: bytes of 0x3c make
 * 0.01 in f32 and bf16 and 1.06 in f16. */
static bool make_operands(bench *b) {
  const conv_key *key = &b->plan.found.key;
  size_t at[CONV_TENSORS + 1], all = 0;
  int64_t most = 0;
  for (int role = 0; role < CONV_TENSORS; role++) {
    const int64_t *s = key->shape[role < CONV_B ? role : CONV_Y];
    const int64_t *stride = key->stride[role < CONV_B ? role : CONV_Y];
    int64_t numel = 1;
    for (int d = 0; d < 4; d++) numel += (s[d] - 1) * stride[d];
    if (role == CONV_B) numel = s[1];
    at[role] = all;
    size_t nbytes = (size_t)numel * moon_dtype_size(key->dtype);
    all += (nbytes + 255) / 256 * 256;
  }
  for (int i = 0; i < b->plan.n; i++) {
    int64_t wanted = b->plan.choice[i].workspace;
    if (wanted > most) most = wanted;
  }
  b->nbytes = all + (size_t)most + 1;
  b->memory = moon_cuda_take(b->nbytes);
  if (!b->memory) return false;
  for (int role = 0; role < CONV_TENSORS; role++) {
    b->data[role] = b->memory + at[role];
  }
  b->workspace = b->memory + all;
  return cudaMemsetAsync(b->memory, 0x3c, all, b->queue) == cudaSuccess;
}

static bool prepare(bench *b) {
  moon_fail fail;
  return cudaStreamCreateWithFlags(&b->queue, cudaStreamNonBlocking) ==
             cudaSuccess &&
         cudaEventCreate(&b->start) == cudaSuccess &&
         cudaEventCreate(&b->stop) == cudaSuccess && make_operands(b) &&
         moon_cudnn_handle(b->lib, b->queue, &b->handle, &fail) >= 0 &&
         cudaDeviceSynchronize() == cudaSuccess;
}

bool moon_conv_tune(const moon_cudnn *lib, conv_plan *plan) {
  if (plan->n == 1) return true;
  bench b = {.lib = lib, .plan = *plan};
  bool is_done = prepare(&b) && moon_conv_order(plan, measure, &b);
  if (b.memory) moon_cuda_give(b.memory, b.nbytes);
  if (b.start) cudaEventDestroy(b.start);
  if (b.stop) cudaEventDestroy(b.stop);
  if (b.handle) lib->cudnnSetStream(b.handle, NULL);  /* not one that ended */
  if (b.queue) cudaStreamDestroy(b.queue);
  if (!is_done) {
    *plan = b.plan;
    cudaGetLastError();       /* a refusal is not the next launch's */
  }
  return is_done;
}
