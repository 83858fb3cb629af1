/* gradient.c - reverse-mode differentiation: the walk backwards through a copy of the graph.
 *
 * Every node of which some output has a cotangent is given to its operator's rule, last node first, so
 * that all readers of a tensor have added their shares to its cotangent before its own node is met.
 * Only what lies between the wanted tensors and the loss is visited. */
#include <string.h>

#include "ir/grad/rules.h"

struct Vjp {
  Graph *g;
  int room;           /* tensors that the arrays have place for */
  Tensor **cotangent; /* [room] by id, NULL: 0 so far */
  bool *needed;       /* [room] by id: the tensor depends on one that is differentiated for */
};

Graph *vjp_graph(const Vjp *v) { return v->g; }

/* Rules make tensors all the time. */
static void make_room(Vjp *v) {
  if (v->g->n_tensor <= v->room) return;
  int room = 2 * v->g->n_tensor;
  Tensor **cotangents = arena_alloc(v->g->arena, room * (int64_t)sizeof *cotangents);
  bool *needed = arena_alloc(v->g->arena, room * (int64_t)sizeof *needed);
  if (v->room > 0) {
    memcpy(cotangents, v->cotangent, (size_t)v->room * sizeof *cotangents);
    memcpy(needed, v->needed, (size_t)v->room * sizeof *needed);
  }
  v->cotangent = cotangents;
  v->needed = needed;
  v->room = room;
}

static Tensor *cotangent_of(const Vjp *v, const Tensor *t) {
  return t != NULL && t->id < v->room ? v->cotangent[t->id] : NULL;
}

Tensor *cotangent(const Vjp *v, const Node *n, int out) {
  return out < n->n_out ? cotangent_of(v, n->out[out]) : NULL;
}

bool wants(const Vjp *v, const Node *n, int in) {
  const Tensor *x = in < n->n_in ? n->in[in] : NULL;
  return x != NULL && x->id < v->room && v->needed[x->id];
}

/* ---- shares of cotangents */

/* Sums d over what the input was repeated along. */
static Tensor *undo_broadcast(Vjp *v, Tensor *d, const Tensor *x) {
  bool reduced[MAX_RANK];
  int lead = d->rank - x->rank;
  for (int k = 0; k < d->rank; k++) reduced[k] = k < lead || x->dim[k - lead] == 1;
  if (!same_shape(d, x)) d = sum_over(v, d, reduced);
  if (n_elements(d) != n_elements(x))
    bug("a cotangent of %lld elements for tensor '%s', which has %lld", (long long)n_elements(d),
        x->name, (long long)n_elements(x));
  return reshape_like(v, d, x);
}

static void add_share(Vjp *v, const Tensor *x, Tensor *d) {
  d = undo_broadcast(v, d, x);
  Tensor *sum = cotangent_of(v, x);
  if (sum != NULL) d = plus(v, sum, d);
  make_room(v);
  v->cotangent[x->id] = d;
}

void give(Vjp *v, const Node *n, int in, Tensor *d) {
  if (wants(v, n, in)) add_share(v, n->in[in], d);
}

/* ---- the walk */

static void mark_needed(Vjp *v, int first) {
  make_room(v);
  for (int i = first; i < v->g->n_node; i++) {
    const Node *n = v->g->node[i];
    bool needed = false;
    for (int j = 0; j < n->n_in; j++) needed |= wants(v, n, j);
    for (int j = 0; needed && j < n->n_out; j++)
      if (n->out[j] != NULL) v->needed[n->out[j]->id] = true;
  }
}

static void apply_rule(Vjp *v, const Node *n) {
  bool reached = false, wanted = false;
  for (int j = 0; j < n->n_out; j++) reached |= cotangent(v, n, j) != NULL;
  for (int j = 0; j < n->n_in; j++) wanted |= wants(v, n, j);
  if (!reached || !wanted) return;
  if (n->op->vjp == NULL)
    error_at(n->loc, "%s '%s' cannot be differentiated: the operator has no gradient", n->op->name,
             n->name);
  n->op->vjp(v, n);
}

/* Nodes that rules append lie behind `last` and stay out of it. */
static void walk_back(Vjp *v, int first, int last) {
  for (int i = last - 1; i >= first; i--) apply_rule(v, v->g->node[i]);
}

void differentiate_from(Vjp *v, int first, Tensor *z, Tensor *d) {
  int last = v->g->n_node;
  mark_needed(v, first);
  add_share(v, z, d);
  walk_back(v, first, last);
}

/* ---- activations that fusion has put into a node get a node of their own again */

static void split_activation(Graph *g, int at) {
  Node *n = g->node[at];
  const char *name = attr_str(n, "activation", NULL);
  if (name == NULL) return;
  static const char *const parts[][2] = {{"activation_min", "min"},
                                         {"activation_max", "max"},
                                         {"activation_alpha", "alpha"},
                                         {"activation_beta", "beta"}};
  Tensor *y = n->out[0], *x = copy_tensor(g, fresh_name(g, y->name), y);
  n->out[0] = x;
  x->def = n;
  y->def = NULL;
  Node *activation = add_node(g, at + 1, name, NULL, 1, &x, 1, &y);
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    if (find_attr(n, parts[i][0]) == NULL) continue;
    set_float(g, activation, parts[i][1], attr_float(n, parts[i][0], 0));
    remove_attr(n, parts[i][0]);
  }
  remove_attr(n, "activation");
}

Graph *gradient(const Graph *g, const Tensor *loss, int n, Tensor *const *wrt) {
  Graph *to = clone_graph(g);
  for (int i = 0; i < to->n_node; i++) split_activation(to, i);
  Vjp v = {.g = to};
  make_room(&v);
  for (int i = 0; i < n; i++) v.needed[wrt[i]->id] = true;
  mark_needed(&v, 0);
  Tensor *y = to->tensor[loss->id];
  int last = to->n_node;
  v.cotangent[y->id] = constant_like(&v, 1, y);
  walk_back(&v, 0, last);
  to->out = NULL;
  to->n_out = 0;
  for (int i = -1; i < n; i++) {
    Tensor *out = y, *x = i < 0 ? NULL : to->tensor[wrt[i]->id];
    if (i >= 0) out = cotangent_of(&v, x) ? cotangent_of(&v, x) : constant_like(&v, 0, x);
    to->out = arena_grow(to->arena, to->out, to->n_out, sizeof *to->out);
    to->out[to->n_out++] = out;
  }
  remove_dead(to);
  return to;
}
