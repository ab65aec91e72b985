/* Primitives of oneDNN 2.6. See onednn.h. */
#include "onednn.h"
#include <omp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What one execution binds: memories of the primitive's layouts, a stream. */
typedef struct binding {
  struct binding *next;
  dnnl_stream_t stream;
  dnnl_exec_arg_t arg[DNN_ARGS + 1];
} binding;

struct dnn_primitive {
  dnnl_primitive_t primitive;
  int n, arg[DNN_ARGS];
  dnnl_memory_desc_t layout[DNN_ARGS], scratchpad;
  pthread_mutex_t lock;
  binding *spare;  /* as many as have run at the same time */
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static dnnl_engine_t engine;

static void open_engine(void) {
  if (dnnl_engine_create(&engine, dnnl_cpu, 0)) engine = NULL;
}

/* oneDNN asks OpenMP how many threads to use when a primitive is made and when
 * it runs. The setting is the calling thread's. */
static void use_one_thread(void) {
  static _Thread_local bool done;
  if (!done) omp_set_num_threads(1);
  done = true;
}

static dnnl_primitive_attr_t attributes(bool adds) {
  dnnl_primitive_attr_t attr;
  dnnl_post_ops_t post;
  if (dnnl_primitive_attr_create(&attr)) return NULL;
  dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
  if (adds && dnnl_post_ops_create(&post) == dnnl_success) {
    dnnl_post_ops_append_sum(post, 1);
    dnnl_primitive_attr_set_post_ops(attr, post);
    dnnl_post_ops_destroy(post);
  }
  return attr;
}

/* Plain loops are called "ref:any" and the like. */
static bool is_plain(const_dnnl_primitive_desc_t pd) {
  const char *name = "";
  dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, &name);
  return strncmp(name, "ref", 3) == 0 || strncmp(name, "simple", 6) == 0;
}

static dnnl_primitive_desc_t describe(const dnn_recipe *r,
                                      dnnl_primitive_attr_t attr) {
  dnnl_primitive_desc_t forward = NULL, pd = NULL;
  if (r->forward &&
      dnnl_primitive_desc_create(&forward, r->forward, attr, engine, NULL)) {
    return NULL;
  }
  if (dnnl_primitive_desc_create(&pd, r->desc, attr, engine, forward)) {
    pd = NULL;
  }
  if (forward) dnnl_primitive_desc_destroy(forward);
  if (pd && is_plain(pd)) {
    dnnl_primitive_desc_destroy(pd);
    pd = NULL;
  }
  return pd;
}

dnn_primitive *moon_dnn_new(const dnn_recipe *r) {
  pthread_once(&once, open_engine);
  use_one_thread();
  if (!engine) return NULL;
  dnnl_primitive_attr_t attr = attributes(r->adds);
  dnnl_primitive_desc_t pd = attr ? describe(r, attr) : NULL;
  dnnl_primitive_t primitive = NULL;
  if (pd && dnnl_primitive_create(&primitive, pd)) primitive = NULL;
  dnn_primitive *p = primitive ? calloc(1, sizeof *p) : NULL;
  if (p) {
    p->primitive = primitive;
    p->n = r->n;
    p->lock = (pthread_mutex_t)PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP;
    for (int i = 0; i < r->n; i++) {
      p->arg[i] = r->arg[i];
      p->layout[i] = *dnnl_primitive_desc_query_md(
          pd, dnnl_query_exec_arg_md, r->arg[i]);
    }
    p->scratchpad =
        *dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
  }
  if (pd) dnnl_primitive_desc_destroy(pd);
  if (attr) dnnl_primitive_attr_destroy(attr);
  return p;
}

const dnnl_memory_desc_t *moon_dnn_layout(const dnn_primitive *p, int i) {
  return &p->layout[i];
}

/* --- execution ------------------------------------------------------------ */
static binding *bind(const dnn_primitive *p) {
  binding *b = calloc(1, sizeof *b);
  if (!b) return NULL;
  int status = dnnl_stream_create(&b->stream, engine,
                                  dnnl_stream_default_flags);
  for (int i = 0; i <= p->n && status == 0; i++) {
    bool last = i == p->n;
    b->arg[i].arg = last ? DNNL_ARG_SCRATCHPAD : p->arg[i];
    status = dnnl_memory_create(&b->arg[i].memory,
                                last ? &p->scratchpad : &p->layout[i], engine,
                                DNNL_MEMORY_NONE);
  }
  if (status == 0) return b;
  for (int i = 0; i <= p->n; i++) {
    if (b->arg[i].memory) dnnl_memory_destroy(b->arg[i].memory);
  }
  if (b->stream) dnnl_stream_destroy(b->stream);
  free(b);
  return NULL;
}

static binding *take(dnn_primitive *p) {
  pthread_mutex_lock(&p->lock);
  binding *b = p->spare;
  if (b) p->spare = b->next;
  pthread_mutex_unlock(&p->lock);
  return b ? b : bind(p);
}

static void give(dnn_primitive *p, binding *b) {
  pthread_mutex_lock(&p->lock);
  b->next = p->spare;
  p->spare = b;
  pthread_mutex_unlock(&p->lock);
}

int moon_dnn_run(dnn_primitive *p, void *const *data, moon_fail *fail) {
  use_one_thread();
  void *pad = moon_cpu_pad(dnnl_memory_desc_get_size(&p->scratchpad));
  binding *b = pad ? take(p) : NULL;
  int status = b ? 0 : dnnl_out_of_memory;
  for (int i = 0; i <= p->n && status == 0; i++) {
    void *at = i < p->n ? data[i] : pad;
    status = dnnl_memory_set_data_handle(b->arg[i].memory, at);
  }
  if (status == 0) {
    status = dnnl_primitive_execute(p->primitive, b->stream, p->n + 1, b->arg);
  }
  if (b) give(p, b);
  if (status == 0) return MOON_OK;
  if (status == dnnl_out_of_memory) {
    snprintf(fail->text, sizeof fail->text, "no memory for a scratchpad");
    return MOON_E_MEMORY;
  }
  snprintf(fail->text, sizeof fail->text, "oneDNN reports status %d", status);
  return MOON_E_BACKEND;
}
