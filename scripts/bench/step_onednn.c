/* The small network's training step in C with bare oneDNN: what a careful
 * programmer without Moonseed would write.
 *
 *   128 x 3x32x32 - conv3x3 32 - ReLU - conv3x3 64 - ReLU - maxpool 2 -
 *   conv3x3 128 - ReLU - global mean - linear 10 - cross-entropy;
 *   SGD with momentum
 *
 * Channels-last throughout, ReLU fused into the convolutions, buffers reused,
 * no input gradient for the first layer, each gradient of ReLU in one loop with
 * its neighbour. `step_onednn THREADS STEPS` runs STEPS steps for every line on
 * standard input and prints images/s and the loss.
 */
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include "bare.h"

enum { N = 128, CLASSES = 10, FEATURES = 128, H2 = 32, H3 = 16, C2 = 64 };

typedef struct network {
  bare_conv conv[3];
  unsigned char *winner;      /* which of the 2x2 was the largest, N H3 H3 C2 */
  float *h, *dh;              /* N x FEATURES: global means */
  float *w, *b, *dw, *db;     /* the linear layer's, FEATURES x CLASSES */
  float *logits, *dlogits;    /* N x CLASSES */
  int *label;
} network;

typedef struct parameter { float *p, *g, *v; size_t n; } parameter;

/* y (conv[1]'s output) -> conv[2]'s input, with the place of each maximum. */
static void max_pool(network *net) {
  const float *x = net->conv[1].y;
  float *y = net->conv[2].x;
#pragma omp parallel for
  for (int row = 0; row < N * H3; row++) {
    for (int j = 0; j < H3; j++) {
      const float *p = x + ((size_t)row * 2 * H2 + 2 * (size_t)j) * C2;
      const float *q = p + H2 * C2;
      size_t o = ((size_t)row * H3 + (size_t)j) * C2;
#pragma omp simd
      for (int c = 0; c < C2; c++) {
        float best = p[c];
        unsigned char k = 0;
        if (p[C2 + c] > best) best = p[C2 + c], k = 1;
        if (q[c] > best) best = q[c], k = 2;
        if (q[C2 + c] > best) best = q[C2 + c], k = 3;
        y[o + (size_t)c] = best;
        net->winner[o + (size_t)c] = k;
      }
    }
  }
}

/* Gradients of pooling and of the ReLU before it, at once. */
static void max_pool_grad(network *net) {
  const float *y = net->conv[2].x, *dy = net->conv[2].dx;
  float *dx = net->conv[1].dy;
#pragma omp parallel for
  for (int row = 0; row < N * H3; row++) {
    for (int j = 0; j < H3; j++) {
      float *p = dx + ((size_t)row * 2 * H2 + 2 * (size_t)j) * C2;
      float *q = p + H2 * C2;
      size_t o = ((size_t)row * H3 + (size_t)j) * C2;
#pragma omp simd
      for (int c = 0; c < C2; c++) {
        float g = y[o + (size_t)c] > 0 ? dy[o + (size_t)c] : 0;
        unsigned char k = net->winner[o + (size_t)c];
        p[c] = k == 0 ? g : 0;
        p[C2 + c] = k == 1 ? g : 0;
        q[c] = k == 2 ? g : 0;
        q[C2 + c] = k == 3 ? g : 0;
      }
    }
  }
}

static void global_mean(network *net) {
  const float *x = net->conv[2].y;
#pragma omp parallel for
  for (int n = 0; n < N; n++) {
    float *h = net->h + n * FEATURES;
    for (int c = 0; c < FEATURES; c++) h[c] = 0;
    for (int i = 0; i < H3 * H3; i++) {
      const float *p = x + ((size_t)n * H3 * H3 + (size_t)i) * FEATURES;
#pragma omp simd
      for (int c = 0; c < FEATURES; c++) h[c] += p[c];
    }
    for (int c = 0; c < FEATURES; c++) h[c] /= H3 * H3;
  }
}

/* Gradients of the global mean and of the ReLU before it, at once. */
static void global_mean_grad(network *net) {
  const float *y = net->conv[2].y;
  float *dy = net->conv[2].dy;
#pragma omp parallel for
  for (int n = 0; n < N; n++) {
    const float *dh = net->dh + n * FEATURES;
    for (int i = 0; i < H3 * H3; i++) {
      size_t o = ((size_t)n * H3 * H3 + (size_t)i) * FEATURES;
#pragma omp simd
      for (int c = 0; c < FEATURES; c++)
        dy[o + (size_t)c] =
            y[o + (size_t)c] > 0 ? dh[c] / (float)(H3 * H3) : 0;
    }
  }
}

static void relu_grad(bare_conv *from, const bare_conv *to) {
  const float *y = to->y, *dx = from->dx;
  float *dy = to->dy;
  size_t n = (size_t)N * H2 * H2 * (size_t)to->shape.k;
#pragma omp parallel for simd
  for (size_t i = 0; i < n; i++) dy[i] = y[i] > 0 ? dx[i] : 0;
}

/* The linear layer's three products: of shapes [N, F] [F, C], [F, N] [N, C],
 * [N, C] [C, F], where F is FEATURES and C is CLASSES. */
static void linear(network *net) {
  dnnl_sgemm('N', 'N', N, CLASSES, FEATURES, 1, net->h, FEATURES, net->w,
             CLASSES, 0, net->logits, CLASSES);
}

