/* Tasks: program order, random numbers, errors of in-place ops. */
#include <stdlib.h>
#include "../../kernels/philox.h"
#include "device.h"

static void seed_at(moon_task *task, uint64_t key) {
  task->rng_key = key;
  task->rng_draws = 0;
  task->rng_children = 0;
}

moon_task *moon_task_new(moon_runtime *rt, moon_task *parent) {
  moon_task *task = moon__calloc(1, sizeof *task);
  atomic_init(&task->refs, 1);
  task->rt = rt;
  atomic_fetch_add(&rt->n_tasks, 1);
  if (parent) {
    task->parent = moon__task_retain(parent);
    task->path =
        moon__path_new(parent->path, parent->sequence, parent->children++);
    task->rng_seed = parent->rng_seed;
    /* A function of what happened since the parent was seeded, so that the
     * same seed gives the same children. */
    seed_at(task, moon_mix64(parent->rng_key ^
                             moon_mix64(2 * parent->rng_children++ + 1)));
  } else {
    task->path = moon__path_new(NULL, 0, rt->roots++);
    moon_task_seed(task, 0);
  }
  task->sequence = 1;
  return task;
}

moon_task *moon_task_retain(moon_task *task) {
  return moon__task_retain(task);
}

moon_task *moon__task_retain(moon_task *task) {
  atomic_fetch_add_explicit(&task->refs, 1, memory_order_relaxed);
  return task;
}

void moon_task_end(moon_task *task) {
  if (!task->ended) atomic_fetch_sub(&task->rt->n_tasks, 1);
  task->ended = true;
}

void moon_task_isolate(moon_task *task) { task->isolated = true; }

/* With the lock held. */
static void free_task(moon_task *task) {
  moon_task *parent = task->parent;
  if (parent && !task->isolated && task->error && !task->error->raised) {
    moon__task_note_error(parent, task->error);
  }
  moon__error_release(task->error);
  moon__path_release(task->path);
  moon_task_end(task);
  free(task);
  if (parent) moon__task_release_locked(parent);
}

void moon__task_release_locked(moon_task *task) {
  if (atomic_fetch_sub_explicit(&task->refs, 1, memory_order_acq_rel) == 1) {
    free_task(task);
  }
}

void moon_task_release(moon_task *task) {
  if (!task) return;
  moon_runtime *rt = task->rt;
  moon__lock(rt);
  moon__task_release_locked(task);
  moon__unlock(rt);
}

void moon__task_note_error(moon_task *task, moon__error *e) {
  moon__error *old = task->error;
  if (old && old->raised) {
    moon__error_release(old);
    task->error = old = NULL;
  }
  moon__error *first = moon__error_earlier(old, e);
  if (first == old) return;
  task->error = moon__error_retain(first);
  moon__error_release(old);
}

int moon_task_take_error(moon_task *task) {
  moon__lock(task->rt);
  moon__error *e = task->error;
  task->error = NULL;
  moon__unlock(task->rt);
  if (!e) return MOON_OK;
  int status = atomic_load(&e->raised) ? MOON_OK : moon__error_raise(e);
  moon__error_release(e);
  return status;
}

void moon_task_seed(moon_task *task, uint64_t rng_seed) {
  task->rng_seed = rng_seed;
  seed_at(task, moon_mix64(rng_seed));
}

void moon__task_draw(moon_task *task, uint64_t *key, uint64_t *counter) {
  *key = task->rng_key;
  *counter = task->rng_draws++;
  if (task->recording) moon__note_draw(task, *key, *counter);
}

void moon_task_generator(moon_task *task, uint64_t *state, int set) {
  if (set) {
    task->rng_seed = state[0];
    task->rng_key = state[1];
    task->rng_draws = state[3];
    task->rng_children = state[4];
  } else {
    state[0] = task->rng_seed;
    state[1] = task->rng_key;
    state[2] = 0;
    state[3] = task->rng_draws;
    state[4] = task->rng_children;
  }
}

void moon_task_cancel(moon_task *task) { atomic_store(&task->cancelled, 1); }
