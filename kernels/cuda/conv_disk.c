/* Convolution plans in files: building one takes cuDNN 1 to 6 ms (the first of
 * a process 150 ms), reading it 0.1 ms.
 *
 * $XDG_CACHE_HOME/moonseed/cudnn-VERSION/DEVICE/HASH.json, or in ~/.cache:
 * {"key": "the key's numbers", "tensor_cores": conv_found's, "plans": [{"size":
 * bytes, "plan": cuDNN's own JSON}, ...]}, the best first. A file is written
 * under another name first, so that it is there whole or not at all; one that
 * cannot be read, or is another key's, is passed over. What was timed has a key
 * of its own, so that a clock decides once, and only where it was asked.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "conv.h"

enum { PATH = 640, HEAD = 1200, MOST_FILE = 1 << 24 };

/* The file's beginning, up to the key's end. */
static size_t head_of(const conv_key *key, char head[HEAD]) {
  int64_t number[64];
  size_t n = 0, at = 0;
  int32_t small[] = {key->way,  key->dtype, key->epilogue, key->strict,
                     key->adds, key->align, key->tuned};
  for (size_t i = 0; i < sizeof small / sizeof *small; i++) {
    number[n++] = small[i];
  }
  size_t rest = sizeof *key - offsetof(conv_key, shape);
  memcpy(number + n, key->shape, rest);
  n += rest / sizeof *number;
  at += (size_t)snprintf(head, HEAD, "{\"key\": \"");
  for (size_t i = 0; i < n; i++) {
    at += (size_t)snprintf(head + at, HEAD - at, "%s%lld", i ? " " : "",
                           (long long)number[i]);
  }
  return at + (size_t)snprintf(head + at, HEAD - at, "\",\n");
}

/* Where the file lies; with `makes` the folders are made. */
static bool path_of(const moon_cudnn *lib, const conv_device *device,
                    const char *head, bool makes, char path[PATH]) {
  const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
  bool has_cache = cache && *cache;
  if (!has_cache && !(home && *home)) return false;
  char name[sizeof device->name] = "";
  for (size_t i = 0; i < sizeof name - 1 && device->name[i]; i++) {
    char c = device->name[i];
    name[i] = isalnum((unsigned char)c) ? c : '-';
  }
  uint64_t hash = 14695981039346656037u;  /* FNV-1a */
  for (const char *c = head; *c; c++) {
    hash = (hash ^ (unsigned char)*c) * 1099511628211u;
  }
  int n = snprintf(path, PATH, "%s%s/moonseed/cudnn-%zu/%s/%016llx.json",
                   has_cache ? cache : home, has_cache ? "" : "/.cache",
                   lib->cudnnGetVersion(), name, (unsigned long long)hash);
  if (n < 0 || n >= PATH) return false;
  for (char *slash = path + 1; makes && (slash = strchr(slash, '/'));
       slash++) {
    *slash = 0;
    mkdir(path, 0777);
    *slash = '/';
  }
  return true;
}

/* A file's text, or NULL. */
static char *read_file(const char *path, size_t *size) {
  FILE *f = fopen(path, "r");
  if (!f) return NULL;
  char *text = NULL;
  fseek(f, 0, SEEK_END);
  long n = ftell(f);
  rewind(f);
  if (n > 0 && n <= MOST_FILE) text = malloc((size_t)n + 1);
  *size = text ? fread(text, 1, (size_t)n, f) : 0;
  if (text) text[*size] = 0;
  fclose(f);
  return text;
}

