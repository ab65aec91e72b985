/* What cuDNN and cuBLASLt do on a GPU, on the emulated one: the reference
 * kernels, whole, when the queue comes to them. Convolutions get their operands
 * as conv2d.c prepares them for cuDNN. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "conv_key.h"
#include "launch.h"
#include "lender.h"

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

static int run_matmul(const moon_call *call, const moon_plan *, void *, int,
                      int, moon_fail *) {
  return queue_job(&moon_ref_matmul, call);
}

extern "C" const moon_kernel moon_cuda_matmul = {"matmul", moon_plan_once,
                                                 run_matmul};

/* --- convolution ------------------------------------------------------ */
/* Bytes that are asked for, and overwritten: nothing else may lie there. */
enum { WORKSPACE = 300 };

typedef struct planned {
  conv_found found;
  struct planned *next;
} planned;

/* As the tuner does, which has operands of its own. */
static void borrow(const conv_key *key) {
  size_t nbytes = (size_t)(key->shape[CONV_X][0] * key->stride[CONV_X][0]);
  void *operands = moon_cuda_take(nbytes);
  if (operands) moon_cuda_give(operands, nbytes);
}

extern "C" int moon_conv_find(const conv_key *key, int,
                              const conv_found **out, moon_fail *fail) {
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  static planned *all;
  if (key->epilogue && key->align < 4) {  /* as cuDNN */
    snprintf(fail->text, sizeof fail->text, "no engine for an alignment of %d",
             key->align);
    return MOON_E_KERNEL;
  }
  pthread_mutex_lock(&lock);
  planned *p = all;
  while (p && memcmp(&p->found.key, key, sizeof *key) != 0) p = p->next;
  if (!p) {
    p = (planned *)malloc(sizeof *p);
    int32_t has_cores = key->shape[CONV_W][1] % 8 == 0;
    *p = planned{{*key, WORKSPACE, has_cores, 0}, all};
    all = p;
    if (getenv("MOONSEED_CUDNN_TUNE")) borrow(key);
  }
  pthread_mutex_unlock(&lock);
  *out = &p->found;
  return MOON_OK;
}

static moon_operand operand(const conv_key *key, int role,
                            void *const data[CONV_TENSORS]) {
  moon_operand o = {data[role], key->dtype, 1, {key->shape[CONV_Y][1]}, {1}};
  if (role == CONV_B) return o;
  int like = role == CONV_Z ? (int)CONV_Y : role;
  o.ndim = 4;
  memcpy(o.shape, key->shape[like], sizeof key->shape[like]);
  memcpy(o.stride, key->stride[like], sizeof key->stride[like]);
  return o;
}

static void overwrite(void *workspace) { memset(workspace, 255, WORKSPACE); }

extern "C" int moon_conv_run(const conv_found *plan,
                             void *const data[CONV_TENSORS], void *workspace,
                             void *queue, moon_fail *) {
  static const moon_kernel *const kernel[] = {
      &moon_ref_conv2d, &moon_ref_conv2d_grad_x, &moon_ref_conv2d_grad_w};
  static const int role[][3] = {{CONV_X, CONV_W, CONV_Y},
                                {CONV_Y, CONV_W, CONV_X},
                                {CONV_Y, CONV_X, CONV_W}};
  const conv_key *key = &plan->key;
  moon_operand arg[7] = {};
  for (int k = 0; k < 3; k++) arg[k] = operand(key, role[key->way][k], data);
  if (key->epilogue & CONV_BIAS) arg[3] = operand(key, CONV_B, data);
  if (key->epilogue & CONV_ADD) arg[6] = operand(key, CONV_Z, data);
  moon_call call = {};
  call.n = key->way == CONV_FORWARD ? 7 : 3;
  call.arg = arg;
  call.queue = queue;
  for (int d = 0; d < 2; d++) {
    call.params.conv.stride[d] = key->step[d];
    call.params.conv.padding[d] = key->padding[d];
    call.params.conv.dilation[d] = key->dilation[d];
  }
  call.params.conv.groups = key->shape[CONV_X][1] / key->shape[CONV_W][1];
  if (key->epilogue & CONV_RELU) {
    call.params.conv.epilogue = MOON_EPILOGUE_RELU;
  }
  call.params.conv.accumulate = key->adds;
  moon_emulated_call_host(queue, overwrite, workspace);
  return queue_job(kernel[key->way], &call);
}
