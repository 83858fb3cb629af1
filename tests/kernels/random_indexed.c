/* random_indexed.c - random layers whose indices are constants: GatherElements, GatherND, ScatterElements,
 * ScatterND with every reduction, and scans and selections along an axis. */
#include "tests/kernels/random_layers.h"

static Node *new_layer(Graph *g, const char *op, int n_in, Tensor *const *in) {
  Tensor *y = new_tensor(g, fresh_name(g, "y"), DT_NONE, -1, NULL);
  return add_node(g, -1, op, fresh_name(g, "layer"), n_in, in, 1, &y);
}

/* Indices of `rank` dimensions, of int32 or int64; element i is of a dimension of size[i % n]. */
static Tensor *new_indices(Graph *g, int rank, const int64_t *dim, int n, const int64_t *size) {
  Tensor *t = new_const(g, fresh_name(g, "i"), pick(0, 1) ? DT_I64 : DT_I32, rank, dim, NULL);
  t->data = arena_alloc(g->arena, tensor_bytes(t) + 1);
  for (int64_t i = 0; i < n_elements(t); i++) {
    int most = (int)size[i % n];
    set_real(t->dtype, t->data, i, pick(-most, most - 1));
  }
  return t;
}

static void set_reduction(Graph *g, Node *n) {
  static const char *const names[] = {"none", "add", "mul", "min", "max"};
  set_str(g, n, "reduction", names[pick(0, 4)]);
}

static Node *random_by_elements(Graph *g, Tensor *x) {
  int axis = pick(0, x->rank - 1);
  int64_t dim[4];
  for (int d = 0; d < x->rank; d++) dim[d] = d == axis ? pick(1, 9) : pick(1, (int)x->dim[d]);
  Tensor *index = new_indices(g, x->rank, dim, 1, &x->dim[axis]);
  bool gather = pick(0, 1);
  Tensor *in[3] = {x, index, gather ? NULL : new_weights(g, x->rank, dim, x->dtype)};
  Node *n = new_layer(g, gather ? "GatherElements" : "ScatterElements", gather ? 2 : 3, in);
  set_int(g, n, "axis", axis);
  if (!gather) set_reduction(g, n);
  return n;
}

static Node *random_by_tuples(Graph *g, Tensor *x) {
  bool gather = pick(0, 1);
  int batch = gather ? pick(0, 1) : 0, depth = pick(1, x->rank - batch);
  int64_t dim[4] = {batch ? x->dim[0] : pick(1, 4), pick(1, 5), depth}, updates[6];
  int rank = 2;
  Tensor *in[3] = {x, new_indices(g, 3, dim, depth, x->dim + batch), NULL};
  updates[0] = dim[0], updates[1] = dim[1];
  for (int d = depth; d < x->rank; d++) updates[rank++] = x->dim[d];
  if (!gather) in[2] = new_weights(g, rank, updates, x->dtype);
  Node *n = new_layer(g, gather ? "GatherND" : "ScatterND", gather ? 2 : 3, in);
  if (gather) set_int(g, n, "batch_dims", batch);
  else set_reduction(g, n);
  return n;
}

static Node *random_scan(Graph *g, Tensor *x) {
  int64_t axis = pick(-x->rank, x->rank - 1);
  Node *n = new_layer(g, pick(0, 1) ? "CumSum" : "CumProd", 2,
                      (Tensor *[]){x, new_const_i64(g, fresh_name(g, "axis"), 1, &axis)});
  set_int(g, n, "exclusive", pick(0, 1)), set_int(g, n, "reverse", pick(0, 1));
  return n;
}

static Node *random_selection(Graph *g, Tensor *x) {
  int64_t batch = pick(0, 1), k = pick(-9, 9), n_length = x->dim[batch], size = x->dim[1 - batch];
  if (pick(0, 1)) {
    Node *n = new_layer(g, "Trilu", 2, (Tensor *[]){x, new_const_i64(g, fresh_name(g, "k"), 1, &k)});
    set_int(g, n, "upper", pick(0, 1));
    return n;
  }
  int64_t *length = arena_alloc(g->arena, n_length * (int64_t)sizeof *length);
  for (int64_t i = 0; i < n_length; i++) length[i] = pick(0, (int)size);
  Tensor *lengths = new_const_i64(g, fresh_name(g, "lengths"), (int)n_length, length);
  Node *n = new_layer(g, "ReverseSequence", 2, (Tensor *[]){x, lengths});
  set_int(g, n, "batch_axis", batch), set_int(g, n, "time_axis", 1 - batch);
  return n;
}

Node *random_indexed(Graph *g, Tensor *x) {
  if (x->dtype == DT_F32 && !pick(0, 5)) {
    x->dim[2] = x->dim[3] = pick(1, 5);
    return new_layer(g, "Det", 1, &x);
  }
  switch (pick(0, 4)) {
    case 0:
    case 1: return random_by_elements(g, x);
    case 2: return random_by_tuples(g, x);
    case 3: return dtype_is_half(x->dtype) ? random_selection(g, x) : random_scan(g, x);
    default: return random_selection(g, x);
  }
}
