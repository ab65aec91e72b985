/* What all fuzz targets share; see fuzz.h. */
#include "fuzz.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MOST_BYTES = 1 << 24 };  /* of a tensor that is loaded */

void fuzz_check(int holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "broken promise: %s\n", what);
  abort();
}

moon__source *fuzz_source(const uint8_t *data, size_t n) {
  moon__source *source;
  moon_fail fail;
  int fd = memfd_create("fuzz", MFD_CLOEXEC);
  fuzz_check(fd >= 0 && write(fd, data, n) == (ssize_t)n, "memory as a file");
  fuzz_check(moon__source_of(fd, "input", &source, &fail) == MOON_OK,
             "a file in memory opens");
  return source;
}

static int load_entry(moon__source *source, const moon__entry *e,
                      moon_fail *fail) {
  int64_t nbytes = e->numel * (int64_t)moon_dtype_size(e->dtype);
  fuzz_check(nbytes >= 0, "sizes do not overflow");
  if (nbytes > MOST_BYTES) return MOON_OK;
  void *out = malloc((size_t)nbytes + 1);
  int status = moon__entry_load(source, e, out, fail);
  free(out);
  return status;
}

int fuzz_load(moon__source *source, moon__lister *reader, moon__listing *list,
              moon_fail *fail) {
  *fail = (moon_fail){""};
  int status = reader(source, list, fail);
  for (int i = 0; status == MOON_OK && i < list->n; i++) {
    status = load_entry(source, &list->entry[i], fail);
  }
  fuzz_check(status <= 0 && (status == MOON_OK || fail->text[0]),
             "an error has a text");
  return status;
}

int fuzz_with(const uint8_t *data, size_t n, moon__lister *reader,
              moon_fail *fail) {
  moon__source *source = fuzz_source(data, n);
  moon__listing list = {0};
  int status = fuzz_load(source, reader, &list, fail);
  moon__listing_free(&list);
  moon__source_release(source);
  return status;
}

#ifdef FUZZ
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  moon_fail fail;
  fuzz_read(data, n, &fail);
  return 0;
}
#else

static uint8_t *slurp(const char *path, size_t *n) {
  FILE *f = fopen(path, "rb");
  uint8_t *data = malloc(MOST_BYTES);
  fuzz_check(f && data, path);
  *n = fread(data, 1, MOST_BYTES, f);
  fclose(f);
  return data;
}

/* Files named good-* must be read, those named bad-* refused. */
int main(int argc, char **argv) {
  int passed = 0;
  for (int i = 1; i < argc; i++) {
    size_t n;
    moon_fail fail;
    uint8_t *data = slurp(argv[i], &n);
    int status = fuzz_read(data, n, &fail);
    const char *slash = strrchr(argv[i], '/');
    const char *name = slash ? slash + 1 : argv[i];
    int right = (strncmp(name, "bad-", 4) == 0) == (status < 0);
    printf("%s %s: %s\n", right ? "ok" : "FAILED", name,
           status < 0 ? fail.text : "is read");
    passed += right;
    free(data);
  }
  printf("%d passed, %d failed\n", passed, argc - 1 - passed);
  return passed == argc - 1 ? 0 : 1;
}
#endif
