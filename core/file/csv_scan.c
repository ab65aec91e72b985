/* From characters to rows of cells (RFC 4180): cells end at the separator, rows
 * at the end of the line; between double quotes both are plain characters, and
 * two quotes are one. Blanks about a cell do not count, nor do blank lines. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "csv.h"

/* Where in a cell the next character is. */
enum { BEFORE, PLAIN, QUOTED, QUOTE, AFTER };

typedef struct scan {
  moon__csv_sink *sink;
  char separator;
  int state;
  int64_t line, begin;     /* the character's; the row's first */
  char *text;              /* of the row: its cells, each ended by 0 */
  size_t used, capacity, cell;  /* `cell`: where the present one begins */
  size_t *place;           /* where each begins */
  char **list;             /* the same, as pointers */
  int n, most;
} scan;

int moon__csv_fail(const moon__csv_sink *sink, int64_t line,
                   const char *format, ...) {
  char text[MOON_FAIL_TEXT];
  size_t room = strlen(sink->path) + 24;
  char *place = moon__malloc(room);
  va_list list;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  snprintf(place, room, "%s:%lld", sink->path, (long long)line);
  moon__file_fail(sink->fail, place, "%s", text);
  free(place);
  return MOON_E_FILE;
}

static int put(scan *s, char c) {
  if (s->used - s->cell >= MOON_CSV_CELL) {
    return moon__csv_fail(s->sink, s->begin, "a cell of more than %d bytes%s",
                          MOON_CSV_CELL, s->state == QUOTED
                              ? "; is a quote not closed?" : "");
  }
  if (s->used + 1 >= s->capacity) {
    s->capacity = 2 * s->capacity + 256;
    s->text = moon__realloc(s->text, s->capacity);
  }
  s->text[s->used++] = c;
  return MOON_OK;
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

static int end_cell(scan *s) {
  if (s->state == PLAIN) {
    while (s->used > s->cell && is_blank(s->text[s->used - 1])) s->used--;
  }
  if (s->n == MOON_CSV_COLUMNS) {
    return moon__csv_fail(s->sink, s->begin, "more than %d columns",
                          MOON_CSV_COLUMNS);
  }
  if (s->n == s->most) {
    s->most = 2 * s->most + 16;
    s->place = moon__realloc(s->place, (size_t)s->most * sizeof *s->place);
    s->list = moon__realloc(s->list, (size_t)s->most * sizeof *s->list);
  }
  s->place[s->n++] = s->cell;
  s->state = PLAIN;
  int status = put(s, 0);
  s->cell = s->used;
  s->state = BEFORE;
  return status;
}

static int end_row(scan *s) {
  bool blank = s->n == 0 && s->state == BEFORE;
  int status = blank ? MOON_OK : end_cell(s);
  for (int i = 0; i < s->n; i++) s->list[i] = s->text + s->place[i];
  if (status == MOON_OK && !blank) {
    status = s->sink->row(s->sink, s->list, s->n, s->begin);
  }
  s->n = 0;
  s->used = s->cell = 0;
  s->state = BEFORE;
  return status;
}

static int take_quoted(scan *s, char c) {
  if (s->state == QUOTED && c != '"') return put(s, c);
  if (s->state == QUOTED) {
    s->state = QUOTE;
    return MOON_OK;
  }
  s->state = QUOTED;
  return put(s, c);
}

/* A character; a row's end is '\n'. */
static int take(scan *s, char c) {
  if (c == 0) return moon__csv_fail(s->sink, s->line, "a zero byte");
  if (s->state == QUOTED || (s->state == QUOTE && c == '"')) {
    return take_quoted(s, c);
  }
  if (c == s->separator) return end_cell(s);
  if (c == '\n') return end_row(s);
  if (s->state == QUOTE || s->state == AFTER) {
    s->state = AFTER;
    if (is_blank(c)) return MOON_OK;
    return moon__csv_fail(s->sink, s->line, "'%c' after a closing quote", c);
  }
  if (s->state == BEFORE && is_blank(c)) return MOON_OK;
  if (s->state == BEFORE && c == '"') {
    s->state = QUOTED;
    return MOON_OK;
  }
  s->state = PLAIN;
  return put(s, c);
}

static int take_all(scan *s, const char *text, int64_t n) {
  int status = MOON_OK;
  for (int64_t i = 0; i < n && status == MOON_OK; i++) {
    if (s->n == 0 && s->state == BEFORE) s->begin = s->line;
    status = take(s, text[i]);
    s->line += text[i] == '\n';
  }
  return status;
}

/* The mark that some programs write before UTF-8. */
static int64_t mark_length(const char *text, int64_t n) {
  return n >= 3 && !memcmp(text, "\xef\xbb\xbf", 3) ? 3 : 0;
}

static int scan_content(scan *s, moon__reader *r) {
  char *chunk = moon__malloc(MOON_FILE_CHUNK);
  int64_t got = 1;
  int status = MOON_OK;
  for (bool first = true; got > 0 && status == MOON_OK; first = false) {
    got = moon__reader_some(r, chunk, MOON_FILE_CHUNK, s->sink->fail);
    int64_t skip = first && got > 0 ? mark_length(chunk, got) : 0;
    status = got < 0 ? (int)got : take_all(s, chunk + skip, got - skip);
  }
  free(chunk);
  if (status == MOON_OK && s->state == QUOTED) {
    return moon__csv_fail(s->sink, s->begin, "a quote that is not closed");
  }
  return status < 0 ? status : end_row(s);
}

int moon__csv_scan(moon__source *source, char separator,
                   moon__csv_sink *sink) {
  scan s = {.sink = sink, .separator = separator, .line = 1, .begin = 1};
  moon__part whole = moon__source_whole(source);
  moon__reader r;
  int status = moon__reader_open(&r, source, &whole, 0, sink->fail);
  if (status < 0) return status;
  status = scan_content(&s, &r);
  moon__reader_close(&r);
  free(s.text);
  free(s.place);
  free(s.list);
  return status;
}
