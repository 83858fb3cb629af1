/* linear.c - gradients of Gemm and MatMul: products of the cotangent with the other operand. */
#include "ir/grad/rules.h"

/* ---- Gemm */

static Tensor *gemm(Vjp *v, Tensor *a, bool trans_a, Tensor *b, bool trans_b, double alpha) {
  Graph *g = vjp_graph(v);
  Node *n = begin_op(v, "Gemm", 2, (Tensor *[]){a, b});
  if (trans_a) set_int(g, n, "transA", 1);
  if (trans_b) set_int(g, n, "transB", 1);
  if (alpha != 1) set_float(g, n, "alpha", alpha);
  return end_op(v, n);
}

/* Y = alpha A' B' + beta C, where ' is the transposition that the attributes ask for: the gradients are
 * alpha D B'^T and alpha A'^T D, transposed once more for a transposed operand. */
void vjp_gemm(Vjp *v, const Node *n) {
  Tensor *d = cotangent(v, n, 0), *a = n->in[0], *b = n->in[1];
  bool ta = attr_int(n, "transA", 0) != 0, tb = attr_int(n, "transB", 0) != 0;
  double alpha = attr_float(n, "alpha", 1);
  if (wants(v, n, 0))
    give(v, n, 0, ta ? gemm(v, b, tb, d, true, alpha) : gemm(v, d, false, b, !tb, alpha));
  if (wants(v, n, 1))
    give(v, n, 1, tb ? gemm(v, d, true, a, ta, alpha) : gemm(v, a, !ta, d, false, alpha));
  if (wants(v, n, 2)) give(v, n, 2, scaled(v, d, attr_float(n, "beta", 1)));
}

/* ---- MatMul */

static Tensor *swap_last(Vjp *v, Tensor *x) {
  int perm[MAX_RANK];
  for (int d = 0; d < x->rank; d++) perm[d] = d;
  perm[x->rank - 2] = x->rank - 1;
  perm[x->rank - 1] = x->rank - 2;
  return transpose(v, x, perm, LAYOUT_NONE);
}

/* With a dimension of 1 at place `at` if the tensor has one dimension only. */
static Tensor *as_matrix(Vjp *v, Tensor *x, int at) {
  if (x->rank > 1) return x;
  int64_t dim[2] = {at == 0 ? 1 : x->dim[0], at == 0 ? x->dim[0] : 1};
  return reshape(v, x, 2, dim, LAYOUT_NONE);
}

/* A vector is a matrix of one row or column; the cotangent has that dimension here, and that of a column
 * loses it again. */
void vjp_matmul(Vjp *v, const Node *n) {
  const Tensor *y = n->out[0];
  Tensor *a = as_matrix(v, n->in[0], 0), *b = as_matrix(v, n->in[1], 1);
  int64_t dim[MAX_RANK];
  int rank = 0, batch = y->rank - (n->in[0]->rank > 1) - (n->in[1]->rank > 1);
  for (; rank < batch; rank++) dim[rank] = y->dim[rank];
  dim[rank++] = a->dim[a->rank - 2];
  dim[rank++] = b->dim[b->rank - 1];
  Tensor *d = reshape(v, cotangent(v, n, 0), rank, dim, LAYOUT_NONE);
  if (wants(v, n, 0)) give(v, n, 0, apply2(v, "MatMul", d, swap_last(v, b)));
  if (!wants(v, n, 1)) return;
  Tensor *db = apply2(v, "MatMul", swap_last(v, a), d);
  give(v, n, 1, n->in[1]->rank == 1 ? reshape(v, db, db->rank - 1, db->dim, LAYOUT_NONE) : db);
}
