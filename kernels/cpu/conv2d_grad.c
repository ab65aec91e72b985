/* The gradients of conv2d.c's convolution; see ref/conv2d_grad.c.
 *
 * dx is read off dy tile by tile, as the forward is. For dw every part adds up
 * its own tiles, then the parts are added in their order, element by element,
 * while they are brought into the user's order.
 */
#include <string.h>
#include "depthwise.h"
#include "winograd.h"

extern const moon_kernel moon_ref_conv2d_grad_x, moon_ref_conv2d_grad_w;

/* --- dx ------------------------------------------------------------------- */
enum { X_DY, X_W, X_DX, X_P, X_M };

static int plan_grad_x(const moon_call *call, moon_plan *plan, int may_create,
                       moon_fail *fail) {
  const moon_operand *dy = &call->arg[X_DY], *w = &call->arg[X_W];
  const moon_operand *dx = &call->arg[X_DX];
  const conv_state *s = NULL;
  if (moon_cpu_conv_grad_fits(dx, w, dy, NULL, cpu_optional(call, X_M))) {
    conv_key key = moon_cpu_conv_key(call, dx, w, dy, false);
    s = moon_cpu_conv_state(&key, may_create);
    if (!s && !may_create) return MOON_E_BUSY;
  }
  if (!s || s->by_ref) {
    if (cpu_optional(call, X_M)) return moon_cpu_conv_no_memory(fail);
    return cpu_plan_by(&moon_ref_conv2d_grad_x, call, plan, may_create, fail);
  }
  moon_cpu_conv_plan_packed(call, X_P, X_M, s, plan);
  return MOON_OK;
}

static int run_grad_x(const moon_call *call, const moon_plan *plan,
                      void *scratch, int phase, int part, moon_fail *fail) {
  if (plan->state == &moon_ref_conv2d_grad_x) {
    return moon_ref_conv2d_grad_x.run(call, plan, scratch, phase, part, fail);
  }
  const moon_operand *p = cpu_optional(call, X_P);
  conv_packed c = {.state = plan->state,
                   .x = call->arg[X_DX].data,
                   .y = call->arg[X_DY].data,
                   .w = call->arg[X_W].data,
                   .packed = p ? p->data : NULL,
                   .dy = moon_cpu_masked(call, X_DY, X_M)};
  if (c.state->way == CONV_FORWARD) {
    c.x = call->arg[X_DY].data;
    c.y = call->arg[X_DX].data;
  }
  return moon_cpu_conv_run_packed(&c, plan, scratch, phase, part, fail);
}

/* --- dw and db ------------------------------------------------------------ */
enum { W_DY, W_X, W_DW, W_DB, W_M };

/* Scratch: each part's dw, then each part's dw of one tile, the same for db;
 * then room for factors in bf16 or for a masked dy. A part of one tile needs no
 * second dw. */
typedef struct room {
  float *dw, *tile_dw, *db, *tile_db;
  void *factors;
  int64_t numel, filters;  /* of one dw; of one db, in whole vectors */
  size_t nbytes;
} room;

static int64_t room_copies(const conv_state *s) {
  return s->n_tiles > s->parts ? 2 : 1;
}

/* The sizes; no pointers yet. */
static room room_size(const conv_state *s, const moon_call *call) {
  room r = {.numel = s->packing->order.numel,
            .filters = (call->arg[W_DW].shape[0] + 15) / 16 * 16};
  int64_t floats = s->parts * room_copies(s) * (r.numel + r.filters);
  r.nbytes = cpu_align64((size_t)floats * sizeof(float));
  return r;
}

static room room_of(const conv_state *s, const moon_call *call,
                    float *scratch) {
  room r = room_size(s, call);
  int64_t copies = room_copies(s), parts = s->parts;
  r.dw = scratch;
  r.tile_dw = r.dw + parts * r.numel * (copies - 1);
  r.db = r.dw + parts * r.numel * copies;
  r.tile_db = r.db + parts * r.filters * (copies - 1);
  r.factors = (char *)scratch + r.nbytes;
  return r;
}

