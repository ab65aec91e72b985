/* Instructions on networks' operations, without gradients. */
#include "stress.h"

/* Plain, strided back to size by padding, dilated, or in two groups. */
static void conv2d(world *w) {
  int which = below(&w->program, 3), relu = below(&w->program, 2);
  int dilation = which == 1 ? 2 : 1;
  moon_conv2d_params p = {
      .stride = {1, 1}, .padding = {dilation, dilation},
      .dilation = {dilation, dilation}, .groups = which == 2 ? 2 : 1,
      .epilogue = relu ? MOON_EPILOGUE_RELU : MOON_EPILOGUE_NONE};
  moon_tensor *x = at(w, IMAGE), *filter = at(w, FILTER), *y;
  moon_tensor *bias = below(&w->program, 2) ? at(w, VECTOR) : NULL;
  moon_tensor *part = NULL;
  if (p.groups == 2) {
    need(w, moon_narrow(&w->ctx, filter, 1, 2, 4, &part));
    filter = part;
  }
  place(w);
  need(w, moon_conv2d(&w->ctx, x, filter, bias, &p, &y));
  drop(part);
  scaled(w, IMAGE, y, 0.25);
}

/* Stride two halves the image; four copies put it together again. */
static void strided_conv2d(world *w) {
  moon_conv2d_params p = {.stride = {2, 1}, .padding = {1, 1},
                          .dilation = {1, 1}, .groups = 1};
  moon_tensor *half, *pair[2], *y;
  moon_tensor *x = at(w, IMAGE), *filter = at(w, FILTER);
  place(w);
  need(w, moon_conv2d(&w->ctx, x, filter, NULL, &p, &half));
  pair[0] = pair[1] = half;
  place(w);
  need(w, moon_cat(&w->ctx, 2, pair, 2, &y));
  drop(half);
  scaled(w, IMAGE, y, 0.25);
}

static void max_pool2d(world *w) {
  moon_pool2d_params p = {.kernel = {3, 3}, .stride = {1, 1},
                          .padding = {1, 1}};
  moon_tensor *y;
  place(w);
  need(w, moon_max_pool2d(&w->ctx, at(w, IMAGE), &p, &y));
  store(w, IMAGE, y);
}

static void global_avg_pool2d(world *w) {
  moon_tensor *y;
  place(w);
  need(w, moon_global_avg_pool2d(&w->ctx, at(w, IMAGE), &y));
  store(w, MATRIX, y);
}

/* Two slots are the running statistics, updated in place. */
static void batch_norm(world *w) {
  moon_batch_norm_params p = {.eps = 1e-5, .momentum = 0.1, .training = 1};
  if (below(&w->program, 2)) p.epilogue = MOON_EPILOGUE_RELU;
  int mean = pick(w, VECTOR), var = pick(w, VECTOR);
  int weight = pick(w, VECTOR), bias = pick(w, VECTOR);
  moon_tensor *x = at(w, IMAGE), *y;
  int *g = w->group;
  if (g[mean] == g[var] || g[weight] == g[mean] || g[weight] == g[var] ||
      g[bias] == g[mean] || g[bias] == g[var])
    return;
  moon_batch_norm_state s = {w->slot[weight], w->slot[bias], w->slot[mean],
                             w->slot[var]};
  place(w);
  need(w, moon_batch_norm(&w->ctx, x, &s, &p, &y));
  store(w, IMAGE, y);
}

static void dropout(world *w) {
  int kind = below(&w->program, KINDS);
  moon_tensor *y;
  place(w);
  need(w, moon_dropout(&w->ctx, at(w, kind), 0.25, &y));
  store(w, kind, y);
}

static void group_norm(world *w) {
  moon_group_norm_params p = {.eps = 1e-5, .groups = 1};
  p.groups <<= below(&w->program, 4);
  moon_tensor *x = at(w, IMAGE), *y;
  moon_tensor *weight = below(&w->program, 2) ? at(w, VECTOR) : NULL;
  moon_tensor *bias = below(&w->program, 2) ? at(w, VECTOR) : NULL;
  place(w);
  need(w, moon_group_norm(&w->ctx, x, weight, bias, &p, &y));
  store(w, IMAGE, y);
}

/* One alpha, at its ends and between, or one per image. */
static void blend(world *w) {
  static const double alphas[] = {0, 0.25, 0.5, 1};
  static const int64_t images[] = {4, 1, 1, 1}, one[] = {1};
  int kind = below(&w->program, 2), each = below(&w->program, 2);
  moon_blend_inputs in = {.h = at(w, IMAGE), .s = at(w, IMAGE)};
  moon_tensor *y;
  if (kind == MOON_BLEND_MULTIPLY) in.x = at(w, IMAGE);
  place(w);
  need(w, moon_full(&w->ctx, MOON_F32, each ? 4 : 1, each ? images : one,
                    alphas[below(&w->program, 4)], &in.alpha));
  place(w);
  need(w, moon_blend(&w->ctx, kind, &in, &y));
  drop(in.alpha);
  store(w, IMAGE, y);
}

