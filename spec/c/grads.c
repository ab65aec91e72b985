/* Instructions with gradients: a small network trains on one or two tasks.
 *
 *   x 4x3x8x8 - conv3x3 8 + ReLU - maxpool 2 - conv3x3 8 - [batch norm] -
 *   dropout - global mean - linear 5 - cross-entropy, SGD with momentum
 *
 * Two tasks share the parameters; the schedule decides in which order they
 * submit. Batch norm, whose statistics follow the order of submission, is left
 * out there.
 */
#include "stress.h"

enum { W1, B1, W2, B2, W3, B3, MEAN = 2 * PARAMETERS, VAR };
enum { LAYERS = 8, CLASSES = 5, BATCH = 4, USER = 77 };

typedef struct branch {
  moon_ctx ctx;
  moon_tensor *h, *labels;
  int layer;
  bool with_norm;
} branch;

static moon_tensor *parameter(world *w, int ndim, const int64_t *shape) {
  moon_tensor *t;
  need(w, moon_random(&w->ctx, MOON_F32, MOON_RAND_UNIFORM, -0.25, 0.25, ndim,
                      shape, &t));
  return t;
}

void net_make(world *w) {
  static const struct { int ndim; int64_t dim[4]; } s[PARAMETERS] = {
      {4, {8, 3, 3, 3}}, {1, {8}}, {4, {8, 8, 3, 3}}, {1, {8}},
      {2, {CLASSES, 8}}, {1, {CLASSES}}};
  static const int64_t channels[] = {8};
  for (int i = 0; i < PARAMETERS; i++) {
    moon_tensor *p = parameter(w, s[i].ndim, s[i].dim);
    need(w, moon_tensor_set_requires_grad(p, 1));
    w->net.tensor[i] = p;
    need(w, moon_full(&w->ctx, MOON_F32, s[i].ndim, s[i].dim, 0,
                      &w->net.tensor[PARAMETERS + i]));
  }
  need(w, moon_full(&w->ctx, MOON_F32, 1, channels, 0, &w->net.tensor[MEAN]));
  need(w, moon_full(&w->ctx, MOON_F32, 1, channels, 1, &w->net.tensor[VAR]));
}

void net_drop(world *w) {
  for (int i = 0; i < NET_STATE; i++) drop(w->net.tensor[i]);
}

static branch branch_open(world *w, moon_task *task, bool bad) {
  int64_t values[BATCH];
  for (int i = 0; i < BATCH; i++) values[i] = below(&w->program, CLASSES);
  if (bad) values[2] = CLASSES;
  branch b = {.ctx = w->ctx, .labels = host_i64(w, BATCH, values)};
  b.ctx.task = task;
  b.ctx.grad_mode = 1;
  return b;
}

static int norm(world *w, branch *b, moon_tensor *x, moon_tensor **y) {
  static const moon_batch_norm_params p = {
      1e-5, 0.1, 1, MOON_EPILOGUE_RELU};
  moon_batch_norm_state s = {0};
  s.mean = w->net.tensor[MEAN];
  s.var = w->net.tensor[VAR];
  return b->with_norm ? moon_batch_norm(&b->ctx, x, &s, &p, y)
                      : moon_unary(&b->ctx, MOON_U_GELU, x, 0, y);
}

static void advance(world *w, branch *b) {
  static const int64_t images[] = {BATCH, 3, 8, 8};
  static const moon_pool2d_params pool = {{2, 2}, {2, 2}, {0, 0}, 0};
  moon_conv2d_params conv = {{1, 1}, {1, 1}, {1, 1}, 1, MOON_EPILOGUE_RELU};
  moon_tensor *x = b->h, *const *p = w->net.tensor;
  moon_tensor *y = NULL;
  moon_ctx *ctx = &b->ctx;
  int status = 0;
  place(w);
  ctx->stream = w->ctx.stream;
  switch (b->layer++) {
    case 0:
      status = moon_random(ctx, MOON_F32, MOON_RAND_NORMAL, 0, 1, 4, images,
                           &y);
      break;
    case 1: status = moon_conv2d(ctx, x, p[W1], p[B1], &conv, &y); break;
    case 2: status = moon_max_pool2d(ctx, x, &pool, &y); break;
    case 3:
      conv.epilogue = MOON_EPILOGUE_NONE;
      status = moon_conv2d(ctx, x, p[W2], p[B2], &conv, &y);
      break;
    case 4: status = norm(w, b, x, &y); break;
    case 5: status = moon_dropout(ctx, x, 0.25, &y); break;
    case 6: status = moon_global_avg_pool2d(ctx, x, &y); break;
    case 7: status = moon_linear(ctx, x, p[W3], p[B3], 0, &y); break;
    default:
      status = moon_cross_entropy(ctx, x, b->labels, NULL, NULL, &y);
  }
  need(w, status);
  drop(x);
  b->h = y;
}

/* Runs branches to their ends, in the schedule's order or one by one. */
static void advance_all(world *w, branch *b, int n) {
  int left = n * (LAYERS + 1);
  while (left > 0) {
    int i = w->how->wild ? below(&w->schedule, n) : 0;
    while (b[i].layer > LAYERS) i = (i + 1) % n;
    advance(w, &b[i]);
    left--;
  }
  for (int i = 0; i < n; i++) drop(b[i].labels);
}

