/* idx, the format of MNIST (yann.lecun.com/exdb/mnist): two zeros, a type, the
 * number of dimensions, each dimension as a big-endian u32, then the numbers,
 * big-endian, in row-major order. Plain or gzip. */
#include "file.h"

typedef struct kind { uint8_t code; int32_t dtype, stored; } kind;

static const kind kinds[] = {
    {0x08, MOON_U8, MOON__AS_IS},     {0x09, MOON_I32, MOON__FROM_I8},
    {0x0B, MOON_I32, MOON__FROM_I16}, {0x0C, MOON_I32, MOON__AS_IS},
    {0x0D, MOON_F32, MOON__AS_IS},    {0x0E, MOON_F64, MOON__AS_IS}};

static const kind *find_kind(uint8_t code) {
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    if (kinds[i].code == code) return &kinds[i];
  }
  return NULL;
}

static int parse(moon__reader *r, moon__entry *e, moon_fail *fail) {
  const char *path = r->source->path;
  uint8_t magic[4], size[4];
  int status = moon__reader_read(r, magic, sizeof magic, fail);
  if (status < 0) return status;
  const kind *k = find_kind(magic[2]);
  if (magic[0] || magic[1] || !k) {
    return moon__file_fail(fail, path, "is no idx file: begins with %02x %02x "
                           "%02x", magic[0], magic[1], magic[2]);
  }
  e->ndim = magic[3];
  if (e->ndim < 1 || e->ndim > MOON_MAX_DIMS) {
    return moon__file_fail(fail, path, "idx: %d dimensions, 1 to %d are "
                           "allowed", e->ndim, MOON_MAX_DIMS);
  }
  for (int d = 0; d < e->ndim; d++) {
    status = moon__reader_read(r, size, sizeof size, fail);
    if (status < 0) return status;
    e->shape[d] = (int64_t)size[0] << 24 | size[1] << 16 | size[2] << 8 |
                  size[3];
  }
  status = moon__entry_count(e, path, fail);
  if (status < 0) return status;
  e->dtype = k->dtype;
  e->stored = k->stored;
  e->swapped = true;
  e->at = r->at;
  e->nbytes = e->numel * (int64_t)moon__entry_width(e);
  return moon__entry_check_length(r->source, e, fail);
}

int moon__idx_list(moon__source *source, moon__listing *list,
                   moon_fail *fail) {
  moon__reader r;
  moon__entry *e = moon__listing_add(list, source, NULL);
  int status = moon__reader_open(&r, source, &e->part, 0, fail);
  if (status < 0) return status;
  e->last = true;
  status = parse(&r, e, fail);
  moon__reader_close(&r);
  return status;
}
