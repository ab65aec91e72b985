/* Texts of cells: which number one is, and which it was among others. */
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "csv.h"

/* --- texts by number ---------------------------------------------------- */
/* FNV-1a (Fowler, Noll, Vo). */
static uint32_t hash(const char *text) {
  uint32_t h = 2166136261u;
  for (; *text; text++) h = (h ^ (uint8_t)*text) * 16777619u;
  return h;
}

/* Where the text is, or the free slot where it would be. */
static int slot_of(const moon__texts *t, const char *text) {
  int at = (int)(hash(text) & (uint32_t)(t->n_slots - 1));
  while (t->slot[at] && strcmp(t->text[t->slot[at] - 1], text)) {
    at = (at + 1) & (t->n_slots - 1);
  }
  return at;
}

int moon__texts_find(const moon__texts *t, const char *text) {
  return t->n ? t->slot[slot_of(t, text)] - 1 : -1;
}

/* At most half full, so that a search ends soon. */
static void grow(moon__texts *t) {
  if (2 * (t->n + 1) <= t->n_slots) return;
  t->n_slots = t->n_slots ? 2 * t->n_slots : 16;
  free(t->slot);
  t->slot = moon__calloc((size_t)t->n_slots, sizeof *t->slot);
  t->text = moon__realloc(t->text, (size_t)t->n_slots * sizeof *t->text);
  for (int i = 0; i < t->n; i++) t->slot[slot_of(t, t->text[i])] = i + 1;
}

int moon__texts_add(moon__texts *t, const char *text) {
  int i = moon__texts_find(t, text);
  if (i >= 0) return i;
  grow(t);
  int at = slot_of(t, text);
  t->text[t->n++] = moon__text_copy(text);
  return (t->slot[at] = t->n) - 1;
}

void moon__texts_free(moon__texts *t) {
  for (int i = 0; i < t->n; i++) free(t->text[i]);
  free(t->text);
  free(t->slot);
  *t = (moon__texts){0};
}

/* --- numbers ------------------------------------------------------------ */
static const char *skip_digits(const char *s, int *n) {
  while (*s >= '0' && *s <= '9') s++, (*n)++;
  return s;
}

/* Decimal, without hexadecimals or spaces, which strtod would take. */
static bool is_decimal(const char *s) {
  int digits = 0, exponent = 0;
  s += *s == '+' || *s == '-';
  if (!strcasecmp(s, "inf") || !strcasecmp(s, "infinity") ||
      !strcasecmp(s, "nan")) {
    return true;
  }
  s = skip_digits(s, &digits);
  if (*s == '.') s = skip_digits(s + 1, &digits);
  if (digits > 0 && (*s == 'e' || *s == 'E')) {
    s++;
    s += *s == '+' || *s == '-';
    s = skip_digits(s, &exponent);
    if (exponent == 0) return false;
  }
  return digits > 0 && !*s;
}

/* A few digits, which need no rounding: most numbers in most files. */
static bool read_short(const char *s, double *out) {
  static const double tens[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8};
  bool negative = *s == '-';
  int64_t value = 0;
  int digits = 0, after = -1;
  for (s += negative || *s == '+'; *s; s++) {
    if (*s == '.') {
      after = digits;
    } else if (*s >= '0' && *s <= '9' && digits < 15) {
      value = 10 * value + (*s - '0');
      digits++;
    } else {
      return false;
    }
  }
  after = after < 0 ? 0 : digits - after;
  if (after > 8) return false;
  double size = (double)value / tens[after];
  *out = negative ? -size : size;
  return true;
}

bool moon__text_number(const char *text, double *out) {
  if (!is_decimal(text)) return false;
  if (read_short(text, out)) return true;
  /* In the C locale whatever the process's is. */
  locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  if (!c) return false;
  *out = strtod_l(text, NULL, c);
  freelocale(c);
  return true;
}

bool moon__text_bool(const char *text, double *out) {
  static const char *const words[] = {"false", "true", "no", "yes", "f", "t",
                                      "n", "y", "0", "1"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    if (strcasecmp(words[i], text)) continue;
    *out = (double)(i % 2);
    return true;
  }
  return false;
}

bool moon__text_count(const char *text, int64_t *out) {
  int n = 0;
  if (*skip_digits(text, &n) || n == 0 || n > 15) return false;
  if (*text == '0' && n > 1) return false;
  *out = strtoll(text, NULL, 10);
  return true;
}
