/* clone.c - a deep copy of a graph, so that the original can be run beside what passes make of
 * it.  Only the data of constants and quantizations is shared: passes replace them, never change
 * them. */
#include <string.h>

#include "ir/ir.h"

typedef struct Cloner {
  const Graph *from;
  Graph *to;
} Cloner;

static void *copy_bytes(const Cloner *c, const void *p, int n, size_t bytes) {
  void *copy = arena_alloc(c->to->arena, (int64_t)n * (int64_t)bytes);
  if (n > 0) memcpy(copy, p, (size_t)n * bytes);
  return copy;
}

/* The copy of a tensor; a tensor that is not in the graph's list (an attribute) is shared. */
static Tensor *twin(const Cloner *c, Tensor *t) {
  if (t == NULL || t->id < 0 || t->id >= c->from->n_tensor) return t;
  return c->from->tensor[t->id] == t ? c->to->tensor[t->id] : t;
}

/* Grown element by element, because passes go on growing the copy. */
static Tensor **clone_graph_list(const Cloner *c, int n, Tensor *const *list) {
  Tensor **copy = NULL;
  for (int i = 0; i < n; i++) {
    copy = arena_grow(c->to->arena, copy, i, sizeof *copy);
    copy[i] = twin(c, list[i]);
  }
  return copy;
}

static Tensor **clone_list(const Cloner *c, int n, Tensor *const *list) {
  Tensor **copy = copy_bytes(c, list, n, sizeof(Tensor *));
  for (int i = 0; i < n; i++) copy[i] = twin(c, copy[i]);
  return copy;
}

static Node *clone_node(const Cloner *c, const Node *n) {
  Node *copy = copy_bytes(c, n, 1, sizeof *n);
  copy->in = clone_list(c, n->n_in, n->in);
  copy->out = clone_list(c, n->n_out, n->out);
  copy->attr = NULL;
  copy->n_attr = 0;
  for (int i = 0; i < n->n_attr; i++) {
    Attr a = n->attr[i];
    a.t = twin(c, a.t);
    set_attr(c->to, copy, &a);
  }
  for (int i = 0; i < n->n_out; i++)
    if (copy->out[i] != NULL) copy->out[i]->def = copy;
  return copy;
}

Graph *clone_graph(const Graph *g) {
  Graph *to = arena_alloc(g->arena, sizeof *to);
  *to = *g;
  Cloner c = {.from = g, .to = to};
  to->tensor = NULL;
  to->node = NULL;
  for (int i = 0; i < g->n_tensor; i++) {
    to->tensor = arena_grow(g->arena, to->tensor, i, sizeof *to->tensor);
    to->tensor[i] = copy_bytes(&c, g->tensor[i], 1, sizeof(Tensor));
    to->tensor[i]->def = NULL;
  }
  for (int i = 0; i < g->n_node; i++) {
    to->node = arena_grow(g->arena, to->node, i, sizeof *to->node);
    to->node[i] = clone_node(&c, g->node[i]);
  }
  to->in = clone_graph_list(&c, g->n_in, g->in);
  to->out = clone_graph_list(&c, g->n_out, g->out);
  return to;
}
