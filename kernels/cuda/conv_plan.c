/* Plans of convolutions by key (in memory, then in files, then made), and
 * their execution. */
#include <stdlib.h>
#include <string.h>
#include "conv.h"

enum { MOST_DEVICES = 64 };

/* --- planning --------------------------------------------------------- */
/* With moon_cuda_find's lock held. */
static int describe(const moon_cudnn *lib, int number,
                    const conv_device **out, moon_fail *fail) {
  static conv_device known[MOST_DEVICES];
  if (number < 0 || number >= MOST_DEVICES) {
    return moon_library_fail(fail, MOON_E_DEVICE, "device %d", number);
  }
  conv_device *d = &known[number];
  *out = d;
  if (d->properties) return MOON_OK;
  struct cudaDeviceProp p;
  cudaError_t error = cudaGetDeviceProperties(&p, number);
  if (error != cudaSuccess) {
    return moon_library_fail(fail, MOON_E_BACKEND, "device %d: %s", number,
                             cudaGetErrorString(error));
  }
  memcpy(d->name, p.name, sizeof d->name - 1);
  conv_graph g = {.lib = lib};
  int32_t id = number;
  cudnnBackendDescriptor_t properties =
      moon_conv_new(&g, CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
  moon_conv_set(&g, properties, CUDNN_ATTR_DEVICEPROP_DEVICE_ID,
                CUDNN_TYPE_INT32, 1, &id);
  moon_conv_finalize(&g, properties, "a device");
  if (g.status) {
    moon_conv_free(&g);
    return moon_library_fail(fail, MOON_E_BACKEND, "cuDNN refuses device %d: "
                             "%s", number, lib->cudnnGetErrorString(g.status));
  }
  d->properties = properties;
  return MOON_OK;
}

static int make(const void *key, const void **state, moon_fail *fail) {
  const conv_key *q = key;
  const conv_device *device;
  const moon_cudnn *lib = moon_cudnn_open(fail);
  if (!lib) return MOON_E_BACKEND;
  int status = describe(lib, q->device, &device, fail);
  conv_plan *plan = status < 0 ? NULL : malloc(sizeof *plan);
  if (status < 0) return status;
  if (!plan) return moon_library_fail(fail, MOON_E_MEMORY, "no memory");
  *state = plan;
  if (moon_conv_load(lib, q, device, plan)) return MOON_OK;
  status = moon_conv_choose(lib, q, device->properties, plan, fail);
  if (status < 0) {
    free(plan);
    return status;
  }
  bool is_done = !q->tuned || moon_conv_tune(lib, plan);
  moon_conv_keep(lib, plan);
  if (is_done) moon_conv_store(lib, device, plan);
  return MOON_OK;
}

/* Whether engines are chosen by timing them; asked once. */
static int32_t tunes(void) {
  static _Atomic int32_t answer = -1;
  if (answer < 0) {
    const char *wish = getenv("MOONSEED_CUDNN_TUNE");
    answer = wish && *wish && strcmp(wish, "0") != 0;
  }
  return answer;
}

int moon_conv_find(const conv_key *asked, int may_create,
                   const conv_found **out, moon_fail *fail) {
  conv_key key = *asked;
  const void *state;
  cudaError_t error = cudaGetDevice(&key.device);
  if (error != cudaSuccess) {
    return moon_library_fail(fail, MOON_E_BACKEND, "device: %s",
                             cudaGetErrorString(error));
  }
  key.tuned = tunes();
  int status = moon_cuda_find(&key, sizeof key, may_create, make, &state,
                              fail);
  *out = state;
  return status;
}

/* --- execution -------------------------------------------------------- */
cudnnStatus_t moon_conv_execute(const moon_cudnn *lib, cudnnHandle_t handle,
                                const conv_plan *plan, int i,
                                void *const data[CONV_TENSORS],
                                void *workspace) {
  static const int64_t name[CONV_TENSORS] = {
      CONV_NAME(CONV_X), CONV_NAME(CONV_W), CONV_NAME(CONV_Y),
      CONV_NAME(CONV_B), CONV_NAME(CONV_Z)};
  int32_t epilogue = plan->found.key.epilogue;
  int64_t n = epilogue & CONV_ADD ? CONV_TENSORS
              : epilogue          ? CONV_Z : CONV_B;
  conv_graph g = {.lib = lib};
  cudnnBackendDescriptor_t pack =
      moon_conv_new(&g, CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  moon_conv_set(&g, pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS,
                CUDNN_TYPE_INT64, n, name);
  moon_conv_set(&g, pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS,
                CUDNN_TYPE_VOID_PTR, n, data);
  moon_conv_set(&g, pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE,
                CUDNN_TYPE_VOID_PTR, 1, &workspace);
  moon_conv_finalize(&g, pack, "the operands");
  if (!g.status) {
    g.status = lib->cudnnBackendExecute(handle, plan->choice[i].plan, pack);
  }
  moon_conv_free(&g);
  return g.status;
}

static int execution_failed(const moon_cudnn *lib, const conv_key *key,
                            cudnnStatus_t error, moon_fail *fail) {
  char shapes[120];
  moon_conv_text(key, shapes, sizeof shapes);
  return moon_library_fail(fail, MOON_E_BACKEND, "cuDNN: %s (%s)",
                           lib->cudnnGetErrorString(error), shapes);
}

int moon_conv_run(const conv_found *found, void *const data[CONV_TENSORS],
                  void *workspace, void *queue, moon_fail *fail) {
  const conv_plan *plan = (const conv_plan *)found;
  cudnnHandle_t handle;
  const moon_cudnn *lib = moon_cudnn_open(fail);
  if (!lib) return MOON_E_BACKEND;
  int status = moon_cudnn_handle(lib, queue, &handle, fail);
  if (status < 0) return status;
  cudnnStatus_t error = CUDNN_STATUS_NOT_SUPPORTED;
  for (int i = 0; i < plan->n && error; i++) {
    error = moon_conv_execute(lib, handle, plan, i, data, workspace);
  }
  return error ? execution_failed(lib, &found->key, error, fail) : MOON_OK;
}
