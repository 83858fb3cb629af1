/* fuse_norm.c - normalizations of rows that exporters write as arithmetic become one operator again,
 * where the policy has a use for it: `fold_norm` folds their scales.
 *
 *   y = Mul(Div(x, Sqrt(Add(ReduceMean(Mul(x, x)), eps))), gamma)   ==>   y = RMSNormalization(x, gamma)
 *   the same of x - ReduceMean(x), and beta added                   ==>   y = LayerNormalization(...)
 *
 * A square may be a Pow, the division a product with a Reciprocal. */
#include <math.h>

#include "passes/passes.h"
#include "passes/simplify/simplify.h"

static bool is_number(const Tensor *t, double value) {
  return is_float_const(t) && n_elements(t) == 1 && (double)floats_of(t)[0] == value;
}

/* x of the mean of its rows, or NULL. */
static Tensor *row_mean_of(const Tensor *t) {
  const Node *n = t->def;
  if (!is_op(n, "ReduceMean") || !attr_int(n, "keepdims", 1)) return NULL;
  int64_t axis, last = n->in[0]->rank - 1;
  bool attribute = attr_ints(n, "axes", &axis, 1) == 1;
  if (!attribute && (n->n_in < 2 || !n->in[1] || const_ints(n->in[1], &axis, 1) != 1)) return NULL;
  return axis == last || axis == -1 ? n->in[0] : NULL;
}

static Tensor *square_of(const Tensor *t) {
  const Node *n = t->def;
  bool square = (is_op(n, "Mul") && n->in[0] == n->in[1]) ||
                (is_op(n, "Pow") && is_number(n->in[1], 2));
  return square ? n->in[0] : NULL;
}

/* x of Sqrt(Add(ReduceMean(x * x), eps)), or NULL. */
static Tensor *root_mean_square_of(const Tensor *t, double *eps) {
  const Node *add = is_op(t->def, "Sqrt") ? t->def->in[0]->def : NULL;
  for (int i = 0; is_op(add, "Add") && i < 2; i++) {
    if (!is_float_const(add->in[i]) || n_elements(add->in[i]) != 1) continue;
    Tensor *squares = row_mean_of(add->in[1 - i]);
    *eps = floats_of(add->in[i])[0];
    return squares ? square_of(squares) : NULL;
  }
  return NULL;
}

static Tensor *reciprocal_of(const Tensor *t) {
  const Node *n = t->def;
  if (is_op(n, "Reciprocal")) return n->in[0];
  return is_op(n, "Div") && is_number(n->in[0], 1) ? n->in[1] : NULL;
}

/* x of a node that divides x by its root mean square, or NULL. */
static Tensor *divided_by_rms(const Node *n, double *eps) {
  if (is_op(n, "Div") && !is_const(n->in[0]))
    return root_mean_square_of(n->in[1], eps) == n->in[0] ? n->in[0] : NULL;
  for (int i = 0; is_op(n, "Mul") && i < 2; i++) {
    const Tensor *root = reciprocal_of(n->in[i]);
    if (root && root_mean_square_of(root, eps) == n->in[1 - i]) return n->in[1 - i];
  }
  return NULL;
}

/* The constant vector that the only reader of t, a node `op`, combines with its rows; NULL when there
 * is no such. */
static Tensor *vector_beside(const Graph *g, const Tensor *t, const char *op) {
  const Node *n = is_graph_output(g, t) ? NULL : only_user(g, t);
  int64_t last = t->dim[t->rank - 1];
  for (int i = 0; is_op(n, op) && i < 2; i++) {
    Tensor *c = n->in[i];
    if (is_float_const(c) && c->rank > 0 && c->rank <= t->rank && n_elements(c) == last &&
        c->dim[c->rank - 1] == last)
      return c;
  }
  return NULL;
}

static Tensor *new_ones(Graph *g, const char *name, int64_t n) {
  float *v = arena_alloc(g->arena, n * (int64_t)sizeof *v);
  for (int64_t i = 0; i < n; i++) v[i] = 1;
  return new_floats(g, name, 1, &n, v);
}

static void fuse(Graph *g, Node *n, Tensor *x, double eps) {
  const Node *minus = x->def;
  bool centred = is_op(minus, "Sub") && row_mean_of(minus->in[1]) == minus->in[0];
  Tensor *y = n->out[0], *in[3] = {centred ? minus->in[0] : x, vector_beside(g, y, "Mul"), NULL};
  Node *last = n;
  if (in[1]) last = only_user(g, y), y = last->out[0];
  else in[1] = new_ones(g, arena_printf(g->arena, "%s_scale", n->name), x->dim[x->rank - 1]);
  in[2] = centred ? vector_beside(g, y, "Add") : NULL;
  if (in[2]) last = only_user(g, y), y = last->out[0];
  const char *name = last->name;
  Loc loc = last->loc;
  int at = node_index(g, last);
  last->out[0]->def = NULL, last->out[0] = NULL;
  remove_node(g, last);
  Node *norm = add_node(g, at, centred ? "LayerNormalization" : "RMSNormalization", name,
                        in[2] ? 3 : 2, in, 1, &y);
  norm->loc = loc;
  set_float(g, norm, "epsilon", eps);
  infer_node(g, norm);
}

void pass_fuse_norm(Graph *g, Context *cx) {
  if (!policy_has(cx->policy, "transforms", "fold_norm")) return;
  for (int i = 0; i < g->n_node; i++) {
    double eps;
    Tensor *x = divided_by_rms(g->node[i], &eps);
    if (x && x->rank > 0 && x->dtype == DT_F32 && same_shape(x, g->node[i]->out[0]))
      fuse(g, g->node[i], x, eps);
  }
}
