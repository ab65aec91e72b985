/* A GPU's threads and memory: started, given, ended. */
#include <stdlib.h>
#include "gpu.h"

void *moon__gpu_memory_new(moon__gpu *gpu, size_t nbytes) {
  void *p = NULL;
  if (gpu->driver->use(gpu->number) < 0) return NULL;
  return gpu->driver->memory_new(nbytes, &p) == MOON_OK ? p : NULL;
}

void moon__gpu_memory_free(moon__gpu *gpu, void *p) {
  if (gpu->driver->use(gpu->number) == MOON_OK) gpu->driver->memory_free(p);
}

static int start_waits(moon__gpu *gpu, moon__waits *w) {
  w->gpu = gpu;
  pthread_cond_init(&w->more, NULL);
  return pthread_create(&w->thread, NULL, moon__gpu_wait_main, w);
}

static int start_carrier(moon__gpu *gpu, moon__carrier *c) {
  c->gpu = gpu;
  pthread_cond_init(&c->work, NULL);
  pthread_cond_init(&c->back, NULL);
  return pthread_create(&c->thread, NULL, moon__gpu_carry_main, c);
}

int moon__gpu_start(moon__gpu *gpu) {
  pthread_cond_init(&gpu->work, NULL);
  pthread_mutex_init(&gpu->retiring, NULL);
  if (start_waits(gpu, &gpu->ends) || start_waits(gpu, &gpu->looks) ||
      start_carrier(gpu, &gpu->to_device) ||
      start_carrier(gpu, &gpu->to_host) ||
      pthread_create(&gpu->launcher, NULL, moon__gpu_launch_main, gpu)) {
    return moon__fail(MOON_E_BACKEND, "%s: the system gave no thread",
                      gpu->name);
  }
  gpu->started = true;
  return MOON_OK;
}

static void free_spares(moon__spare *s, void (*give)(void *)) {
  while (s) {
    moon__spare *next = s->next;
    if (give) give(s->p);
    free(s);
    s = next;
  }
}

static void free_lanes(moon__gpu *gpu) {
  for (int s = 0; s < MOON_MAX_STREAMS; s++) {
    moon__lane *lane = &gpu->lane[s];
    if (lane->scratch) moon__gpu_memory_free(gpu, lane->scratch);
    if (lane->queue) gpu->driver->queue_free(lane->queue);
  }
  if (gpu->urgent) gpu->driver->queue_free(gpu->urgent);
}

static void gpu_close(moon_runtime *rt, moon__gpu *gpu) {
  moon__lock(rt);
  rt->closing = true;
  pthread_cond_signal(&gpu->work);
  pthread_cond_signal(&gpu->ends.more);
  pthread_cond_signal(&gpu->looks.more);
  pthread_cond_signal(&gpu->to_device.work);
  pthread_cond_signal(&gpu->to_host.work);
  moon__unlock(rt);
  pthread_join(gpu->launcher, NULL);
  pthread_join(gpu->ends.thread, NULL);
  pthread_join(gpu->looks.thread, NULL);
  pthread_join(gpu->to_device.thread, NULL);
  pthread_join(gpu->to_host.thread, NULL);
  free_lanes(gpu);
  free_spares(gpu->events, gpu->driver->event_free);
  free_spares(gpu->small, NULL);
  if (gpu->small_page) gpu->driver->pinned_free(gpu->small_page);
  moon__gpu_pieces_free(&gpu->to_device);
  moon__gpu_pieces_free(&gpu->to_host);
  free_spares(gpu->notices, NULL);
  if (gpu->notice_page) gpu->driver->pinned_free(gpu->notice_page);
  moon__memory_close(&gpu->memory);
  free(gpu);
}

void moon__gpus_close(moon_runtime *rt) {
  for (int i = 0; i < rt->n_devices; i++) {
    if (rt->device[i].gpu) gpu_close(rt, rt->device[i].gpu);
  }
}
