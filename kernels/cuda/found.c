/* What was planned, by key. See library.h. */
#include "../find.h"
#include "library.h"

typedef struct maker {
  moon_cuda_make *make;
  moon_fail *fail;
  int status;
} maker;

static const void *make_state(const void *key, void *with) {
  maker *m = with;
  const void *state = NULL;
  m->status = m->make(key, &state, m->fail);
  return m->status < 0 ? NULL : state;
}

int moon_cuda_find(const void *key, size_t size, int may_create,
                   moon_cuda_make *make, const void **state,
                   moon_fail *fail) {
  static moon_finder all = MOON_FINDER;
  maker with = {make, fail, MOON_OK};
  *state = moon_find(&all, key, size, may_create ? make_state : NULL, &with);
  if (*state) return MOON_OK;
  if (!may_create) return MOON_E_BUSY;
  if (with.status < 0) return with.status;
  return moon_library_fail(fail, MOON_E_MEMORY, "no memory for a plan");
}
