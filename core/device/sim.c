/* The device that looks for races: another device's kernels in a random legal
 * order, with random delays, failures on request, and mutations that each
 * break one promise so that a spec can be seen to fail. See check.c. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "../../kernels/philox.h"
#include "device.h"

uint64_t moon__sim_draw(moon_runtime *rt) {
  return moon_mix64(rt->sim.options.rng_seed ^ moon_mix64(rt->sim.draws++));
}

bool moon__sim_mutates(moon_runtime *rt, const moon__op *op, int which) {
  return rt->sim.options.mutate == which && rt->device[op->device].sim;
}

int moon_sim_configure(moon_runtime *rt, const moon_sim_options *options) {
  int wrap = options->wrap;
  if (wrap < 0 || wrap >= rt->n_devices || rt->device[wrap].sim) {
    return moon__fail(MOON_E_DEVICE, "sim: cannot wrap device %d", wrap);
  }
  if (options->mutate < 0 || options->mutate >= MOON_MUTATE_COUNT) {
    return moon__fail(MOON_E_VALUE, "sim: there is no mutation %d",
                      options->mutate);
  }
  if (options->max_delay_ns < 0 || options->fail_op < 0) {
    return moon__fail(MOON_E_VALUE, "sim: negative delay or count");
  }
  if (atomic_load(&rt->in_flight)) {
    return moon__fail(MOON_E_BUSY, "sim: %lld ops are in flight; synchronize "
                      "first", (long long)atomic_load(&rt->in_flight));
  }
  moon__sim *sim = &rt->sim;
  moon__lock(rt);
  sim->options = *options;
  sim->draws = 0;
  sim->submitted = 0;
  sim->races = 0;
  sim->n_access = 0;
  sim->report[0] = 0;
  memset(sim->clock, 0, sizeof sim->clock);
  for (int i = 0; i < rt->n_devices; i++) {
    if (!rt->device[i].sim) continue;
    rt->device[i].table = rt->device[wrap].table;
    rt->device[i].spare = rt->device[wrap].spare;
  }
  moon__unlock(rt);
  return MOON_OK;
}

int64_t moon_sim_races(const moon_runtime *rt) {
  if (rt->sim.races) moon__fail(MOON_OK, "%s", rt->sim.report);
  return rt->sim.races;
}

void moon__sim_submit(moon_runtime *rt, moon__op *op) {
  if (rt->device[op->device].sim) op->place = ++rt->sim.submitted;
  if (rt->sim.options.check) moon__sim_check(rt, op);
}

bool moon__sim_fails(moon_runtime *rt, moon__op *op) {
  return rt->sim.options.fail_op && op->place == rt->sim.options.fail_op;
}

void moon__sim_delay(moon_runtime *rt, moon__op *op) {
  int64_t most = rt->sim.options.max_delay_ns;
  if (most <= 0) return;
  uint64_t draw = moon_mix64(rt->sim.options.rng_seed + 77) ^
                  moon_mix64((uint64_t)op->place);
  int64_t ns = (int64_t)(moon_mix64(draw) % (uint64_t)most);
  struct timespec t = {ns / 1000000000, ns % 1000000000};
  nanosleep(&t, NULL);
}

void moon__sim_close(moon_runtime *rt) { free(rt->sim.access); }
