/* References: finalisers push on a list, the loop thread drains it. */
#include <stdlib.h>
#include "tensor.h"

moon_tensor *moon_tensor_retain(moon_tensor *t) {
  atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
  return t;
}

static void tensor_free(moon_tensor *t) {
  moon_runtime *rt = t->rt;
  moon__storage_release(rt, t->storage);
  if (t->node) moon__node_leave(t);
  if (t->grad) moon__unref(t->grad);
  moon__unref(t->base);
  if (!t->uncounted) rt->live_tensors--;
  moon__pool_keep(&rt->tensor_pool, t);
}

static bool drop(moon_tensor *t) {
  return atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) == 1;
}

void moon__tensor_uncount(moon_tensor *t) {
  t->uncounted = true;
  t->rt->live_tensors--;
}

void moon__unref(moon_tensor *t) {
  if (t && drop(t)) tensor_free(t);
}

void moon_tensor_release(moon_tensor *t) {
  if (!t || !drop(t)) return;
  moon_runtime *rt = t->rt;
  moon_tensor *head = atomic_load_explicit(&rt->released,
                                           memory_order_relaxed);
  do {
    t->next_released = head;
  } while (!atomic_compare_exchange_weak_explicit(
      &rt->released, &head, t, memory_order_release, memory_order_relaxed));
}

void moon__release_list_drain(moon_runtime *rt) {
  if (!atomic_load_explicit(&rt->released, memory_order_relaxed)) return;
  moon_tensor *t =
      atomic_exchange_explicit(&rt->released, NULL, memory_order_acquire);
  while (t) {
    moon_tensor *next = t->next_released;
    tensor_free(t);
    t = next;
  }
}

int moon_tensor_dispose(moon_tensor *t) {
  if (t->storage->mapped) return moon__mapped_check("dispose", t, false);
  moon__release_list_drain(t->rt);
  moon__storage_dispose(t->rt, t->storage);
  return MOON_OK;
}

int moon_tensor_disposed(const moon_tensor *t) { return t->storage->disposed; }

moon_tensor *moon_tensor_ghost(const moon_tensor *t) {
  moon_tensor *ghost = moon__malloc(sizeof *ghost);
  *ghost = *t;
  atomic_init(&ghost->refs, 1);
  ghost->uncounted = true;
  ghost->requires_grad = false;
  ghost->node = NULL;
  ghost->grad = NULL;
  ghost->base = NULL;
  ghost->storage = moon__storage_ghost(t->storage->device);
  return ghost;
}
