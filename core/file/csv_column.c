/* What the columns of a table are, and which numbers its cells are. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "csv.h"

enum { MOST_TEXTS = 1 << 16 };  /* different ones in a column */

static const moon_csv_rule *rule_of(const moon__columns *c, int i) {
  for (int k = 0; k < c->p->n_rules; k++) {
    const moon_csv_rule *rule = &c->p->rule[k];
    bool same = rule->name ? c->name && !strcmp(c->name[i], rule->name)
                           : rule->position == i;
    if (same) return rule;
  }
  return NULL;
}

/* Whether the first row names the columns: a cell that should be a number is
 * none. Rules by name say that it does. */
static bool is_header(const moon__columns *c, char *const *cell) {
  for (int k = 0; k < c->p->n_rules; k++) {
    if (c->p->rule[k].name) return true;
  }
  for (int i = 0; i < c->n; i++) {
    const moon_csv_rule *rule = rule_of(c, i);
    double value;
    bool number = !rule || (rule->kind == MOON_CSV_NUMBER && !rule->label);
    if (number && !moon__text_number(cell[i], &value)) return true;
  }
  return false;
}

/* Every rule is about one column. */
static int check_rule(const moon__columns *c, const moon__csv_sink *sink,
                      const moon_csv_rule *rule) {
  int same = 0;
  if (!rule->name) {
    if (rule->position >= 0 && rule->position < c->n) return MOON_OK;
    return moon__file_fail(sink->fail, sink->path, "no column %d of %d",
                           rule->position + 1, c->n);
  }
  if (!c->name) {
    return moon__file_fail(sink->fail, sink->path,
                           "no column '%.60s' (there is no header)",
                           rule->name);
  }
  for (int i = 0; i < c->n; i++) same += !strcmp(c->name[i], rule->name);
  if (same == 1) return MOON_OK;
  char known[100] = "";
  for (int i = 0; i < c->n && strlen(known) < sizeof known - 3; i++) {
    size_t at = strlen(known), room = sizeof known - at;
    if (i > 0) strncat(known, ", ", room - 1);
    strncat(known, c->name[i], sizeof known - strlen(known) - 1);
  }
  return moon__file_fail(sink->fail, sink->path, "%s column '%.60s' (%s)",
                         same ? "more than one" : "no", rule->name, known);
}

/* Its place in x or y, where its texts go, and which those are. */
static void place(moon__columns *c, moon__table *t, int i, int *at) {
  moon__column *column = &c->column[i];
  const moon_csv_rule *rule = rule_of(c, i);
  if (column->kind == MOON_CSV_SKIP) return;
  column->slot = column->label ? c->features : (*at)++;
  column->texts = &t->categories[column->slot];
  if (!column->label) t->place[column->slot] = i;
  if (c->name && !column->label) {
    t->name[column->slot] = moon__text_copy(c->name[i]);
  }
  column->given = rule && rule->n > 0;
  for (int k = 0; column->given && k < rule->n; k++) {
    moon__texts_add(column->texts, rule->values[k]);
  }
}

static void set_kinds(moon__columns *c, moon__table *t) {
  c->column = moon__calloc((size_t)c->n, sizeof *c->column);
  for (int i = 0; i < c->n; i++) {
    const moon_csv_rule *rule = rule_of(c, i);
    c->column[i].kind = rule ? rule->kind : MOON_CSV_NUMBER;
    if (c->column[i].kind == MOON_CSV_SKIP) continue;
    c->column[i].label = rule && rule->label;
    if (c->column[i].label) c->labelled = true;
    if (!c->column[i].label) c->features++;
  }
  t->features = c->features;
  t->categories =
      moon__calloc((size_t)c->features + 1, sizeof *t->categories);
  t->place = moon__calloc((size_t)c->features + 1, sizeof *t->place);
  if (c->name) t->name = moon__calloc((size_t)c->features + 1, sizeof *t->name);
  for (int i = 0, at = 0; i < c->n; i++) place(c, t, i, &at);
}

int moon__columns_begin(moon__columns *c, moon__table *t,
                        const moon__csv_sink *sink, char *const *cell, int n) {
  c->n = n;
  bool header = c->p->header < 0 ? is_header(c, cell) : c->p->header > 0;
  if (header) c->name = moon__calloc((size_t)n, sizeof *c->name);
  for (int i = 0; header && i < n; i++) c->name[i] = moon__text_copy(cell[i]);
  for (int k = 0; k < c->p->n_rules; k++) {
    int status = check_rule(c, sink, &c->p->rule[k]);
    if (status < 0) return status;
  }
  set_kinds(c, t);
  return header;
}

void moon__columns_free(moon__columns *c) {
  for (int i = 0; c->name && i < c->n; i++) free(c->name[i]);
  free(c->name);
  free(c->column);
}

/* --- cells --------------------------------------------------------------- */
static int fail_cell(const moon__columns *c, const moon__csv_sink *sink,
                     int64_t line, int i, const char *what) {
  const char *name = c->name ? c->name[i] : "";
  return moon__csv_fail(sink, line, "column %d%s%.40s%s: %s", i + 1,
                        c->name ? " (" : "", name, c->name ? ")" : "", what);
}

static int fail_text(const moon__columns *c, const moon__csv_sink *sink,
                     int64_t line, int i, const char *cell) {
  static const char *const wrong[] = {
      [MOON_CSV_NUMBER] = "is not a number",
      [MOON_CSV_BOOL] = "is neither true nor false",
      [MOON_CSV_CATEGORY] = "is one text too many; 65536 may differ"};
  char what[120];
  snprintf(what, sizeof what, "'%.40s' %s", cell,
           c->column[i].given ? "is none of the values that were given"
                              : wrong[c->column[i].kind]);
  return fail_cell(c, sink, line, i, what);
}

static bool read_text(const moon__column *column, const char *cell,
                      double *out) {
  if (column->kind == MOON_CSV_NUMBER) return moon__text_number(cell, out);
  if (column->kind == MOON_CSV_BOOL) return moon__text_bool(cell, out);
  int at = column->given ? moon__texts_find(column->texts, cell)
                         : moon__texts_add(column->texts, cell);
  *out = at;
  return at >= 0 && column->texts->n <= MOST_TEXTS;
}

static bool is_empty(const moon_csv_params *p, const char *cell) {
  for (int k = 0; k < p->n_empty; k++) {
    if (!strcmp(p->empty[k], cell)) return true;
  }
  return false;
}

int moon__columns_read(moon__columns *c, const moon__csv_sink *sink,
                       char *const *cell, int64_t line, double *values) {
  int missing = c->p->missing;
  for (int i = 0; missing == MOON_CSV_DROP && i < c->n; i++) {
    if (c->column[i].kind != MOON_CSV_SKIP && is_empty(c->p, cell[i])) return 1;
  }
  for (int i = 0; i < c->n; i++) {
    const moon__column *column = &c->column[i];
    if (column->kind == MOON_CSV_SKIP) continue;
    double *out = &values[column->slot];
    if (!is_empty(c->p, cell[i])) {
      if (read_text(column, cell[i], out)) continue;
      return fail_text(c, sink, line, i, cell[i]);
    }
    /* A class cannot be made up. */
    bool class = column->label && column->kind != MOON_CSV_NUMBER;
    if (missing == MOON_CSV_REFUSE || class) {
      return fail_cell(c, sink, line, i,
                       class ? "the label is missing" : "is missing");
    }
    *out = missing == MOON_CSV_FILL ? c->p->fill : NAN;
  }
  return MOON_OK;
}
