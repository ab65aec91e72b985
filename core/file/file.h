/* Files: readers that trust nothing, and a writer that leaves either the old
 * file or the whole new one.
 *
 * Reading has two steps, both on the io thread. A job (job.c) opens the file
 * and lists what it says it holds: names, dtypes, shapes, places (listing.c
 * has the formats, each its own file). Taking a tensor allocates it and queues
 * an op whose kernel (load.c) brings its bytes, so an error found there rides
 * along as any op's. Writing is one op (save.c).
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

typedef enum moon__packing { MOON__PLAIN, MOON__GZIP, MOON__DEFLATED }
    moon__packing;

/* A stretch of a file whose content is read as if it were a file itself. */
typedef struct moon__part {
  int64_t begin, end;  /* bytes of the file */
  int32_t packing;
  bool sums;           /* the content's CRC-32 is `crc` */
  uint32_t crc;
  int64_t nbytes;      /* of the content; -1: not known, of gzip */
} moon__part;

moon__part moon__source_whole(const moon__source *source);

/* The content of a part in order from some place on, inflated where needed. */
typedef struct moon__reader {
  moon__source *source;
  moon__part part;
  int64_t at;        /* bytes of the content given so far */
  uint32_t crc;      /* theirs */
  struct moon__inflate *inflate;  /* NULL: plain */
} moon__reader;

/* `at` is a place in the content; of what is packed or summed up what lies
 * before is read and dropped. */
int moon__reader_open(moon__reader *r, moon__source *source,
                      const moon__part *part, int64_t at, moon_fail *fail);
/* Exactly n bytes, or an error that says where the content ends. */
int moon__reader_read(moon__reader *r, void *out, size_t n, moon_fail *fail);
/* Up to n bytes; the count, 0 at the content's end, or MOON_E_FILE. */
int64_t moon__reader_some(moon__reader *r, void *out, size_t n,
                          moon_fail *fail);
/* An error unless the content ends here (and its checksum holds). */
int moon__reader_end(moon__reader *r, moon_fail *fail);
void moon__reader_close(moon__reader *r);

/* --- inflate.c: gzip, and the bare deflate of zip ---------------------- */
struct moon__inflate *moon__inflate_new(const moon__part *part);
void moon__inflate_free(struct moon__inflate *z);
/* Up to n bytes into `out`; the count, 0 at the end of the content, or
 * MOON_E_FILE. */
int64_t moon__inflate_read(struct moon__inflate *z, moon__source *source,
                           void *out, size_t n, moon_fail *fail);
/* deflate cannot shrink more than this (RFC 1951: 258 bytes in 2 bits). */
enum { MOON__MOST_INFLATED = 1032 };

/* --- listing.c: what a file says it holds ----------------------------- */
/* How the file's numbers become ours. */
typedef enum moon__stored {
  MOON__AS_IS,
  MOON__FROM_I8, MOON__FROM_I16, MOON__FROM_U16,  /* widened to i32 */
  MOON__FROM_U32                                  /* to i64 */
} moon__stored;

typedef struct moon__entry {
  char *name;       /* owned; "" where the format has none */
  int32_t dtype, ndim, stored;
  bool swapped;     /* big-endian */
  bool columns;     /* the first dimension runs fastest (Fortran) */
  bool last;        /* the content ends with it */
  bool picture;     /* decoded whole, see picture.h */
  int64_t shape[MOON_MAX_DIMS];
  moon__part part;
  int64_t numel, at, nbytes;  /* elements; its place in the part's content */
  int64_t record;   /* > 0: a row of it in every so many bytes, `at` in each */
  int32_t below;    /* > 0: what its numbers, u8, are less than */
  const void *memory;  /* its numbers; NULL: they are in the file */
} moon__entry;

/* Bytes of one of its numbers in the file. */
size_t moon__entry_width(const moon__entry *e);

typedef struct moon__listing {
  int n, capacity;
  moon__entry *entry;
  int64_t crc_at;   /* where a safetensors header states it; 0: nowhere */
  uint32_t crc;
} moon__listing;

/* An entry more, zeroed but for its name (taken over; NULL: "") and its part,
 * the whole file (NULL: it has none); owned by the listing. */
moon__entry *moon__listing_add(moon__listing *list,
                               const moon__source *source, char *name);
void moon__listing_free(moon__listing *list);
/* Fills numel from the shape; MOON_E_FILE past 2^48 elements. */
int moon__entry_count(moon__entry *e, const char *path, moon_fail *fail);

/* `format` is the name of one, or NULL: told by content. What tells its format
 * and is of another is refused. */
int moon__file_list(moon__source *source, const char *format,
                    moon__listing *list, moon_fail *fail);
typedef int moon__lister(moon__source *source, moon__listing *list,
                         moon_fail *fail);
moon__lister moon__idx_list, moon__safetensors_list, moon__npy_list,
    moon__npz_list, moon__cifar10_list, moon__cifar100_list,
    moon__picture_list;
extern const char *const moon__safetensors_dtype[MOON_DTYPES];  /* its names */
/* npy.c: e's dtype, shape and place from the header that `r` is at, and that
 * the content ends with it. */
int moon__npy_header(moon__reader *r, moon__entry *e, moon_fail *fail);
/* The content that a header states is e->at + e->nbytes bytes of e->part, or an
 * error with the numbers. */
int moon__entry_check_length(const moon__source *source, const moon__entry *e,
                             moon_fail *fail);

/* --- folder.c --------------------------------------------------------- */
/* Entries without numbers: the names of pictures below a folder. */
int moon__folder_list(const char *path, moon__listing *list, moon_fail *fail);

/* --- zip.c: what a zip file's directory says -------------------------- */
typedef struct moon__member { char *name; moon__part part; } moon__member;
typedef struct moon__zip { int n; moon__member *member; } moon__zip;
/* What it found is the caller's to free, also on failure. */
int moon__zip_open(moon__source *source, moon__zip *zip, moon_fail *fail);
void moon__zip_free(moon__zip *zip);

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

struct moon__writer;
struct moon__piece;
/* Puts n tensors to a file that was opened. */
typedef int moon__write_pieces(struct moon__writer *w,
                               struct moon__piece *piece, int n);

typedef struct moon__pictures moon__pictures;  /* see pictures.c */
void moon__pictures_release(moon__pictures *q);

/* What a file op owns: its params.save.plan. moon__save_free frees it. */
typedef struct moon__file_plan {
  moon__pictures *pictures;  /* fetch and decode: shared by the two */
  moon__source *source;  /* load: where the bytes are, */
  struct moon__table *table;  /* or what has the entry's memory */
  moon__entry entry;     /* load: which of them */
  char *path;            /* save: the file, */
  moon__write_pieces *write;  /* how it is written, */
  int n;                 /* tensors, and their names */
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
  char *path, *format;
  moon_csv_params *csv;  /* of a table as text: how it is read, */
  struct moon__table *table;  /* and what was read */
  moon__source *source;
  moon__listing list;
} moon__file_job;

/* The context of file ops: as `ctx`, but on a stream of their own, so that a
 * stream that computes does not stand still while a disk is slow. */
int moon__io_context(const moon_ctx *ctx, int device, moon_ctx *io);
/* Hands y out, on ctx's device: files are read into the host's memory. */
int moon__file_there(moon_ctx *ctx, moon_tensor *y, moon_tensor **out);

#endif