static void gates(world *w) {
  int kind = below(&w->program, KINDS);
  static const int kinds[] = {MOON_U_SIGMOID, MOON_U_TANH, MOON_U_GELU,
                              MOON_U_SILU, MOON_U_SIN, MOON_U_ERF};
  int which = kinds[below(&w->program, 6)];
  moon_tensor *y;
  place(w);
  need(w, moon_unary(&w->ctx, which, at(w, kind), 0, &y));
  store(w, kind, y);
}

static void softmax(world *w) {
  static const int kinds[] = {MATRIX, SQUARE, BIG, IMAGE};
  int kind = kinds[below(&w->program, 4)];
  moon_tensor *x = at(w, kind), *y;
  place(w);
  need(w, moon_softmax(&w->ctx, x, below(&w->program, kind_ndim(kind)), &y));
  store(w, kind, y);
}

static void linear(world *w) {
  moon_tensor *x = at(w, MATRIX), *weight = at(w, SQUARE), *y;
  moon_tensor *bias = below(&w->program, 2) ? at(w, VECTOR) : NULL;
  place(w);
  need(w, moon_linear(&w->ctx, x, weight, bias, below(&w->program, 2), &y));
  scaled(w, MATRIX, y, 0.3);
}

static void matmul(world *w) {
  static const int32_t turned[] = {1, 0};
  moon_tensor *a = at(w, SQUARE), *b = at(w, SQUARE), *bt, *y;
  need(w, moon_permute(&w->ctx, b, turned, &bt));
  place(w);
  need(w, moon_matmul(&w->ctx, a, bt, &y));
  drop(bt);
  scaled(w, SQUARE, y, 0.3);
}

/* Large enough to be cut into parts: 64x1024 by 1024x64, one row kept. */
static void big_matmul(world *w) {
  static const int32_t turned[] = {1, 0};
  moon_tensor *a = at(w, BIG), *b = at(w, BIG), *bt, *product, *row, *y;
  need(w, moon_permute(&w->ctx, b, turned, &bt));
  place(w);
  need(w, moon_matmul(&w->ctx, a, bt, &product));
  drop(bt);
  need(w, moon_narrow(&w->ctx, product, 1, 3, 8, &row));
  drop(product);
  need(w, moon_narrow(&w->ctx, row, 0, 40, 8, &y));
  drop(row);
  scaled(w, SQUARE, y, 1e-3);
}

static void cross_entropy(world *w) {
  int64_t values[4];
  for (int i = 0; i < 4; i++) values[i] = below(&w->program, 8);
  moon_tensor *labels = host_i64(w, 4, values), *loss, *y;
  place(w);
  need(w, moon_cross_entropy(&w->ctx, at(w, MATRIX), labels, NULL, NULL,
                             &loss));
  drop(labels);
  place(w);
  need(w, moon_binary(&w->ctx, MOON_B_ADD, at(w, VECTOR), loss, &y));
  drop(loss);
  scaled(w, VECTOR, y, 0.5);
}

static void statistics(world *w) {
  moon_tensor *three, *norm, *y;
  place(w);
  need(w, moon_statistics(&w->ctx, at(w, BIG), &three));
  need(w, moon_narrow(&w->ctx, three, 0, 1, 1, &norm));
  drop(three);
  place(w);
  need(w, moon_binary(&w->ctx, MOON_B_ADD, at(w, VECTOR), norm, &y));
  drop(norm);
  scaled(w, VECTOR, y, 0.5);
}

static void batch_images(world *w) {
  moon_batch_params p = {.key = draw(&w->program), .flip = 1, .crop = 2};
  int64_t values[4];
  for (int i = 0; i < 4; i++) values[i] = below(&w->program, 4);
  moon_tensor *index = host_i64(w, 4, values), *y;
  place(w);
  need(w, moon_batch_images(&w->ctx, at(w, IMAGE), index, values[0], &p, &y));
  drop(index);
  store(w, IMAGE, y);
}

const instruction neural_instructions[] = {
    {"conv2d", conv2d, 10},
    {"strided_conv2d", strided_conv2d, 3},
    {"max_pool2d", max_pool2d, 4},
    {"global_avg_pool2d", global_avg_pool2d, 3},
    {"batch_norm", batch_norm, 5},
    {"group_norm", group_norm, 4},
    {"blend", blend, 6},
    {"gates", gates, 2},
    {"dropout", dropout, 4},
    {"softmax", softmax, 4},
    {"linear", linear, 5},
    {"matmul", matmul, 4},
    {"big_matmul", big_matmul, 3},
    {"cross_entropy", cross_entropy, 4},
    {"statistics", statistics, 2},
    {"batch_images", batch_images, 3},
    {0}};
