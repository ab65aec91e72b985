/* What was planned, by key. See onednn.h. */
#include "../find.h"
#include "onednn.h"

typedef struct maker { dnn_make *make; } maker;

static const void *make_state(const void *key, void *with) {
  const maker *m = with;
  return m->make(key);
}

const void *moon_dnn_find(const void *key, size_t size, bool may_create,
                          dnn_make *make) {
  static moon_finder all = MOON_FINDER;
  maker with = {make};
  return moon_find(&all, key, size, may_create ? make_state : NULL, &with);
}
