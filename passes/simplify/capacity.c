/* capacity.c - an operator of which only the values tell how much it finds gets as much room as that can be, and how
 * much it is becomes one more output of the graph.
 *
 *   y[?][3] = NonMaxSuppression(boxes, scores)   ==>   y[most][3], y_count = NonMaxSuppression<capacity=1>(...)
 *
 * The places of a NonZero may only leave the graph, as they are or transposed: other nodes would take what lies behind
 * those that were found for more of them.
 */
#include <string.h>

#include "passes/passes.h"
#include "passes/simplify/simplify.h"

static Tensor **with_one_more(Arena *a, Tensor *const *list, int n, Tensor *t) {
  Tensor **longer = arena_alloc(a, (n + 1) * (int64_t)sizeof *longer);
  memcpy(longer, list, (size_t)n * sizeof *longer);
  longer[n] = t;
  return longer;
}

/* Appends an output of the node and of the graph, the number of what is in the node's output i. */
static void add_count(Graph *g, Node *n, int i) {
  if (g->n_out == MAX_IO) error_at(n->loc, "no room for one more output, there are %d", MAX_IO);
  const char *name = arena_printf(g->arena, "%s_count", n->out[i]->name);
  Tensor *count = new_tensor(g, fresh_name(g, name), DT_NONE, -1, NULL);
  n->out = with_one_more(g->arena, n->out, n->n_out++, count);
  g->out = with_one_more(g->arena, g->out, g->n_out++, count);
  for (int k = g->n_out - 1; k >= n_outputs(g); k--) g->out[k] = g->out[k - 1]; /* states stay the last ones */
  g->out[n_outputs(g) - 1] = count;
  count->def = n;
}

/* The first node inside that reads t, which would have to know how much of it there is; NULL: it only leaves the
 * graph, as it is or, where that is no matter, transposed. */
static const Node *inner_reader(const Graph *g, const Tensor *t, bool transposed) {
  for (int i = 0; i < g->n_node; i++) {
    const Node *n = g->node[i];
    for (int k = 0; k < n->n_in; k++) {
      if (n->in[k] != t) continue;
      bool leads_on = is_op(n, "Identity") || (transposed && is_op(n, "Transpose"));
      const Node *reader = leads_on ? inner_reader(g, n->out[0], transposed) : n;
      if (reader) return reader;
    }
  }
  return NULL;
}

static void check_readers(const Graph *g, const Node *n, const Tensor *t) {
  const Node *reader = inner_reader(g, t, false);
  if (reader)
    error_at(n->loc, "Loop: how many rows its output '%s' has is known only at run time, and '%s' (%s) reads it",
             t->name, reader->name, reader->op->name);
}

/* A loop that may end before its rows are full says how many there are. */
static void count_rows(Graph *g) {
  for (int i = 0; i < g->n_node; i++) {
    Node *n = g->node[i];
    if (!is_op(n, "LoopEnd") || !attr_int(n, "early", 0)) continue;
    LoopShape l = loop_shape(n);
    for (int k = 0; k < l.rows; k++)
      if (n->out[l.states + k]) check_readers(g, n, n->out[l.states + k]);
    if (l.rows == 0 || n->n_out > l.states + l.rows) continue;
    int first = l.states;
    while (!n->out[first]) first++;  /* the last output is there */
    while (n->n_out < l.states + l.rows) n->out = with_one_more(g->arena, n->out, n->n_out++, NULL);
    add_count(g, n, first);
    infer_node(g, n);
  }
}

static bool wants_room(const Graph *g, const Node *n) {
  if (!is_op(n, "NonMaxSuppression") && !(is_op(n, "NonZero") && !inner_reader(g, n->out[0], true))) return false;
  if (n_elements(n->out[0]) >= 0) return false;
  for (int i = 0; i < n->n_in && i < 2; i++)
    if (n_elements(n->in[i]) < 0) return false;
  return true;
}

static bool give_room(Graph *g) {
  for (int i = 0; i < g->n_node; i++) {
    Node *n = g->node[i];
    if (!wants_room(g, n)) continue;
    add_count(g, n, 0);
    set_int(g, n, "capacity", 1);
    infer_node(g, n);
    return true;
  }
  return false;
}

/* With these shapes known, more may fold. */
void pass_capacity(Graph *g, Context *cx) {
  (void)cx;
  while (give_room(g)) fold_constants(g);
  count_rows(g);
}
