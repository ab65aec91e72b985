/* Convolutions through cuDNN's backend (graph) API: what conv_graph.c,
 * conv_engine.c, conv_disk.c and conv_plan.c share.
 */
#ifndef MOON_CUDA_CONV_H
#define MOON_CUDA_CONV_H
#include <stdbool.h>
#include "conv_key.h"
#include "library.h"

/* The descriptors of a graph; all are destroyed with it. */
enum { CONV_MOST = 80 };
typedef struct conv_graph {
  const moon_cudnn *lib;
  cudnnBackendDescriptor_t all[CONV_MOST], graph;
  int n;
  cudnnStatus_t status;       /* the first that was not success */
  const char *what;           /* where */
} conv_graph;

/* Execution may refuse what planning accepted: then the next plan is tried. */
enum { CONV_SPARES = 3 };
typedef struct conv_plan {
  conv_found found;           /* its workspace is enough for each */
  cudnnBackendDescriptor_t plan[CONV_SPARES];
  int32_t n, unused;
  /* Of the first: */
  int64_t engine;             /* cuDNN's number; -1: from disk */
  int32_t has_tensor_cores, is_deterministic, is_compiled;
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

/* The best of cuDNN's engines that may be taken, for the device that `device`
 * (a properties descriptor) describes. Needs no GPU. */
int moon_conv_choose(const moon_cudnn *lib, const conv_key *key,
                     cudnnBackendDescriptor_t device, conv_plan *out,
                     moon_fail *fail);

/* First plans are kept in files, by cuDNN's version and the device's name.
 * `load` says whether there was one. */
typedef struct conv_device {
  char name[64];
  cudnnBackendDescriptor_t properties;
} conv_device;
bool moon_conv_load(const moon_cudnn *lib, const conv_key *key,
                    const conv_device *device, conv_plan *out);
void moon_conv_store(const moon_cudnn *lib, const conv_device *device,
                     const conv_plan *plan);

#endif
