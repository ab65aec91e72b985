/* Finds GPUs: opens the library of GPU kernels that lies beside this one, and
 * adds a device for each GPU that it knows. MOONSEED_GPU=none looks for none,
 * =emulated takes the one that runs on the CPU, for tests. With
 * MOONSEED_GPU_NOTIFY=host the driver calls when ops end, where otherwise a
 * thread waits for events: to compare. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "gpu.h"

static char absent[400];

const char *moon__cuda_absent(void) { return absent[0] ? absent : NULL; }

/* The library's path: beside the one that this function is in. */
static bool find_library(const char *name, char *path, size_t size) {
  Dl_info self;
  if (!dladdr((void *)(uintptr_t)moon__cuda_open, &self)) return false;
  const char *slash = strrchr(self.dli_fname, '/');
  int folder = slash ? (int)(slash - self.dli_fname) + 1 : 0;
  snprintf(path, size, "%.*slibmoonseed_%s.so", folder, self.dli_fname, name);
  return true;
}

static const moon_gpu_driver *open_driver(void) {
  const char *wish = getenv("MOONSEED_GPU");
  char path[4096];
  if (wish && !strcmp(wish, "none")) {
    snprintf(absent, sizeof absent, "MOONSEED_GPU is none");
    return NULL;
  }
  bool emulated = wish && !strcmp(wish, "emulated");
  if (wish && *wish && !emulated && strcmp(wish, "cuda") != 0) {
    snprintf(absent, sizeof absent, "MOONSEED_GPU is %.40s (cuda, emulated, "
             "none)", wish);
    return NULL;
  }
  if (!find_library(emulated ? "emulated" : "cuda", path, sizeof path) ||
      access(path, R_OK)) {
    snprintf(absent, sizeof absent, "built without nvcc: no %.300s", path);
    return NULL;
  }
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  void *symbol = library ? dlsym(library, MOON_GPU_OPEN) : NULL;
  if (!symbol) {
    snprintf(absent, sizeof absent, "%s", dlerror());
    return NULL;
  }
  moon_gpu_open_fn *fn;
  memcpy(&fn, &symbol, sizeof fn);
  return fn(absent, sizeof absent);
}

/* Round robin's streams of each of n GPUs, unless configured. */
static int share_of_streams(int n) {
  int share = MOON_GPUS_STREAMS / n;
  if (share > MOON_DEFAULT_STREAMS) return MOON_DEFAULT_STREAMS;
  return share > 1 ? share : 1;
}

static void add_gpu(moon_runtime *rt, const moon_gpu_driver *driver, int n) {
  moon__gpu *gpu = moon__calloc(1, sizeof *gpu);
  gpu->rt = rt;
  gpu->driver = driver;
  gpu->number = n;
  const char *notify = getenv("MOONSEED_GPU_NOTIFY");
  gpu->calls_host = notify && !strcmp(notify, "host");
  snprintf(gpu->name, sizeof gpu->name, "cuda:%d", n);
  if (driver->info(n, &gpu->info) < 0) {
    snprintf(absent, sizeof absent, "%s: %s", gpu->name, driver->error());
    free(gpu);
    return;
  }
  moon__memory_open(&gpu->memory, (size_t)gpu->info.available / 10 * 9);
  gpu->memory.gpu = gpu;
  if (moon__gpu_start(gpu) < 0) {  /* threads that did start keep it */
    snprintf(absent, sizeof absent, "%s", moon_last_error());
    return;
  }
  absent[0] = 0;
  moon__lock(rt);
  rt->device[rt->n_devices] = (moon__device){
      .name = gpu->name, .table = driver->table, .gpu = gpu,
      .wanted = share_of_streams(driver->count)};
  rt->n_devices++;
  moon__unlock(rt);
}

void moon__cuda_open(moon_runtime *rt) {
  if (rt->looked_for_gpus) return;
  rt->looked_for_gpus = true;
  const moon_gpu_driver *driver = open_driver();
  for (int i = 0; driver && i < driver->count; i++) {
    if (rt->n_devices < MOON_MAX_DEVICES) add_gpu(rt, driver, i);
  }
}
