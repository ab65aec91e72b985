/* Fuzzing the readers. Each target defines fuzz_read; with -DFUZZ it is a
 * libFuzzer target, without it a driver over the files it is given (see
 * `make soak` and `make test`). */
#ifndef MOON_FUZZ_H
#define MOON_FUZZ_H
#include "../../core/file/file.h"

/* Reads the bytes as a file, everything in it; a status. Aborts when a promise
 * of the readers is broken. */
int fuzz_read(const uint8_t *data, size_t n, moon_fail *fail);

/* A nameless file of these bytes. */
moon__source *fuzz_source(const uint8_t *data, size_t n);
/* Lists it and loads every tensor of up to some MB; the first error's status,
 * which must have a text. What `list` found is the caller's, to free. */
int fuzz_load(moon__source *source, moon__lister *reader, moon__listing *list,
              moon_fail *fail);
/* The same of bytes, which is all that a reader without a writer needs. */
int fuzz_with(const uint8_t *data, size_t n, moon__lister *reader,
              moon_fail *fail);
void fuzz_check(int holds, const char *what);

#endif
