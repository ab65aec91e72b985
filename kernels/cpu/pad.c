/* A thread's own memory; see cpu.h. */
#include <pthread.h>
#include <stdlib.h>
#include "cpu.h"

/* As large as anything was that the thread asked for; a page's worth before
 * what is handed out. */
typedef struct pad { size_t nbytes; } pad;
enum { PAD_ALIGN = 4096 };

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t pad_key;
static bool has_key;

static void make_key(void) {
  has_key = pthread_key_create(&pad_key, free) == 0;
}

void *moon_cpu_pad(size_t nbytes) {
  pthread_once(&once, make_key);
  if (!has_key) return NULL;
  size_t wanted = (nbytes + PAD_ALIGN - 1) / PAD_ALIGN * PAD_ALIGN + PAD_ALIGN;
  pad *have = pthread_getspecific(pad_key);
  if (!have || have->nbytes < wanted) {
    pad *more = aligned_alloc(PAD_ALIGN, wanted);
    if (!more) return NULL;
    more->nbytes = wanted;
    if (pthread_setspecific(pad_key, more)) {
      free(more);
      return NULL;
    }
    free(have);
    have = more;
  }
  return (char *)have + PAD_ALIGN;
}
