/* p = w in the order that convolutions read it in; see packing.h. */
#include "convolution.h"

enum { W, P };
static const double NS = 0.3;  /* per element */

static int plan_conv2d_pack(const moon_call *call, moon_plan *plan,
                            int may_create, moon_fail *fail) {
  const cpu_packing *p = call->params.pack.order;
  int64_t blocks = (p->rows + PACKING_BLOCK - 1) / PACKING_BLOCK;
  cpu_phase(plan, blocks, (double)p->numel, NS);
  (void)may_create, (void)fail;
  return MOON_OK;
}

static int run_conv2d_pack(const moon_call *call, const moon_plan *plan,
                           void *scratch, int phase, int part,
                           moon_fail *fail) {
  const cpu_packing *p = call->params.pack.order;
  int64_t lo, hi;
  cpu_share(plan, phase, part, p->rows, PACKING_BLOCK, &lo, &hi);
  moon_cpu_simd()->weights->pack(p, call->arg[W].data, call->arg[P].data, lo,
                                 hi);
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
  if (!moon_cpu_conv_fits(x, w, y, b)) return false;
  conv_problem p = moon_cpu_conv_problem(x, w, y, &call->params);
  conv_key key = moon_cpu_conv_key(call->kernel, &p, w, b != NULL);
  const conv_state *s = moon_cpu_conv_state(&key, false);
  if (!s || s->by_ref) return false;
  *out = (moon_order){s->packing, s->packing->numel};
  return true;
}
