/* Error texts and names of statuses. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "base.h"

static _Thread_local char error_text[512];

/* In the order of moon_status, from 0 down. */
static const char *const status_names[] = {
    "ok",     "shape",     "dtype",       "device", "value",    "index",
    "memory", "kernel",    "file",        "grad",   "cancelled", "interrupted",
    "busy",   "disposed",  "non-finite",  "injected", "backend"};
_Static_assert(sizeof status_names / sizeof *status_names ==
                   1 - MOON_E_BACKEND,
               "a name for every status");

int moon__fail(int status, const char *format, ...) {
  va_list list;
  va_start(list, format);
  vsnprintf(error_text, sizeof error_text, format, list);
  va_end(list);
  return status;
}

const char *moon_last_error(void) { return error_text; }

const char *moon_status_name(int status) {
  if (status > 0 || status < MOON_E_BACKEND) return "unknown";
  return status_names[-status];
}

int moon_abi(void) { return MOON_ABI; }

const char *moon_version(void) { return "0.1.0"; }

int64_t moon_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void *checked(void *p, size_t nbytes) {
  if (p || !nbytes) return p;
  fprintf(stderr, "moonseed: the system has no %zu bytes\n", nbytes);
  abort();
}

void *moon__malloc(size_t nbytes) { return checked(malloc(nbytes), nbytes); }

void *moon__calloc(size_t n, size_t nbytes) {
  return checked(calloc(n, nbytes), n * nbytes);
}

void *moon__realloc(void *p, size_t nbytes) {
  return checked(realloc(p, nbytes), nbytes);
}
