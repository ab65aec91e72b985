/* Tables as text (RFC 4180): the characters make cells (csv_scan.c), cells make
 * numbers (csv_table.c), all on the io thread. */
#ifndef MOON_CSV_H
#define MOON_CSV_H
#include "file.h"

/* --- csv_text.c ------------------------------------------------------- */
/* Different texts, numbered in the order in which they were added. */
typedef struct moon__texts {
  int n, n_slots;
  char **text;
  int *slot;  /* by hash: a number + 1; 0: free */
} moon__texts;

int moon__texts_find(const moon__texts *t, const char *text);  /* or -1 */
int moon__texts_add(moon__texts *t, const char *text);  /* its number */
void moon__texts_free(moon__texts *t);
/* A decimal number, inf or nan, and nothing after it. */
bool moon__text_number(const char *text, double *out);
/* true yes t y 1, false no f n 0, in any case. */
bool moon__text_bool(const char *text, double *out);
/* A whole number in [0, 2^53) as it is usually written. */
bool moon__text_count(const char *text, int64_t *out);

/* --- csv_scan.c ------------------------------------------------------- */
enum {
  MOON_CSV_CELL = 1 << 20,     /* bytes of a cell, at most */
  MOON_CSV_COLUMNS = 1 << 16
};

/* Gets every row that is not blank: n texts, and the line it begins in. */
typedef struct moon__csv_sink {
  int (*row)(struct moon__csv_sink *sink, char *const *cell, int n,
             int64_t line);
  const char *path;
  moon_fail *fail;
} moon__csv_sink;

int moon__csv_scan(moon__source *source, char separator,
                   moon__csv_sink *sink);
/* "path:line: ..."; MOON_E_FILE. */
int moon__csv_fail(const moon__csv_sink *sink, int64_t line,
                   const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* --- csv_column.c ----------------------------------------------------- */
typedef struct moon__column {
  int32_t kind;        /* MOON_CSV_NUMBER ... */
  bool label, given;   /* its texts were given: there are no others */
  int slot;            /* in a row's values: x's columns, then the label */
  moon__texts *texts;  /* of CATEGORY; the table's */
} moon__column;

/* The columns of a file. */
typedef struct moon__columns {
  const moon_csv_params *p;
  int n, features;     /* all; of these in x */
  bool labelled;
  moon__column *column;
  char **name;         /* [n]; NULL: there is no header */
} moon__columns;

/* What was read; x [rows, features] and y [rows]. */
typedef struct moon__table {
  _Atomic int refs;
  void *x, *y;
  int features;
  char **name;             /* of x's columns; NULL: there is no header */
  int *place;              /* of these in the file, from 0 */
  moon__texts *categories; /* [features + 1], the last the label's */
} moon__table;

/* Told by the first row that is not blank: whether it is a header; or what is
 * wrong with it or with the params. Makes the table's lists. */
int moon__columns_begin(moon__columns *c, moon__table *t,
                        const moon__csv_sink *sink, char *const *cell, int n);
void moon__columns_free(moon__columns *c);
/* A row's cells -> its values; 1: the row is left out. */
int moon__columns_read(moon__columns *c, const moon__csv_sink *sink,
                       char *const *cell, int64_t line, double *values);

/* --- csv.c ------------------------------------------------------------ */
moon__table *moon__table_retain(moon__table *t);
void moon__table_release(moon__table *t);
/* A copy that can be read on another thread. */
moon_csv_params *moon__csv_params_copy(const moon_csv_params *p);
void moon__csv_params_free(moon_csv_params *p);
/* Reads all; entries "x" and, with a label, "y" have the table's memory. A new
 * reference in *out. */
int moon__csv_list(moon__source *source, const moon_csv_params *p,
                   moon__listing *list, moon__table **out, moon_fail *fail);
#endif
