/* The reader of tables as text. The corpus is one of numbers; with the first
 * byte as a switch it is read in other ways as well. */
#include <stdlib.h>
#include "../../core/file/csv.h"
#include "fuzz.h"

static int read_as(const uint8_t *data, size_t n, const moon_csv_params *p,
                   moon_fail *fail) {
  moon__source *source = fuzz_source(data, n);
  moon__listing list = {0};
  moon__table *table = NULL;
  *fail = (moon_fail){""};
  int status = moon__csv_list(source, p, &list, &table, fail);
  for (int i = 0; i < list.n; i++) {
    const moon__entry *e = &list.entry[i];
    char *copy = malloc((size_t)e->nbytes + 1);
    fuzz_check(moon__entry_load(source, e, copy, fail) == MOON_OK,
               "what was read can be taken");
    free(copy);
  }
  fuzz_check(status == MOON_OK || (fail->text[0] && list.n == 0),
             "an error has a text, and nothing is there");
  moon__listing_free(&list);
  moon__table_release(table);
  moon__source_release(source);
  return status;
}

int fuzz_read(const uint8_t *data, size_t n, moon_fail *fail) {
  static const char *const empty[] = {"", "NA"};
  static const char *const values[] = {"1", "2", "3"};
  moon_csv_params plain = {.separator = ',', .header = -1, .dtype = MOON_F32,
                           .n_empty = 2, .empty = empty};
  int how = n > 0 ? data[0] : 0;
  moon_csv_rule rule[] = {
      {.position = 0, .kind = how & 3, .label = how >> 2 & 1},
      {.name = how & 8 ? "b" : NULL, .position = 1, .kind = how >> 4 & 3,
       .n = how & 64 ? 3 : 0, .values = values}};
  moon_csv_params other = plain;
  other.rule = rule;
  other.n_rules = 2;
  other.dtype = how & 128 ? MOON_F64 : MOON_F32;
  other.missing = n > 1 ? data[1] & 3 : 0;
  moon_csv_params *copy = moon__csv_params_copy(&other);
  read_as(data, n, copy, fail);
  moon__csv_params_free(copy);
  return read_as(data, n, &plain, fail);
}
