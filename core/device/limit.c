/* What the user sets once for all devices: the memory limit, by default 80% of
 * what the machine or its cgroup has, and how exact convolutions are. */
#include <stdio.h>
#include <unistd.h>
#include "device.h"

static size_t cgroup_limit(const char *path) {
  FILE *f = fopen(path, "r");
  unsigned long long n;
  size_t limit = SIZE_MAX;
  if (!f) return limit;
  if (fscanf(f, "%llu", &n) == 1) limit = (size_t)n;  /* "max" is no number */
  fclose(f);
  return limit;
}

size_t moon__memory_default_limit(void) {
  size_t have =
      (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE);
  size_t v2 = cgroup_limit("/sys/fs/cgroup/memory.max");
  size_t v1 = cgroup_limit("/sys/fs/cgroup/memory/memory.limit_in_bytes");
  if (v2 < have) have = v2;
  if (v1 < have) have = v1;
  return have / 5 * 4;
}

int moon_set_memory_limit(moon_runtime *rt, int device, int64_t nbytes) {
  if (device < 0 || device >= rt->n_devices) {
    return moon__fail(MOON_E_DEVICE, "set_memory_limit: there is no device %d",
                      device);
  }
  if (nbytes < 1) {
    return moon__fail(MOON_E_VALUE, "set_memory_limit: %lld bytes",
                      (long long)nbytes);
  }
  moon__memory *m = moon__memory_of(rt, device);
  atomic_store(&m->limit, (size_t)nbytes);
  if (atomic_load(&m->mapped) > (size_t)nbytes) moon_memory_trim(rt);
  return MOON_OK;
}

void moon_set_strict(moon_runtime *rt, int on) { rt->strict = on != 0; }

int moon_strict(const moon_runtime *rt) { return rt->strict; }
