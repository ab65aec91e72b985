/* Two-dimensional convolution, as a definition:
 *
 *   y[n,k,i,j] = z[n,k,i,j] + b[k] + sum over c,u,v of
 *                x[n, g C/G + c, i s0 - p0 + u d0, j s1 - p1 + v d1] w[k,c,u,v]
 *
 * x [N,C,H,W], w [K,C/G,kH,kW], b [K], y [N,K,oH,oW]; G groups, k in group g;
 * s stride, p padding, d dilation (height, width); zero outside x. The
 * epilogue (ReLU) comes last. bf16: x and w are rounded to bf16, the sums are
 * not. The gradients are in conv2d_grad.c.
 */
#include "walk.h"

enum { X, W, Y, B, Z = 6 };

REF_PLAN(plan_conv2d) {
  const moon_operand *w = &call->arg[W], *y = &call->arg[Y];
  double taps = (double)(w->shape[1] * w->shape[2] * w->shape[3]);
  double n = (double)moon_operand_numel(y);
  ref_phase(plan, y->shape[0] * y->shape[1], n * (taps + 1));
  return MOON_OK;
}

/* The sum of y[n,k,i,j] over c, u, v. */
static double window(const moon_call *call, int64_t n, int64_t k, int64_t i,
                     int64_t j) {
  const moon_operand *x = &call->arg[X], *w = &call->arg[W];
  const int64_t *s = call->params.conv.stride, *p = call->params.conv.padding;
  const int64_t *d = call->params.conv.dilation;
  int64_t per_group = w->shape[0] / call->params.conv.groups;
  int64_t first = k / per_group * w->shape[1];
  int32_t bf16 = call->params.conv.bf16;
  double sum = 0;
  for (int64_t c = 0; c < w->shape[1]; c++) {
    for (int64_t u = 0; u < w->shape[2]; u++) {
      int64_t row = i * s[0] - p[0] + u * d[0];
      if (row < 0 || row >= x->shape[2]) continue;
      for (int64_t v = 0; v < w->shape[3]; v++) {
        int64_t column = j * s[1] - p[1] + v * d[1];
        if (column < 0 || column >= x->shape[3]) continue;
        sum += ref_factor(x, ref_at4(x, n, first + c, row, column), bf16) *
               ref_factor(w, ref_at4(w, k, c, u, v), bf16);
      }
    }
  }
  return sum;
}

REF_RUN(run_conv2d) {
  const moon_operand *y = &call->arg[Y], *b = ref_optional(call, B);
  const moon_operand *z = ref_optional(call, Z);
  bool relu = call->params.conv.epilogue == MOON_EPILOGUE_RELU;
  int64_t lo, hi, plane = y->shape[2] * y->shape[3];
  ref_share(plan, phase, part, y->shape[0] * y->shape[1], &lo, &hi);
  ref_walk w = ref_begin(&y, 1, lo * plane, hi * plane);
  for (; w.left > 0; ref_next(&w)) {
    int64_t k = w.index[1];
    double v = window(call, w.index[0], k, w.index[2], w.index[3]);
    if (b) v += ref_load(b, k * b->stride[0]);
    if (z) {
      v += ref_load(z, ref_at4(z, w.index[0], k, w.index[2], w.index[3]));
    }
    ref_store(y, w.at[0], relu && v < 0 ? 0 : v);
  }
  return MOON_OK;
}

const moon_kernel moon_ref_conv2d = {"conv2d", plan_conv2d, run_conv2d};
