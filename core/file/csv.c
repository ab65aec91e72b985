/* Tables as text: from rows of cells to x and y. */
#include <stdlib.h>
#include <string.h>
#include "csv.h"

typedef struct reader {
  moon__csv_sink sink;  /* first: rows come with a pointer to it */
  moon__columns columns;
  moon__table *table;
  int64_t rows, room;   /* in the table */
  double *values;       /* of a row */
} reader;

moon__table *moon__table_retain(moon__table *t) {
  atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
  return t;
}

void moon__table_release(moon__table *t) {
  if (!t) return;
  if (atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1) return;
  for (int i = 0; t->name && i < t->features; i++) free(t->name[i]);
  for (int i = 0; t->categories && i <= t->features; i++) {
    moon__texts_free(&t->categories[i]);
  }
  free(t->name);
  free(t->place);
  free(t->categories);
  free(t->x);
  free(t->y);
  free(t);
}

/* --- rows ---------------------------------------------------------------- */
static bool grow(void **p, int64_t n, size_t nbytes) {
  void *q = realloc(*p, (size_t)n * nbytes + 1);
  if (q) *p = q;
  return q != NULL;
}

/* y waits as doubles until all classes are known. */
static int make_room(reader *r, int64_t line) {
  moon__table *t = r->table;
  size_t row = (size_t)t->features * moon_dtype_size(r->columns.p->dtype);
  int64_t n = 2 * r->room + 64;
  if (r->rows < r->room) return MOON_OK;
  if (grow(&t->x, n, row) &&
      (!r->columns.labelled || grow(&t->y, n, sizeof(double)))) {
    r->room = n;
    return MOON_OK;
  }
  moon__csv_fail(&r->sink, line, "no memory for this row");
  return MOON_E_MEMORY;
}

static void add_row(reader *r) {
  moon__table *t = r->table;
  int64_t first = r->rows * t->features;
  for (int i = 0; i < t->features; i++) {
    if (r->columns.p->dtype == MOON_F32) {
      ((float *)t->x)[first + i] = (float)r->values[i];
    } else {
      ((double *)t->x)[first + i] = r->values[i];
    }
  }
  if (r->columns.labelled) {
    ((double *)t->y)[r->rows] = r->values[t->features];
  }
  r->rows++;
}

static int take_row(moon__csv_sink *sink, char *const *cell, int n,
                    int64_t line) {
  reader *r = (reader *)sink;
  if (r->columns.n == 0) {
    int header = moon__columns_begin(&r->columns, r->table, sink, cell, n);
    if (header < 0) return header;
    r->values = moon__calloc((size_t)n + 1, sizeof *r->values);
    if (header) return MOON_OK;
  }
  if (n != r->columns.n) {
    return moon__csv_fail(sink, line, "%d columns, the first line has %d", n,
                          r->columns.n);
  }
  int status = moon__columns_read(&r->columns, sink, cell, line, r->values);
  if (status != MOON_OK) return status < 0 ? status : MOON_OK;
  status = make_room(r, line);
  if (status == MOON_OK) add_row(r);
  return status;
}

/* --- labels -------------------------------------------------------------- */
static const moon__column *label_of(const reader *r) {
  for (int i = 0; i < r->columns.n; i++) {
    if (r->columns.column[i].label) return &r->columns.column[i];
  }
  return NULL;
}

/* Texts that all are whole numbers are their own classes. */
static void set_classes(moon__texts *texts, double *y, int64_t rows) {
  int64_t *count = moon__calloc((size_t)texts->n + 1, sizeof *count);
  bool whole = texts->n > 0;
  for (int i = 0; i < texts->n && whole; i++) {
    whole = moon__text_count(texts->text[i], &count[i]);
  }
  for (int64_t i = 0; i < rows && whole; i++) y[i] = (double)count[(int)y[i]];
  if (whole) moon__texts_free(texts);
  free(count);
}

/* y's doubles become what it is, in place. */
static int32_t finish_labels(reader *r, const moon__column *label) {
  double *y = r->table->y;
  if (label->kind == MOON_CSV_CATEGORY && !label->given) {
    set_classes(label->texts, y, r->rows);
  }
  int32_t dtype =
      label->kind == MOON_CSV_NUMBER ? r->columns.p->dtype : MOON_I64;
  for (int64_t i = 0; i < r->rows; i++) {
    double v = y[i];
    if (dtype == MOON_I64) ((int64_t *)r->table->y)[i] = (int64_t)v;
    if (dtype == MOON_F32) ((float *)r->table->y)[i] = (float)v;
  }
  return dtype;
}

/* --- the whole ----------------------------------------------------------- */
static void add_entry(moon__listing *list, const char *name, void *data,
                      int32_t dtype, const int64_t shape[2], int ndim) {
  moon__entry *e = moon__listing_add(list, NULL, moon__text_copy(name));
  e->dtype = dtype;
  e->ndim = ndim;
  memcpy(e->shape, shape, sizeof *shape * (size_t)ndim);
  e->numel = shape[0] * (ndim > 1 ? shape[1] : 1);
  e->nbytes = e->numel * (int64_t)moon_dtype_size(dtype);
  e->memory = data;
}

static void list_table(reader *r, moon__listing *list) {
  const int64_t shape[] = {r->rows, r->table->features};
  const moon__column *label = label_of(r);
  int32_t dtype = label ? finish_labels(r, label) : 0;
  add_entry(list, "x", r->table->x, r->columns.p->dtype, shape, 2);
  if (label) add_entry(list, "y", r->table->y, dtype, shape, 1);
}

int moon__csv_list(moon__source *source, const moon_csv_params *p,
                   moon__listing *list, moon__table **out, moon_fail *fail) {
  reader r = {.sink = {take_row, source->path, fail}, .columns = {.p = p}};
  *out = r.table = moon__calloc(1, sizeof *r.table);
  atomic_init(&r.table->refs, 1);
  int status = moon__csv_scan(source, (char)p->separator, &r.sink);
  if (status == MOON_OK && r.rows == 0) {
    status = moon__file_fail(fail, source->path, "has no rows");
  }
  if (status == MOON_OK) list_table(&r, list);
  moon__columns_free(&r.columns);
  free(r.values);
  return status;
}

/* --- params -------------------------------------------------------------- */
static const char *const *copy_texts(const char *const *from, int n) {
  char **to = moon__calloc((size_t)n + 1, sizeof *to);
  for (int i = 0; i < n; i++) to[i] = moon__text_copy(from[i]);
  return (const char *const *)to;
}

static void free_texts(const char *const *list, int n) {
  for (int i = 0; i < n; i++) free((void *)list[i]);
  free((void *)list);
}

moon_csv_params *moon__csv_params_copy(const moon_csv_params *p) {
  moon_csv_params *q = moon__malloc(sizeof *q);
  moon_csv_rule *rule = moon__calloc((size_t)p->n_rules + 1, sizeof *rule);
  *q = *p;
  for (int k = 0; k < p->n_rules; k++) {
    rule[k] = p->rule[k];
    if (rule[k].name) rule[k].name = moon__text_copy(rule[k].name);
    rule[k].values = copy_texts(p->rule[k].values, rule[k].n);
  }
  q->rule = rule;
  q->empty = copy_texts(p->empty, p->n_empty);
  return q;
}

void moon__csv_params_free(moon_csv_params *p) {
  if (!p) return;
  for (int k = 0; k < p->n_rules; k++) {
    free((void *)p->rule[k].name);
    free_texts(p->rule[k].values, p->rule[k].n);
  }
  free((void *)p->rule);
  free_texts(p->empty, p->n_empty);
  free(p);
}
