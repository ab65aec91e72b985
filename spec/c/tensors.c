/* Instructions on plain tensors: creation, arithmetic, views, in-place ops. */
#include "stress.h"
#include <string.h>

static void create_random(world *w) {
  int kind = below(&w->program, KINDS);
  int how = below(&w->program, 3);
  moon_tensor *t;
  place(w);
  need(w, moon_random(&w->ctx, MOON_F32, how, how == MOON_RAND_NORMAL ? 0 : -2,
                      how == MOON_RAND_NORMAL ? 0.7 : 2, kind_ndim(kind),
                      kind_shape(kind), &t));
  store(w, kind, t);
}

static void create_full(world *w) {
  int kind = below(&w->program, KINDS);
  double value = below(&w->program, 100) / 64.0;
  moon_tensor *t;
  place(w);
  need(w, moon_full(&w->ctx, MOON_F32, kind_ndim(kind), kind_shape(kind),
                    value, &t));
  store(w, kind, t);
}

static void create_range(world *w) {
  moon_tensor *t, *y;
  place(w);
  need(w, moon_arange(&w->ctx, MOON_F32, 0, 32, 1, &t));
  place(w);
  need(w, moon_reshape(&w->ctx, t, 2, kind_shape(MATRIX), &y));
  drop(t);
  scaled(w, MATRIX, y, 1.0 / 32);
}

static void create_from_host(world *w) {
  float values[64];
  moon_tensor *t;
  for (int i = 0; i < 64; i++)
    values[i] = (float)below(&w->program, 256) / 256 - 0.5f;
  place(w);
  need(w, moon_from_host(&w->ctx, MOON_F32, 2, kind_shape(SQUARE), values,
                         sizeof values, &t));
  store(w, SQUARE, t);
}

static void unary(world *w) {
  static const int kinds[] = {MOON_U_NEG, MOON_U_RELU, MOON_U_ABS, MOON_U_ADD,
                              MOON_U_MUL, MOON_U_RSUB};
  int kind = below(&w->program, KINDS);
  int which = kinds[below(&w->program, 6)];
  moon_tensor *x = at(w, kind), *y;
  place(w);
  need(w, moon_unary(&w->ctx, which, x, 0.75, &y));
  store(w, kind, y);
}

/* exp(-|x|), log(|x| + 1) or sqrt(|x|) */
static void transcendental(world *w) {
  int kind = below(&w->program, KINDS), which = below(&w->program, 3);
  moon_tensor *x, *t, *y;
  place(w);
  need(w, moon_unary(&w->ctx, MOON_U_ABS, at(w, kind), 0, &x));
  place(w);
  need(w, moon_unary(&w->ctx, which == 0 ? MOON_U_NEG : MOON_U_ADD, x,
                     which == 1 ? 1 : 0, &t));
  place(w);
  need(w, moon_unary(&w->ctx, which == 0   ? MOON_U_EXP
                              : which == 1 ? MOON_U_LOG
                                           : MOON_U_SQRT,
                     t, 0, &y));
  drop(t);
  drop(x);
  store(w, kind, y);
}

static void binary(world *w) {
  static const int kinds[] = {MOON_B_ADD, MOON_B_SUB, MOON_B_MUL, MOON_B_MAX};
  int kind = below(&w->program, KINDS);
  int which = kinds[below(&w->program, 4)];
  moon_tensor *a = at(w, kind), *b = at(w, kind), *y;
  place(w);
  need(w, moon_binary(&w->ctx, which, a, b, &y));
  scaled(w, kind, y, 0.5);
}

static void broadcast(world *w) {
  int kind = below(&w->program, 2) ? MATRIX : SQUARE;
  moon_tensor *a = at(w, kind), *b = at(w, VECTOR), *y;
  place(w);
  need(w, moon_binary(&w->ctx, MOON_B_ADD, a, b, &y));
  scaled(w, kind, y, 0.5);
}

/* x > y as numbers */
static void compare(world *w) {
  int kind = below(&w->program, KINDS);
  moon_tensor *a = at(w, kind), *b = at(w, kind), *mask, *y;
  place(w);
  need(w, moon_binary(&w->ctx, MOON_B_GT, a, b, &mask));
  place(w);
  need(w, moon_cast(&w->ctx, mask, MOON_F32, &y));
  drop(mask);
  store(w, kind, y);
}

/* x > y ? x : y */
static void choose(world *w) {
  int kind = below(&w->program, KINDS);
  moon_tensor *a = at(w, kind), *b = at(w, kind), *mask, *y;
  place(w);
  need(w, moon_binary(&w->ctx, MOON_B_GT, a, b, &mask));
  place(w);
  need(w, moon_where(&w->ctx, mask, a, b, &y));
  drop(mask);
  store(w, kind, y);
}