static void linear_grad(network *net) {
  dnnl_sgemm('T', 'N', FEATURES, CLASSES, N, 1, net->h, FEATURES,
             net->dlogits, CLASSES, 0, net->dw, CLASSES);
  dnnl_sgemm('N', 'T', N, FEATURES, CLASSES, 1, net->dlogits, CLASSES, net->w,
             CLASSES, 0, net->dh, FEATURES);
}

/* Returns the mean loss; leaves its gradient in dlogits. */
static float cross_entropy(network *net) {
  float loss = 0;
  for (int n = 0; n < N; n++) {
    float *x = net->logits + n * CLASSES, *g = net->dlogits + n * CLASSES;
    float most = -INFINITY, sum = 0;
    for (int c = 0; c < CLASSES; c++) x[c] += net->b[c];
    for (int c = 0; c < CLASSES; c++) most = fmaxf(most, x[c]);
    for (int c = 0; c < CLASSES; c++) sum += g[c] = expf(x[c] - most);
    loss += logf(sum) + most - x[net->label[n]];
    for (int c = 0; c < CLASSES; c++)
      g[c] = (g[c] / sum - (c == net->label[n])) / N;
  }
  return loss / N;
}

static float forward(network *net) {
  bare_run(&net->conv[0].forward);
  bare_run(&net->conv[1].forward);
  max_pool(net);
  bare_run(&net->conv[2].forward);
  global_mean(net);
  linear(net);
  return cross_entropy(net);
}

static void backward_conv(bare_conv *conv) {
  bare_run(&conv->weights);
  bare_run(&conv->dw_to_w);
  bare_run(&conv->data);
}

static void backward(network *net) {
  for (int c = 0; c < CLASSES; c++) net->db[c] = 0;
  for (int i = 0; i < N * CLASSES; i++) net->db[i % CLASSES] += net->dlogits[i];
  linear_grad(net);
  global_mean_grad(net);
  backward_conv(&net->conv[2]);
  max_pool_grad(net);
  backward_conv(&net->conv[1]);
  relu_grad(&net->conv[1], &net->conv[0]);
  backward_conv(&net->conv[0]);
}

static void sgd(parameter *all, int n_all, float lr, float momentum) {
  for (int i = 0; i < n_all; i++) {
    float *p = all[i].p, *v = all[i].v;
    const float *g = all[i].g;
#pragma omp parallel for simd
    for (size_t k = 0; k < all[i].n; k++) {
      v[k] = momentum * v[k] + g[k];
      p[k] -= lr * v[k];
    }
  }
}

static int make(network *net, parameter *all) {
  static const bare_shape shape[3] = {{N, 3, H2, 32, 3, 1, 1, 1},
                                      {N, 32, H2, C2, 3, 1, 1, 1},
                                      {N, C2, H3, FEATURES, 3, 1, 1, 1}};
  int n = 0;
  bare_conv_make(&net->conv[0], &shape[0], NULL, BARE_RELU | BARE_NO_DX);
  bare_conv_make(&net->conv[1], &shape[1], net->conv[0].y, BARE_RELU);
  bare_conv_make(&net->conv[2], &shape[2], NULL, BARE_RELU);
  net->winner = (unsigned char *)bare_floats((size_t)N * H3 * H3 * C2 / 4);
  net->h = bare_floats((size_t)N * FEATURES);
  net->dh = bare_floats((size_t)N * FEATURES);
  net->w = bare_floats((size_t)FEATURES * CLASSES);
  net->dw = bare_floats((size_t)FEATURES * CLASSES);
  net->b = bare_floats(CLASSES);
  net->db = bare_floats(CLASSES);
  net->logits = bare_floats((size_t)N * CLASSES);
  net->dlogits = bare_floats((size_t)N * CLASSES);
  net->label = (int *)bare_floats(N);
  bare_fill(net->w, (size_t)FEATURES * CLASSES, 0.1f);
  for (int i = 0; i < N; i++) net->label[i] = i * 7 % CLASSES;
  for (int i = 0; i < 3; i++) {
    bare_conv *c = &net->conv[i];
    all[n++] = (parameter){c->w, c->dw, bare_floats(c->n_w), c->n_w};
    size_t k = (size_t)c->shape.k;
    all[n++] = (parameter){c->b, c->db, bare_floats(k), k};
  }
  size_t k = (size_t)FEATURES * CLASSES;
  all[n++] = (parameter){net->w, net->dw, bare_floats(k), k};
  all[n++] = (parameter){net->b, net->db, bare_floats(CLASSES), CLASSES};
  return n;
}

int main(int argc, char **argv) {
  static network net;
  parameter all[8];
  int steps = argc > 2 ? atoi(argv[2]) : 4;
  omp_set_num_threads(argc > 1 ? atoi(argv[1]) : 2);
  int n_all = make(&net, all);
  puts("ready oneDNN direct, channels-last, ReLU fused, buffers reused");
  while (bare_next_round()) {
    float loss = 0;
    double begin = bare_ms();
    for (int i = 0; i < steps; i++) {
      loss = forward(&net);
      backward(&net);
      sgd(all, n_all, 0.05f, 0.9f);
      bare_run(&net.conv[1].w_to_data);
      bare_run(&net.conv[2].w_to_data);
    }
    double seconds = (bare_ms() - begin) * 1e-3;
    printf("step:images_per_s=%.1f step:loss=%.5f\n", steps * N / seconds,
           (double)loss);
  }
  return 0;
}
