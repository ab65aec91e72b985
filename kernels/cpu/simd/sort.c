/* The k first of each line and where they were; see ref/sort.c. An element and
 * its place become one word, whose order is that of elements and, among
 * equals, that of places; so any way to sort words will do:
 *
 *   few        insertion
 *   few of many: those that are less than the largest of the few so far
 *   many       by bytes of the element, the lowest first (radix sort)
 */
#include "simd.h"

enum { X, Y, I };
enum { FEW = 48 };  /* words to insert among */

CPU_COVERS(sort) {
  const moon_operand *x = &call->arg[X];
  return cpu_is_f32(x) && moon_operand_numel(&call->arg[Y]) > 0 &&
         x->shape[call->params.sort.dim] < UINT32_MAX;
}

static int64_t lines_of(const moon_call *call) {
  const moon_operand *y = &call->arg[Y];
  return moon_operand_numel(y) / y->shape[call->params.sort.dim];
}

CPU_CUT(sort) {
  int64_t n = call->arg[X].shape[call->params.sort.dim];
  int64_t k = call->arg[Y].shape[call->params.sort.dim];
  int64_t lines = lines_of(call);
  double visits = (double)(lines * n) * (k <= FEW && k < n ? 3 : 16);
  cpu_phase(plan, lines, visits, 0.7);
  plan->scratch = cpu_align64((size_t)(plan->parts[0] * 2 * n) *
                              sizeof(uint64_t));
}

/* Elements as unsigned numbers of the same order: the sign bit flips, negative
 * numbers turn round. -0 is 0, NaN the largest. */
static uint32_t key_of(float x, uint32_t turn) {
  uint32_t bits;
  x += 0.0f;  /* -0 becomes 0 */
  memcpy(&bits, &x, sizeof bits);
  bits ^= bits >> 31 ? 0xFFFFFFFFu : 0x80000000u;
  return (x != x ? 0xFFFFFFFFu : bits) ^ turn;
}

static uint64_t word_of(float x, int64_t place, uint32_t turn) {
  return (uint64_t)key_of(x, turn) << 32 | (uint32_t)place;
}

/* Puts w among n sorted words; the last falls out if n is `most`. Returns how
 * many there are. */
static int64_t insert(uint64_t *words, int64_t n, int64_t most, uint64_t w) {
  int64_t at = n < most ? n : most - 1;
  for (; at > 0 && words[at - 1] > w; at--) words[at] = words[at - 1];
  words[at] = w;
  return n < most ? n + 1 : n;
}

/* Sorts by the four bytes of the element; places come in order. A byte that
 * all have alike is skipped. Returns where the result is. */
static uint64_t *sort_bytes(int64_t n, uint64_t *words, uint64_t *room) {
  for (int shift = 32; shift < 64; shift += 8) {
    int64_t at[256] = {0}, sum = 0;
    for (int64_t i = 0; i < n; i++) at[words[i] >> shift & 255]++;
    if (at[words[0] >> shift & 255] == n) continue;
    for (int b = 0; b < 256; b++) {
      int64_t count = at[b];
      at[b] = sum;
      sum += count;
    }
    for (int64_t i = 0; i < n; i++) {
      room[at[words[i] >> shift & 255]++] = words[i];
    }
    uint64_t *other = words;
    words = room;
    room = other;
  }
  return words;
}

/* The first k words of a line of x. */
static const uint64_t *first(const moon_call *call, const float *x, int64_t k,
                             uint64_t *room) {
  const moon_operand *o = &call->arg[X];
  int64_t n = o->shape[call->params.sort.dim], have = 0;
  int64_t step = o->stride[call->params.sort.dim];
  uint32_t turn = call->params.sort.descending ? 0xFFFFFFFFu : 0;
  if (n > FEW && (k > FEW || k == n)) {
    for (int64_t i = 0; i < n; i++) room[i] = word_of(x[i * step], i, turn);
    return sort_bytes(n, room, room + n);
  }
  for (int64_t i = 0; i < n; i++) {
    uint64_t w = word_of(x[i * step], i, turn);
    if (have == k && w > room[k - 1]) continue;
    have = insert(room, have, k, w);
  }
  return room;
}

CPU_RUN(sort) {
  const moon_operand *x = &call->arg[X], *y = &call->arg[Y];
  const moon_operand *i = &call->arg[I];
  int dim = call->params.sort.dim;
  int64_t k = y->shape[dim], step = x->stride[dim], lo, hi;
  uint64_t *room = (uint64_t *)scratch + part * 2 * x->shape[dim];
  cpu_share(plan, phase, part, lines_of(call), 1, &lo, &hi);
  for (int64_t line = lo; line < hi; line++) {
    int64_t at[3] = {0}, rest = line;
    for (int d = y->ndim - 1; d >= 0; d--) {
      if (d == dim) continue;
      for (int o = X; o <= I; o++) {
        at[o] += rest % y->shape[d] * call->arg[o].stride[d];
      }
      rest /= y->shape[d];
    }
    const float *from = (const float *)x->data + at[X];
    const uint64_t *words = first(call, from, k, room);
    for (int64_t j = 0; j < k; j++) {
      int64_t place = (int64_t)(uint32_t)words[j];
      ((float *)y->data)[at[Y] + j * y->stride[dim]] = from[place * step];
      ((int64_t *)i->data)[at[I] + j * i->stride[dim]] = place;
    }
  }
  return MOON_OK;
}

SIMD_KERNEL(sort)
