/* Pictures, of either format. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "picture.h"

int moon__bytes_read(moon__source *source, moon__bytes *b, moon_fail *fail) {
  moon__reader r;
  moon__part whole = moon__source_whole(source);
  *b = (moon__bytes){.path = source->path};
  if (source->gzip) {
    return moon__file_fail(fail, source->path, "is gzip, no picture");
  }
  if (source->nbytes > MOON_PICTURE_FILE) {
    return moon__file_fail(fail, source->path, "has %" PRId64 " bytes, a "
                           "picture at most %d", source->nbytes,
                           MOON_PICTURE_FILE);
  }
  int status = moon__reader_open(&r, source, &whole, 0, fail);
  if (status < 0) return status;
  b->n = (size_t)source->nbytes;
  b->at = malloc(b->n + 1);
  if (!b->at) {
    moon__file_fail(fail, source->path, "no memory for its %zu bytes", b->n);
    return MOON_E_MEMORY;
  }
  return moon__reader_read(&r, b->at, b->n, fail);
}

static moon__decoder *decoder_of(const moon__bytes *b) {
  if (b->n >= 8 && !memcmp(b->at, "\x89PNG\r\n\x1a\n", 8)) {
    return moon__png_decode;
  }
  if (b->n >= 3 && !memcmp(b->at, "\xff\xd8\xff", 3)) {
    return moon__jpeg_decode;
  }
  return NULL;
}

int moon__picture_check(const moon__bytes *b, const moon__picture *p,
                        moon_fail *fail) {
  if (p->width > 0 && p->height > 0 && p->width <= MOON_PICTURE_SIDE &&
      p->height <= MOON_PICTURE_SIDE &&
      p->width * p->height <= MOON_PICTURE_PIXELS) {
    return MOON_OK;
  }
  return moon__file_fail(fail, b->path, "%" PRId64 "x%" PRId64 " pixels; a "
                         "picture has %d at most", p->height, p->width,
                         MOON_PICTURE_PIXELS);
}

int moon__picture_head(const moon__bytes *b, moon__picture *p,
                       moon_fail *fail) {
  moon__decoder *decode = decoder_of(b);
  *p = (moon__picture){0};
  if (!decode) {
    return moon__file_fail(fail, b->path, "is neither PNG nor JPEG");
  }
  int status = decode(b, p, NULL, fail);
  return status < 0 ? status : moon__picture_check(b, p, fail);
}

int moon__picture_decode(const moon__bytes *b, const moon__picture *p,
                         uint8_t *out, moon_fail *fail) {
  moon__picture same = *p;
  return decoder_of(b)(b, &same, out, fail);
}

int moon__picture_list(moon__source *source, moon__listing *list,
                       moon_fail *fail) {
  moon__bytes b;
  moon__picture p;
  int status = moon__bytes_read(source, &b, fail);
  if (status == MOON_OK) status = moon__picture_head(&b, &p, fail);
  free(b.at);
  if (status < 0) return status;
  moon__entry *e = moon__listing_add(list, source, NULL);
  e->dtype = MOON_U8;
  e->ndim = 3;
  e->shape[0] = p.channels;
  e->shape[1] = p.height;
  e->shape[2] = p.width;
  e->picture = true;
  return moon__entry_count(e, source->path, fail);
}

/* Channels innermost -> channels outermost. */
static void to_planes(const uint8_t *in, const moon__picture *p,
                      uint8_t *out) {
  int64_t n = p->height * p->width;
  for (int c = 0; c < p->channels; c++) {
    for (int64_t i = 0; i < n; i++) *out++ = in[i * p->channels + c];
  }
}

int moon__picture_load(moon__source *source, const moon__entry *e,
                       uint8_t *out, moon_fail *fail) {
  moon__bytes b;
  moon__picture p, stated = {.height = e->shape[1], .width = e->shape[2],
                             .channels = (int32_t)e->shape[0]};
  uint8_t *pixels = NULL;
  int status = moon__bytes_read(source, &b, fail);
  if (status == MOON_OK) status = moon__picture_head(&b, &p, fail);
  if (status == MOON_OK && !moon__picture_same(&p, &stated)) {
    status = moon__file_fail(fail, source->path, "has changed");
  }
  if (status == MOON_OK && !(pixels = malloc((size_t)e->numel))) {
    moon__file_fail(fail, source->path, "no memory for %" PRId64 " pixels",
                    e->numel);
    status = MOON_E_MEMORY;
  }
  if (status == MOON_OK) status = moon__picture_decode(&b, &p, pixels, fail);
  if (status == MOON_OK) to_planes(pixels, &p, out);
  free(pixels);
  free(b.at);
  return status;
}
