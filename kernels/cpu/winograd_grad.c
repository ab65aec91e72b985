/* The gradient of weights and bias by Winograd's method; see winograd.h. Every
 * part sums up S over its tiles; then the ranges of tiles are added in their
 * order while S becomes dw. */
#include <string.h>
#include "winograd.h"

enum { DY, X, DW, DB, M };

/* Scratch: S of each range of tiles, then db of each. */
typedef struct room {
  float *s, *db;
  int64_t s_size, k;
} room;

static int64_t s_size(const winograd *g) {
  return WINOGRAD_PLACES * winograd_apart(g->p.c, g->p.k);
}

static room room_of(const winograd *g, float *scratch) {
  room r = {.s = scratch, .s_size = s_size(g), .k = g->p.k};
  r.db = scratch + g->ranges * r.s_size;
  return r;
}

void moon_cpu_winograd_plan_w(const conv_state *s, moon_plan *plan) {
  const winograd *g = s->winograd;
  int64_t size = s_size(g);
  plan->parts[plan->phases++] = s->parts;
  cpu_phase(plan, g->p.c, (double)(size * g->ranges), 0.3);
  plan->cost_ns += s->ns;
  plan->scratch =
      cpu_align64((size_t)(g->ranges * (size + g->p.k)) * sizeof(float));
  plan->state = s;
}

static int sum_part(const moon_call *call, const winograd *g, const room *r,
                    int part, moon_fail *fail) {
  const cpu_winograd_simd *simd = moon_cpu_simd()->winograd;
  cpu_masked x = moon_cpu_winograd_plain(g, call->arg[X].data);
  cpu_masked dy = moon_cpu_masked(call, DY, M);
  winograd_part p;
  int status = moon_cpu_winograd_begin(g, part, &p, fail);
  if (status < 0) return status;
  int64_t range = part % g->ranges;
  float *s = r->s + range * r->s_size, *db = NULL;
  if (cpu_optional(call, DB)) {
    db = r->db + range * r->k;
    memset(db + p.block.k, 0,
           (size_t)(p.block.k_end - p.block.k) * sizeof *db);
  }
  for (bool add = false; moon_cpu_winograd_next(&p); add = true) {
    simd->input(&p.block, &x);
    simd->gradient(&p.block, &dy, db);
    moon_cpu_simd()->winograd_product->accumulate(&p.block, add, s);
  }
  return MOON_OK;
}

static void finish_db(const moon_operand *db, const winograd *g,
                      const room *r, bool add) {
  const cpu_weights_simd *simd = moon_cpu_simd()->weights;
  for (int64_t i = 1; i < g->ranges; i++) {
    simd->add(r->k, r->db + i * r->k, r->db);
  }
  if (add) {
    simd->add(r->k, r->db, db->data);
  } else {
    memcpy(db->data, r->db, (size_t)r->k * sizeof(float));
  }
}

int moon_cpu_winograd_run_w(const moon_call *call, const moon_plan *plan,
                            void *scratch, int phase, int part,
                            moon_fail *fail) {
  const conv_state *state = plan->state;
  const winograd *g = state->winograd;
  room r = room_of(g, scratch);
  if (phase == 0) return sum_part(call, g, &r, part, fail);
  const moon_operand *db = cpu_optional(call, DB);
  bool add = call->params.conv.accumulate;
  int64_t c, c_end;
  cpu_share(plan, phase, part, g->p.c, 1, &c, &c_end);
  winograd_sum sum = {.s = r.s, .n = g->ranges, .size = r.s_size,
                      .c_all = g->p.c, .k_all = g->p.k,
                      .dw = call->arg[DW].data, .add = add};
  moon_cpu_simd()->winograd_weights->finish(&sum, c, c_end);
  if (db && part == 0) finish_db(db, g, &r, add);
  return MOON_OK;
}
