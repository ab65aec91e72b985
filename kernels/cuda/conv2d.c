/* Convolution and its gradients by cuDNN (conv_key.h).
 *
 * Images are channels-last already; weights lie in rows and are brought into
 * channels-last in scratch, a weight's gradient back from there; both may get
 * channels of zeros there (conv_wide.c). f32 uses TF32 unless strict.
 * params.conv.bf16 lets f32 operands be rounded to bf16, which TF32 is no
 * coarser than.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "conv_key.h"
#include "epilogue.h"

extern const moon_kernel moon_cuda_copy, moon_cuda_fill;

/* Which operand of the call is x, w, y, b and z; -1: none. */
static const int roles[][CONV_TENSORS] = {
    [CONV_FORWARD] = {0, 1, 2, 3, 6},
    [CONV_GRAD_X] = {2, 1, 0, -1, -1},
    [CONV_GRAD_W] = {1, 2, 0, 3, -1}};

static const moon_operand *operand(const moon_call *call, conv_way way,
                                   int role) {
  int k = roles[way][role];
  bool is_there = k >= 0 && k < call->n && (role < CONV_B || call->arg[k].data);
  return is_there ? &call->arg[k] : NULL;
}

/* --- layouts ---------------------------------------------------------- */
/* Strides of dimensions of size one do not count. */
static bool is_channels_last(const moon_operand *o) {
  int64_t wanted[4];
  moon_channels_last(o->shape, wanted);
  for (int d = 0; d < 4; d++) {
    if (o->shape[d] > 1 && o->stride[d] != wanted[d]) return false;
  }
  return true;
}

/* Whether the plan is for more input channels than there are. */
static bool is_wide(const moon_call *call, conv_way way,
                    const conv_found *plan) {
  return plan->key.shape[CONV_W][1] != operand(call, way, CONV_W)->shape[1];
}

/* Scratch, offsets in bytes: a copy of the weights (at 0), a wide one of x, a
 * bias of zeros or the parts of a bias's gradient, cuDNN's workspace. */
typedef struct conv_room { size_t x, beside, workspace, all; } conv_room;

static size_t aligned(size_t nbytes) { return (nbytes + 255) / 256 * 256; }

static size_t room_of_copy(const conv_found *plan, int role) {
  const int64_t *s = plan->key.shape[role];
  size_t numel = (size_t)(s[0] * s[1] * s[2] * s[3]);
  return aligned(numel * moon_dtype_size(plan->key.dtype));
}

static conv_room room_of(const moon_call *call, conv_way way,
                         const conv_found *plan) {
  const moon_operand *y = operand(call, way, CONV_Y);
  const moon_operand *b = operand(call, way, CONV_B);
  bool wide = is_wide(call, way, plan);
  conv_room room = {0};
  if (wide || !is_channels_last(operand(call, way, CONV_W))) {
    room.x = room_of_copy(plan, CONV_W);
  }
  room.beside = room.x + (wide ? room_of_copy(plan, CONV_X) : 0);
  room.workspace = room.beside;
  if (way == CONV_GRAD_W && b) {
    room.workspace += aligned(moon_cuda_channel_room(y));
  } else if (plan->key.epilogue != CONV_PLAIN && !b) {
    size_t each = moon_dtype_size(y->dtype);
    room.workspace += aligned((size_t)y->shape[1] * each);
  }
  room.all = room.workspace + aligned((size_t)plan->workspace);
  return room;
}

/* --- keys ------------------------------------------------------------- */
/* The largest power of two, up to 16, that divides every address from that of
 * role `first` on. */
static int32_t alignment(const moon_call *call, conv_way way, int first) {
  uintptr_t all = 16;
  for (int role = first; role < CONV_TENSORS; role++) {
    const moon_operand *o = operand(call, way, role);
    bool is_copied = o && role == CONV_W && !is_channels_last(o);
    bool is_used = role < CONV_B || way == CONV_FORWARD;
    if (o && is_used && !is_copied) all |= (uintptr_t)o->data;
  }
  return (int32_t)(all & -all);
}

