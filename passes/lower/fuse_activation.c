/* fuse_activation.c - activations that are not a clamp into the operator before them: in integer
 * code a table that the kernel applies to its codes, in float code a function of the kernel's
 * epilogue.
 *
 *   y = QLookup(QConv(x, w, b, m), table)   ==>   y = QConv(x, w, b, m, , table)
 *   y = QLookup(QLookup(x, t), u)          ==>   y = QLookup(x, u of t)
 *   y = HardSwish(Conv(x, w))               ==>   y = Conv<activation="HardSwish">(x, w)
 */
#include <string.h>

#include "passes/passes.h"

static const char *const functions[] = {"LeakyRelu", "HardSwish", "HardSigmoid", "Sigmoid", "Tanh"};

static bool is_function(const Node *n) {
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
    if (is_op(n, functions[i])) return true;
  return false;
}

/* The node p whose output only n reads, if it may write n's output instead. */
static Node *sole_producer(const Graph *g, const Node *n) {
  Node *p = n->in[0] ? n->in[0]->def : NULL;
  return p && only_user(g, n->in[0]) == n && !is_graph_output(g, n->in[0]) ? p : NULL;
}

static void take_output(Graph *g, Node *p, Node *n) {
  Tensor *y = n->out[0];
  n->out[0]->def = NULL, n->out[0] = NULL;
  remove_node(g, n);
  p->out[0]->def = NULL;
  p->out[0] = y;
  y->def = p;
}

static bool fuse_table(Graph *g, Node *n) {
  Node *p = is_op(n, "QLookup") ? sole_producer(g, n) : NULL;
  if ((!is_op(p, "QConv") && !is_op(p, "QGemm")) || n->in[0]->dtype != DT_I8 ||
      n->in[1]->dtype != DT_I8 || n->in[1]->rank != 1)
    return false;
  if (p->n_in > 5 && p->in[5]) return false;
  set_input(g, p, 5, n->in[1]);
  take_output(g, p, n);
  return true;
}

/* A table of what a table gives: one table. */
static bool compose_tables(Graph *g, Node *n) {
  Node *p = is_op(n, "QLookup") ? sole_producer(g, n) : NULL;
  if (!is_op(p, "QLookup") || n->in[1]->rank != 1 || p->in[1]->rank != 1) return false;
  if (n->in[0]->dtype != DT_I8 || n->in[1]->dtype != DT_I8) return false;
  const int8_t *first = p->in[1]->data, *then = n->in[1]->data;
  int8_t *both = arena_alloc(g->arena, 256);
  for (int i = 0; i < 256; i++) both[i] = then[first[i] + 128];
  set_input(g, p, 1, new_const(g, fresh_name(g, n->in[1]->name), DT_I8, 1, n->in[1]->dim, both));
  take_output(g, p, n);
  return true;
}

static bool fuse_function(Graph *g, Node *n) {
  Node *p = is_function(n) ? sole_producer(g, n) : NULL;
  bool real = is_op(p, "Conv") || is_op(p, "Gemm") || is_op(p, "DConv") || is_op(p, "DGemm") ||
              is_op(p, "FConv") || is_op(p, "FGemm");
  if (!real || find_attr(p, "activation")) return false;
  set_str(g, p, "activation", n->op->name);
  double alpha = is_op(n, "LeakyRelu") ? 0.01 : 0.2;
  if (is_op(n, "LeakyRelu") || is_op(n, "HardSigmoid"))
    set_float(g, p, "activation_alpha", attr_float(n, "alpha", alpha));
  if (is_op(n, "HardSigmoid")) set_float(g, p, "activation_beta", attr_float(n, "beta", 0.5));
  take_output(g, p, n);
  return true;
}

void pass_fuse_activation(Graph *g, Context *cx) {
  (void)cx;
  for (int i = 0; i < g->n_node; i++)
    if (compose_tables(g, g->node[i]) || fuse_table(g, g->node[i]) || fuse_function(g, g->node[i]))
      i = -1;
}
