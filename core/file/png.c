/* PNG (ISO/IEC 15948) by libpng. Only what the pixels need is looked at: the
 * header, the palette and the data; profiles, texts and gamma are skipped. 16
 * bits become 8, rounded. */
#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include "picture.h"

typedef struct state {
  const moon__bytes *b;
  size_t at;
  moon__picture *p;
  uint8_t *out;
  char text[100];  /* what libpng says went wrong */
} state;

static void on_error(png_structp png, png_const_charp text) {
  state *s = png_get_error_ptr(png);
  snprintf(s->text, sizeof s->text, "%s", text);
  longjmp(png_jmpbuf(png), 1);
}

static void on_warning(png_structp png, png_const_charp text) {
  (void)png, (void)text;
}

static void read_bytes(png_structp png, png_bytep out, size_t n) {
  state *s = png_get_io_ptr(png);
  if (n > s->b->n - s->at) png_error(png, "cut short");
  memcpy(out, s->b->at + s->at, n);
  s->at += n;
}

static void skip_extras(png_structp png) {
  static const char *const names[] = {
      "bKGD", "cHRM", "eXIf", "gAMA", "hIST", "iCCP", "iTXt", "oFFs", "pCAL",
      "pHYs", "sBIT", "sCAL", "sPLT", "sRGB", "sTER", "tEXt", "tIME", "tRNS",
      "zTXt"};
  enum { COUNT = sizeof names / sizeof *names };
  png_byte list[5 * COUNT];
  for (int i = 0; i < COUNT; i++) memcpy(list + 5 * i, names[i], 5);
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, list, COUNT);
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, 0);
}

/* deflate holds no more than so many times its bytes. */
static void check_size(png_structp png, png_infop info, const state *s) {
  uint64_t row = png_get_rowbytes(png, info);
  if (row * (uint64_t)s->p->height / MOON__MOST_INFLATED > s->b->n) {
    png_error(png, "states more pixels than the file can hold");
  }
}

static void decode(png_structp png, png_infop info, state *s) {
  const moon__picture *p = s->p;
  if (png_get_bit_depth(png, info) == 16) png_set_scale_16(png);
  if (png_get_color_type(png, info) == PNG_COLOR_TYPE_PALETTE) {
    png_set_palette_to_rgb(png);
  } else if (png_get_bit_depth(png, info) < 8) {
    png_set_expand_gray_1_2_4_to_8(png);
  }
  png_set_strip_alpha(png);
  int passes = png_set_interlace_handling(png);
  png_read_update_info(png, info);
  size_t row = (size_t)(p->width * p->channels);
  if (png_get_rowbytes(png, info) != row) png_error(png, "rows that differ");
  for (int pass = 0; pass < passes; pass++) {
    for (int64_t y = 0; y < p->height; y++) {
      png_read_row(png, s->out + (size_t)y * row, NULL);
    }
  }
  png_read_end(png, NULL);
}

/* All that may jump back to where setjmp was. */
static void work(png_structp png, png_infop info, state *s) {
  png_set_read_fn(png, s, read_bytes);
  png_set_user_limits(png, MOON_PICTURE_SIDE, MOON_PICTURE_SIDE);
  skip_extras(png);
  png_read_info(png, info);
  bool grey = !(png_get_color_type(png, info) & PNG_COLOR_MASK_COLOR);
  moon__picture p = {.height = png_get_image_height(png, info),
                     .width = png_get_image_width(png, info),
                     .channels = grey ? 1 : 3};
  if (!s->out) *s->p = p;
  if (!moon__picture_same(s->p, &p)) png_error(png, "has changed");
  check_size(png, info, s);
  if (s->out) decode(png, info, s);
}

int moon__png_decode(const moon__bytes *b, moon__picture *p, uint8_t *out,
                     moon_fail *fail) {
  state s = {.b = b, .p = p, .out = out};
  png_structp png =
      png_create_read_struct(PNG_LIBPNG_VER_STRING, &s, on_error, on_warning);
  png_infop info = png ? png_create_info_struct(png) : NULL;
  if (!info) {
    png_destroy_read_struct(&png, NULL, NULL);
    return moon__file_fail(fail, b->path, "png: libpng does not start");
  }
  if (setjmp(png_jmpbuf(png))) {
    png_destroy_read_struct(&png, &info, NULL);
    return moon__file_fail(fail, b->path, "png: %s", s.text);
  }
  work(png, info, &s);
  png_destroy_read_struct(&png, &info, NULL);
  return MOON_OK;
}
