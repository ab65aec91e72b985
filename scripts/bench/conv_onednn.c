/* A peer of the convolution benches: bare oneDNN primitives, one by one.
 *
 *   conv_onednn THREADS shapes FILE   forward and both gradients of each shape
 *   conv_onednn THREADS branches      eight small convolutions in a row
 *
 * For every line on standard input it runs a round and prints a line of
 * NAME=MILLISECONDS; see run.lua.
 */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bare.h"

enum { MAX_SHAPES = 32, MAX_TIMES = 200, BRANCHES = 8 };

/* Runs in a row, `count` of them; ms each. */
static double row(const bare_call *call, int count) {
  double begin = bare_ms();
  for (int i = 0; i < count; i++) bare_run(call);
  return (bare_ms() - begin) / count;
}

/* The median time of one run, over 60 ms or three turns of as many runs in a
 * row as take 2 ms, 16 at most. `before` (may be NULL) is not timed: gradients
 * follow their forwards here too, which leave them the caches as they are
 * then. */
static double timed(const bare_call *before, const bare_call *call) {
  double times[MAX_TIMES], begin = bare_ms();
  int n = 0, count;
  bare_run(call);
  count = (int)(2 / row(call, 1)) + 1;
  if (count > 16) count = 16;
  do {
    if (before) row(before, count);
    times[n++] = row(call, count);
  } while (n < 3 || (n < MAX_TIMES && bare_ms() - begin < 60));
  return bare_median(times, n);
}

static int read_shapes(const char *path, bare_shape *shape) {
  char line[128];
  int n = 0;
  FILE *f = fopen(path, "r");
  if (!f) {
    fprintf(stderr, "cannot read %s\n", path);
    exit(1);
  }
  while (n < MAX_SHAPES && fgets(line, sizeof line, f)) {
    bare_shape *s = &shape[n];
    n += sscanf(line, "%d %d %d %d %d %d %d %d", &s->n, &s->c, &s->h, &s->k,
                &s->r, &s->stride, &s->padding, &s->groups) == 8;
  }
  fclose(f);
  return n;
}

static void print_times(const bare_conv *conv) {
  const bare_shape *s = &conv->shape;
  char name[64];
  snprintf(name, sizeof name, "%d,%d,%d,%d,%d%s", s->n, s->c, s->h, s->k,
           s->r, s->groups > 1 ? "g" : s->stride > 1 ? "s" : "");
  double forward = timed(NULL, &conv->forward);
  double data = timed(&conv->forward, &conv->data);
  double weights = timed(&conv->forward, &conv->weights);
  printf("%s:forward=%.4f %s:data=%.4f %s:weights=%.4f %s:all=%.4f ", name,
         forward, name, data, name, weights, name, forward + data + weights);
}

static void run_shapes(const char *path) {
  static bare_shape shape[MAX_SHAPES];
  static bare_conv conv[MAX_SHAPES];
  int n = read_shapes(path, shape);
  for (int i = 0; i < n; i++)
    bare_conv_make(&conv[i], &shape[i], NULL, BARE_NO_BIAS);
  puts("ready oneDNN direct, channels-last");
  while (bare_next_round()) {
    for (int i = 0; i < n; i++) print_times(&conv[i]);
    puts("");
  }
}

static void run_branches(void) {
  static const bare_shape shape = {4, 32, 8, 32, 3, 1, 1, 1};
  static bare_conv conv[BRANCHES];
  for (int i = 0; i < BRANCHES; i++)
    bare_conv_make(&conv[i], &shape, NULL, BARE_NO_BIAS);
  puts("ready oneDNN direct, channels-last");
  while (bare_next_round()) {
    double times[MAX_TIMES];
    for (int k = 0; k < MAX_TIMES; k++) {
      double t = bare_ms();
      for (int i = 0; i < BRANCHES; i++) bare_run(&conv[i].forward);
      times[k] = bare_ms() - t;
    }
    printf("branches:one_stream_ms=%.5f\n", bare_median(times, MAX_TIMES));
  }
}

int main(int argc, char **argv) {
  if (argc < 3 || (!strcmp(argv[2], "shapes") && argc < 4)) {
    fprintf(stderr, "usage: conv_onednn THREADS shapes FILE | branches\n");
    return 2;
  }
  omp_set_num_threads(atoi(argv[1]));
  if (!strcmp(argv[2], "shapes")) run_shapes(argv[3]);
  else run_branches();
  return 0;
}
