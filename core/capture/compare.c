/* Whether two recordings of a function are the same list. */
#include <stdio.h>
#include <string.h>
#include "capture.h"

static const void *constant_of(const moon__slot *s) {
  return s->fresh ? s->bytes : moon__operand(s->held).data;
}

static bool same_slot(const moon__slot *a, const moon__slot *b) {
  if (a->origin != b->origin || a->nbytes != b->nbytes ||
      a->device != b->device) {
    return false;
  }
  if (a->origin == MOON__OUTER) return a->held->storage == b->held->storage;
  if (a->origin != MOON__CONSTANT || a->nbytes == 0) return true;
  return a->fresh == b->fresh &&
         memcmp(constant_of(a), constant_of(b), a->nbytes) == 0;
}

static bool same_spec(const moon_recording *a, const moon__spec *x,
                      const moon_recording *b, const moon__spec *y) {
  size_t n = (size_t)x->t.ndim * sizeof *x->t.shape;
  const moon__slot *s = &a->slot[x->slot];
  if (x->slot != y->slot || !same_slot(s, &b->slot[y->slot])) return false;
  if (x->t.dtype != y->t.dtype || x->t.ndim != y->t.ndim) return false;
  if (x->offset - s->offset != y->offset - b->slot[y->slot].offset) {
    return false;
  }
  return !memcmp(x->t.shape, y->t.shape, n) &&
         !memcmp(x->t.stride, y->t.stride, n);
}

static bool same_params(const moon__entry *x, const moon__entry *y) {
  if (!x->params || !y->params) return !x->params && !y->params;
  moon_params p = *x->params;
  if (x->draw >= 0) {
    p.random.key = y->params->random.key;
    p.random.counter = y->params->random.counter;
  }
  return memcmp(&p, y->params, sizeof p) == 0;
}

static bool same_operands(const moon__entry *x, const moon__entry *y) {
  for (int i = 0; x->arg && i < x->n; i++) {
    const moon__arg *a = &x->arg[i], *b = &y->arg[i];
    if (!a->t != !b->t || a->mode != b->mode || !a->as != !b->as) return false;
    if (a->as && !moon__shape_equal(*a->as, *b->as)) return false;
  }
  return true;
}

static bool same_entry(const moon_recording *a, const moon__entry *x,
                       const moon_recording *b, const moon__entry *y) {
  if (x->deed != y->deed || x->kernel != y->kernel || x->n != y->n ||
      x->n_given != y->n_given || x->leaf != y->leaf || x->owned != y->owned ||
      x->draw != y->draw || x->task != y->task || x->away != y->away ||
      x->device != y->device || (x->away && x->stream != y->stream)) {
    return false;
  }
  if (!same_operands(x, y) || !same_params(x, y)) return false;
  for (int i = 0; i < x->n + x->n_given; i++) {
    if (x->arg && !x->arg[i].t) continue;
    if (!same_spec(a, &x->spec[i], b, &y->spec[i])) return false;
  }
  return true;
}

/* "conv2d 8x16x32x32", by the last operand; what it is, if it is no op. */
static const char *describe(const moon__entry *e) {
  static char text[2][120];
  static int turn;
  static const char *const deeds[] = {
      "", "running statistics", "a draw of random numbers",
      "a look at a gradient", "a change of a gradient",
      "a part with its own random numbers", "the end of such a part",
      "a part that Lua does", "the end"};
  if (e->deed != MOON__DO_RUN) return deeds[e->deed];
  const moon_tensor *t = NULL;
  for (int i = 0; i < e->n; i++) {
    if (e->arg[i].t) t = e->arg[i].t;
  }
  char *to = text[turn = !turn];
  snprintf(to, sizeof text[0], "%s%s%s", e->name, t ? " " : "",
           t ? moon__text(t) : "");
  return to;
}

int moon_recording_compare(const moon_recording *now,
                           const moon_recording *before) {
  int n = now->n_entries < before->n_entries ? now->n_entries
                                             : before->n_entries;
  int64_t runs = 0;
  for (int i = 0; i < n; i++) {
    const moon__entry *x = &now->entry[i], *y = &before->entry[i];
    runs += x->deed == MOON__DO_RUN;
    if (same_entry(now, x, before, y)) continue;
    return moon__fail(MOON_E_VALUE, "capture: the function does something "
                      "else now: op %lld is %s, where it was %s%s",
                      (long long)runs, describe(x), describe(y),
                      x->name && x->name == y->name
                          ? ", with other operands or numbers" : "");
  }
  if (now->n_results == before->n_results) return MOON_OK;
  return moon__fail(MOON_E_VALUE, "capture: the function returns %d tensors "
                    "now, where it returned %d", now->n_results,
                    before->n_results);
}
