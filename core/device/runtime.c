/* The runtime: devices, workers and memory, opened and closed together. */
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "gpu.h"

static void add_device(moon_runtime *rt, const char *name,
                       const moon_kernel_table *table,
                       const moon_kernel_table *spare) {
  rt->device[rt->n_devices++] = (moon__device){
      .name = name, .table = table, .spare = spare,
      .wanted = MOON_DEFAULT_STREAMS, .sim = !strcmp(name, "sim")};
}

const moon_kernel *moon__device_kernel(const moon__device *d, int kernel) {
  static const moon_kernel *const of_files[MOON_KERNEL_COUNT] = {
      [MOON_K_save] = &moon__save_kernel, [MOON_K_load] = &moon__load_kernel,
      [MOON_K_fetch] = &moon__fetch_kernel,
      [MOON_K_decode] = &moon__decode_kernel};
  const moon_kernel *k = d->table->kernel[kernel];
  if (!k && d->spare) k = d->spare->kernel[kernel];
  return k || d->gpu ? k : of_files[kernel];
}

const char *moon__kernel_name(int kernel) {
#define MOON_KERNEL_NAME(name) #name,
  static const char *const names[] = {MOON_KERNELS(MOON_KERNEL_NAME)};
  return names[kernel];
}

static const char *source_of(const moon__device *d, int kernel) {
  return d->table->kernel[kernel] ? d->table->name
         : d->spare && d->spare->kernel[kernel] ? d->spare->name
         : moon__device_kernel(d, kernel) ? "file" : "";
}

int moon_kernel_row(const moon_runtime *rt, int device, int k,
                    const char **name, const char **from) {
  if (k < 0 || k >= MOON_KERNEL_COUNT) return 0;
  *name = moon__kernel_name(k);
  *from = source_of(&rt->device[device], k);
  return 1;
}

const char *moon__op_by(const moon_runtime *rt, const moon__op *op) {
  const moon__device *d = &rt->device[op->device];
  int k = op->call.kernel;
  bool left = d->spare && op->plan.state &&
              op->plan.state == d->spare->kernel[k];
  return left ? d->spare->name : source_of(d, k);
}

int moon_device_find(moon_runtime *rt, const char *name) {
  bool is_gpu = !strncmp(name, "cuda", 4);
  if (is_gpu) moon__cuda_open(rt);
  for (int i = 0; i < rt->n_devices; i++) {
    if (!strcmp(rt->device[i].name, name)) return i;
  }
  if (is_gpu && !moon__cuda_absent()) {
    return moon__fail(MOON_E_DEVICE, "device: there is no '%s'; the last is %s",
                      name, rt->device[rt->n_devices - 1].name);
  }
  if (is_gpu) {
    return moon__fail(MOON_E_DEVICE, "device: no %s: %s", name,
                      moon__cuda_absent());
  }
  return moon__fail(MOON_E_DEVICE, "device: there is no '%s' (cpu, ref, sim)",
                    name);
}

const char *moon_device_name(const moon_runtime *rt, int device) {
  return device >= 0 && device < rt->n_devices ? rt->device[device].name : "";
}

int moon_device_has_halves(const moon_runtime *rt, int device) {
  return rt->device[device].table->computes_halves;
}

int moon_gpu_facts(const moon_runtime *rt, int device, const char **name,
                   double *total, double *limit) {
  bool is_there = device >= 0 && device < rt->n_devices;
  const moon__gpu *gpu = is_there ? rt->device[device].gpu : NULL;
  if (!gpu) return 0;
  *name = gpu->info.name;
  *total = (double)gpu->info.total;
  *limit = (double)gpu->memory.limit;
  return 1;
}

static int check_threads(int n) {
  if (n >= 1 && n <= MOON_MAX_WORKERS) return MOON_OK;
  return moon__fail(MOON_E_VALUE, "set_threads: %d is outside [1, %d]", n,
                    MOON_MAX_WORKERS);
}

int moon_threads(const moon_runtime *rt) { return rt->n_threads; }

int moon_set_threads(moon_runtime *rt, int n) {
  int status = check_threads(n);
  return status < 0 ? status : moon__workers_start(rt, n);
}

