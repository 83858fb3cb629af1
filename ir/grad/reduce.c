/* reduce.c - gradients of reductions: the cotangent, repeated over what was reduced, times what each element
 * adds to the result. */
#include "ir/grad/rules.h"
#include "ir/ops/ops.h"

/* A tensor of the output's shape with the reduced dimensions back, as 1. */
static Tensor *keep_dims(Vjp *v, const Node *n, Tensor *t) {
  const Tensor *x = n->in[0];
  bool reduced[MAX_RANK];
  int64_t dim[MAX_RANK];
  get_reduced(n, NULL, reduced);
  for (int d = 0; d < x->rank; d++) dim[d] = reduced[d] ? 1 : x->dim[d];
  return reshape(v, t, x->rank, dim, x->layout);
}

static Tensor *kept_cotangent(Vjp *v, const Node *n) { return keep_dims(v, n, cotangent(v, n, 0)); }

static void give_times(Vjp *v, const Node *n, Tensor *slope) {
  give(v, n, 0, times(v, kept_cotangent(v, n), slope));
}

void vjp_reduce_sum(Vjp *v, const Node *n) {
  give(v, n, 0, expand_like(v, kept_cotangent(v, n), n->in[0]));
}

void vjp_reduce_mean(Vjp *v, const Node *n) {
  double count = (double)n_elements(n->in[0]) / (double)n_elements(n->out[0]);
  give(v, n, 0, expand_like(v, scaled(v, kept_cotangent(v, n), 1 / count), n->in[0]));
}

/* Elements that share the extreme value share the cotangent. */
void vjp_reduce_extreme(Vjp *v, const Node *n) {
  bool reduced[MAX_RANK];
  get_reduced(n, NULL, reduced);
  Tensor *is_it = as_float(v, apply2(v, "Equal", n->in[0], keep_dims(v, n, n->out[0])));
  give(v, n, 0, times(v, over(v, kept_cotangent(v, n), sum_over(v, is_it, reduced)), is_it));
}

/* The product of all other elements: with one 0 among them it is not 0 for that element only. */
void vjp_reduce_prod(Vjp *v, const Node *n) {
  bool reduced[MAX_RANK];
  get_reduced(n, NULL, reduced);
  Tensor *x = n->in[0], *one = number(v, 1), *none = number(v, 0);
  Tensor *is_zero = apply2(v, "Equal", x, none);
  Tensor *safe = select_where(v, is_zero, one, x), *zero = as_float(v, is_zero);
  Node *product = begin_op(v, "ReduceProd", 1, &safe);
  copy_attributes(v, product, n);
  if (in_tensor(n, 1)) set_input(vjp_graph(v), product, 1, n->in[1]);
  Tensor *others = over(v, keep_dims(v, n, end_op(v, product)), safe);
  Tensor *other_zeros = minus(v, sum_over(v, zero, reduced), zero);
  give_times(v, n, select_where(v, apply2(v, "Equal", other_zeros, none), others, none));
}

void vjp_reduce_l1(Vjp *v, const Node *n) { give_times(v, n, apply1(v, "Sign", n->in[0])); }

/* x / y; 0 where all elements are. */
void vjp_reduce_l2(Vjp *v, const Node *n) {
  Tensor *y = keep_dims(v, n, n->out[0]);
  Tensor *length = select_where(v, apply2(v, "Equal", y, number(v, 0)), number(v, 1), y);
  give_times(v, n, over(v, n->in[0], length));
}

void vjp_reduce_sum_square(Vjp *v, const Node *n) { give_times(v, n, scaled(v, n->in[0], 2)); }

void vjp_reduce_log_sum(Vjp *v, const Node *n) {
  Tensor *sum = apply1(v, "Exp", keep_dims(v, n, n->out[0]));
  give(v, n, 0, expand_like(v, over(v, kept_cotangent(v, n), sum), n->in[0]));
}

void vjp_reduce_log_sum_exp(Vjp *v, const Node *n) {
  give_times(v, n, apply1(v, "Exp", minus(v, n->in[0], keep_dims(v, n, n->out[0]))));
}
