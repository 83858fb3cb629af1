/* norm.c - gradients of softmax and of normalizations.  Those with statistics of their own are written as
 * arithmetic, whose rules do the rest. */
#include "ir/grad/rules.h"
#include "ir/ops/ops.h"

/* ---- Softmax, LogSoftmax */

static Tensor *softmax_sum(Vjp *v, const Node *n, Tensor *t) {
  const Tensor *x = n->in[0];
  bool flat = attr_int(n, "flat", 0) != 0, reduced[MAX_RANK];
  int axis = get_axis(n, attr_int(n, "axis", -1), x->rank);
  for (int d = 0; d < x->rank; d++) reduced[d] = d == axis || (flat && d > axis);
  return sum_over(v, t, reduced);
}

void vjp_softmax(Vjp *v, const Node *n) {
  Tensor *y = n->out[0], *d = cotangent(v, n, 0);
  give(v, n, 0, times(v, y, minus(v, d, softmax_sum(v, n, times(v, d, y)))));
}

void vjp_log_softmax(Vjp *v, const Node *n) {
  Tensor *d = cotangent(v, n, 0), *p = apply1(v, "Exp", n->out[0]);
  give(v, n, 0, minus(v, d, times(v, p, softmax_sum(v, n, d))));
}

/* ---- Hadamard: the inverse of an orthogonal matrix is its transposition */

void vjp_hadamard(Vjp *v, const Node *n) {
  Node *back = begin_op(v, "Hadamard", 1, (Tensor *[]){cotangent(v, n, 0)});
  if (in_tensor(n, 1)) set_input(vjp_graph(v), back, 1, n->in[1]);
  copy_attributes(v, back, n);
  set_int(vjp_graph(v), back, "inverse", attr_int(n, "inverse", 0) == 0);
  give(v, n, 0, end_op(v, back));
}

/* ---- normalizations */

static Tensor *root(Vjp *v, const Node *n, Tensor *variance) {
  double epsilon = attr_float(n, "epsilon", (double)1e-5f);
  return apply1(v, "Sqrt", plus(v, variance, number(v, epsilon)));
}

static Tensor *mean_over(Vjp *v, Tensor *t, const bool *reduced) {
  double count = 1;
  for (int d = 0; d < t->rank; d++)
    if (reduced[d]) count *= (double)t->dim[d];
  return scaled(v, sum_over(v, t, reduced), 1 / count);
}

/* x, minus its mean if `centred`, over its deviation. */
static Tensor *normalized(Vjp *v, const Node *n, const bool *reduced, bool centred) {
  Tensor *x = n->in[0];
  if (centred) x = minus(v, x, mean_over(v, x, reduced));
  return over(v, x, root(v, n, mean_over(v, times(v, x, x), reduced)));
}

void vjp_batch_norm(Vjp *v, const Node *n) {
  int first = vjp_graph(v)->n_node;
  Tensor *x = n->in[0], *factor = over(v, n->in[1], root(v, n, n->in[4]));
  Tensor *centred = minus(v, x, spread_channels(v, n->in[3], x));
  Tensor *z = times(v, centred, spread_channels(v, factor, x));
  differentiate_from(v, first, plus(v, z, spread_channels(v, n->in[2], x)), cotangent(v, n, 0));
}

void vjp_instance_norm(Vjp *v, const Node *n) {
  int first = vjp_graph(v)->n_node;
  Tensor *x = n->in[0];
  bool reduced[MAX_RANK];
  for (int d = 0; d < x->rank; d++) reduced[d] = d > 0 && d != channel_axis(x);
  Tensor *z = times(v, normalized(v, n, reduced, true), spread_channels(v, n->in[1], x));
  differentiate_from(v, first, plus(v, z, spread_channels(v, n->in[2], x)), cotangent(v, n, 0));
}

/* A scale or bias in the shape of the dimensions from the axis on. */
static Tensor *inner(Vjp *v, const Node *n, int in, int axis) {
  const Tensor *x = n->in[0];
  return reshape(v, n->in[in], x->rank - axis, x->dim + axis, LAYOUT_NONE);
}

void vjp_layer_norm(Vjp *v, const Node *n) {
  int first = vjp_graph(v)->n_node;
  const Tensor *x = n->in[0];
  int axis = get_axis(n, attr_int(n, "axis", -1), x->rank);
  bool reduced[MAX_RANK];
  for (int i = 1; i < n->n_out; i++)
    if (cotangent(v, n, i))
      error_at(n->loc, "%s '%s' cannot be differentiated: its output %d has no gradient",
               op_name(n), n->name, i + 1);
  for (int d = 0; d < x->rank; d++) reduced[d] = d >= axis;
  Tensor *z =
      times(v, normalized(v, n, reduced, is_op(n, "LayerNormalization")), inner(v, n, 1, axis));
  if (in_tensor(n, 2)) z = plus(v, z, inner(v, n, 2, axis));
  differentiate_from(v, first, z, cotangent(v, n, 0));
}
