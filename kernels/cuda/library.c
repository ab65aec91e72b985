/* Finding and opening cuDNN and cuBLASLt. See library.h. */
#include "library.h"
#include <dlfcn.h>
#include <glob.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_DEVICES = 64, PATH = 512 };
#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)
#define CUDA_MAJOR (CUDART_VERSION / 1000)

int moon_library_fail(moon_fail *fail, int status, const char *format, ...) {
  va_list list;
  va_start(list, format);
  vsnprintf(fail->text, sizeof fail->text, format, list);
  va_end(list);
  return status;
}

/* --- where they may be ------------------------------------------------ */
typedef struct place { const char *variable, *pattern; } place;

/* The pattern follows each folder in the variable's value, a list with colons;
 * a variable that is not set is passed over. Python's wheels have cuBLASLt in
 * nvidia/cu13/lib; a Python on the PATH is in its own bin. */
static const place places[] = {
    {"MOONSEED_CUDNN", "/"},
    {"MOONSEED_CUDNN", "/lib/"},
    {NULL, ""},
    {"CUDA_HOME", "/lib64/"},
    {"CUDA_HOME", "/lib/"},
    {NULL, "/usr/local/cuda/lib64/"},
    {NULL, "/usr/local/cuda/lib/"},
    {"VIRTUAL_ENV", "/lib/python3*/site-packages/nvidia/c*/lib/"},
    {"CONDA_PREFIX", "/lib/python3*/site-packages/nvidia/c*/lib/"},
    {"PATH", "/../lib/python3*/site-packages/nvidia/c*/lib/"},
    {"HOME", "/.local/lib/python3*/site-packages/nvidia/c*/lib/"},
    {NULL, "/usr/local/lib/python3*/*-packages/nvidia/c*/lib/"},
    {NULL, "/usr/lib/python3*/*-packages/nvidia/c*/lib/"}};

/* The first that opens of those that match. */
static void *open_matching(const char *pattern) {
  void *library = NULL;
  glob_t found;
  if (glob(pattern, 0, NULL, &found) == 0) {
    for (size_t i = 0; i < found.gl_pathc && !library; i++) {
      library = dlopen(found.gl_pathv[i], RTLD_NOW);
    }
    globfree(&found);
  }
  return library;
}

static void *open_one(const place *p, const char *file) {
  const char *root = p->variable ? getenv(p->variable) : "";
  if (!p->variable && !*p->pattern) return dlopen(file, RTLD_NOW);
  void *library = NULL;
  while (root && !library) {
    char pattern[PATH];
    int length = (int)strcspn(root, ":");
    int n = snprintf(pattern, sizeof pattern, "%.*s%s%s", length, root,
                     p->pattern, file);
    bool is_place = length > 0 || !p->variable;
    if (is_place && n > 0 && n < (int)sizeof pattern) {
      library = open_matching(pattern);
    }
    root = root[length] ? root + length + 1 : NULL;
  }
  return library;
}

static void *open_library(const char *file, moon_fail *fail) {
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    void *library = open_one(&places[i], file);
    if (library) return library;
  }
  moon_library_fail(fail, 0, "%s is not in $MOONSEED_CUDNN, on the linker's "
                    "path, in CUDA's folder or in Python's packages", file);
  return NULL;
}

/* --- tables ----------------------------------------------------------- */
typedef struct opened { int state; moon_fail why; } opened;
enum { UNTRIED, OPEN, MISSING };
static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;

static moon_cudnn cudnn;
static moon_cublaslt cublaslt;

#define LOAD(name)                                                        \
  *(void **)&table->name = dlsym(library, #name);                         \
  if (!table->name) {                                                     \
    moon_library_fail(fail, 0, "the library has no " #name);              \
    return 0;                                                             \
  }

static int load_cudnn(moon_cudnn *table, moon_fail *fail) {
  void *library = open_library("libcudnn.so." TEXT(CUDNN_MAJOR), fail);
  if (!library) return 0;
  MOON_CUDNN(LOAD)
  size_t version = table->cudnnGetVersion();
  if (version >= 90800 && version / 10000 == CUDNN_MAJOR) return 1;
  moon_library_fail(fail, 0, "cuDNN is version %zu, wanted are %d.8 and later",
                    version, CUDNN_MAJOR);
  return 0;
}

static int load_cublaslt(moon_cublaslt *table, moon_fail *fail) {
  char file[64];
  snprintf(file, sizeof file, "libcublasLt.so.%d", CUDA_MAJOR);
  void *library = open_library(file, fail);
  if (!library) return 0;
  MOON_CUBLASLT(LOAD)
  return 1;
}

/* Whether it is open; it is tried once. */
#define OPENED(load, table)                               \
  static opened is;                                       \
  pthread_mutex_lock(&opening);                           \
  if (is.state == UNTRIED) {                              \
    is.state = load(&table, &is.why) ? OPEN : MISSING;    \
  }                                                       \
  if (is.state == MISSING) *fail = is.why;                \
  pthread_mutex_unlock(&opening);                         \
  return is.state == OPEN ? &table : NULL

const moon_cudnn *moon_cudnn_open(moon_fail *fail) {
  OPENED(load_cudnn, cudnn);
}

const moon_cublaslt *moon_cublaslt_open(moon_fail *fail) {
  OPENED(load_cublaslt, cublaslt);
}

/* --- handles ---------------------------------------------------------- */
/* One for each thread and device; kept until the process ends, because a
 * thread that ends may be the last that can reach the device. */
static int current_device(int *out, moon_fail *fail) {
  cudaError_t error = cudaGetDevice(out);
  if (error == cudaSuccess && *out < MOST_DEVICES) return MOON_OK;
  return moon_library_fail(fail, MOON_E_BACKEND, "device: %s",
                           cudaGetErrorString(error));
}

int moon_cudnn_handle(const moon_cudnn *lib, void *queue, cudnnHandle_t *out,
                      moon_fail *fail) {
  static __thread cudnnHandle_t handle[MOST_DEVICES];
  int device, status = current_device(&device, fail);
  if (status < 0) return status;
  cudnnStatus_t error = CUDNN_STATUS_SUCCESS;
  if (!handle[device]) error = lib->cudnnCreate(&handle[device]);
  if (!error) {
    error = lib->cudnnSetStream(handle[device], (cudaStream_t)queue);
  }
  *out = handle[device];
  if (!error) return MOON_OK;
  return moon_library_fail(fail, MOON_E_BACKEND, "cuDNN's handle: %s",
                           lib->cudnnGetErrorString(error));
}

int moon_cublaslt_handle(const moon_cublaslt *lib, cublasLtHandle_t *out,
                         moon_fail *fail) {
  static __thread cublasLtHandle_t handle[MOST_DEVICES];
  int device, status = current_device(&device, fail);
  if (status < 0) return status;
  cublasStatus_t error = CUBLAS_STATUS_SUCCESS;
  if (!handle[device]) error = lib->cublasLtCreate(&handle[device]);
  *out = handle[device];
  if (!error) return MOON_OK;
  return moon_library_fail(fail, MOON_E_BACKEND, "cuBLASLt's handle: %s",
                           lib->cublasLtGetStatusString(error));
}
