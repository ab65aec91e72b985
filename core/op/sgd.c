/* One step of stochastic gradient descent over all parameters, one op:
 *
 *   g = scale dp + weight_decay p     scale = min(1, max_norm / (norm + 1e-6))
 *   v = momentum v + g
 *   p = p - lr (nesterov ? g + momentum v : momentum ? v : g)
 *
 * norm is the Euclidean norm of all gradients together (PyTorch's SGD and
 * clip_grad_norm_; v starts as zeros). All or nothing: if any gradient carries
 * an error, no parameter and no velocity changes. */
#include <math.h>
#include <stdlib.h>
#include "shared.h"

enum { P, G, V, EACH };  /* operands of one parameter */

static int check_options(const moon_sgd_params *p, int n) {
  const struct { const char *name; double value; } option[] = {
      {"lr", p->lr}, {"momentum", p->momentum},
      {"weight_decay", p->weight_decay}, {"max_norm", p->max_norm}};
  for (int i = 0; i < 4; i++) {
    if (option[i].value >= 0 && isfinite(option[i].value)) continue;
    return moon__fail(MOON_E_VALUE, "sgd: %s %g", option[i].name,
                      option[i].value);
  }
  if (p->nesterov && p->momentum == 0) {
    return moon__fail(MOON_E_VALUE, "sgd: nesterov needs a momentum");
  }
  if (n < 0) return moon__fail(MOON_E_VALUE, "sgd: %d parameters", n);
  return MOON_OK;
}

/* What belongs to parameter i has its shape and dtype. */
static int check_partner(const char *name, int i, const moon_tensor *p,
                         const moon_tensor *t) {
  if (t->dtype != p->dtype) {
    return moon__fail(MOON_E_DTYPE, "sgd: %s %d is %s, its parameter %s",
                      name, i + 1, moon__dtype_name(t->dtype),
                      moon__dtype_name(p->dtype));
  }
  if (moon__shape_equal(moon__shape_of(t), moon__shape_of(p))) return MOON_OK;
  return moon__fail(MOON_E_SHAPE, "sgd: %s %d is %s, its parameter %s", name,
                    i + 1, moon__text(t), moon__text(p));
}

static int check(moon_ctx *quiet, int n, const moon__arg *args,
                 const moon_sgd_params *p) {
  int status = check_options(p, n);
  for (int i = 0; i < n && status >= 0; i++) {
    const moon__arg *a = args + EACH * i;
    status = moon__check_float("sgd", a[P].t);
    if (status >= 0) status = moon__check_inplace(quiet, "sgd", a[P].t);
    if (status >= 0) status = check_partner("gradient", i, a[P].t, a[G].t);
    if (status >= 0 && a[V].t) {
      status = check_partner("velocity", i, a[P].t, a[V].t);
    }
    if (status >= 0 && a[V].t) {
      status = moon__check_inplace(quiet, "sgd", a[V].t);
    }
    if (status >= 0 && p->momentum != 0 && !a[V].t) {
      return moon__fail(MOON_E_VALUE, "sgd: momentum %g, and no velocity of "
                        "parameter %d", p->momentum, i + 1);
    }
    for (int k = 0; k < i && status >= 0; k++) {
      if (args[EACH * k + P].t != a[P].t) continue;
      return moon__fail(MOON_E_VALUE, "sgd: parameters %d and %d are the same",
                        k + 1, i + 1);
    }
  }
  return status;
}

int moon_sgd_step(moon_ctx *ctx, int n, moon_tensor *const *parameter,
                  moon_tensor *const *gradient, moon_tensor *const *velocity,
                  const moon_sgd_params *p, moon_tensor **norm) {
  moon_ctx quiet = moon__quiet(ctx);
  int room = EACH * (n > 0 ? n : 0), status = moon__late_fold_below(ctx);
  if (status < 0) return status;
  moon__arg *args = moon__calloc((size_t)room + 1, sizeof *args);
  for (int i = 0; i < n; i++) {
    moon__arg *a = args + EACH * i;
    a[P] = (moon__arg){parameter[i], MOON__UPDATE, NULL};
    a[G] = (moon__arg){gradient[i], MOON__READ, NULL};
    a[V] = (moon__arg){p->momentum != 0 && velocity ? velocity[i] : NULL,
                       MOON__UPDATE, NULL};
  }
  moon_tensor *total = NULL;
  moon_params params = {.sgd = {*p, n, norm != NULL}};
  status = check(&quiet, n, args, p);
  if (status >= 0 && norm) {
    int device = n ? parameter[0]->storage->device : ctx->device;
    moon__shape scalar = {.ndim = 0};
    status = moon__tensor_new(ctx, device, MOON_F32, scalar, MOON__ROWS,
                              &total);
    args[room] = (moon__arg){total, MOON__WRITE, NULL};
  }
  if (status >= 0 && (n > 0 || norm)) {
    status = moon__run(&quiet, "sgd", MOON_K_sgd, &params, args,
                       room + (norm != NULL));
  }
  free(args);
  return norm ? moon__finish(status, total, norm) : status;
}
