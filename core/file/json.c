/* As much JSON (RFC 8259) as a safetensors header needs: punctuation, strings,
 * whole numbers. It never recurses, so nesting cannot exhaust the stack. */
#include <stdlib.h>
#include <string.h>
#include "file.h"

static bool fail_at(moon__json *j, const char *expected) {
  if (!j->error) j->error = expected;
  return false;
}

static void skip_space(moon__json *j) {
  while (j->at < j->end && *j->at && strchr(" \t\n\r", *j->at)) j->at++;
}

bool moon__json_accept(moon__json *j, char c) {
  skip_space(j);
  if (j->error || j->at == j->end || *j->at != c) return false;
  j->at++;
  return true;
}

bool moon__json_expect(moon__json *j, char c) {
  static const char *const names[] = {"'{'", "'}'", "'['", "']'",
                                      "':'", "','", "'\"'"};
  static const char signs[] = "{}[]:,\"";
  if (moon__json_accept(j, c)) return true;
  return fail_at(j, names[strchr(signs, c) - signs]);
}

int moon__utf8_length(const char *s, const char *end) {
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  const uint8_t *u = (const uint8_t *)s;
  int n = *u < 0x80 ? 1 : *u >= 0xf0 ? 4 : *u >= 0xe0 ? 3 : 2;
  if (n == 1) return 1;
  if (*u < 0xc2 || *u > 0xf4 || end - s < n) return 0;
  uint32_t code = *u & (0x7fu >> n);
  for (int i = 1; i < n; i++) {
    if ((u[i] & 0xc0) != 0x80) return 0;
    code = code << 6 | (u[i] & 0x3f);
  }
  bool surrogate = code >= 0xd800 && code < 0xe000;
  return code < least[n] || code > 0x10ffff || surrogate ? 0 : n;
}

/* Four hexadecimal digits, or -1. */
static int32_t read_hex(moon__json *j) {
  static const char digits[] = "0123456789abcdef0123456789ABCDEF";
  int32_t code = 0;
  if (j->end - j->at < 4) return -1;
  for (int i = 0; i < 4; i++) {
    const char *d = memchr(digits, *j->at++, sizeof digits - 1);
    if (!d) return -1;
    code = code << 4 | (int32_t)((d - digits) & 15);
  }
  return code;
}

/* What follows \u: one character, two escapes for those past 0xffff. */
static uint32_t read_code(moon__json *j) {
  int32_t high = read_hex(j);
  if (high < 0xd800 || high >= 0xe000) return high > 0 ? (uint32_t)high : 0;
  if (high >= 0xdc00 || j->end - j->at < 6) return 0;
  if (*j->at++ != '\\' || *j->at++ != 'u') return 0;
  int32_t low = read_hex(j);
  if (low < 0xdc00 || low >= 0xe000) return 0;
  return 0x10000 + ((uint32_t)(high - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
}

static char *put_utf8(char *out, uint32_t code) {
  if (code < 0x80) {
    *out++ = (char)code;
    return out;
  }
  int n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  /* The first byte begins with n ones, then a zero. */
  *out++ = (char)((0xf00 >> n & 0xff) | code >> 6 * (n - 1));
  for (int i = n - 2; i >= 0; i--) {
    *out++ = (char)(0x80 | (code >> 6 * i & 0x3f));
  }
  return out;
}

/* What follows a backslash. */
static char *read_escape(moon__json *j, char *out) {
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  char c = j->at < j->end ? *j->at++ : 0;
  const char *found = c ? strchr(from, c) : NULL;
  uint32_t code = found ? (uint8_t)to[found - from] : 0;
  if (c == 'u') code = read_code(j);
  if (code) return put_utf8(out, code);
  fail_at(j, "an escape of a character (not \\u0000)");
  return out;
}

/* The closing quote of the string that begins at j->at, or the end. */
static const char *string_end(const moon__json *j) {
  const char *s = j->at;
  while (s < j->end && *s != '"') s += *s == '\\' ? 2 : 1;
  return s < j->end ? s : j->end;
}

char *moon__json_string(moon__json *j) {
  if (!moon__json_expect(j, '"')) return NULL;
  /* An escape is never shorter than what it stands for. */
  char *text = moon__malloc((size_t)(string_end(j) - j->at) + 1), *out = text;
  while (!j->error && j->at < j->end && *j->at != '"') {
    int n = moon__utf8_length(j->at, j->end);
    if (n == 0) {
      fail_at(j, "UTF-8");
    } else if ((uint8_t)*j->at < 0x20) {
      fail_at(j, "no bare control character in a string");
    } else if (*j->at == '\\') {
      j->at++;
      out = read_escape(j, out);
    } else {
      memcpy(out, j->at, (size_t)n);
      out += n;
      j->at += n;
    }
  }
  if (!j->error && j->at < j->end) {
    j->at++;
    *out = 0;
    return text;
  }
  fail_at(j, "'\"'");
  free(text);
  return NULL;
}

bool moon__json_count(moon__json *j, int64_t *out) {
  int64_t value = 0;
  skip_space(j);
  const char *start = j->at;
  for (; j->at < j->end && *j->at >= '0' && *j->at <= '9'; j->at++) {
    if (__builtin_mul_overflow(value, 10, &value) ||
        __builtin_add_overflow(value, *j->at - '0', &value)) {
      return fail_at(j, "a whole number below 2^63");
    }
  }
  if (j->at == start || (*start == '0' && j->at > start + 1)) {
    return fail_at(j, "a whole number, not negative");
  }
  *out = value;
  return !j->error;
}
