/* Runs random programs under many schedules until its time is up.
 *
 *   stress [SECONDS [SEED [DEVICE...]]]  20 seconds, seed 1, all but cuda:0
 *
 * Prints what went wrong, then `N passed, N failed`; see stress.h.
 */
#include "stress.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const instruction *const sets[] = {
    tensor_instructions, neural_instructions, trouble_instructions,
    grad_instructions};
enum { SETS = sizeof sets / sizeof *sets };

static const schedule references[] = {
    {"cpu, the reference", "cpu", NULL, 1, 1, 0, false},
    {"ref, the reference", "ref", NULL, 1, 1, 0, false},
    {"cuda:0, the reference", "cuda:0", NULL, 1, 1, 0, false}};
enum { REFERENCES = sizeof references / sizeof *references };

static const schedule schedules[] = {
    {"cpu, 1 thread, 8 streams", "cpu", NULL, 1, 8, 0, true},
    {"cpu, 2 threads, 8 streams", "cpu", NULL, 2, 8, 0, true},
    {"cpu, 4 threads, 3 streams", "cpu", NULL, 4, 3, 0, true},
    {"cpu, 2 threads, synchronous", "cpu", NULL, 2, 8, MOON_DEBUG_SYNC, true},
    {"sim on cpu, 2 threads", "sim", "cpu", 2, 8, 0, true},
    {"ref, 1 thread, 8 streams", "ref", NULL, 1, 8, 0, true},
    {"ref, 2 threads, 8 streams", "ref", NULL, 2, 8, 0, true},
    {"ref, 4 threads, 32 streams", "ref", NULL, 4, 32, 0, true},
    {"sim on ref, 4 threads", "sim", "ref", 4, 8, 0, true},
    {"cuda:0, 8 streams", "cuda:0", NULL, 2, 8, 0, true},
    {"cuda:0, 3 streams", "cuda:0", NULL, 1, 3, 0, true},
    {"cuda:0, synchronous", "cuda:0", NULL, 1, 8, MOON_DEBUG_SYNC, true}};
enum { SCHEDULES = sizeof schedules / sizeof *schedules };

static const instruction *choose(random64 *r) {
  int total = 0;
  for (int i = 0; i < SETS; i++)
    for (const instruction *k = sets[i]; k->name; k++) total += k->weight;
  int at = below(r, total);
  for (int i = 0; i < SETS; i++) {
    for (const instruction *k = sets[i]; k->name; k++) {
      if (at < k->weight) return k;
      at -= k->weight;
    }
  }
  return NULL;
}

static void run(world *w, const schedule *how, uint64_t seed) {
  bool loud = getenv("STRESS_TRACE") != NULL;
  world_open(w, how, seed);
  for (int leg = 0; leg < LEGS; leg++) {
    for (int i = 0; i < LEG_LENGTH; i++) {
      const instruction *next = choose(&w->program);
      w->instruction = leg * LEG_LENGTH + i + 1;
      if (loud) fprintf(stderr, "%d %s\n", w->instruction, next->name);
      next->run(w);
    }
    world_end_leg(w, leg);
  }
  world_close(w);
}

static void compare(world *w, const world *reference) {
  for (int leg = 0; leg < LEGS; leg++) {
    for (int i = 0; i < SLOTS + NET_STATE; i++) {
      bool same = w->digest[leg][i] == reference->digest[leg][i];
      w->instruction = (leg + 1) * LEG_LENGTH;
      expect(w, same, "slot %d differs from the reference", i);
      if (!same) return;
    }
  }
}

static bool wanted(const schedule *how, int n, char **devices) {
  for (int i = 0; i < n; i++)
    if (!strcmp(devices[i], how->device)) return true;
  return n == 0 && strcmp(how->device, "cuda:0");
}

static const char *kernels_of(const schedule *how) {
  return how->wrap ? how->wrap : how->device;
}

int main(int argc, char **argv) {
  double seconds = argc > 1 ? atof(argv[1]) : 20;
  uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
  int n_devices = argc > 3 ? argc - 3 : 0, runs = 0;
  int64_t until = moon_now() + (int64_t)(seconds * 1e9);
  static world reference[REFERENCES], w;
  for (bool first = true; first || moon_now() < until; seed++, first = false) {
    for (int r = 0; r < REFERENCES; r++) {
      bool fresh = false;
      for (int i = 0; i < SCHEDULES; i++) {
        const schedule *how = &schedules[i];
        if (strcmp(kernels_of(how), references[r].device)) continue;
        if (!wanted(how, n_devices, argv + 3)) continue;
        if (!first && moon_now() > until) break;
        if (!fresh) run(&reference[r], &references[r], seed);
        fresh = true;
        run(&w, how, seed);
        compare(&w, &reference[r]);
        runs++;
      }
    }
  }
  printf("stress: %d runs of %d instructions, last seed %llu\n", runs,
         LEGS * LEG_LENGTH, (unsigned long long)(seed - 1));
  printf("%d passed, %d failed\n", stress_passed, stress_failed);
  return stress_failed > 0;
}
