/* elementwise.c - gradients of arithmetic on several inputs, of the least and greatest of them, and of
 * Where.  give() sums over what an input was repeated along. */
#include "ir/grad/rules.h"

void vjp_add(Vjp *v, const Node *n) {
  for (int i = 0; i < 2; i++) give(v, n, i, cotangent(v, n, 0));
}

void vjp_sub(Vjp *v, const Node *n) {
  Tensor *d = cotangent(v, n, 0);
  give(v, n, 0, d);
  if (wants(v, n, 1)) give(v, n, 1, apply1(v, "Neg", d));
}

void vjp_mul(Vjp *v, const Node *n) {
  Tensor *d = cotangent(v, n, 0);
  for (int i = 0; i < 2; i++)
    if (wants(v, n, i)) give(v, n, i, times(v, d, n->in[1 - i]));
}

void vjp_div(Vjp *v, const Node *n) {
  Tensor *share = over(v, cotangent(v, n, 0), n->in[1]);
  give(v, n, 0, share);
  if (wants(v, n, 1)) give(v, n, 1, apply1(v, "Neg", times(v, share, n->out[0])));
}

/* The logarithm counts as 0 where the base is not positive. */
void vjp_pow(Vjp *v, const Node *n) {
  Tensor *d = cotangent(v, n, 0), *a = n->in[0], *b = n->in[1], *one = number(v, 1);
  if (wants(v, n, 0))
    give(v, n, 0, times(v, d, times(v, b, apply2(v, "Pow", a, minus(v, b, one)))));
  if (!wants(v, n, 1)) return;
  Tensor *base = select_where(v, apply2(v, "Greater", a, number(v, 0)), a, one);
  give(v, n, 1, times(v, times(v, d, n->out[0]), apply1(v, "Log", base)));
}

void vjp_sum(Vjp *v, const Node *n) {
  for (int i = 0; i < n->n_in; i++) give(v, n, i, cotangent(v, n, 0));
}

void vjp_mean(Vjp *v, const Node *n) {
  Tensor *d = scaled(v, cotangent(v, n, 0), 1.0 / n->n_in);
  for (int i = 0; i < n->n_in; i++) give(v, n, i, d);
}

/* Min and Max: inputs that share the extreme value share the cotangent. */
void vjp_extreme(Vjp *v, const Node *n) {
  Tensor **is_it = arena_alloc(vjp_graph(v)->arena, n->n_in * (int64_t)sizeof(Tensor *));
  for (int i = 0; i < n->n_in; i++) is_it[i] = as_float(v, apply2(v, "Equal", n->in[i], n->out[0]));
  Tensor *share = over(v, cotangent(v, n, 0), apply(v, "Sum", n->n_in, is_it));
  for (int i = 0; i < n->n_in; i++)
    if (wants(v, n, i)) give(v, n, i, times(v, share, is_it[i]));
}

void vjp_where(Vjp *v, const Node *n) {
  Tensor *d = cotangent(v, n, 0), *zero = number(v, 0), *condition = n->in[0];
  if (wants(v, n, 1)) give(v, n, 1, select_where(v, condition, d, zero));
  if (wants(v, n, 2)) give(v, n, 2, select_where(v, condition, zero, d));
}
