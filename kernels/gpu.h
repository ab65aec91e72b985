/* What the runtime needs of a GPU's driver and libraries: one table of plain C
 * functions, which libmoonseed_cuda.so fills from CUDA (driver.cu) and
 * libmoonseed_emulated.so from threads (emulated.cc). The runtime opens one of
 * them at run time; it knows no CUDA.
 *
 * Functions return MOON_OK or a status below 0, and then `error` says why, for
 * the calling thread. A thread calls `use` before any function below it.
 */
#ifndef MOON_GPU_H
#define MOON_GPU_H
#include "kernel.h"

typedef struct moon_gpu_info {
  char name[128];
  int32_t major, minor;      /* compute capability */
  int64_t total, available;  /* bytes of its memory */
} moon_gpu_info;

enum { MOON_GPU_TO_DEVICE, MOON_GPU_TO_HOST, MOON_GPU_WITHIN };

/* Where plans get memory of the device for a while, so that it is counted. */
typedef struct moon_gpu_lender {
  void *of;
  void *(*take)(void *of, size_t nbytes);  /* NULL: there is no more */
  void (*give)(void *of, void *p, size_t nbytes);
} moon_gpu_lender;

typedef struct moon_gpu_driver {
  const char *name;                      /* "cuda", "emulated" */
  const moon_kernel_table *table;
  int count;                             /* devices */
  int (*info)(int device, moon_gpu_info *out);
  const char *(*error)(void);
  int (*use)(int device);
  /* The lender of plans that the calling thread makes. */
  void (*borrow)(const moon_gpu_lender *lender);

  int (*queue_new)(int is_urgent, void **out);
  void (*queue_free)(void *queue);       /* all in it is done */
  int (*event_new)(void **out);          /* for ordering and for waiting */
  void (*event_free)(void *event);
  int (*event_record)(void *event, void *queue);
  int (*queue_wait)(void *queue, void *event);
  int (*event_done)(void *event);        /* 1 or 0 */
  int (*event_wait)(void *event);        /* blocks, sleeping */
  /* Calls fn(argument) on a thread of the driver's once the queue is there. */
  int (*host_call)(void *queue, void (*fn)(void *), void *argument);

  int (*memory_new)(size_t nbytes, void **out);  /* MOON_E_MEMORY */
  void (*memory_free)(void *p);
  int (*pinned_new)(size_t nbytes, void **out);  /* host memory */
  void (*pinned_free)(void *p);
  int (*copy)(void *to, const void *from, size_t nbytes, int direction,
              void *queue);
  /* From one device's memory to another's. */
  int (*copy_peer)(void *to, int to_device, const void *from, int from_device,
                   size_t nbytes, void *queue);
} moon_gpu_driver;

/* The library's one symbol: its table, or NULL with the reason in `why`. */
typedef const moon_gpu_driver *moon_gpu_open_fn(char *why, size_t size);
#define MOON_GPU_OPEN "moon_gpu_open"

#endif
