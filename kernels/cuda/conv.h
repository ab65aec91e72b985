/* Convolutions through cuDNN's backend (graph) API: what conv_graph.c,
 * conv_engine.c, conv_disk.c and conv_plan.c share.
 */
#ifndef MOON_CUDA_CONV_H
#define MOON_CUDA_CONV_H
#include <stdbool.h>
#include "conv_key.h"
#include "library.h"

/* What cuDNN calls a tensor: not 0, which an attribute has that was not set. */
#define CONV_NAME(role) ((role) + 1)

/* The descriptors of a graph; all are destroyed with it. */
enum { CONV_MOST = 80 };
typedef struct conv_graph {
  const moon_cudnn *lib;
  cudnnBackendDescriptor_t all[CONV_MOST], graph;
  int n;
  cudnnStatus_t status;       /* the first that was not success */
  const char *what;           /* where */
} conv_graph;

/* What may compute it. */
typedef struct conv_choice {
  cudnnBackendDescriptor_t plan;
  int64_t workspace;          /* bytes */
  int64_t engine;             /* cuDNN's number; -1: from a file */
  int32_t has_tensor_cores, is_deterministic, is_compiled, unused;
} conv_choice;

/* Choices, best first. Execution may refuse what planning accepted: then the
 * next one is tried, so some that want no more memory are kept. */
enum { CONV_KEPT = 3, CONV_CHOICES = 8, CONV_ROUNDS = 6 };
typedef struct conv_plan {
  conv_found found;
  conv_choice choice[CONV_CHOICES];
  int32_t n, unused;
} conv_plan;

/* Creates a descriptor that lives as long as the graph; the others do nothing
 * after a failure. */
cudnnBackendDescriptor_t moon_conv_new(conv_graph *g,
                                       cudnnBackendDescriptorType_t type);
void moon_conv_set(conv_graph *g, cudnnBackendDescriptor_t d, int attribute,
                   int type, int64_t count, const void *value);
void moon_conv_finalize(conv_graph *g, cudnnBackendDescriptor_t d,
                        const char *what);
void moon_conv_build(conv_graph *g, const conv_key *key);
void moon_conv_free(conv_graph *g);
/* The graph's failure as a text with the key's numbers. */
int moon_conv_fail(const conv_graph *g, const conv_key *key, moon_fail *fail);
/* "x 8x64x32x32, w 64x64x3x3, y ..." */
void moon_conv_text(const conv_key *key, char *text, size_t size);

/* Those of cuDNN's engines that may be taken, in its order of merit, for the
 * device that `device` (a properties descriptor) describes: one and its spares,
 * or, if they are to be timed, up to CONV_CHOICES. Needs no GPU. */
int moon_conv_choose(const moon_cudnn *lib, const conv_key *key,
                     cudnnBackendDescriptor_t device, conv_plan *out,
                     moon_fail *fail);
/* Leaves the first and its spares. */
void moon_conv_keep(const moon_cudnn *lib, conv_plan *plan);

/* Puts the fastest choice first, by the median of `clock`, which runs choice i
 * for the n-th time and says how long that took, below 0 if it failed. False if
 * all failed. */
typedef double conv_clock(void *self, int i, int n);
bool moon_conv_order(conv_plan *plan, conv_clock *clock, void *self);
/* By the device's own clock; false, and nothing changed, if that cannot be. */
bool moon_conv_tune(const moon_cudnn *lib, conv_plan *plan);

/* Plans are kept in files, by cuDNN's version and the device's name.
 * `load` says whether there was one. */
typedef struct conv_device {
  char name[64];
  cudnnBackendDescriptor_t properties;
} conv_device;
bool moon_conv_load(const moon_cudnn *lib, const conv_key *key,
                    const conv_device *device, conv_plan *out);
void moon_conv_store(const moon_cudnn *lib, const conv_device *device,
                     const conv_plan *plan);

cudnnStatus_t moon_conv_execute(const moon_cudnn *lib, cudnnHandle_t handle,
                                const conv_plan *plan, int i,
                                void *const data[CONV_TENSORS],
                                void *workspace);

#endif
