/* Nodes of the graph: a node is held by its output tensor and holds its
 * inputs' nodes, so a forward that is never followed by a backward leaves
 * nothing behind. */
#include <stdlib.h>
#include "../op/op.h"

moon__node *moon__node_new(moon_runtime *rt, const moon__rule *rule,
                           int n_inputs) {
  moon__node *node = moon__calloc(1, sizeof *node);
  node->refs = 1;
  node->rt = rt;
  node->rule = rule;
  node->n_inputs = n_inputs;
  if (n_inputs) {
    size_t n = (size_t)n_inputs;
    node->input = moon__calloc(n, sizeof *node->input);
    node->input_shape = moon__calloc(n, sizeof *node->input_shape);
    node->input_dtype = moon__calloc(n, sizeof *node->input_dtype);
  }
  rt->live_nodes++;
  return node;
}

moon__node *moon__node_retain(moon__node *node) {
  node->refs++;
  return node;
}

void moon__node_drop_saved(moon__node *node) {
  for (int i = 0; i < node->n_saved; i++) {
    moon__unref(node->saved[i].t);
    node->saved[i].t = NULL;
  }
}

static void note_dead_user(moon_runtime *rt, double id) {
  if (rt->n_dead_users == rt->cap_dead_users) {
    rt->cap_dead_users = rt->cap_dead_users ? 2 * rt->cap_dead_users : 16;
    rt->dead_users = moon__realloc(
        rt->dead_users, (size_t)rt->cap_dead_users * sizeof(double));
  }
  rt->dead_users[rt->n_dead_users++] = id;
}

/* Chains are as long as programs, so no recursion: a dead node's inputs that
 * die with it go on a list. */
void moon__node_release(moon__node *node) {
  if (--node->refs > 0) return;
  moon__node *list = node;
  node->next_dead = NULL;
  while (list) {
    moon__node *dead = list;
    list = dead->next_dead;
    for (int i = 0; i < dead->n_inputs; i++) {
      moon__node *from = dead->input[i];
      if (!from || --from->refs > 0) continue;
      from->next_dead = list;
      list = from;
    }
    moon__node_drop_saved(dead);
    moon__unref(dead->dy);
    if (dead->user_id != 0) note_dead_user(dead->rt, dead->user_id);
    if (dead->key.path) moon__path_release(dead->key.path);
    dead->rt->live_nodes--;
    free(dead->input);
    free(dead->input_shape);
    free(dead->input_dtype);
    free(dead);
  }
}

void moon__node_leave(moon_tensor *t) {
  if (t->node->leaf == t) {
    moon__leaf_forget(t->node);
    t->node->leaf = NULL;
  }
  moon__node_release(t->node);
  t->node = NULL;
}

moon__node *moon__leaf_node(moon_tensor *t) {
  if (!t->node) {
    t->node = moon__node_new(t->rt, NULL, 0);
    t->node->leaf = t;
    t->node->shape = moon__shape_of(t);
    t->node->dtype = t->dtype;
    t->node->device = t->storage->device;
  }
  return t->node;
}

int moon_user_nodes_dead(moon_runtime *rt, double *ids, int n) {
  int taken = 0;
  while (taken < n && rt->n_dead_users > 0) {
    ids[taken++] = rt->dead_users[--rt->n_dead_users];
  }
  return taken;
}
