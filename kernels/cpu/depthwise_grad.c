/* The gradients of a depthwise convolution's weights and bias; see depthwise.h.
 * Every part adds up a few rows at a time and then those sums, so that no sum
 * is longer than it must be; then the parts are added in their order. */
#include <string.h>
#include "depthwise.h"

enum { DY, X, DW, DB };
enum { FEW = 1024 };  /* pixels of dy, about, that are added up at a time */

/* Scratch: for each part dw and db, then the same of a few rows. Here a tap has
 * `lanes` elements, and db is one more. */
typedef struct room { float *sum, *few; int64_t numel; } room;

static room room_of(const depthwise *g, float *scratch, int part) {
  int64_t numel = moon_cpu_depthwise_sums(g->weights);
  float *sum = scratch + 2 * part * numel;
  return (room){sum, sum + numel, numel};
}

void moon_cpu_depthwise_plan_w(const conv_state *s, moon_plan *plan) {
  int64_t numel = moon_cpu_depthwise_sums(s->depthwise->weights);
  plan->parts[plan->phases++] = s->parts;
  cpu_phase(plan, s->depthwise->weights->order.units,
            (double)(numel * s->parts), 0.5);
  plan->cost_ns += s->ns;
  plan->scratch = (size_t)(2 * s->parts * numel) * sizeof(float);
  plan->state = s;
}

static void sum_part(const moon_call *call, const conv_state *s,
                     float *scratch, int part) {
  const depthwise *g = s->depthwise;
  const cpu_depthwise_weights_simd *simd = moon_cpu_simd()->depthwise_weights;
  room r = room_of(g, scratch, part);
  float *few_db = cpu_optional(call, DB) ? r.few + g->weights->order.numel
                                         : NULL;
  const float *dy = call->arg[DY].data;
  int64_t lo, hi, rows = FEW / g->p.ow + 1;
  moon_part_range(moon_cpu_depthwise_rows(g), s->parts, part, 1, &lo, &hi);
  memset(r.sum, 0, (size_t)r.numel * sizeof *r.sum);
  for (int64_t row = lo, end; row < hi; row = end) {
    end = row + rows < hi ? row + rows : hi;
    memset(r.few, 0, (size_t)r.numel * sizeof *r.few);
    for (int64_t i = row; i < end; i++) {
      depthwise_line l =
          moon_cpu_depthwise_line(g, call->arg[X].data, i, 0);
      simd->add(&l, dy + i * g->p.ow * g->p.c, r.few + l.first_w, few_db);
    }
    moon_cpu_simd()->weights->add(r.numel, r.few, r.sum);
  }
}

/* n sums, `apart` elements from channel to channel, become those of all parts.
 */
static void finish(const conv_state *s, float *scratch, int64_t at,
                   float *to, int64_t apart, bool add) {
  const depthwise *g = s->depthwise;
  for (int64_t c = 0; c < g->p.c; c++) {
    float sum = room_of(g, scratch, 0).sum[at + c];
    for (int part = 1; part < s->parts; part++) {
      sum += room_of(g, scratch, part).sum[at + c];
    }
    to[c * apart] = add ? to[c * apart] + sum : sum;
  }
}

void moon_cpu_depthwise_run_w(const moon_call *call, const moon_plan *plan,
                              void *scratch, int phase, int part) {
  const conv_state *s = plan->state;
  if (phase == 0) {
    sum_part(call, s, scratch, part);
    return;
  }
  const depthwise_weights *w = s->depthwise->weights;
  const moon_operand *db = cpu_optional(call, DB);
  float *dw = call->arg[DW].data;
  bool add = call->params.conv.accumulate;
  int64_t tap, end;
  cpu_share(plan, phase, part, w->order.units, 1, &tap, &end);
  for (; tap < end; tap++) {
    finish(s, scratch, tap * w->lanes,
           dw + tap / w->kw * w->stride[1] + tap % w->kw * w->stride[2],
           w->stride[0], add);
  }
  if (db && part == 0) {
    finish(s, scratch, w->order.numel, db->data, 1, add);
  }
}
