/* build.c - what the bodies of functions are made of: one call for each kind of node. */
#include "ir/functions.h"

Tensor *body_input(const Body *b, int i) { return i < b->n_in ? b->in[i] : NULL; }

bool body_wants(const Body *b, int output) { return has_out(b->n, output); }

Node *start_node(Body *b, const char *op, int n_in, Tensor *const *in) {
  Graph *g = b->g;
  const char *name = fresh_name(g, arena_printf(g->arena, "%s_%s", b->n->name, op));
  Tensor *y = new_tensor(g, name, DT_NONE, -1, NULL);
  Node *n = add_node(g, b->at++, op, name, n_in, in, 1, &y);
  n->loc = y->loc = b->n->loc;
  return n;
}

Tensor *finish_node(Body *b, Node *n) {
  infer_node(b->g, n);
  return n->out[0];
}

Tensor *put_op(Body *b, const char *op, int n_in, Tensor *const *in) {
  return finish_node(b, start_node(b, op, n_in, in));
}

Tensor *put1(Body *b, const char *op, Tensor *a) { return put_op(b, op, 1, &a); }

Tensor *put2(Body *b, const char *op, Tensor *a, Tensor *c) {
  return put_op(b, op, 2, (Tensor *[]){a, c});
}

Tensor *put1_with(Body *b, const char *op, Tensor *a, const char *attribute, int64_t value) {
  Node *n = start_node(b, op, 1, &a);
  set_int(b->g, n, attribute, value);
  return finish_node(b, n);
}

static const char *constant_name(Body *b) {
  return fresh_name(b->g, arena_printf(b->g->arena, "%s_constant", b->n->name));
}

Tensor *put_real(Body *b, DType t, double value) { return put_reals(b, t, 0, NULL, &value); }

Tensor *put_ints(Body *b, int n, const int64_t *v) {
  return new_const_i64(b->g, constant_name(b), n, v);
}

Tensor *put_reals(Body *b, DType t, int rank, const int64_t *dim, const double *v) {
  Tensor *c = new_const(b->g, constant_name(b), t, rank, dim, NULL);
  if (tensor_bytes(c) < 0) error_at(b->n->loc, "%s: a tensor is too large", op_name(b->n));
  c->data = arena_alloc(b->g->arena, tensor_bytes(c) + 1);
  for (int64_t i = 0; i < n_elements(c); i++) set_real(t, c->data, i, v[i]);
  return c;
}

Tensor *put_reshape(Body *b, Tensor *x, int rank, const int64_t *dim) {
  bool same = rank == x->rank;
  for (int d = 0; same && d < rank; d++) same = dim[d] == x->dim[d];
  if (same) return x;
  Node *n = start_node(b, "Reshape", 2, (Tensor *[]){x, put_ints(b, rank, dim)});
  if (rank < 1 || dim[0] >= 0) set_int(b->g, n, "allowzero", 1);
  return finish_node(b, n);
}

Tensor *put_transpose(Body *b, Tensor *x, const char *order) {
  int64_t perm[MAX_RANK];
  for (int d = 0; d < x->rank; d++) perm[d] = order[d] - '0';
  Node *n = start_node(b, "Transpose", 1, &x);
  set_ints(b->g, n, "perm", x->rank, perm);
  return finish_node(b, n);
}

Tensor *put_cast(Body *b, Tensor *x, DType t) {
  return x->dtype == t ? x : put1_with(b, "Cast", x, "to", t);
}

Tensor *put_slice(Body *b, Tensor *x, int axis, int64_t from, int64_t to) {
  int64_t at = axis;
  return put_op(b, "Slice", 4,
                (Tensor *[]){x, put_ints(b, 1, &from), put_ints(b, 1, &to), put_ints(b, 1, &at)});
}

Tensor *put_concat(Body *b, int n, Tensor *const *x, int axis) {
  Node *c = start_node(b, "Concat", n, x);
  set_int(b->g, c, "axis", axis);
  return finish_node(b, c);
}

Tensor *put_reduce(Body *b, const char *op, Tensor *x, int n, const int64_t *axes) {
  return put2(b, op, x, put_ints(b, n, axes));
}

Tensor *put_along(Body *b, Tensor *x, int rank, int axis) {
  int64_t dim[MAX_RANK];
  for (int d = 0; d < rank; d++) dim[d] = d == axis ? n_elements(x) : 1;
  return put_reshape(b, x, rank, dim);
}
