/* The primitives, weights' order and tiles of one convolution, made once for
 * each key. See convolution.h. */
#include <stdlib.h>
#include <string.h>
#include "depthwise.h"
#include "winograd.h"

enum { FORMS = 8 };  /* different tiles of one convolution */

typedef struct builder {
  conv_state *state;
  conv_problem p;
  bool has_bias;
  int n_forms;
  conv_problem form[FORMS];
  dnn_primitive *primitive[FORMS];
  dnnl_memory_desc_t weights;  /* the first primitive's choice */
} builder;

/* --- primitives ----------------------------------------------------------- */
typedef struct layouts {
  dnnl_memory_desc_t x, w, y, b;
  dnnl_dims_t stride, dilation, before, after;
} layouts;

/* As oneDNN writes it: dimensions always N, C, H, W; the order in memory is
 * channels-last; the weights' order is the first primitive's choice. In bf16
 * the two factors are, and the forward that a gradient names. */
static layouts layouts_of(const builder *b, const conv_problem *p,
                          conv_way way) {
  bool bf16 = b->state->bf16;
  dnnl_data_type_t dx = bf16 && way != CONV_BACKWARD_X ? dnnl_bf16 : dnnl_f32;
  dnnl_data_type_t dw = bf16 && way != CONV_BACKWARD_W ? dnnl_bf16 : dnnl_f32;
  dnnl_data_type_t dy = bf16 && way != CONV_FORWARD ? dnnl_bf16 : dnnl_f32;
  layouts l = {.stride = {p->stride[0], p->stride[1]},
               .dilation = {p->dilation[0] - 1, p->dilation[1] - 1},
               .before = {p->padding[0], p->padding[1]},
               .after = {p->after[0], p->after[1]}};
  dnnl_dims_t x = {p->n, p->c, p->h, p->w}, y = {p->n, p->k, p->oh, p->ow};
  dnnl_dims_t w = {p->k, p->c, p->kh, p->kw}, bias = {p->k};
  dnnl_dims_t grouped = {p->groups, p->k / p->groups, p->c / p->groups, p->kh,
                         p->kw};
  dnnl_memory_desc_init_by_tag(&l.x, 4, x, dx, dnnl_nhwc);
  dnnl_memory_desc_init_by_tag(&l.y, 4, y, dy, dnnl_nhwc);
  dnnl_memory_desc_init_by_tag(&l.b, 1, bias, dnnl_f32, dnnl_a);
  bool groups = p->groups > 1;
  dnnl_memory_desc_init_by_tag(&l.w, groups ? 5 : 4, groups ? grouped : w,
                               dw, dnnl_format_tag_any);
  if (b->n_forms > 0 && b->weights.data_type == dw) l.w = b->weights;
  return l;
}

static dnn_primitive *new_primitive(const builder *b, const conv_problem *p) {
  layouts f = layouts_of(b, p, CONV_FORWARD);
  layouts l = layouts_of(b, p, b->state->way);
  const dnnl_memory_desc_t *bias = b->has_bias ? &l.b : NULL;
  dnnl_convolution_desc_t forward, backward;
  if (dnnl_dilated_convolution_forward_desc_init(
          &forward, dnnl_forward_training, dnnl_convolution_direct, &f.x, &f.w,
          bias, &f.y, l.stride, l.dilation, l.before, l.after)) {
    return NULL;
  }
  int n = b->has_bias ? 4 : 3;
  if (b->state->way == CONV_FORWARD) {
    return moon_dnn_new(&(dnn_recipe){
        .desc = &forward, .n = n,
        .arg = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST, DNNL_ARG_BIAS}});
  }
  if (b->state->way == CONV_BACKWARD_X) {
    if (dnnl_dilated_convolution_backward_data_desc_init(
            &backward, dnnl_convolution_direct, &l.x, &l.w, &l.y, l.stride,
            l.dilation, l.before, l.after)) {
      return NULL;
    }
    return moon_dnn_new(&(dnn_recipe){
        .desc = &backward, .forward = &forward, .n = 3,
        .arg = {DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_DST}});
  }
  if (dnnl_dilated_convolution_backward_weights_desc_init(
          &backward, dnnl_convolution_direct, &l.x, &l.w, bias, &l.y,
          l.stride, l.dilation, l.before, l.after)) {
    return NULL;
  }
  return moon_dnn_new(&(dnn_recipe){
      .desc = &backward, .forward = &forward, .n = n,
      .arg = {DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_DST,
              DNNL_ARG_DIFF_BIAS}});
}

/* The primitive for tiles of this form. */
static dnn_primitive *primitive_for(builder *b, const conv_problem *form) {
  for (int i = 0; i < b->n_forms; i++) {
    if (!memcmp(&b->form[i], form, sizeof *form)) return b->primitive[i];
  }
  if (b->n_forms == FORMS) return NULL;
  dnn_primitive *p = new_primitive(b, form);
  if (!p) return NULL;
  if (b->n_forms == 0) b->weights = *moon_dnn_layout(p, 1);
  b->form[b->n_forms] = *form;
  b->primitive[b->n_forms++] = p;
  return p;
}