int moon_runtime_open(int n_threads, moon_runtime **out) {
  cpu_set_t cores;
  if (sched_getaffinity(0, sizeof cores, &cores)) CPU_ZERO(&cores);
  if (CPU_COUNT(&cores) == 0) CPU_SET(0, &cores);
  int n = n_threads ? n_threads : CPU_COUNT(&cores);
  if (n_threads == 0 && n > MOON_MAX_WORKERS) n = MOON_MAX_WORKERS;
  int status = check_threads(n);
  if (status < 0) return status;
  moon_runtime *rt = moon__calloc(1, sizeof *rt);
  rt->cores = cores;
  rt->n_cores = CPU_COUNT(&cores);
  rt->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  moon__lock_open(rt);
  pthread_cond_init(&rt->work, NULL);
  pthread_cond_init(&rt->parked, NULL);
  pthread_cond_init(&rt->idle, NULL);
  pthread_cond_init(&rt->io_work, NULL);
  moon__memory_open(&rt->memory, moon__memory_default_limit());
  add_device(rt, "cpu", moon_cpu_table(), &moon_ref_table);
  add_device(rt, "ref", &moon_ref_table, NULL);
  add_device(rt, "sim", moon_cpu_table(), &moon_ref_table);
  status = moon__workers_start(rt, n);
  if (status < 0) {
    moon_runtime_close_wait(rt);
    return status;
  }
  *out = rt;
  return MOON_OK;
}

static void free_lists(moon_runtime *rt) {
  moon__pool_close(&rt->op_pool);
  moon__pool_close(&rt->region_pool);
  moon__pool_close(&rt->storage_pool);
  moon__pool_close(&rt->tensor_pool);
  while (rt->spare_edges) {
    moon__edge *edge = rt->spare_edges;
    rt->spare_edges = edge->next;
    free(edge);
  }
  while (rt->spare_afters) {
    moon__after *after = rt->spare_afters;
    rt->spare_afters = after->next;
    free(after);
  }
  while (rt->spare_waiters) {
    moon__waiter *w = rt->spare_waiters;
    rt->spare_waiters = w->next;
    free(w);
  }
  for (int i = 0; i < rt->n_streams; i++) {
    free(rt->stream[i]->window);
    free(rt->stream[i]);
  }
  for (int i = 0; i < rt->n_sites; i++) free(rt->site[i]);
  free(rt->site);
}

void moon_runtime_close_wait(moon_runtime *rt) {
  moon_ctx ctx = {.rt = rt};
  moon_idle_wait(&ctx);
  moon__interrupt_forget(rt);
  moon__io_stop(rt);
  moon__workers_stop(rt);
  moon__late_forget(rt);
  moon__slots_forget(rt);
  moon__release_list_drain(rt);
  moon__sim_close(rt);
  moon_memory_trim(rt);
  moon__gpus_close(rt);
  moon__memory_close(&rt->memory);
  free_lists(rt);
  free(rt->ring);
  free(rt->dead_users);
  close(rt->event_fd);
  pthread_mutex_destroy(&rt->lock);
  pthread_cond_destroy(&rt->work);
  pthread_cond_destroy(&rt->parked);
  pthread_cond_destroy(&rt->idle);
  pthread_cond_destroy(&rt->io_work);
  free(rt);
}

void moon_stats_read(moon_runtime *rt, moon_stats *out) {
  moon__release_list_drain(rt);
  moon__memory *m = &rt->memory;
  size_t live = m->live, cached = m->cached, pinned = 0;
  int64_t allocs = m->system_allocs;
  for (int i = 0; i < rt->n_devices; i++) {
    const moon__gpu *gpu = rt->device[i].gpu;
    if (!gpu) continue;
    live += gpu->memory.live;
    cached += gpu->memory.cached;
    pinned += gpu->pinned_bytes;
    allocs += gpu->memory.system_allocs;
  }
  moon__lock(rt);
  *out = (moon_stats){
      .blocked_waits = rt->blocked_waits, .live_tensors = rt->live_tensors,
      .live_nodes = rt->live_nodes, .live_bytes = (int64_t)live,
      .cached_bytes = (int64_t)cached, .limit_bytes = (int64_t)m->limit,
      .pinned_bytes = (int64_t)pinned,
      .allocated_bytes = (int64_t)moon_allocated(rt),
      .system_allocs = allocs,
      .ops = rt->ops, .inline_ops = rt->inline_ops,
      .in_flight = rt->in_flight, .failed_ops = rt->failed_ops};
  moon__unlock(rt);
}

double moon_allocated(const moon_runtime *rt) {
  double sum = (double)rt->memory.allocated;
  for (int i = 0; i < rt->n_devices; i++) {
    const moon__gpu *gpu = rt->device[i].gpu;
    if (gpu) sum += (double)gpu->memory.allocated;
  }
  return sum;
}

int64_t moon_in_flight(const moon_runtime *rt) { return rt->in_flight; }

void moon_debug(moon_runtime *rt, int flags) { rt->debug = flags; }

int moon_site_add(moon_runtime *rt, const char *text) {
  moon__lock(rt);
  rt->site = moon__realloc(rt->site,
                           ((size_t)rt->n_sites + 1) * sizeof *rt->site);
  rt->site[rt->n_sites] = strdup(text);
  int site = ++rt->n_sites;
  moon__unlock(rt);
  return site;
}