static int plan_grad_w(const moon_call *call, moon_plan *plan, int may_create,
                       moon_fail *fail) {
  const moon_operand *dy = &call->arg[W_DY], *x = &call->arg[W_X];
  const moon_operand *dw = &call->arg[W_DW], *db = cpu_optional(call, W_DB);
  const conv_state *s = NULL;
  if (moon_cpu_conv_grad_fits(x, dw, dy, db, cpu_optional(call, W_M))) {
    conv_key key = moon_cpu_conv_key(call, x, dw, dy, db != NULL);
    s = moon_cpu_conv_state(&key, may_create);
    if (!s && !may_create) return MOON_E_BUSY;
  }
  if (!s || s->by_ref) {
    if (cpu_optional(call, W_M)) return moon_cpu_conv_no_memory(fail);
    return cpu_plan_by(&moon_ref_conv2d_grad_w, call, plan, may_create, fail);
  }
  if (s->winograd) {
    moon_cpu_winograd_plan_w(s, plan);
    return MOON_OK;
  }
  if (s->depthwise) {
    moon_cpu_depthwise_plan_w(s, plan);
    return MOON_OK;
  }
  const cpu_order *o = s->order;
  plan->parts[plan->phases++] = s->parts;
  cpu_phase(plan, o->units, (double)(o->numel * s->parts), 0.2);
  plan->cost_ns += s->ns;
  plan->scratch = room_size(s, call).nbytes + moon_cpu_conv_rooms(s);
  if (cpu_optional(call, W_M)) plan->scratch += moon_cpu_conv_mask_rooms(s);
  plan->state = s;
  return MOON_OK;
}

static int sum_tiles(const moon_call *call, const moon_plan *plan,
                     const room *r, int part, moon_fail *fail) {
  const conv_state *s = plan->state;
  const float *x = call->arg[W_X].data, *dy = call->arg[W_DY].data;
  float *dw = r->dw + part * r->numel, *db = r->db + part * r->filters;
  cpu_masked masked = moon_cpu_masked(call, W_DY, W_M);
  bool has_db = cpu_optional(call, W_DB) != NULL;
  int64_t lo, hi;
  cpu_share(plan, 0, part, s->n_tiles, 1, &lo, &hi);
  for (int64_t i = lo; i < hi; i++) {
    const conv_tile *t = &s->tile[i];
    float *to = i == lo ? dw : r->tile_dw + part * r->numel;
    float *to_b = i == lo ? db : r->tile_db + part * r->filters;
    void *data[] = {(void *)(x + t->x), to, (void *)(dy + t->y), to_b};
    moon_cpu_conv_round(s, t, r->factors, part, data);
    moon_cpu_conv_mask(s, t, &masked, r->factors, part, data);
    int status = moon_dnn_run(t->primitive, data, fail);
    if (status < 0) return status;
    if (i == lo) continue;
    moon_cpu_simd()->weights->add(r->numel, to, dw);
    if (has_db) moon_cpu_simd()->weights->add(r->filters, to_b, db);
  }
  return MOON_OK;
}

static void sum_db(const moon_operand *db, const room *r, int parts,
                   bool add) {
  float *to = db->data;
  for (int64_t k = 0; k < db->shape[0]; k++) {
    float sum = r->db[k];
    for (int p = 1; p < parts; p++) sum += r->db[p * r->filters + k];
    to[k] = add ? to[k] + sum : sum;
  }
}

static int run_grad_w(const moon_call *call, const moon_plan *plan,
                      void *scratch, int phase, int part, moon_fail *fail) {
  if (plan->state == &moon_ref_conv2d_grad_w) {
    return moon_ref_conv2d_grad_w.run(call, plan, scratch, phase, part, fail);
  }
  const conv_state *s = plan->state;
  if (s->winograd) {
    return moon_cpu_winograd_run_w(call, plan, scratch, phase, part, fail);
  }
  if (s->depthwise) {
    moon_cpu_depthwise_run_w(call, plan, scratch, phase, part);
    return MOON_OK;
  }
  room r = room_of(s, call, scratch);
  if (phase == 0) return sum_tiles(call, plan, &r, part, fail);
  const moon_operand *db = cpu_optional(call, W_DB);
  bool add = call->params.conv.accumulate;
  int64_t lo, hi;
  cpu_share(plan, phase, part, s->packing->rows, PACKING_BLOCK, &lo, &hi);
  cpu_sum sum = {r.dw, s->parts, call->arg[W_DW].data, add};
  moon_cpu_simd()->weights->unpack(s->packing, &sum, lo, hi);
  if (db && part == 0) sum_db(db, &r, s->parts, add);
  return MOON_OK;
}

const moon_kernel moon_cpu_conv2d_grad_x = {"conv2d_grad_x", plan_grad_x,
                                            run_grad_x};
const moon_kernel moon_cpu_conv2d_grad_w = {"conv2d_grad_w", plan_grad_w,
                                            run_grad_w};
