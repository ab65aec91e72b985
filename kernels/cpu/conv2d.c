/* y = x * w + b and ReLU; see ref/conv2d.c. The weights are packed, if that is
 * not done yet, then every part runs its tiles. ReLU is a pass of our own over
 * a tile that is still in the cache, because oneDNN's would turn NaN into 0.
 */
#include "depthwise.h"
#include "winograd.h"

enum { X, W, Y, B, P, M };
extern const moon_kernel moon_ref_conv2d;

/* --- packed weights, for conv2d_grad.c too -------------------------------- */
static size_t packed_bytes(const cpu_order *o) {
  return cpu_align64((size_t)o->numel * sizeof(float));
}

/* Scratch: packed weights, if they are packed here, then room for factors in
 * bf16 or for dy as its mask leaves it. A single part packs for itself. */
void moon_cpu_conv_plan_packed(const moon_call *call, int k, int m,
                               const conv_state *s, moon_plan *plan) {
  const cpu_order *o = s->order;
  bool packs = !cpu_optional(call, k), masked = m >= 0 && cpu_optional(call, m);
  if (packs && s->parts > 1) cpu_pack_phase(o, plan);
  plan->parts[plan->phases++] = s->parts;
  plan->cost_ns = s->ns + (packs ? o->ns : 0);
  plan->scratch = (packs ? packed_bytes(o) : 0) + moon_cpu_conv_rooms(s) +
                  (masked ? moon_cpu_conv_mask_rooms(s) : 0);
  plan->state = s;
}

static void pack(const conv_packed *c, const moon_plan *plan, float *packed,
                 int part) {
  const cpu_order *o = c->state->order;
  int64_t lo = 0, hi = o->units;
  if (plan->phases > 1) cpu_share(plan, 0, part, o->units, 1, &lo, &hi);
  o->pack(o, c->w, packed, lo, hi);
}

static void relu(const conv_packed *c, const conv_tile *t) {
  float *y = c->y + t->y;
  if (c->mask) moon_cpu_simd()->mask->relu(t->numel, y, c->mask + t->y / 8);
  else moon_cpu_simd()->weights->relu(t->numel, y);
}

int moon_cpu_conv_run_packed(const conv_packed *c, const moon_plan *plan,
                             void *scratch, int phase, int part,
                             moon_fail *fail) {
  const conv_state *s = c->state;
  float *packed = c->packed ? c->packed : scratch;
  if (phase == 0 && !c->packed) pack(c, plan, packed, part);
  if (phase == 0 && plan->phases > 1) return MOON_OK;
  if (s->winograd) return moon_cpu_winograd_run(c, packed, part, fail);
  if (s->depthwise) {
    moon_cpu_depthwise_run(c, packed, part);
    return MOON_OK;
  }
  char *rooms = (char *)scratch + (c->packed ? 0 : packed_bytes(s->order));
  int64_t lo, hi;
  cpu_share(plan, phase, part, s->n_tiles, 1, &lo, &hi);
  for (int64_t i = lo; i < hi; i++) {
    const conv_tile *t = &s->tile[i];
    void *data[] = {c->x + t->x, packed, c->y + t->y, c->bias};
    moon_cpu_conv_round(s, t, rooms, part, data);
    moon_cpu_conv_mask(s, t, &c->dy, (float *)rooms, part, data);
    int status = moon_dnn_run(t->primitive, data, fail);
    if (status < 0) return status;
    if (c->relu) relu(c, t);
  }
  return MOON_OK;
}

/* --- conv2d --------------------------------------------------------------- */
static int plan_conv2d(const moon_call *call, moon_plan *plan, int may_create,
                       moon_fail *fail) {
  const moon_operand *x = &call->arg[X], *w = &call->arg[W];
  const moon_operand *y = &call->arg[Y], *b = cpu_optional(call, B);
  const conv_state *s = NULL;
  if (moon_cpu_conv_fits(x, w, y, b)) {
    conv_key key = moon_cpu_conv_key(call, x, w, y, b != NULL);
    s = moon_cpu_conv_state(&key, may_create);
    if (!s && !may_create) return MOON_E_BUSY;
  }
  if (!s || s->by_ref) {
    if (cpu_optional(call, M)) return moon_cpu_conv_no_memory(fail);
    return cpu_plan_by(&moon_ref_conv2d, call, plan, may_create, fail);
  }
  moon_cpu_conv_plan_packed(call, P, -1, s, plan);
  return MOON_OK;
}

static int run_conv2d(const moon_call *call, const moon_plan *plan,
                      void *scratch, int phase, int part, moon_fail *fail) {
  if (plan->state == &moon_ref_conv2d) {
    return moon_ref_conv2d.run(call, plan, scratch, phase, part, fail);
  }
  const moon_operand *b = cpu_optional(call, B), *p = cpu_optional(call, P);
  const moon_operand *m = cpu_optional(call, M);
  conv_packed c = {.state = plan->state,
                   .x = call->arg[X].data,
                   .y = call->arg[Y].data,
                   .bias = b ? b->data : NULL,
                   .w = call->arg[W].data,
                   .packed = p ? p->data : NULL,
                   .relu = call->params.conv.epilogue == MOON_EPILOGUE_RELU,
                   .mask = m ? m->data : NULL};
  return moon_cpu_conv_run_packed(&c, plan, scratch, phase, part, fail);
}

const moon_kernel moon_cpu_conv2d = {"conv2d", plan_conv2d, run_conv2d};