/* A copy of x behind a user-defined node. */
static moon_tensor *user_copy(world *w, moon_tensor *x) {
  w->ctx.grad_mode = 0;
  moon_tensor *y = cloned(w, x);
  w->ctx.grad_mode = 1;
  need(w, moon_user_node(&w->ctx, y, 1, &x, USER));
  return y;
}

/* The walk, answering for user-defined nodes: their gradient is passed on. */
static void backward(world *w, moon_tensor *loss) {
  moon_walk *walk;
  int status;
  place(w);
  need(w, moon_backward_begin(&w->ctx, loss, NULL, &walk));
  while ((status = moon_backward_step(walk)) == 1) {
    expect(w, moon_walk_user_id(walk) == USER, "a node of another id");
    need(w, moon_walk_user_give(walk, 0, moon_walk_user_gradient(walk)));
  }
  need(w, status);
  moon_backward_end(walk);
}

static void optimise(world *w, bool run) {
  static const moon_step_params how = {.rule = MOON_STEP_SGD};
  static const moon_step_rates rates = {
      .rule = MOON_STEP_SGD, .flags = MOON_STEP_NESTEROV, .lr = 0.05,
      .weight_decay = 1e-3, .beta1 = 0.9};
  moon_tensor **p = w->net.tensor;
  moon_step_entry entry[PARAMETERS];
  for (int i = 0; i < PARAMETERS; i++) {
    entry[i] = (moon_step_entry){p[i], moon_tensor_grad(&w->ctx, p[i]),
                                 {p[PARAMETERS + i]}, rates};
    expect(w, entry[i].gradient != NULL, "parameter %d has no gradient", i);
    if (!entry[i].gradient) run = false;
  }
  place(w);
  if (run) need(w, moon_step(&w->ctx, PARAMETERS, entry, &how, NULL, NULL));
  for (int i = 0; i < PARAMETERS; i++) {
    drop(entry[i].gradient);
    need(w, moon_tensor_set_grad(&w->ctx, p[i], NULL));
  }
}

static void train(world *w) {
  branch b = branch_open(w, w->ctx.task, false);
  b.with_norm = below(&w->program, 2);
  advance_all(w, &b, 1);
  backward(w, b.h);
  drop(b.h);
  optimise(w, true);
}

/* Two tasks on shared parameters, one loss. */
static void train_gathered(world *w) {
  moon_task *task[2];
  branch b[2];
  moon_tensor *loss, *user;
  for (int i = 0; i < 2; i++) {
    task[i] = moon_task_new(w->rt, w->ctx.task);
    b[i] = branch_open(w, task[i], false);
  }
  advance_all(w, b, 2);
  w->ctx.grad_mode = 1;
  need(w, moon_binary(&w->ctx, MOON_B_ADD, b[0].h, b[1].h, &loss));
  user = user_copy(w, loss);
  w->ctx.grad_mode = 0;
  for (int i = 0; i < 2; i++) {
    drop(b[i].h);
    moon_task_release(task[i]);
  }
  drop(loss);
  backward(w, user);
  drop(user);
  optimise(w, true);
}

/* A label out of range: nothing may change. The reference run leaves the
 * optimiser's step out instead. */
static void train_failing(world *w) {
  branch b = branch_open(w, w->ctx.task, true);
  advance_all(w, &b, 1);
  backward(w, b.h);
  drop(b.h);
  optimise(w, w->how->wild);
  if (w->how->wild) w->task_errors++;
}

static void forward_only(world *w) {
  branch b = branch_open(w, w->ctx.task, false);
  advance_all(w, &b, 1);
  drop(b.h);
}

/* A second walk over a shared leaf while the first one waits at a user node:
 * the leaf gets both gradients, 2 and 5. */
static void nested_walks(world *w) {
  static const int64_t shape[] = {8};
  moon_tensor *p, *a, *b, *user, *g;
  moon_walk *walk;
  double value = 0;
  need(w, moon_full(&w->ctx, MOON_F32, 1, shape, 1, &p));
  need(w, moon_tensor_set_requires_grad(p, 1));
  w->ctx.grad_mode = 1;
  need(w, moon_unary(&w->ctx, MOON_U_MUL, p, 2, &a));
  need(w, moon_unary(&w->ctx, MOON_U_MUL, p, 5, &b));
  user = user_copy(w, a);
  w->ctx.grad_mode = 0;
  moon_tensor *ones = cloned(w, p);
  need(w, moon_backward_begin(&w->ctx, user, ones, &walk));
  expect(w, moon_backward_step(walk) == 1, "the user node does not wait");
  moon_walk *inner;
  need(w, moon_backward_begin(&w->ctx, b, ones, &inner));
  need(w, moon_backward_step(inner));
  moon_backward_end(inner);
  need(w, moon_walk_user_give(walk, 0, moon_walk_user_gradient(walk)));
  need(w, moon_backward_step(walk));
  moon_backward_end(walk);
  g = moon_tensor_grad(&w->ctx, p);
  expect(w, g != NULL, "no gradient after nested walks");
  moon_tensor *here = g ? on_host(w, g) : NULL;
  if (here) need(w, moon_tensor_item(here, 7, &value));
  expect(w, value == 7, "nested walks give %g, not 7", value);
  moon_tensor *all[] = {p, a, b, user, ones, g, here};
  for (int i = 0; i < 7; i++) drop(all[i]);
}

const instruction grad_instructions[] = {
    {"train", train, 8},
    {"train_gathered", train_gathered, 6},
    {"train_failing", train_failing, 2},
    {"forward_only", forward_only, 3},
    {"nested_walks", nested_walks, 2},
    {0}};