/* As bf16 or f16 and back. */
static void through_half(world *w) {
  int kind = below(&w->program, KINDS);
  int dtype = below(&w->program, 2) ? MOON_BF16 : MOON_F16;
  moon_tensor *half, *y;
  place(w);
  need(w, moon_cast(&w->ctx, at(w, kind), dtype, &half));
  place(w);
  need(w, moon_cast(&w->ctx, half, MOON_F32, &y));
  drop(half);
  store(w, kind, y);
}

static void sums(world *w) {
  int kind = below(&w->program, 2) ? MATRIX : SQUARE;
  moon_tensor *y;
  place(w);
  need(w, moon_cumsum(&w->ctx, at(w, kind), below(&w->program, 2), &y));
  scaled(w, kind, y, 0.1);
}

static void through_f64(world *w) {
  int kind = below(&w->program, KINDS);
  moon_tensor *wide, *t, *y;
  place(w);
  need(w, moon_cast(&w->ctx, at(w, kind), MOON_F64, &wide));
  place(w);
  need(w, moon_unary(&w->ctx, MOON_U_MUL, wide, 1.0 / 3, &t));
  drop(wide);
  place(w);
  need(w, moon_cast(&w->ctx, t, MOON_F32, &y));
  drop(t);
  store(w, kind, y);
}

static void reduce_image(world *w) {
  static const int kinds[] = {MOON_R_MEAN, MOON_R_MAX, MOON_R_MIN, MOON_R_VAR,
                              MOON_R_NORM, MOON_R_STD, MOON_R_LOGSUMEXP};
  static const int32_t dims[] = {0, 2, 3};
  int which = kinds[below(&w->program, 7)];
  moon_tensor *y;
  place(w);
  need(w, moon_reduce(&w->ctx, which, at(w, IMAGE), 3, dims, 0, &y));
  scaled(w, VECTOR, y, which == MOON_R_NORM ? 0.01 : 1);
}

/* A scalar over 65,536 values, then repeated. */
static void reduce_all(world *w) {
  int which = below(&w->program, 2) ? MOON_R_SUM : MOON_R_NORM;
  moon_tensor *s, *view, *y;
  place(w);
  need(w, moon_reduce(&w->ctx, which, at(w, BIG), 0, NULL, 0, &s));
  need(w, moon_expand(&w->ctx, s, 1, kind_shape(VECTOR), &view));
  place(w);
  need(w, moon_unary(&w->ctx, MOON_U_MUL, view, 1e-3, &y));
  drop(view);
  drop(s);
  store(w, VECTOR, y);
}

static void choose_rows(world *w) {
  moon_tensor *index, *y;
  place(w);
  need(w, moon_arg_reduce(&w->ctx, MOON_R_MAX, at(w, MATRIX), 1, 0, NULL,
                          &index));
  place(w);
  need(w, moon_index_select(&w->ctx, at(w, SQUARE), 0, index, &y));
  drop(index);
  store(w, MATRIX, y);
}

static void gather(world *w) {
  moon_tensor *index, *one, *view, *y;
  place(w);
  need(w, moon_arg_reduce(&w->ctx, MOON_R_MIN, at(w, MATRIX), 1, 1, NULL,
                          &index));
  place(w);
  need(w, moon_gather(&w->ctx, at(w, MATRIX), 1, index, &one));
  drop(index);
  need(w, moon_expand(&w->ctx, one, 2, kind_shape(MATRIX), &view));
  drop(one);
  place(w);
  need(w, moon_contiguous(&w->ctx, view, &y));
  drop(view);
  store(w, MATRIX, y);
}

static void shuffle_rows(world *w) {
  moon_tensor *index, *y;
  place(w);
  need(w, moon_randperm(&w->ctx, 64, &index));
  place(w);
  need(w, moon_index_select(&w->ctx, at(w, BIG), 0, index, &y));
  drop(index);
  store(w, BIG, y);
}

static void join(world *w) {
  moon_tensor *half[2], *y;
  for (int i = 0; i < 2; i++) {
    moon_tensor *x = at(w, IMAGE);
    need(w, moon_narrow(&w->ctx, x, 0, below(&w->program, 3), 2, &half[i]));
  }
  place(w);
  need(w, moon_cat(&w->ctx, 2, half, 0, &y));
  drop(half[0]);
  drop(half[1]);
  store(w, IMAGE, y);
}

static void pile(world *w) {
  moon_tensor *row[4], *y;
  for (int i = 0; i < 4; i++) row[i] = at(w, VECTOR);
  place(w);
  need(w, moon_stack(&w->ctx, 4, row, 0, &y));
  store(w, MATRIX, y);
}

