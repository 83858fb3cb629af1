/* build.c - nodes that rules append: the arithmetic of gradients in one call each, every one inferred at
 * once so that the next can ask for its shape. */
#include <string.h>

#include "ir/grad/rules.h"

Node *begin_op(Vjp *v, const char *op, int n_in, Tensor *const *in) {
  Graph *g = vjp_graph(v);
  Tensor *y = new_tensor(g, fresh_name(g, "grad"), DT_NONE, -1, NULL);
  Node *n = add_node(g, -1, op, NULL, n_in, in, 1, &y);
  y->loc = n->loc;
  return n;
}

Tensor *end_op(Vjp *v, Node *n) {
  infer_node(vjp_graph(v), n);
  return n->out[0];
}

void copy_attributes(Vjp *v, Node *to, const Node *from) {
  for (int i = 0; i < from->n_attr; i++) set_attr(vjp_graph(v), to, &from->attr[i]);
}

Tensor *apply(Vjp *v, const char *op, int n_in, Tensor *const *in) {
  return end_op(v, begin_op(v, op, n_in, in));
}

Tensor *apply1(Vjp *v, const char *op, Tensor *a) { return apply(v, op, 1, &a); }

Tensor *apply2(Vjp *v, const char *op, Tensor *a, Tensor *b) {
  return apply(v, op, 2, (Tensor *[]){a, b});
}

Tensor *number(Vjp *v, double value) {
  Graph *g = vjp_graph(v);
  return new_scalar_f32(g, fresh_name(g, "grad"), (float)value);
}

Tensor *constant_like(Vjp *v, double value, const Tensor *x) {
  Graph *g = vjp_graph(v);
  int64_t count = n_elements(x);
  float *data = arena_alloc(g->arena, mul_size(count, (int64_t)sizeof *data) + 1);
  for (int64_t i = 0; i < count; i++) data[i] = (float)value;
  Tensor *t = new_const(g, fresh_name(g, "grad"), DT_F32, x->rank, x->dim, data);
  t->layout = x->layout;
  return t;
}

Tensor *plus(Vjp *v, Tensor *a, Tensor *b) { return apply2(v, "Add", a, b); }
Tensor *minus(Vjp *v, Tensor *a, Tensor *b) { return apply2(v, "Sub", a, b); }
Tensor *times(Vjp *v, Tensor *a, Tensor *b) { return apply2(v, "Mul", a, b); }
Tensor *over(Vjp *v, Tensor *a, Tensor *b) { return apply2(v, "Div", a, b); }

Tensor *scaled(Vjp *v, Tensor *a, double factor) {
  return factor == 1 ? a : times(v, a, number(v, factor));
}

Tensor *select_where(Vjp *v, Tensor *condition, Tensor *a, Tensor *b) {
  return apply(v, "Where", 3, (Tensor *[]){condition, a, b});
}

Tensor *as_float(Vjp *v, Tensor *condition) {
  Node *n = begin_op(v, "Cast", 1, &condition);
  set_int(vjp_graph(v), n, "to", DT_F32);
  return end_op(v, n);
}

/* ---- shapes */

static Tensor *shape_constant(Vjp *v, int rank, const int64_t *dim) {
  Graph *g = vjp_graph(v);
  return new_const_i64(g, fresh_name(g, "grad_shape"), rank, dim);
}

Tensor *reshape(Vjp *v, Tensor *x, int rank, const int64_t *dim, Layout layout) {
  bool same = rank == x->rank && layout == x->layout;
  for (int d = 0; same && d < rank; d++) same = dim[d] == x->dim[d];
  if (same) return x;
  Node *n = begin_op(v, "Reshape", 2, (Tensor *[]){x, shape_constant(v, rank, dim)});
  set_int(vjp_graph(v), n, "allowzero", 1);
  if (layout == LAYOUT_NHWC) set_str(vjp_graph(v), n, "layout", "NHWC");
  return end_op(v, n);
}

Tensor *reshape_like(Vjp *v, Tensor *x, const Tensor *like) {
  return reshape(v, x, like->rank, like->dim, like->layout);
}

/* Dimensions of 1 may go anywhere without moving an element. */
static bool keeps_order(const Tensor *x, const int *perm) {
  int last = -1;
  for (int d = 0; d < x->rank; d++) {
    if (x->dim[perm[d]] == 1) continue;
    if (perm[d] < last) return false;
    last = perm[d];
  }
  return true;
}

Tensor *transpose(Vjp *v, Tensor *x, const int *perm, Layout layout) {
  int64_t dim[MAX_RANK], list[MAX_RANK];
  for (int d = 0; d < x->rank; d++) {
    dim[d] = x->dim[perm[d]];
    list[d] = perm[d];
  }
  if (keeps_order(x, perm)) return reshape(v, x, x->rank, dim, layout);
  Node *n = begin_op(v, "Transpose", 1, &x);
  set_ints(vjp_graph(v), n, "perm", x->rank, list);
  if (layout == LAYOUT_NHWC) set_str(vjp_graph(v), n, "layout", "NHWC");
  return end_op(v, n);
}

Tensor *expand_like(Vjp *v, Tensor *x, const Tensor *like) {
  if (!same_shape(x, like)) x = apply2(v, "Expand", x, shape_constant(v, like->rank, like->dim));
  return reshape_like(v, x, like);
}

Tensor *sum_over(Vjp *v, Tensor *x, const bool *reduced) {
  int64_t axes[MAX_RANK];
  int count = 0;
  for (int d = 0; d < x->rank; d++)
    if (reduced[d] && x->dim[d] != 1) axes[count++] = d;
  if (count == 0) return x;
  return apply2(v, "ReduceSum", x, shape_constant(v, count, axes));
}

Tensor *spread_channels(Vjp *v, Tensor *vector, const Tensor *x) {
  int64_t dim[MAX_RANK];
  int axis = channel_axis(x);
  for (int d = 0; d < x->rank; d++) dim[d] = d == axis ? x->dim[d] : 1;
  return reshape(v, vector, x->rank, dim, x->layout);
}
