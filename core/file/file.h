/* Files: readers that trust nothing, and a writer that leaves either the old
 * file or the whole new one.
 *
 * Reading has two steps, both on the io thread. A job (job.c) opens the file
 * and lists what it says it holds: names, dtypes, shapes, places (idx.c,
 * safetensors.c). Taking a tensor allocates it and queues an op whose kernel
 * (load.c) brings its bytes, so an error found there rides along as any op's.
 * Writing is one op (save.c) with the header of header.c.
 */
#ifndef MOON_FILE_H
#define MOON_FILE_H
#include "../device/device.h"

enum {
  MOON_FILE_PATH = 90,           /* characters of a path in an error text */
  MOON_FILE_HEADER = 100000000,  /* bytes of a safetensors header, at most */
  MOON_FILE_CHUNK = 1 << 18      /* bytes read, turned or written at a time */
};

/* Writes "path: what went wrong" into `fail` (a long path keeps its end);
 * returns MOON_E_FILE. */
int moon__file_fail(moon_fail *fail, const char *path, const char *format,
                    ...) __attribute__((format(printf, 3, 4)));

char *moon__text_copy(const char *text);  /* the caller frees it */

/* --- source.c: an open file, and reading it forwards ------------------ */
typedef struct moon__source {
  _Atomic int refs;
  int fd;
  bool gzip;         /* its content is compressed */
  int64_t nbytes;    /* as it lies on disk */
  char *path;
} moon__source;

int moon__source_open(const char *path, moon__source **out, moon_fail *fail);
/* Takes the descriptor over, also on failure. `path` is for error texts. */
int moon__source_of(int fd, const char *path, moon__source **out,
                    moon_fail *fail);
moon__source *moon__source_retain(moon__source *source);
void moon__source_release(moon__source *source);

/* Bytes in order from some place in a source, inflated where needed. */
typedef struct moon__reader {
  moon__source *source;
  int64_t at;        /* bytes of the content given so far */
  struct moon__inflate *inflate;  /* NULL: plain */
} moon__reader;

/* For a gzip file `at` is a place in the content; what lies before is read
 * and dropped. */
int moon__reader_open(moon__reader *r, moon__source *source, int64_t at,
                      moon_fail *fail);
/* Exactly n bytes, or an error that says where the file ends. */
int moon__reader_read(moon__reader *r, void *out, size_t n, moon_fail *fail);
/* An error unless the content ends here (and its checksum holds). */
int moon__reader_end(moon__reader *r, moon_fail *fail);
void moon__reader_close(moon__reader *r);

/* --- inflate.c: gzip -------------------------------------------------- */
struct moon__inflate *moon__inflate_new(void);
void moon__inflate_free(struct moon__inflate *z);
/* Up to n bytes into `out`; the count, 0 at the end of the content, or
 * MOON_E_FILE. */
int64_t moon__inflate_read(struct moon__inflate *z, moon__source *source,
                           void *out, size_t n, moon_fail *fail);

/* --- listing.c: what a file says it holds ----------------------------- */
/* How the file's numbers become ours. */
typedef enum moon__stored {
  MOON__AS_IS,     /* little-endian, as in memory */
  MOON__SWAPPED,   /* big-endian */
  MOON__FROM_I8,   /* widened to i32 */
  MOON__FROM_I16   /* big-endian, widened to i32 */
} moon__stored;

typedef struct moon__entry {
  char *name;       /* owned; "" where the format has none */
  int32_t dtype, ndim, stored;
  int64_t shape[MOON_MAX_DIMS];
  int64_t numel, at, nbytes;  /* elements; its place in the content */
  bool last;        /* the content ends with it */
} moon__entry;

typedef struct moon__listing {
  int n, capacity;
  moon__entry *entry;
  int64_t crc_at;   /* where a safetensors header states it; 0: nowhere */
  uint32_t crc;
} moon__listing;

/* A zeroed entry more; owned by the listing. */
moon__entry *moon__listing_add(moon__listing *list);
void moon__listing_free(moon__listing *list);
/* Fills numel from the shape; MOON_E_FILE past 2^48 elements. */
int moon__entry_count(moon__entry *e, const char *path, moon_fail *fail);

/* Either by content. */
int moon__file_list(moon__source *source, moon__listing *list,
                    moon_fail *fail);
int moon__idx_list(moon__source *source, moon__listing *list,
                   moon_fail *fail);
extern const char *const moon__safetensors_dtype[MOON_DTYPES];  /* its names */
int moon__safetensors_list(moon__source *source, moon__listing *list,
                           moon_fail *fail);

/* --- json.c: as much JSON as a safetensors header needs --------------- */
typedef struct moon__json {
  const char *text, *at, *end;
  const char *error;  /* what was expected at `at`; NULL: all well so far */
} moon__json;

/* Skips white space; true and past it if the next character is `c`. */
bool moon__json_accept(moon__json *j, char c);
bool moon__json_expect(moon__json *j, char c);
/* A string as UTF-8 without NUL; the caller frees it. NULL on error. */
char *moon__json_string(moon__json *j);
/* A whole number in [0, 2^63). */
bool moon__json_count(moon__json *j, int64_t *out);
/* The length of one UTF-8 character in [s, end), 0 if it is none. */
int moon__utf8_length(const char *s, const char *end);

/* --- load.c, save.c --------------------------------------------------- */
/* The bytes of an entry, turned into our dtype, into `out`. */
int moon__entry_load(moon__source *source, const moon__entry *e, void *out,
                     moon_fail *fail);

/* What a load or save op owns: its params.save.plan. moon__save_free frees
 * it. */
typedef struct moon__file_plan {
  moon__source *source;  /* load: where the bytes are */
  moon__entry entry;     /* load: which of them */
  char *path;            /* save: the file */
  int n;                 /* save: tensors, and their names */
  char **name;
} moon__file_plan;

/* --- header.c --------------------------------------------------------- */
/* One tensor as the writer sees it. */
typedef struct moon__piece {
  const char *name;
  moon_operand x;
  int64_t at, nbytes;  /* its place after the header */
} moon__piece;

/* Gives every piece its place, wide elements first so that all are aligned,
 * and writes the 8 bytes of length and the header, padded with spaces to a
 * multiple of 8. NULL past MOON_FILE_HEADER bytes. The caller frees it. */
char *moon__header_write(moon__piece *piece, int n, size_t *nbytes);
/* The header states `crc`, the CRC-32 of the file in which these eight digits
 * are 0, as it was written. */
void moon__header_set_crc(char *header, uint32_t crc);
/* MOON_E_VALUE unless all names are UTF-8, different, and free to use. */
int moon__header_check_names(int n, const char *const *names);

/* --- job.c ------------------------------------------------------------ */
typedef struct moon__file_job {
  moon_job head;
  _Atomic int refs;   /* the owner's and the queue's */
  _Atomic int done;
  int status;         /* what follows is the owner's once it is done */
  moon_fail fail;
  char *path;
  moon__source *source;
  moon__listing list;
} moon__file_job;

/* The context of file ops: as `ctx`, but on a stream of their own, so that a
 * stream that computes does not stand still while a disk is slow. */
int moon__io_context(const moon_ctx *ctx, int device, moon_ctx *io);

#endif