/* --- tiles ---------------------------------------------------------------- */
static bool add_tile(builder *b, const conv_range *r) {
  conv_problem piece;
  conv_tile *tile = &b->state->tile[b->state->n_tiles++];
  if (!moon_cpu_conv_piece(&b->p, r, &piece, tile)) return false;
  tile->primitive = primitive_for(b, &piece);
  return tile->primitive != NULL;
}

static bool tile(builder *b, conv_cut cut) {
  conv_state *s = b->state;
  int64_t columns = (b->p.n + cut.images - 1) / cut.images;
  free(s->tile);
  s->tile = calloc((size_t)(columns * cut.bands), sizeof *s->tile);
  s->n_tiles = 0;
  s->parts = (int)cut.parts;
  if (!s->tile) return false;
  for (int64_t n = 0; n < b->p.n; n += cut.images) {
    int64_t n_end = n + cut.images < b->p.n ? n + cut.images : b->p.n;
    for (int64_t band = 0; band < cut.bands; band++) {
      conv_range r = {n, n_end, b->p.oh * band / cut.bands,
                      b->p.oh * (band + 1) / cut.bands};
      if (!add_tile(b, &r)) return false;
    }
  }
  return true;
}

/* --- the state ------------------------------------------------------------ */
static cpu_weights weights_of(const conv_key *key, bool turned) {
  const int64_t *s = key->w_stride;
  int64_t group = key->p.k / key->p.groups * s[0];
  if (turned) return (cpu_weights){{group, s[1], s[0], s[2], s[3]}, true};
  return (cpu_weights){{group, s[0], s[1], s[2], s[3]}, false};
}

/* Where some tile has no primitive in the common order of the weights, the
 * whole problem is one tile. */
static void build(builder *b, const conv_key *key, bool turned, bool bf16) {
  conv_state *s = b->state;
  s->bf16 = bf16;
  s->ns = moon_cpu_conv_ns(&b->p, s->way);
  b->n_forms = 0;
  s->by_ref = !tile(b, moon_cpu_conv_cut(&b->p, s->way));
  if (s->by_ref) {
    b->n_forms = 0;
    s->by_ref = !tile(b, (conv_cut){b->p.n, 1, 1});
  }
  if (s->by_ref) return;
  cpu_weights w = weights_of(key, turned);
  s->packing = moon_cpu_packing_of(&b->weights, &w);
  s->by_ref = s->packing == NULL;
  if (s->packing) s->order = &s->packing->order;
  for (int i = 0; i < s->n_tiles; i++) {
    const conv_tile *t = &s->tile[i];
    int64_t room = bf16 ? moon_cpu_conv_room(s, t) : 0;
    int64_t dy = s->way == CONV_FORWARD ? t->numel_x : t->numel;
    if (room > s->room) s->room = room;
    if (dy > s->mask_room) s->mask_room = (dy + 15) / 16 * 16;
  }
}

static bool is_turned(const conv_key *key, conv_way way) {
  return key->kernel == MOON_K_conv2d_grad_x && way == CONV_FORWARD;
}

/* As it is computed. */
static conv_problem problem_of(const conv_key *key, conv_way way) {
  return is_turned(key, way) ? moon_cpu_conv_turned(&key->p) : key->p;
}

static bool by_winograd(const conv_key *key, const conv_problem *p,
                        conv_way way) {
  return !key->strict && moon_cpu_winograd_suits(p, way);
}

/* Where oneDNN knows nothing fast in bf16, f32 it is. */
static const void *make(const void *key_) {
  const conv_key *key = key_;
  conv_state *s = calloc(1, sizeof *s);
  if (!s) return NULL;
  s->way = moon_cpu_conv_choose(key);
  builder b = {.state = s, .p = problem_of(key, s->way),
               .has_bias = key->has_bias};
  if (moon_cpu_depthwise_suits(&key->p, s->way)) {
    s->by_ref = !moon_cpu_depthwise_make(s, key);
    return s;
  }
  if (by_winograd(key, &b.p, s->way)) {
    if (!moon_cpu_winograd_make(s, key, &b.p)) s->by_ref = true;
    return s;
  }
  bool turned = is_turned(key, s->way);
  s->by_ref = true;
  bool rounds = key->bf16 && moon_cpu_conv_rounds(&b.p, s->way);
  if (rounds) build(&b, key, turned, true);
  if (s->by_ref) build(&b, key, turned, false);
  return s;
}

/* Winograd's by shape alone; of others it has to be known what oneDNN has. */
bool moon_cpu_conv_masks(const conv_key *key) {
  conv_way way = moon_cpu_conv_choose(key);
  conv_problem p = problem_of(key, way);
  if (moon_cpu_depthwise_suits(&key->p, way)) {
    return key->kernel == MOON_K_conv2d;
  }
  if (by_winograd(key, &p, way)) return true;
  const conv_state *s = moon_cpu_conv_state(key, false);
  return s && !s->by_ref && !s->bf16;
}

const conv_state *moon_cpu_conv_state(const conv_key *key, bool may_create) {
  return moon_dnn_find(key, sizeof *key, may_create, make);
}
