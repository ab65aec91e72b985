/* Plans for a device that is only described. See conv_inspect.h. */
#include "conv_inspect.h"
#include <stdio.h>
#include <string.h>
#include "conv.h"

static void set_tensor(conv_key *key, int role, const int64_t shape[4]) {
  memcpy(key->shape[role], shape, sizeof key->shape[role]);
  moon_channels_last(shape, key->stride[role]);
}

static conv_key key_of(const moon_conv_question *q) {
  conv_key key;
  memset(&key, 0, sizeof key);
  key.way = q->way;
  key.dtype = q->dtype;
  key.epilogue = q->epilogue;
  key.strict = q->strict;
  key.adds = q->adds;
  key.align = q->align;
  key.tuned = q->times != NULL;
  int64_t y[4] = {q->x[0], q->w[0]};
  for (int d = 0; d < 2; d++) {
    int64_t reach = (q->w[2 + d] - 1) * q->dilation + 1;
    y[2 + d] = (q->x[2 + d] + 2 * q->padding - reach) / q->step + 1;
    key.step[d] = q->step;
    key.padding[d] = q->padding;
    key.dilation[d] = q->dilation;
  }
  set_tensor(&key, CONV_X, q->x);
  set_tensor(&key, CONV_W, q->w);
  set_tensor(&key, CONV_Y, y);
  return key;
}

/* Destroyed by moon_conv_free(g). */
static int describe(conv_graph *g, const char *json, conv_device *out,
                    moon_fail *fail) {
  *out = (conv_device){.name = "described"};
  out->properties = moon_conv_new(g, CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
  moon_conv_set(g, out->properties, CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION,
                CUDNN_TYPE_CHAR, (int64_t)strlen(json), json);
  moon_conv_finalize(g, out->properties, "the device's properties");
  if (!g->status) return MOON_OK;
  return moon_library_fail(fail, MOON_E_BACKEND, "cuDNN refuses %s: %s",
                           g->what, g->lib->cudnnGetErrorString(g->status));
}

static double told(void *self, int i, int n) {
  const double *times = self;
  return times[i * CONV_ROUNDS + n];
}

static int inspect(const moon_cudnn *lib, const conv_device *device,
                   const moon_conv_question *q, moon_conv_answer *out,
                   moon_fail *fail) {
  conv_plan plan;
  conv_key key = key_of(q), wide;
  if (q->wide && moon_conv_widen(&key, &wide)) key = wide;
  out->channels = (int32_t)key.shape[CONV_X][1];
  if (!q->files || !moon_conv_load(lib, &key, device, &plan)) {
    int status = moon_conv_choose(lib, &key, device->properties, &plan, fail);
    if (status < 0) return status;
    out->choices = plan.n;
    bool is_done = !q->times || moon_conv_order(&plan, told, (void *)q->times);
    moon_conv_keep(lib, &plan);
    if (q->files && is_done) moon_conv_store(lib, device, &plan);
  }
  const conv_choice *first = &plan.choice[0];
  out->engine = first->engine;
  out->workspace = plan.found.workspace;
  out->plans = plan.n;
  out->has_tensor_cores = first->has_tensor_cores;
  out->is_deterministic = first->is_deterministic;
  out->is_compiled = first->is_compiled;
  for (int i = 0; i < plan.n; i++) {
    lib->cudnnBackendDestroyDescriptor(plan.choice[i].plan);
  }
  return MOON_OK;
}

__attribute__((visibility("default")))
int moon_cuda_inspect_convolution(const char *device,
                                  const moon_conv_question *question,
                                  moon_conv_answer *out, char *why,
                                  size_t size) {
  moon_fail fail = {""};
  conv_device described;
  const moon_cudnn *lib = moon_cudnn_open(&fail);
  int status = lib ? MOON_OK : MOON_E_BACKEND;
  if (lib) {
    conv_graph g = {.lib = lib};
    status = describe(&g, device, &described, &fail);
    if (status >= 0) status = inspect(lib, &described, question, out, &fail);
    moon_conv_free(&g);
  }
  snprintf(why, size, "%s", fail.text);
  return status;
}
