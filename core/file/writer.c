/* See writer.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include "writer.h"

enum { ATTEMPTS = 100 };  /* at a name that no other file has */

static int fail_errno(moon__writer *w, const char *what) {
  return moon__file_fail(w->fail, w->path, "%s: %s", what, strerror(errno));
}

/* Where the last component of the path begins. */
static size_t folder_length(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? (size_t)(slash - path) + 1 : 0;
}

/* Opens, or gives the open file, a name that no other file has. */
static bool try_name(moon__writer *w) {
  if (w->fd < 0) {
    w->fd = open(w->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    return w->fd >= 0;
  }
  char self[40];
  snprintf(self, sizeof self, "/proc/self/fd/%d", w->fd);
  return !linkat(AT_FDCWD, self, AT_FDCWD, w->temporary, AT_SYMLINK_FOLLOW);
}

static int name_temporary(moon__writer *w, const char *what) {
  static _Atomic int count;
  size_t folder = folder_length(w->path), room = folder + 64;
  w->temporary = moon__malloc(room);
  for (int i = 0; i < ATTEMPTS; i++) {
    snprintf(w->temporary, room, "%.*s.moonseed-%ld-%d.tmp", (int)folder,
             w->path, (long)getpid(), atomic_fetch_add(&count, 1));
    if (try_name(w)) return MOON_OK;
    if (errno != EEXIST) break;
  }
  free(w->temporary);
  w->temporary = NULL;
  return fail_errno(w, what);
}

/* Without a name where the file system can: a process that is killed leaves
 * nothing behind. */
static int open_temporary(moon__writer *w) {
  size_t n = folder_length(w->path);
  char *folder = moon__malloc(n + 2);
  snprintf(folder, n + 2, "%.*s", n ? (int)n : 1, n ? w->path : ".");
  w->fd = open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
  free(folder);
  if (w->fd >= 0) return MOON_OK;
  return name_temporary(w, "cannot write to its folder");
}

int moon__writer_open(moon__writer *w, const char *path, moon_fail *fail) {
  struct stat st;
  *w = (moon__writer){.path = path, .fd = -1, .fail = fail};
  if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
    return moon__file_fail(fail, path, "is %s",
                           S_ISDIR(st.st_mode) ? "a folder" : "no plain file");
  }
  int status = open_temporary(w);
  if (status == MOON_OK) w->chunk = moon__malloc(MOON_FILE_CHUNK);
  return status;
}

void moon__writer_sums(moon__writer *w, moon_fail *fail) {
  *w = (moon__writer){.fd = -1, .fail = fail, .sums = true};
  w->chunk = moon__malloc(MOON_FILE_CHUNK);
}

static int write_all(moon__writer *w, const char *data, size_t n) {
  if (w->sums) {
    w->crc = (uint32_t)crc32_z(w->crc, (const uint8_t *)data, n);
    return MOON_OK;
  }
  while (n > 0) {
    ssize_t done = write(w->fd, data, n);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) {
      char what[64];
      snprintf(what, sizeof what, "write of %zu bytes before byte %" PRId64,
               n, w->nbytes);
      return fail_errno(w, what);
    }
    data += done;
    n -= (size_t)done;
  }
  return MOON_OK;
}

static int flush(moon__writer *w) {
  size_t n = w->used;
  w->used = 0;
  return write_all(w, w->chunk, n);
}

int moon__writer_put(moon__writer *w, const void *data, size_t n) {
  w->nbytes += (int64_t)n;
  if (w->used + n > MOON_FILE_CHUNK) {
    int status = flush(w);
    if (status < 0) return status;
  }
  if (n > MOON_FILE_CHUNK) return write_all(w, data, n);
  memcpy(w->chunk + w->used, data, n);
  w->used += n;
  return MOON_OK;
}

/* n elements that lie `stride` bytes apart. */
static int put_row(moon__writer *w, const char *from, int64_t n,
                   int64_t stride, size_t size) {
  if (stride == (int64_t)size) {
    return moon__writer_put(w, from, (size_t)n * size);
  }
  while (n > 0) {
    if (w->used + size > MOON_FILE_CHUNK) {
      int status = flush(w);
      if (status < 0) return status;
    }
    int64_t fit = (int64_t)((MOON_FILE_CHUNK - w->used) / size);
    int64_t k = n < fit ? n : fit;
    char *to = w->chunk + w->used;
    for (int64_t i = 0; i < k; i++) {
      memcpy(to + (size_t)i * size, from + i * stride, size);
    }
    from += k * stride;
    n -= k;
    w->used += (size_t)k * size;
    w->nbytes += k * (int64_t)size;
  }
  return MOON_OK;
}

/* How many of the last dimensions lie densely; `*n` is their elements. */
static int dense_tail(const moon_operand *x, int64_t *n) {
  int d = x->ndim;
  *n = 1;
  while (d > 0 && (x->shape[d - 1] == 1 || x->stride[d - 1] == *n)) {
    *n *= x->shape[--d];
  }
  return d;
}

int moon__writer_put_operand(moon__writer *w, const moon_operand *x) {
  size_t size = moon_dtype_size(x->dtype);
  int64_t n, stride = 1, index[MOON_MAX_DIMS] = {0};
  int outer = dense_tail(x, &n);
  if (n == 1 && outer > 0) {
    outer--;
    n = x->shape[outer];
    stride = x->stride[outer];
  }
  if (moon_operand_numel(x) == 0) return MOON_OK;
  for (;;) {
    int64_t offset = 0;
    for (int d = 0; d < outer; d++) offset += index[d] * x->stride[d];
    int status = put_row(w, (char *)x->data + offset * (int64_t)size, n,
                         stride * (int64_t)size, size);
    if (status < 0) return status;
    int d = outer - 1;
    while (d >= 0 && ++index[d] == x->shape[d]) index[d--] = 0;
    if (d < 0) return MOON_OK;
  }
}

/* A rename is kept only once the folder is. */
static int sync_folder(moon__writer *w) {
  size_t n = folder_length(w->path);
  w->temporary[n] = 0;
  int fd = open(n ? w->temporary : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  /* EINVAL: this file system has no such thing. */
  int bad = fd < 0 || (fsync(fd) && errno != EINVAL);
  int status = bad ? fail_errno(w, "written, but its folder is not synced")
                   : MOON_OK;
  if (fd >= 0) close(fd);
  return status;
}

static int complete(moon__writer *w) {
  int status = flush(w);
  if (status < 0) return status;
  if (fsync(w->fd)) return fail_errno(w, "fsync");
  if (!w->temporary) status = name_temporary(w, "cannot name it");
  if (status < 0) return status;
  int fd = w->fd;
  w->fd = -1;
  if (close(fd)) return fail_errno(w, "close");
  if (rename(w->temporary, w->path)) return fail_errno(w, "rename");
  return MOON_OK;
}

int moon__writer_close(moon__writer *w, int status) {
  if (status == MOON_OK) status = w->sums ? flush(w) : complete(w);
  if (w->fd >= 0) close(w->fd);
  if (w->temporary && status < 0) unlink(w->temporary);
  if (w->temporary && status == MOON_OK) status = sync_folder(w);
  free(w->temporary);
  free(w->chunk);
  return status;
}