/* A slot that shares another's memory from now on. */
static void alias(world *w) {
  static const int32_t swapped[] = {0, 1, 3, 2};
  moon_tensor *y;
  int base;
  switch (below(&w->program, 3)) {
    case 0:
      base = pick(w, IMAGE);
      need(w, moon_permute(&w->ctx, w->slot[base], swapped, &y));
      store_view(w, IMAGE, y, base);
      break;
    case 1:
      base = pick(w, SQUARE);
      need(w, moon_select(&w->ctx, w->slot[base], 0, below(&w->program, 8),
                          &y));
      store_view(w, VECTOR, y, base);
      break;
    default:
      base = pick(w, SQUARE);
      need(w, moon_narrow(&w->ctx, w->slot[base], 0, below(&w->program, 5), 4,
                          &y));
      store_view(w, MATRIX, y, base);
  }
}

static void in_place(world *w) {
  int kind = below(&w->program, KINDS), which = below(&w->program, 3);
  int target = pick(w, kind), source = pick(w, kind);
  place(w);
  if (which == 0)
    need(w, moon_fill_into(&w->ctx, w->slot[target], 0.25));
  else if (w->group[target] == w->group[source])
    return;
  else if (which == 1)
    need(w, moon_add_into(&w->ctx, w->slot[target], w->slot[source], -0.5));
  else
    need(w, moon_copy_into(&w->ctx, w->slot[target], w->slot[source]));
}

/* Rows of one storage, written on streams of their own; then a corner that
 * lies across the border of two of them. */
static void in_place_rows(world *w) {
  moon_tensor *y, *rows, *corner;
  need(w, moon_empty(&w->ctx, MOON_F32, 2, kind_shape(BIG), &y));
  if (below(&w->program, 2)) need(w, moon_tensor_split(&w->ctx, y, 4));
  for (int i = 0; i < 4; i++) {
    need(w, moon_narrow(&w->ctx, y, 0, 16 * i, 16, &rows));
    place(w);
    need(w, moon_fill_into(&w->ctx, rows, i * 0.125));
    drop(rows);
  }
  need(w, moon_narrow(&w->ctx, y, 0, 8, 16, &rows));
  need(w, moon_narrow(&w->ctx, rows, 1, 5, 8, &corner));
  drop(rows);
  place(w);
  need(w, moon_add_into(&w->ctx, corner, at(w, VECTOR), 0.5));
  drop(corner);
  store(w, BIG, y);
}

static void in_place_broadcast(world *w) {
  int target = pick(w, SQUARE), source = pick(w, VECTOR);
  if (w->group[target] == w->group[source]) return;
  place(w);
  need(w, moon_add_into(&w->ctx, w->slot[target], w->slot[source], 0.25));
}

/* An input dropped, disposed and its size used again right after submit. */
static void drop_early(world *w) {
  int kind = below(&w->program, KINDS);
  moon_tensor *x = cloned(w, at(w, kind)), *y, *filler;
  place(w);
  need(w, moon_unary(&w->ctx, MOON_U_MUL, x, 0.5, &y));
  need(w, moon_tensor_dispose(x));
  place(w);
  need(w, moon_full(&w->ctx, MOON_F32, kind_ndim(kind), kind_shape(kind), 9e9,
                    &filler));
  drop(filler);
  moon_tensor *never = NULL;
  int status = moon_unary(&w->ctx, MOON_U_NEG, x, 0, &never);
  expect(w, status == MOON_E_DISPOSED && !never, "a disposed input gives %s",
         moon_status_name(status));
  drop(x);
  store(w, kind, y);
}

/* To another device and back. */
static void travel(world *w) {
  int kind = below(&w->program, KINDS);
  moon_tensor *there, *back;
  bool on_ref = !strcmp(w->how->device, "ref");
  int other = moon_device_find(w->rt, on_ref ? "cpu" : "ref");
  need(w, other);
  place(w);
  need(w, moon_to_device(&w->ctx, at(w, kind), other, &there));
  need(w, moon_to_device(&w->ctx, there, w->ctx.device, &back));
  drop(there);
  store(w, kind, back);
}

const instruction tensor_instructions[] = {
    {"create_random", create_random, 10},
    {"create_full", create_full, 3},
    {"create_range", create_range, 2},
    {"create_from_host", create_from_host, 3},
    {"unary", unary, 6},
    {"transcendental", transcendental, 4},
    {"binary", binary, 8},
    {"broadcast", broadcast, 4},
    {"compare", compare, 2},
    {"choose", choose, 3},
    {"through_f64", through_f64, 3},
    {"through_half", through_half, 2},
    {"sums", sums, 2},
    {"reduce_image", reduce_image, 4},
    {"reduce_all", reduce_all, 4},
    {"choose_rows", choose_rows, 3},
    {"gather", gather, 3},
    {"shuffle_rows", shuffle_rows, 2},
    {"join", join, 4},
    {"pile", pile, 3},
    {"alias", alias, 6},
    {"in_place", in_place, 10},
    {"in_place_rows", in_place_rows, 4},
    {"in_place_broadcast", in_place_broadcast, 4},
    {"drop_early", drop_early, 5},
    {"travel", travel, 2},
    {0}};
