/* Pictures: PNG by libpng, JPEG by libjpeg, from bytes in memory to 8 bits a
 * channel, grey or RGB; transparency is dropped, as Pillow's convert drops it.
 */
#ifndef MOON_PICTURE_H
#define MOON_PICTURE_H
#include "file.h"

/* A whole file. `path` is for error texts. */
typedef struct moon__bytes {
  uint8_t *at;  /* owned by whoever has the struct */
  size_t n;
  const char *path;
} moon__bytes;

typedef struct moon__picture {
  int64_t height, width;
  int32_t channels;  /* 1 or 3 */
} moon__picture;

static inline bool moon__picture_same(const moon__picture *p,
                                      const moon__picture *q) {
  return p->height == q->height && p->width == q->width &&
         p->channels == q->channels;
}

enum {
  MOON_PICTURE_FILE = 1 << 28,   /* bytes of a file, at most */
  MOON_PICTURE_SIDE = 65500,     /* pixels */
  MOON_PICTURE_PIXELS = 1 << 27
};

/* Reads a plain file whole; what it finds is the caller's to free. */
int moon__bytes_read(moon__source *source, moon__bytes *b, moon_fail *fail);

/* What the file's header says. */
int moon__picture_head(const moon__bytes *b, moon__picture *p,
                       moon_fail *fail);
/* Rows of pixels, channels innermost; height * width * channels bytes, of what
 * moon__picture_head found. */
int moon__picture_decode(const moon__bytes *b, const moon__picture *p,
                         uint8_t *out, moon_fail *fail);
/* An error unless such a picture is one we decode. */
int moon__picture_check(const moon__bytes *b, const moon__picture *p,
                        moon_fail *fail);
/* An entry of format png or jpeg -> [C, H, W]. */
int moon__picture_load(moon__source *source, const moon__entry *e,
                       uint8_t *out, moon_fail *fail);

/* png.c, jpeg.c. With `out` NULL they fill *p, else they decode what it says.
 */
typedef int moon__decoder(const moon__bytes *b, moon__picture *p,
                          uint8_t *out, moon_fail *fail);
moon__decoder moon__png_decode, moon__jpeg_decode;

/* --- resize.c: bytes to bytes ----------------------------------------- */
/* p's pixels -> as many channels as asked for: luma of ITU-R BT.601 for one,
 * three equal ones for three. `out` may be `in` where it has as many. */
void moon__picture_recolour(const moon__picture *p, const uint8_t *in,
                            int channels, uint8_t *out);
/* Where in a picture to look: pixels, also parts of them. */
typedef struct moon__box { double top, left, bottom, right; } moon__box;
/* The box of `from` (pixels in `in`) made as large as `to` (pixels in `out`):
 * bilinear, and where it shrinks the mean under a triangle as wide as a new
 * pixel on both sides. Bit for bit Pillow 11's. MOON_E_MEMORY. */
int moon__picture_resize(const moon__picture *from, const uint8_t *in,
                         const moon__box *box, const moon__picture *to,
                         uint8_t *out, moon_fail *fail);
#endif
