/* Convolution plans in files: building one takes cuDNN 1 to 6 ms (the first of
 * a process 150 ms), reading it 0.1 ms.
 *
 * $XDG_CACHE_HOME/moonseed/cudnn-VERSION/DEVICE/HASH.json, or in ~/.cache:
 * {"key": "the key's numbers", "plan": cuDNN's own JSON}. A file is written
 * under another name first, so that it is there whole or not at all; one that
 * cannot be read, or is another key's, is passed over.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "conv.h"

enum { PATH = 640, HEAD = 1200, MOST_JSON = 1 << 22 };

/* The file's beginning, up to the plan. */
static size_t head_of(const conv_key *key, char head[HEAD]) {
  int64_t number[64];
  size_t n = 0, at = 0;
  int32_t small[] = {key->way, key->dtype, key->epilogue, key->strict,
                     key->adds, key->align};
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
  return at + (size_t)snprintf(head + at, HEAD - at, "\",\n\"plan\":\n");
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
  if (n > 0 && n <= MOST_JSON) text = malloc((size_t)n);
  *size = text ? fread(text, 1, (size_t)n, f) : 0;
  fclose(f);
  return text;
}

static bool make_of_json(const moon_cudnn *lib, const conv_device *device,
                         const char *json, size_t size, conv_plan *out) {
  conv_graph g = {.lib = lib};
  int64_t one;
  cudnnBackendDescriptor_t p =
      moon_conv_new(&g, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
  moon_conv_set(&g, p, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP,
                CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &device->properties);
  moon_conv_set(&g, p, CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION,
                CUDNN_TYPE_CHAR, (int64_t)size, json);
  moon_conv_finalize(&g, p, "a plan from a file");
  if (!g.status) {
    g.status = lib->cudnnBackendGetAttribute(
        p, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1,
        &one, &out->found.workspace);
  }
  if (g.status) {
    moon_conv_free(&g);
    return false;
  }
  out->plan[0] = p;
  out->n = 1;
  return true;
}

static const char tail[] = "\n}\n";

bool moon_conv_load(const moon_cudnn *lib, const conv_key *key,
                    const conv_device *device, conv_plan *out) {
  char head[HEAD], path[PATH];
  size_t length = head_of(key, head), size, end = sizeof tail - 1;
  if (!path_of(lib, device, head, false, path)) return false;
  char *text = read_file(path, &size);
  *out = (conv_plan){.found.key = *key, .engine = -1, .is_deterministic = 1};
  bool is_ours = text && size > length + end &&
                 memcmp(text, head, length) == 0 &&
                 memcmp(text + size - end, tail, end) == 0;
  bool found = is_ours && make_of_json(lib, device, text + length,
                                       size - length - end, out);
  free(text);
  return found;
}

static void write_file(const char *path, const char *head, const char *json,
                       size_t size) {
  char other[PATH + 32];
  snprintf(other, sizeof other, "%s.%ld.XXXXXX", path, (long)getpid());
  int fd = mkstemp(other);
  FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
  if (!f) return;
  fputs(head, f);
  fwrite(json, 1, size, f);
  fputs(tail, f);
  bool failed = ferror(f) != 0;
  failed |= fclose(f) != 0;
  if (failed || rename(other, path) != 0) unlink(other);
}

void moon_conv_store(const moon_cudnn *lib, const conv_device *device,
                     const conv_plan *plan) {
  char head[HEAD], path[PATH];
  int64_t size = 0;
  lib->cudnnBackendGetAttribute(plan->plan[0],
                                CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION,
                                CUDNN_TYPE_CHAR, 0, &size, NULL);
  if (size <= 0 || size > MOST_JSON) return;
  char *json = malloc((size_t)size);
  if (!json) return;
  cudnnStatus_t status = lib->cudnnBackendGetAttribute(
      plan->plan[0], CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION,
      CUDNN_TYPE_CHAR, size, &size, json);
  head_of(&plan->found.key, head);
  while (size > 0 && json[size - 1] == 0) size--;
  if (!status && path_of(lib, device, head, true, path)) {
    write_file(path, head, json, (size_t)size);
  }
  free(json);
}
