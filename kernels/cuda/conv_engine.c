/* Which of cuDNN's engines computes a convolution.
 *
 * cuDNN's own order of merit is kept, but for engines that give other bits from
 * run to run; for f32 those that round more than TF32 does; in strict mode
 * those on tensor cores and by Winograd or FFT. Engines that are compiled at
 * run time (0.4 to 7 s) or want much memory come last. Heuristics never look
 * at a clock, so that the same call has the same engine everywhere; only who
 * asks for it has the first few timed (conv_tune.c).
 */
#include "conv.h"

enum { MOST_CONFIGURATIONS = 64, MOST_NOTES = 16 };
static const int64_t most_workspace = (int64_t)256 << 20;

typedef struct conv_notes {
  bool has_tensor_cores, is_deterministic, rounds, transforms, is_compiled;
} conv_notes;

static bool has(const int32_t *notes, int64_t n, int wanted) {
  for (int64_t i = 0; i < n; i++) {
    if (notes[i] == wanted) return true;
  }
  return false;
}

/* What cuDNN says of a configuration's engine, and its number. */
static conv_notes notes_of(conv_graph *g, cudnnBackendDescriptor_t config,
                           int64_t *number) {
  int32_t numerical[MOST_NOTES], behaviour[MOST_NOTES];
  int64_t n = 0, m = 0, one;
  const moon_cudnn *lib = g->lib;
  cudnnBackendDescriptor_t engine =
      moon_conv_new(g, CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  if (g->status) return (conv_notes){0};
  lib->cudnnBackendGetAttribute(config, CUDNN_ATTR_ENGINECFG_ENGINE,
                                CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &one,
                                &engine);
  lib->cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX,
                                CUDNN_TYPE_INT64, 1, &one, number);
  lib->cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE,
                                CUDNN_TYPE_NUMERICAL_NOTE, MOST_NOTES, &n,
                                numerical);
  lib->cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE,
                                CUDNN_TYPE_BEHAVIOR_NOTE, MOST_NOTES, &m,
                                behaviour);
  return (conv_notes){
      .has_tensor_cores = has(numerical, n, CUDNN_NUMERICAL_NOTE_TENSOR_CORE),
      .is_deterministic =
          !has(numerical, n, CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC),
      .rounds = has(numerical, n, CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS),
      .transforms = has(numerical, n, CUDNN_NUMERICAL_NOTE_WINOGRAD) ||
                    has(numerical, n, CUDNN_NUMERICAL_NOTE_FFT),
      .is_compiled =
          has(behaviour, m, CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION)};
}

static bool may_take(const conv_key *key, conv_notes is) {
  bool is_f32 = key->dtype == MOON_F32;
  if (!is.is_deterministic || (is_f32 && is.rounds)) return false;
  return !key->strict || !is_f32 || (!is.has_tensor_cores && !is.transforms);
}

/* Tries to make a plan of a configuration; false where cuDNN cannot, or it
 * wants more than `most` bytes. */