static bool make_of_json(const moon_cudnn *lib, const conv_device *device,
                         const char *json, int64_t size, conv_choice *out) {
  conv_graph g = {.lib = lib};
  int64_t one;
  cudnnBackendDescriptor_t p =
      moon_conv_new(&g, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
  moon_conv_set(&g, p, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP,
                CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &device->properties);
  moon_conv_set(&g, p, CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION,
                CUDNN_TYPE_CHAR, size, json);
  moon_conv_finalize(&g, p, "a plan from a file");
  *out = (conv_choice){.plan = p, .engine = -1, .is_deterministic = 1};
  if (!g.status) {
    g.status = lib->cudnnBackendGetAttribute(
        p, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1,
        &one, &out->workspace);
  }
  if (g.status) moon_conv_free(&g);
  return !g.status;
}

#define MIDDLE "\"tensor_cores\": %d,\n\"plans\": ["
#define BEFORE "\n{\"size\": %lld, \"plan\":\n"
static const char tail[] = "\n]}\n";

/* What follows the key in `text`, whose end is `end`. */
static void read_plans(const moon_cudnn *lib, const conv_device *device,
                       const char *text, const char *end, conv_plan *out) {
  int begin = 0, cores = 0;
  if (sscanf(text, MIDDLE "%n", &cores, &begin) != 1) return;
  out->found.has_tensor_cores = cores;
  text += begin;
  while (out->n < CONV_KEPT) {
    long long size = 0;
    int used = 0;
    if (sscanf(text, BEFORE "%n", &size, &used) != 1 || used == 0) return;
    text += used;
    if (size <= 0 || size > end - text - (int)sizeof tail) return;
    if (!make_of_json(lib, device, text, size, &out->choice[out->n])) return;
    out->n++;
    text += size + 2;         /* "}" and "," or the tail */
  }
}

bool moon_conv_load(const moon_cudnn *lib, const conv_key *key,
                    const conv_device *device, conv_plan *out) {
  char head[HEAD], path[PATH];
  size_t length = head_of(key, head), size, end = sizeof tail - 1;
  if (!path_of(lib, device, head, false, path)) return false;
  char *text = read_file(path, &size);
  *out = (conv_plan){.found.key = *key};
  bool is_ours = text && size > length + end &&
                 memcmp(text, head, length) == 0 &&
                 memcmp(text + size - end, tail, end) == 0;
  if (is_ours) read_plans(lib, device, text + length, text + size, out);
  free(text);
  if (out->n > 0) moon_conv_keep(lib, out);
  return out->n > 0;
}

/* A plan's JSON, or nothing where cuDNN has none. */
static void write_plan(const moon_cudnn *lib, cudnnBackendDescriptor_t plan,
                       bool is_first, FILE *f) {
  int64_t size = 0;
  lib->cudnnBackendGetAttribute(plan,
                                CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION,
                                CUDNN_TYPE_CHAR, 0, &size, NULL);
  char *json = size > 0 ? malloc((size_t)size) : NULL;
  cudnnStatus_t status =
      json ? lib->cudnnBackendGetAttribute(
                 plan, CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION,
                 CUDNN_TYPE_CHAR, size, &size, json)
           : CUDNN_STATUS_NOT_SUPPORTED;
  while (!status && size > 0 && json[size - 1] == 0) size--;
  if (!status) {
    if (!is_first) fputc(',', f);
    fprintf(f, BEFORE, (long long)size);
    fwrite(json, 1, (size_t)size, f);
    fputc('}', f);
  }
  free(json);
}

void moon_conv_store(const moon_cudnn *lib, const conv_device *device,
                     const conv_plan *plan) {
  char head[HEAD], path[PATH], other[PATH + 32];
  head_of(&plan->found.key, head);
  if (!path_of(lib, device, head, true, path)) return;
  snprintf(other, sizeof other, "%s.%ld.XXXXXX", path, (long)getpid());
  int fd = mkstemp(other);
  FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
  if (!f) return;
  fputs(head, f);
  fprintf(f, MIDDLE, (int)plan->found.has_tensor_cores);
  for (int i = 0; i < plan->n; i++) {
    write_plan(lib, plan->choice[i].plan, i == 0, f);
  }
  fputs(tail, f);
  bool failed = ferror(f) != 0;
  failed |= fclose(f) != 0;
  if (failed || rename(other, path) != 0) unlink(other);
}
