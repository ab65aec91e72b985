/* JPEG (ITU-T T.81) by libjpeg, with its slow, exact transform: the pixels that
 * Pillow gives. libjpeg fills what a damaged file lacks with grey and warns;
 * here such a warning is an error. CMYK is taken as Adobe writes it, inverted.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jpeglib.h>
#include <jerror.h>
#include "picture.h"

enum {
  MOST_SCANS = 200,      /* each goes over the whole picture; ten are usual */
  FEWEST_PIXELS = 1 << 22,
  PIXELS_A_BYTE = 2048   /* a bit a block of 64, and chroma at a quarter */
};

typedef struct state {
  struct jpeg_error_mgr mgr;
  jmp_buf jump;
  const moon__bytes *b;
  moon__picture *p;
  uint8_t *out;
  char text[JMSG_LENGTH_MAX];
} state;

static void give_up(j_common_ptr cinfo) {
  state *s = (state *)cinfo->err;
  cinfo->err->format_message(cinfo, s->text);
  longjmp(s->jump, 1);
}

static void give_up_with(j_common_ptr cinfo, const char *text) {
  state *s = (state *)cinfo->err;
  snprintf(s->text, sizeof s->text, "%s", text);
  longjmp(s->jump, 1);
}

/* level < 0: what was read is damaged, but for these, which harm no pixel. */
static void on_message(j_common_ptr cinfo, int level) {
  static const int harmless[] = {JWRN_EXTRANEOUS_DATA, JWRN_ADOBE_XFORM,
                                 JWRN_JFIF_MAJOR, JWRN_TOO_MUCH_DATA,
                                 JWRN_BOGUS_ICC};
  if (level >= 0) return;
  for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++) {
    if (cinfo->err->msg_code == harmless[i]) return;
  }
  give_up(cinfo);
}

static void on_output(j_common_ptr cinfo) { (void)cinfo; }

/* Called now and then: a small file may ask for a great many scans. */
static void on_progress(j_common_ptr cinfo) {
  j_decompress_ptr d = (j_decompress_ptr)cinfo;
  if (d->input_scan_number > MOST_SCANS) give_up_with(cinfo, "too many scans");
}

/* Of four channels, CMYK times K: each is 255 less the ink. */
static void from_inks(const uint8_t *ink, uint8_t *out, int64_t n) {
  for (int64_t i = 0; i < n; i++, ink += 4, out += 3) {
    for (int c = 0; c < 3; c++) {
      int v = ink[c] * ink[3] + 128;
      out[c] = (uint8_t)(((v >> 8) + v) >> 8);
    }
  }
}

static void read_rows(j_decompress_ptr d, state *s) {
  const moon__picture *p = s->p;
  size_t row = (size_t)(p->width * p->channels);
  bool inks = d->out_color_space == JCS_CMYK;
  JSAMPROW line = NULL;
  if (inks) {
    line = (JSAMPROW)d->mem->alloc_large((j_common_ptr)d, JPOOL_IMAGE,
                                         4 * (size_t)p->width);
  }
  while (d->output_scanline < d->output_height) {
    uint8_t *to = s->out + (size_t)d->output_scanline * row;
    JSAMPROW target = inks ? line : to;
    jpeg_read_scanlines(d, &target, 1);
    if (inks) from_inks(line, to, p->width);
  }
}

static void choose_colours(j_decompress_ptr d) {
  switch (d->jpeg_color_space) {
    case JCS_GRAYSCALE: d->out_color_space = JCS_GRAYSCALE; break;
    case JCS_RGB:
    case JCS_YCbCr: d->out_color_space = JCS_RGB; break;
    case JCS_CMYK:
    case JCS_YCCK: d->out_color_space = JCS_CMYK; break;
    default: give_up_with((j_common_ptr)d, "colours of no known kind");
  }
}

/* All that may jump back to where setjmp was. */
static void work(j_decompress_ptr d, state *s) {
  jpeg_mem_src(d, s->b->at, s->b->n);
  jpeg_read_header(d, TRUE);
  choose_colours(d);
  moon__picture p = {
      .height = d->image_height, .width = d->image_width,
      .channels = d->out_color_space == JCS_GRAYSCALE ? 1 : 3};
  if (!s->out) *s->p = p;
  if (!moon__picture_same(s->p, &p)) {
    give_up_with((j_common_ptr)d, "has changed");
  }
  int64_t pixels = p.height * p.width;
  if (pixels > FEWEST_PIXELS && pixels / PIXELS_A_BYTE > (int64_t)s->b->n) {
    give_up_with((j_common_ptr)d, "states more pixels than the file can hold");
  }
  if (!s->out) return;
  jpeg_start_decompress(d);
  read_rows(d, s);
  jpeg_finish_decompress(d);
}

int moon__jpeg_decode(const moon__bytes *b, moon__picture *p, uint8_t *out,
                      moon_fail *fail) {
  state s = {.b = b, .p = p, .out = out};
  struct jpeg_decompress_struct d = {.err = jpeg_std_error(&s.mgr)};
  struct jpeg_progress_mgr progress = {.progress_monitor = on_progress};
  s.mgr.error_exit = give_up;
  s.mgr.emit_message = on_message;
  s.mgr.output_message = on_output;
  if (setjmp(s.jump)) {
    jpeg_destroy_decompress(&d);
    return moon__file_fail(fail, b->path, "jpeg: %s", s.text);
  }
  jpeg_create_decompress(&d);
  d.progress = &progress;
  work(&d, &s);
  jpeg_destroy_decompress(&d);
  return MOON_OK;
}
