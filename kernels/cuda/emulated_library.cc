/* What cuDNN and cuBLASLt do on a GPU, on the emulated one: the reference
 * kernels, whole, when the queue comes to them. */
#include <stdlib.h>
#include <string.h>
#include "launch.h"

#define REFERENCE(name) extern "C" const moon_kernel moon_ref_##name;
REFERENCE(matmul)
REFERENCE(conv2d)
REFERENCE(conv2d_grad_x)
REFERENCE(conv2d_grad_w)

enum { MOST_OPERANDS = 8 };

typedef struct job {
  const moon_kernel *kernel;
  moon_call call;
  moon_operand arg[MOST_OPERANDS];
} job;

static void run_job(void *self) {
  job *j = (job *)self;
  moon_plan plan = {};
  moon_fail fail;
  j->kernel->plan(&j->call, &plan, 1, &fail);
  void *scratch = malloc(plan.scratch + 1);
  for (int phase = 0; phase < moon_plan_length(&plan); phase++) {
    for (int part = 0; part < moon_plan_parts(&plan, phase); part++) {
      j->kernel->run(&j->call, &plan, scratch, phase, part, &fail);
    }
  }
  free(scratch);
  free(j);
}

static int queue_job(const moon_kernel *kernel, const moon_call *call) {
  job *j = (job *)malloc(sizeof *j);
  j->kernel = kernel;
  j->call = *call;
  j->call.arg = j->arg;
  memcpy(j->arg, call->arg, (size_t)call->n * sizeof *call->arg);
  moon_emulated_call_host(call->queue, run_job, j);
  return MOON_OK;
}

#define LIBRARY(name)                                              \
  static int run_##name(const moon_call *call, const moon_plan *, void *, \
                        int, int, moon_fail *) {                   \
    return queue_job(&moon_ref_##name, call);                      \
  }                                                                \
  extern "C" const moon_kernel moon_cuda_##name = {                \
      #name, moon_plan_once, run_##name};
LIBRARY(matmul)
LIBRARY(conv2d)
LIBRARY(conv2d_grad_x)
LIBRARY(conv2d_grad_w)