static bool make_plan(const moon_cudnn *lib, cudnnBackendDescriptor_t device,
                      cudnnBackendDescriptor_t config, int64_t most,
                      conv_choice *out) {
  conv_graph own = {.lib = lib};
  cudnnBackendDescriptor_t p =
      moon_conv_new(&own, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
  moon_conv_set(&own, p, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG,
                CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &config);
  moon_conv_set(&own, p, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP,
                CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &device);
  moon_conv_finalize(&own, p, "a plan");
  int64_t one, workspace = 0;
  if (!own.status) {
    own.status = lib->cudnnBackendGetAttribute(
        p, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1,
        &one, &workspace);
  }
  if (own.status || workspace > most) {
    moon_conv_free(&own);
    return false;
  }
  out->plan = p;              /* kept: `own` is not freed */
  out->workspace = workspace;
  return true;
}

/* Configurations by cuDNN's order, best first; their descriptors are g's. */
static int64_t propose(conv_graph *g, cudnnBackendDescriptor_t device,
                       cudnnBackendHeurMode_t mode, int64_t most,
                       cudnnBackendDescriptor_t *config) {
  cudnnBackendDescriptor_t h =
      moon_conv_new(g, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  moon_conv_set(g, h, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH,
                CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &g->graph);
  moon_conv_set(g, h, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1,
                &mode);
  moon_conv_set(g, h, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP,
                CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &device);
  moon_conv_finalize(g, h, "the heuristics");
  int64_t n = 0;
  while (n < most && !g->status) {
    config[n] = moon_conv_new(g, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
    n++;
  }
  if (g->status) return 0;
  int64_t found = 0;
  g->lib->cudnnBackendGetAttribute(h, CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                   CUDNN_TYPE_BACKEND_DESCRIPTOR, most,
                                   &found, config);
  return found < most ? found : most;
}

/* Adds those of a mode's configurations that may be taken and work, until
 * there are `wanted`. */
static void choose(const conv_graph *g, cudnnBackendDescriptor_t device,
                   cudnnBackendHeurMode_t mode, int wanted, bool patient,
                   conv_plan *out) {
  cudnnBackendDescriptor_t config[MOST_CONFIGURATIONS];
  conv_graph own = {.lib = g->lib, .graph = g->graph};
  int64_t n = propose(&own, device, mode, MOST_CONFIGURATIONS, config);
  for (int64_t i = 0; i < n && out->n < wanted; i++) {
    conv_choice *c = &out->choice[out->n];
    int64_t number = -1, most = patient ? INT64_MAX : most_workspace;
    conv_graph engine = {.lib = g->lib};
    conv_notes is = notes_of(&engine, config[i], &number);
    moon_conv_free(&engine);
    bool is_spare = out->n > 0 && !out->found.key.tuned;
    if (is_spare) most = out->choice[0].workspace;
    if (!may_take(&out->found.key, is) || (is.is_compiled && !patient)) {
      continue;
    }
    if (!make_plan(g->lib, device, config[i], most, c)) continue;
    c->engine = number;
    c->has_tensor_cores = is.has_tensor_cores;
    c->is_deterministic = is.is_deterministic;
    c->is_compiled = is.is_compiled;
    if (out->n++ == 0 || out->found.key.tuned) {
      out->found.has_tensor_cores |= is.has_tensor_cores;
    }
  }
  moon_conv_free(&own);
}

void moon_conv_keep(const moon_cudnn *lib, conv_plan *plan) {
  int kept = 0;
  for (int i = 0; i < plan->n; i++) {
    const conv_choice *c = &plan->choice[i];
    if (kept < CONV_KEPT && c->workspace <= plan->choice[0].workspace) {
      plan->choice[kept++] = *c;
    } else {
      lib->cudnnBackendDestroyDescriptor(c->plan);
    }
  }
  plan->n = kept;
  plan->found.workspace = plan->choice[0].workspace;
}

int moon_conv_choose(const moon_cudnn *lib, const conv_key *key,
                     cudnnBackendDescriptor_t device, conv_plan *out,
                     moon_fail *fail) {
  static const cudnnBackendHeurMode_t mode[] = {CUDNN_HEUR_MODE_A,
                                                CUDNN_HEUR_MODE_FALLBACK};
  /* Of those that are timed the last are the second mode's: it knows engines
   * that the first leaves out. */
  int wanted[] = {CONV_KEPT, CONV_KEPT};
  if (key->tuned) {
    wanted[0] = CONV_CHOICES - 2;
    wanted[1] = CONV_CHOICES;
  }
  conv_graph g = {.lib = lib};
  *out = (conv_plan){.found.key = *key};
  moon_conv_build(&g, key);
  for (int patient = 0; patient < 2 && out->n == 0; patient++) {
    for (int m = 0; m < 2 && !g.status; m++) {
      if (out->n > 0 && !key->tuned) break;
      choose(&g, device, mode[m], wanted[m], patient, out);
    }
  }
  int status = MOON_OK;
  if (g.status) {
    status = moon_conv_fail(&g, key, fail);
  } else if (out->n == 0) {
    char shapes[120];
    moon_conv_text(key, shapes, sizeof shapes);
    status = moon_library_fail(fail, MOON_E_KERNEL, "cuDNN has no "
                               "deterministic engine for %s", shapes);
  }
  moon_conv_free(&g);
  return status;
}
