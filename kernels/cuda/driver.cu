/* gpu.h by way of the CUDA runtime. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cuda_runtime.h>
#include "lender.h"

extern "C" const moon_kernel_table moon_cuda_table;

static thread_local char last_error[200];

static int status_of(const char *what, cudaError_t error) {
  if (error == cudaSuccess) return MOON_OK;
  snprintf(last_error, sizeof last_error, "%s: %s (CUDA error %d)", what,
           cudaGetErrorString(error), (int)error);
  cudaGetLastError();  /* or the next launch would report it once more */
  return error == cudaErrorMemoryAllocation ? MOON_E_MEMORY : MOON_E_BACKEND;
}

static const char *error_text(void) { return last_error; }

static int info(int device, moon_gpu_info *out) {
  cudaDeviceProp p;
  int status = status_of("properties", cudaGetDeviceProperties(&p, device));
  size_t available, total;
  if (status == 0) status = status_of("device", cudaSetDevice(device));
  if (status == 0) {
    status = status_of("memory", cudaMemGetInfo(&available, &total));
  }
  if (status < 0) return status;
  *out = moon_gpu_info{};
  snprintf(out->name, sizeof out->name, "%.100s", p.name);
  out->major = p.major;
  out->minor = p.minor;
  out->total = (int64_t)total;
  out->available = (int64_t)available;
  return MOON_OK;
}

static int use(int device) {
  return status_of("device", cudaSetDevice(device));
}

/* --- queues and events ------------------------------------------------ */
static int queue_new(int is_urgent, void **out) {
  int least, greatest;
  cudaDeviceGetStreamPriorityRange(&least, &greatest);
  return status_of("stream", cudaStreamCreateWithPriority(
      (cudaStream_t *)out, cudaStreamNonBlocking,
      is_urgent ? greatest : least));
}

static void queue_free(void *queue) { cudaStreamDestroy((cudaStream_t)queue); }

static int event_new(void **out) {
  unsigned flags = cudaEventDisableTiming | cudaEventBlockingSync;
  return status_of("event",
                   cudaEventCreateWithFlags((cudaEvent_t *)out, flags));
}

static void event_free(void *event) { cudaEventDestroy((cudaEvent_t)event); }

static int event_record(void *event, void *queue) {
  return status_of("event", cudaEventRecord((cudaEvent_t)event,
                                            (cudaStream_t)queue));
}

static int queue_wait(void *queue, void *event) {
  return status_of("wait", cudaStreamWaitEvent((cudaStream_t)queue,
                                               (cudaEvent_t)event, 0));
}

static int event_done(void *event) {
  cudaError_t error = cudaEventQuery((cudaEvent_t)event);
  if (error == cudaErrorNotReady) {
    cudaGetLastError();  /* it counts as one all the same */
    return 0;
  }
  return error == cudaSuccess ? 1 : status_of("the device", error);
}

static int event_wait(void *event) {
  return status_of("the device", cudaEventSynchronize((cudaEvent_t)event));
}

static int host_call(void *queue, void (*fn)(void *), void *argument) {
  return status_of("host function", cudaLaunchHostFunc((cudaStream_t)queue, fn,
                                                       argument));
}

/* --- memory ----------------------------------------------------------- */
static int memory_new(size_t nbytes, void **out) {
  return status_of("memory", cudaMalloc(out, nbytes));
}

static void memory_free(void *p) { cudaFree(p); }

static int pinned_new(size_t nbytes, void **out) {
  return status_of("pinned memory",
                   cudaHostAlloc(out, nbytes, cudaHostAllocPortable));
}

static void pinned_free(void *p) { cudaFreeHost(p); }

static int copy(void *to, const void *from, size_t nbytes, int direction,
                void *queue) {
  static const cudaMemcpyKind kind[] = {
      cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost,
      cudaMemcpyDeviceToDevice};
  return status_of("copy", cudaMemcpyAsync(to, from, nbytes, kind[direction],
                                           (cudaStream_t)queue));
}

static int copy_peer(void *to, int to_device, const void *from,
                     int from_device, size_t nbytes, void *queue) {
  return status_of("copy", cudaMemcpyPeerAsync(
      to, to_device, from, from_device, nbytes, (cudaStream_t)queue));
}

/* --- opening ---------------------------------------------------------- */
/* 35, 34 and 100 are what machines without a GPU give. */
static const char *reason(cudaError_t error) {
  switch (error) {
    case cudaErrorInsufficientDriver:
      return "no NVIDIA driver, or one too old for CUDA 13";
    case cudaErrorStubLibrary: return "libcuda is the stub, not a driver";
    case cudaErrorNoDevice: return "the driver finds no GPU";
    default: return cudaGetErrorString(error);
  }
}

extern "C" __attribute__((visibility("default")))
const moon_gpu_driver *moon_gpu_open(char *why, size_t size) {
  static moon_gpu_driver driver = {
      "cuda", &moon_cuda_table, 0, info, error_text, use,
      moon_cuda_borrow, queue_new, queue_free, event_new, event_free,
      event_record, queue_wait, event_done, event_wait, host_call,
      memory_new, memory_free, pinned_new, pinned_free,
      copy, copy_peer};
  setenv("CUDA_DEVICE_MAX_CONNECTIONS", "32", 0);
  setenv("CUDA_MODULE_LOADING", "LAZY", 0);
  cudaError_t error = cudaGetDeviceCount(&driver.count);
  if (error == cudaSuccess && driver.count > 0) return &driver;
  if (error == cudaSuccess) error = cudaErrorNoDevice;
  snprintf(why, size, "%s (CUDA error %d)", reason(error), (int)error);
  return NULL;
}
