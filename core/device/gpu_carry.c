/* Large copies between a host's memory and a GPU's: in pieces, through a few
 * pinned ones, by a thread for each direction. While the device moves a piece
 * the thread copies the next. A copy is launched once its last piece is
 * in the queue, so ops of its stream and its readers come behind; the pieces
 * that are under way then go back when it retires.
 *
 * The thread waits for the oldest piece of its own copy, or, before the first,
 * for one of a copy that was launched: what these wait for was launched too, on
 * the device, so there is an end to it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "gpu.h"

enum {
  PIECE = 1 << 22,   /* bytes */
  PIECES = 8,        /* of a direction, kept */
  WINDOW = 4         /* of one copy: the device has the next when it needs it */
};

int moon__gpu_pinned_new(moon__gpu *gpu, size_t nbytes, void **out) {
  int status = gpu->driver->pinned_new(nbytes, out);
  if (status == MOON_OK) atomic_fetch_add(&gpu->pinned_bytes, nbytes);
  return status;
}

static moon__carrier *carrier_of(moon__gpu *gpu, const moon__transfer *t) {
  return t->direction == MOON_GPU_TO_DEVICE ? &gpu->to_device : &gpu->to_host;
}

bool moon__gpu_carry(moon__gpu *gpu, moon__op *op) {
  if (!op->transfer || moon__gpu_is_small(gpu, op->transfer)) return false;
  moon__carrier *c = carrier_of(gpu, op->transfer);
  moon__lock(gpu->rt);
  op->ready_next = NULL;
  if (c->last) {
    c->last->ready_next = op;
  } else {
    c->first = op;
  }
  c->last = op;
  pthread_cond_signal(&c->work);
  moon__unlock(gpu->rt);
  return true;
}

/* --- pieces ----------------------------------------------------------- */
static moon__piece *piece_new(moon__carrier *c) {
  moon__gpu *gpu = c->gpu;
  void *p = NULL, *event = NULL;
  if (c->n == PIECES || gpu->driver->event_new(&event) < 0) return NULL;
  if (moon__gpu_pinned_new(gpu, PIECE, &p) < 0) {
    gpu->driver->event_free(event);
    return NULL;
  }
  moon__piece *piece = moon__malloc(sizeof *piece);
  *piece = (moon__piece){.p = p, .event = event};
  c->n++;
  return piece;
}

static moon__piece *spare_or_new(moon__carrier *c) {
  moon__lock(c->gpu->rt);
  moon__piece *piece = c->spare;
  if (piece) c->spare = piece->next;
  moon__unlock(c->gpu->rt);
  return piece ? piece : piece_new(c);
}

static moon__piece *oldest(moon__transfer *t) {
  moon__piece *piece = t->first;
  t->first = piece->next;
  if (!t->first) t->last = NULL;
  t->n_pieces--;
  return piece;
}

/* The host's part of a copy to it, once the device's is done. */
static void unload(const moon__piece *piece) {
  if (piece->to) memcpy(piece->to, piece->p, piece->nbytes);
}

static void give_back(moon__carrier *c, moon__piece *piece) {
  moon__lock(c->gpu->rt);
  piece->next = c->spare;
  c->spare = piece;
  pthread_cond_signal(&c->back);
  moon__unlock(c->gpu->rt);
}

/* A piece to fill; NULL: `*status` says why there is none. */
static moon__piece *piece_for(moon__carrier *c, moon__transfer *t,
                              int *status) {
  moon__piece *piece = t->n_pieces < WINDOW ? spare_or_new(c) : NULL;
  if (piece) return piece;
  if (t->n_pieces > 0) {
    *status = c->gpu->driver->event_wait(t->first->event);
    if (*status < 0) return NULL;
    piece = oldest(t);
    unload(piece);
    return piece;
  }
  if (c->n == 0) {
    *status = MOON_E_MEMORY;
    return NULL;
  }
  moon_runtime *rt = c->gpu->rt;
  moon__lock(rt);
  while (!c->spare) moon__lock_wait(rt, &c->back);
  piece = c->spare;
  c->spare = piece->next;
  moon__unlock(rt);
  return piece;
}

/* --- copies ----------------------------------------------------------- */
static int move(moon__carrier *c, moon__op *op, moon__piece *piece, size_t at) {
  const moon_gpu_driver *driver = c->gpu->driver;
  const moon__transfer *t = op->transfer;
  void *queue = c->gpu->lane[op->stream].queue;
  char *from = (char *)op->call.arg[0].data + at;
  char *to = (char *)op->call.arg[1].data + at;
  size_t left = t->nbytes - at, nbytes = left < PIECE ? left : PIECE;
  int status;
  piece->nbytes = nbytes;
  if (t->direction == MOON_GPU_TO_DEVICE) {
    piece->to = NULL;
    memcpy(piece->p, from, nbytes);
    status = driver->copy(to, piece->p, nbytes, t->direction, queue);
  } else {
    piece->to = to;
    status = driver->copy(piece->p, from, nbytes, t->direction, queue);
  }
  return status < 0 ? status : driver->event_record(piece->event, queue);
}

static int carry(moon__carrier *c, moon__op *op, moon_fail *fail) {
  moon__transfer *t = op->transfer;
  int status = MOON_OK;
  for (size_t at = 0; at < t->nbytes && status >= 0; at += PIECE) {
    moon__piece *piece = piece_for(c, t, &status);
    if (!piece) break;
    status = move(c, op, piece, at);
    piece->next = NULL;
    *(t->last ? &t->last->next : &t->first) = piece;
    t->last = piece;
    t->n_pieces++;
  }
  if (status < 0) {
    snprintf(fail->text, sizeof fail->text, "%zu bytes: %s", t->nbytes,
             c->gpu->driver->error());
  }
  return status;
}

void *moon__gpu_carry_main(void *of) {
  moon__carrier *c = of;
  moon__gpu *gpu = c->gpu;
  moon_runtime *rt = gpu->rt;
  gpu->driver->use(gpu->number);
  moon__lock(rt);
  for (;;) {
    moon__op *op = c->first;
    if (!op && rt->closing) break;
    if (!op) {
      moon__lock_wait(rt, &c->work);
      continue;
    }
    c->first = op->ready_next;
    if (!c->first) c->last = NULL;
    moon__unlock(rt);
    moon_fail fail = {""};
    int status = carry(c, op, &fail);
    if (status < 0) moon__gpu_fail_op(gpu, op, status, &fail);
    op->carried = true;
    moon__lock(rt);
    moon__gpu_push(gpu, op);
  }
  moon__unlock(rt);
  return NULL;
}

void moon__gpu_carried(moon__gpu *gpu, moon__transfer *t, bool fine) {
  while (t->first) {
    moon__piece *piece = oldest(t);
    if (fine) unload(piece);
    give_back(carrier_of(gpu, t), piece);
  }
}

void moon__gpu_pieces_free(moon__carrier *c) {
  while (c->spare) {
    moon__piece *piece = c->spare;
    c->spare = piece->next;
    c->gpu->driver->pinned_free(piece->p);
    c->gpu->driver->event_free(piece->event);
    free(piece);
  }
}
