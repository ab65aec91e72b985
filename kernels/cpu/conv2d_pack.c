/* p = w in the order that convolutions read it in; see packing.h. */
#include "convolution.h"

enum { W, P };

static int plan_conv2d_pack(const moon_call *call, moon_plan *plan,
                            int may_create, moon_fail *fail) {
  cpu_pack_phase(call->params.pack.order, plan);
  (void)may_create, (void)fail;
  return MOON_OK;
}

static int run_conv2d_pack(const moon_call *call, const moon_plan *plan,
                           void *scratch, int phase, int part,
                           moon_fail *fail) {
  const cpu_order *o = call->params.pack.order;
  int64_t lo, hi;
  cpu_share(plan, phase, part, o->units, 1, &lo, &hi);
  o->pack(o, call->arg[W].data, call->arg[P].data, lo, hi);
  (void)scratch, (void)fail;
  return MOON_OK;
}

const moon_kernel moon_cpu_conv2d_pack = {"conv2d_pack", plan_conv2d_pack,
                                          run_conv2d_pack};

/* --- which order a call wants --------------------------------------------- */
int moon_cpu_weight_order(const moon_call *call, moon_order *out) {
  bool back = call->kernel == MOON_K_conv2d_grad_x;
  const moon_operand *y = &call->arg[back ? 0 : 2], *w = &call->arg[1];
  const moon_operand *x = &call->arg[back ? 2 : 0];
  const moon_operand *b = back ? NULL : cpu_optional(call, 3);
  bool masked = back && cpu_optional(call, 4);
  if (!moon_cpu_conv_grad_fits(x, w, y, b, masked)) return false;
  conv_key key = moon_cpu_conv_key(call, x, w, y, b != NULL);
  const conv_state *s = moon_cpu_conv_state(&key, false);
  if (!s || s->by_ref) return false;
  *out = (moon_order){s->order, s->order->numel};
  return true;
}