static conv_key key_of(const moon_call *call, conv_way way) {
  conv_key key;
  memset(&key, 0, sizeof key);
  const moon_params *p = &call->params;
  for (int role = 0; role < CONV_B; role++) {
    const moon_operand *o = operand(call, way, role);
    memcpy(key.shape[role], o->shape, sizeof key.shape[role]);
    if (role == CONV_W || is_channels_last(o)) {
      moon_channels_last(o->shape, key.stride[role]);
    } else {
      memcpy(key.stride[role], o->stride, sizeof key.stride[role]);
    }
  }
  key.way = way;
  key.dtype = operand(call, way, CONV_X)->dtype;
  key.strict = p->conv.strict && !p->conv.bf16 && key.dtype == MOON_F32;
  key.align = alignment(call, way, CONV_X);
  key.adds = way == CONV_GRAD_W && p->conv.accumulate;
  if (way == CONV_FORWARD) {
    if (operand(call, way, CONV_B)) key.epilogue |= CONV_BIAS;
    if (operand(call, way, CONV_Z)) key.epilogue |= CONV_ADD | CONV_BIAS;
    if (p->conv.epilogue == MOON_EPILOGUE_RELU) {
      key.epilogue |= CONV_RELU | CONV_BIAS;
    }
  }
  memcpy(key.step, p->conv.stride, sizeof key.step);
  memcpy(key.padding, p->conv.padding, sizeof key.padding);
  memcpy(key.dilation, p->conv.dilation, sizeof key.dilation);
  return key;
}

/* --- planning --------------------------------------------------------- */
static bool is_empty(const moon_call *call, conv_way way) {
  return moon_operand_numel(operand(call, way, CONV_X)) == 0 ||
         moon_operand_numel(operand(call, way, CONV_W)) == 0 ||
         moon_operand_numel(operand(call, way, CONV_Y)) == 0;
}

static int check(const moon_call *call, conv_way way, moon_fail *fail) {
  const moon_operand *x = operand(call, way, CONV_X);
  const moon_operand *b = operand(call, way, CONV_B);
  bool is_float = x->dtype == MOON_F32 || x->dtype == MOON_F64 ||
                  moon_dtype_is_half(x->dtype);
  for (int k = 0; k < 3; k++) is_float &= call->arg[k].dtype == x->dtype;
  if (!is_float || (b && b->dtype != x->dtype)) {
    snprintf(fail->text, sizeof fail->text,
             "dtypes that cuDNN does not convolve");
    return MOON_E_DTYPE;
  }
  const moon_operand *z = operand(call, way, CONV_Z);
  if (z && (z->dtype != x->dtype || !is_channels_last(z))) {
    snprintf(fail->text, sizeof fail->text, "what is added is not channels-last"
             " or of another dtype");
    return MOON_E_KERNEL;
  }
  if (way != CONV_FORWARD || !b || b->stride[0] == 1 || b->shape[0] == 1) {
    return MOON_OK;
  }
  snprintf(fail->text, sizeof fail->text, "a bias of stride %lld",
           (long long)b->stride[0]);
  return MOON_E_KERNEL;
}

/* The call's plan, or one for wide copies of x and w, if only that is on tensor
 * cores. */
static int choose(const moon_call *call, conv_way way, int may_create,
                  const conv_found **out, moon_fail *fail) {
  conv_key key = key_of(call, way), wide;
  int status = moon_conv_find(&key, may_create, out, fail);
  if (status < 0 || (*out)->has_tensor_cores || !moon_conv_widen(&key, &wide)) {
    return status;
  }
  const conv_found *other;
  wide.align = alignment(call, way, CONV_Y);
  status = moon_conv_find(&wide, may_create, &other, fail);
  if (status >= 0 && other->has_tensor_cores) *out = other;
  return status;
}

static int plan_conv(const moon_call *call, conv_way way, moon_plan *plan,
                     int may_create, moon_fail *fail) {
  plan->phases = 1;
  plan->parts[0] = 1;
  int status = check(call, way, fail);
  if (status < 0) return status;
  if (is_empty(call, way)) {
    const moon_operand *y = operand(call, way, CONV_Y);
    plan->scratch = way == CONV_GRAD_W ? moon_cuda_channel_room(y) : 0;
    return MOON_OK;
  }
  const conv_found *found;
  status = choose(call, way, may_create, &found, fail);
  if (status < 0) return status;
  plan->state = found;
  plan->scratch = room_of(call, way, found).all;
  return MOON_OK;
}

/* --- running ---------------------------------------------------------- */
static int copy(const moon_operand *from, const moon_operand *to, void *queue,
                moon_fail *fail) {
  moon_operand arg[] = {*from, *to};
  moon_call call = {
      .kernel = MOON_K_copy, .n = 2, .arg = arg, .queue = queue};
  moon_plan plan = {0};
  return moon_cuda_copy.run(&call, &plan, NULL, 0, 0, fail);
}

static int zero(const moon_operand *y, void *queue, moon_fail *fail) {
  moon_operand arg = *y;
  moon_call call = {
      .kernel = MOON_K_fill, .n = 1, .arg = &arg, .queue = queue};
  moon_plan plan = {0};
  return moon_cuda_fill.run(&call, &plan, NULL, 0, 0, fail);
}

