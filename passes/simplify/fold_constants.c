/* fold_constants.c - evaluates every node whose inputs are all constant, or have no elements, and replaces its
 * outputs by constants.  Shape, Size, EyeLike and random numbers in the shape of a tensor whose shape is static
 * count as constant too, so that chains such as Shape -> Gather -> Concat -> Reshape disappear; shapes are
 * inferred again on the way, because a folded input may make the shape of a later node known.  What only moves a
 * constant's elements keeps its name.
 *
 *   s = Shape(x); n = Gather(s, 0); r = Reshape(y, Concat(n, -1))   ==>   r = Reshape(y, {1, -1})
 */

#include "passes/passes.h"
#include "passes/simplify/simplify.h"

enum { MAX_FOLDED_BYTES = 1 << 28 };

static bool can_fold(const Graph *g, const Node *n) {
  if (!can_evaluate(n, MAX_FOLDED_BYTES)) return false;
  for (int i = 0; is_op(n, "Identity") && i < n->n_out; i++)
    if (is_graph_output(g, n->out[i])) return false;
  return true;
}

/* An output of the graph is no constant itself, but may be a copy of one. */
static void give_out(Graph *g, int at, Tensor *t, void *data) {
  Tensor *value = new_const(g, fresh_name(g, arena_printf(g->arena, "%s_value", t->name)), t->dtype, t->rank,
                            t->dim, data);
  add_node(g, at, "Identity", fresh_name(g, arena_printf(g->arena, "%s_copy", t->name)), 1,
           &value, 1, &t);
}

/* What the elements of a constant remember of their codes where they are moved: all of them the same, or those
 * of an index of a dimension of a Transpose. */
static QuantSpec *moved_quant(Graph *g, const Node *n) {
  QuantSpec *q = n->in[0]->quant;
  int64_t perm[MAX_RANK];
  if (!q || is_op(n, "Concat") || is_op(n, "Pad")) return NULL;
  if (!is_op(n, "Transpose")) return q->axis < 0 ? q : NULL;
  int rank = attr_ints(n, "perm", perm, MAX_RANK);
  for (int i = 0; rank == 0 && i < n->in[0]->rank; i++) perm[i] = n->in[0]->rank - 1 - i;
  return permuted_quant(g, q, n->in[0]->rank, perm);
}

/* Evaluates one node; its outputs become constants. */
static void fold_node(Graph *g, Node *n) {
  void **out = evaluate_node(g, n);
  for (int i = 0; i < n->n_out; i++) {
    Tensor *t = n->out[i];
    if (!t) continue;
    t->def = NULL;
    n->out[i] = NULL;
    if (is_graph_output(g, t)) {
      give_out(g, node_index(g, n), t, out[i]);
      continue;
    }
    t->data = out[i];
    if (n->op->flags & OP_MOVE && n->n_out == 1 && n_elements(t) == n_elements(n->in[0]))
      set_origin(t, n->in[0]);
    if (n->op->flags & OP_MOVE && n->n_in > 0) t->quant = moved_quant(g, n);
  }
  remove_node(g, n);
}

void fold_constants(Graph *g) {
  for (int i = 0; i < g->n_node; i++) {
    Node *n = g->node[i];
    infer_node(g, n);
    if (!can_fold(g, n)) continue;
    fold_node(g, n);
    i--;
  }
  remove_dead(g);
}

void pass_fold_constants(Graph *g, Context *cx) {
  (void)cx;
  for (int i = 0; i < g->n_out; i++)
    if (is_const(g->out[i])) {
      void *data = g->out[i]->data;
      g->out[i]->data = NULL;
      give_out(g, 0, g->out[i], data);
    }
  fold_constants(g);
}
