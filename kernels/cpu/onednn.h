/* oneDNN as it is used here: one thread per call, primitives made once and
 * kept. Any thread may run any primitive, several at the same time; what one
 * needs to run (its scratchpad) belongs to the thread, stays warm in its cache
 * and is freed when the thread ends.
 */
#ifndef MOON_CPU_ONEDNN_H
#define MOON_CPU_ONEDNN_H
#include <oneapi/dnnl/dnnl.h>
#include "cpu.h"

enum { DNN_ARGS = 5 };
typedef struct dnn_primitive dnn_primitive;

/* What a primitive computes: its descriptor, that of the forward it belongs to
 * (or NULL), its arguments (DNNL_ARG_*; the scratchpad comes by itself). */
typedef struct dnn_recipe {
  const void *desc, *forward;
  int n, arg[DNN_ARGS];
  bool adds;  /* to what the destination holds */
} dnn_recipe;

/* NULL where oneDNN has nothing better than its own plain loops. Never freed.
 * Slow (code generation). */
dnn_primitive *moon_dnn_new(const dnn_recipe *recipe);
/* The layout that argument i has. */
const dnnl_memory_desc_t *moon_dnn_layout(const dnn_primitive *p, int i);
/* data[i] is the recipe's argument i; a status. */
int moon_dnn_run(dnn_primitive *p, void *const *data, moon_fail *fail);

/* A plan's state: found by its key, or made. NULL when it would have to be
 * made and may not. `make` gets the key; what it returns is kept for good.
 * Keys are compared byte by byte and begin with a number of their kind. */
typedef const void *dnn_make(const void *key);
const void *moon_dnn_find(const void *key, size_t size, bool may_create,
                          dnn_make *make);

#endif