/* Nothing to convolve: a gradient is zero. */
static int run_empty(const moon_call *call, conv_way way, moon_fail *fail) {
  if (way == CONV_FORWARD) return MOON_OK;
  if (way == CONV_GRAD_W && call->params.conv.accumulate) return MOON_OK;
  int role = way == CONV_GRAD_X ? CONV_X : CONV_W;
  const moon_operand *b = operand(call, way, CONV_B);
  int status = zero(operand(call, way, role), call->queue, fail);
  return status < 0 || !b ? status : zero(b, call->queue, fail);
}

/* Copies x and w with channels of zeros. */
static int widen(const moon_call *call, const conv_found *found, char *base,
                 void *data[CONV_TENSORS], moon_fail *fail) {
  conv_room room = room_of(call, CONV_FORWARD, found);
  int64_t width = found->key.shape[CONV_W][1];
  data[CONV_W] = base;
  data[CONV_X] = base + room.x;
  int status = MOON_OK;
  for (int role = CONV_X; role <= CONV_W && status >= 0; role++) {
    status = moon_cuda_widen(operand(call, CONV_FORWARD, role), width,
                             data[role], call->queue, fail);
  }
  return status;
}

static int run_conv(const moon_call *call, conv_way way,
                    const moon_plan *plan, void *scratch, moon_fail *fail) {
  const conv_found *found = plan->state;
  if (!found) return run_empty(call, way, fail);
  conv_room room = room_of(call, way, found);
  char *base = scratch;
  void *data[CONV_TENSORS] = {0}, *queue = call->queue;
  for (int role = 0; role < CONV_TENSORS; role++) {
    const moon_operand *o = operand(call, way, role);
    data[role] = o ? o->data : base + room.beside;
  }
  moon_operand w = *operand(call, way, CONV_W), copied = w;
  bool copies = room.x > 0, writes = way == CONV_GRAD_W;
  int status = MOON_OK;
  if (is_wide(call, way, found)) {
    status = widen(call, found, base, data, fail);
  } else if (copies) {
    moon_channels_last(w.shape, copied.stride);
    copied.data = data[CONV_W] = base;
    bool reads = !writes || found->key.adds;
    if (reads) status = copy(&w, &copied, queue, fail);
  }
  if (found->key.epilogue != CONV_PLAIN && !operand(call, way, CONV_B)) {
    moon_operand zeros = {.data = data[CONV_B], .dtype = w.dtype, .ndim = 1,
                          .shape = {w.shape[0]}, .stride = {1}};
    if (status >= 0) status = zero(&zeros, queue, fail);
  }
  if (status >= 0) {
    status = moon_conv_run(found, data, base + room.workspace, queue, fail);
  }
  if (status >= 0 && copies && writes) status = copy(&copied, &w, queue, fail);
  return status;
}

/* --- kernels ---------------------------------------------------------- */
#define CONVOLUTION(name, way)                                            \
  static int plan_##name(const moon_call *call, moon_plan *plan,          \
                         int may_create, moon_fail *fail) {               \
    return plan_conv(call, way, plan, may_create, fail);                  \
  }
CONVOLUTION(conv2d, CONV_FORWARD)
CONVOLUTION(grad_x, CONV_GRAD_X)
CONVOLUTION(grad_w, CONV_GRAD_W)

#define RUN(name)                                                         \
  static int name(const moon_call *call, const moon_plan *plan,           \
                  void *scratch, int phase, int part, moon_fail *fail)
RUN(run_conv2d) {
  (void)phase, (void)part;
  return run_conv(call, CONV_FORWARD, plan, scratch, fail);
}

RUN(run_grad_x) {
  (void)phase, (void)part;
  return run_conv(call, CONV_GRAD_X, plan, scratch, fail);
}

RUN(run_grad_w) {
  (void)phase, (void)part;
  int status = run_conv(call, CONV_GRAD_W, plan, scratch, fail);
  const moon_operand *db = operand(call, CONV_GRAD_W, CONV_B);
  if (status < 0 || !db || !plan->state) return status;
  conv_room room = room_of(call, CONV_GRAD_W, plan->state);
  return moon_cuda_channel_sum(operand(call, CONV_GRAD_W, CONV_Y), db,
                               call->params.conv.accumulate,
                               (char *)scratch + room.beside, call->queue,
                               fail);
}

const moon_kernel moon_cuda_conv2d = {"conv2d", plan_conv2d, run_conv2d};
const moon_kernel moon_cuda_conv2d_grad_x = {"conv2d_grad_x", plan_grad_x,
                                             run_grad_x};
const moon_kernel moon_cuda_conv2d_grad_w = {"conv2d_grad_w", plan_grad_w,
                                             run_grad_w};
