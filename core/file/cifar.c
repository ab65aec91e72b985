/* The binary form of CIFAR-10 and CIFAR-100 (Krizhevsky 2009;
 * cs.toronto.edu/~kriz/cifar.html): records of one label, or of a coarse and a
 * fine one, and a picture of 3 planes of 32 x 32 bytes. Nothing in the file
 * says what it is. */
#include <inttypes.h>
#include <string.h>
#include "file.h"

enum { PLANES = 3, SIDE = 32, PIXELS = PLANES * SIDE * SIDE };

/* A column of all records: one byte each, or the picture. */
static void add_column(moon__listing *list, const moon__source *source,
                       const char *name, int64_t record, int64_t at) {
  moon__entry *e =
      moon__listing_add(list, source, moon__text_copy(name));
  e->dtype = MOON_U8;
  e->ndim = 1;
  e->shape[0] = source->nbytes / record;
  e->record = record;
  e->at = at;
  e->numel = e->nbytes = e->shape[0];
}

static void add_pictures(moon__listing *list, const moon__source *source,
                         int64_t record) {
  static const int64_t picture[] = {PLANES, SIDE, SIDE};
  add_column(list, source, "x", record, record - PIXELS);
  moon__entry *e = &list->entry[list->n - 1];
  e->ndim = 4;
  memcpy(e->shape + 1, picture, sizeof picture);
  e->numel = e->nbytes = e->shape[0] * PIXELS;
  e->last = true;
}

static int check_size(const moon__source *source, int64_t record,
                      moon_fail *fail) {
  if (source->nbytes > 0 && source->nbytes % record == 0) return MOON_OK;
  return moon__file_fail(fail, source->path,
                         "cifar: %" PRId64 " bytes are no whole number of "
                         "records of %" PRId64, source->nbytes, record);
}

int moon__cifar10_list(moon__source *source, moon__listing *list,
                       moon_fail *fail) {
  int64_t record = 1 + PIXELS;
  int status = check_size(source, record, fail);
  if (status < 0) return status;
  add_column(list, source, "y", record, 0);
  list->entry[0].below = 10;
  add_pictures(list, source, record);
  return MOON_OK;
}

int moon__cifar100_list(moon__source *source, moon__listing *list,
                        moon_fail *fail) {
  int64_t record = 2 + PIXELS;
  int status = check_size(source, record, fail);
  if (status < 0) return status;
  add_column(list, source, "coarse", record, 0);
  list->entry[0].below = 20;
  add_column(list, source, "y", record, 1);
  list->entry[1].below = 100;
  add_pictures(list, source, record);
  return MOON_OK;
}
