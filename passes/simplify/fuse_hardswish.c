/* fuse_hardswish.c - the HardSwish that exporters write as arithmetic becomes one operator
 * again, so that integer code needs one table instead of three operators.
 *
 *   y = Mul(Mul(x, Clip<0,6>(Add(x, 3))), 1/6)        ==>   y = HardSwish(x)
 *   y = Mul(x, Mul(Clip<0,6>(Add(x, 3)), 1/6))        ==>   y = HardSwish(x)
 *   y = Mul(x, HardSigmoid<alpha=1/6, beta=0.5>(x))   ==>   y = HardSwish(x)
 */
#include <math.h>

#include "passes/passes.h"
#include "passes/simplify/simplify.h"

static bool is_near(const Tensor *t, double value) {
  return is_float_const(t) && n_elements(t) == 1 &&
         fabs(floats_of(t)[0] - value) < 1e-4 * fabs(value);
}

/* The other operand of a node `op` that has a constant `value` as one of its two operands, or
 * NULL. */
static Tensor *beside_const(const Tensor *t, const char *op, double value) {
  const Node *n = t ? t->def : NULL;
  if (!is_op(n, op)) return NULL;
  for (int i = 0; i < 2; i++)
    if (is_near(n->in[i], value)) return n->in[1 - i];
  return NULL;
}

static double bound(const Node *n, int i, const char *attr, double otherwise) {
  const Tensor *t = i < n->n_in ? n->in[i] : NULL;
  if (!t) return attr_float(n, attr, otherwise);
  return is_float_const(t) && n_elements(t) == 1 ? floats_of(t)[0] : NAN;
}

/* x of Clip<0,6>(Add(x, 3)), or NULL. */
static Tensor *shifted_clip(const Tensor *t) {
  const Node *n = t ? t->def : NULL;
  if (!is_op(n, "Clip") || bound(n, 1, "min", -INFINITY) != 0 || bound(n, 2, "max", INFINITY) != 6)
    return NULL;
  return beside_const(n->in[0], "Add", 3);
}

/* x of a gate that is worth clip(x + 3, 0, 6) / 6, or NULL. */
static Tensor *gate(const Tensor *t) {
  const Node *n = t ? t->def : NULL;
  if (is_op(n, "HardSigmoid") && fabs(attr_float(n, "alpha", 0.2) - 1.0 / 6) < 1e-4 &&
      attr_float(n, "beta", 0.5) == 0.5)
    return n->in[0];
  return shifted_clip(beside_const(t, "Mul", 1.0 / 6));
}

/* Operands of a Mul in both orders: x when the other is x's gate. */
static Tensor *gated(const Node *n, Tensor *(*other)(const Tensor *)) {
  for (int i = 0; i < 2; i++)
    if (!is_const(n->in[i]) && other(n->in[1 - i]) == n->in[i]) return n->in[i];
  return NULL;
}

static Tensor *hardswish_of(const Node *n) {
  if (!is_op(n, "Mul")) return NULL;
  Tensor *x = gated(n, gate);
  const Tensor *product = beside_const(n->out[0], "Mul", 1.0 / 6);
  if (x || !product || !is_op(product->def, "Mul")) return x;
  return gated(product->def, shifted_clip);
}

void pass_fuse_hardswish(Graph *g, Context *cx) {
  (void)cx;
  for (int i = 0; i < g->n_node; i++) {
    Node *n = g->node[i];
    Tensor *x = hardswish_of(n), *y = n->out[0];
    if (!x || !same_shape(x, y)) continue;
    const char *name = n->name;
    Loc loc = n->loc;
    remove_node(g, n);
    add_node(g, i, "HardSwish", name, 1, &x, 1, &y)->loc = loc;
  }
}
