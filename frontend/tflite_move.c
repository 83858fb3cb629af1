/* tflite_move.c - operators that only move elements, on codes as they stand. */
#include <string.h>

#include "frontend/tflite_reader.h"

enum { CONCAT_AXIS = 0, CONCAT_FUSED = 1, SPLIT_COUNT = 0 };
enum { SLICE_BEGIN_MASK = 0, SLICE_END_MASK, SLICE_ELLIPSIS, SLICE_NEW_AXIS, SLICE_SHRINK };

/* Infers a node that moves the elements of its input i, and gives what it makes. */
static void give_moved(TfliteOp *op, Node *n, int i) {
  n->out[0]->quant = n->in[i]->quant;
  infer_node(op->r->graph, n);
  tflite_give(op, 0, n->out[0], 0);
}

static Tensor *list(TfliteOp *op, const char *name, int n, const int64_t *v) {
  Graph *g = op->r->graph;
  return new_const_i64(g, fresh_name(g, arena_printf(g->arena, "%s_%s", op->kind, name)), n, v);
}

/* The shape is the one that the file states for the output, which the operands lead to. */
void read_tflite_reshape(TfliteOp *op) {
  Tensor *x = tflite_needed(op, 0);
  int64_t dim[MAX_RANK], index = op->out.n ? flat_int_at(&op->out, 0) : -1;
  if (index < 0 || index >= op->r->tensors.n) error_at(op->loc, "output 0 is absent");
  int rank = tflite_shape(op->r, index, dim);
  tflite_give(op, 0, tflite_reshaped(op, x, rank, dim, rank == 4 ? LAYOUT_NHWC : LAYOUT_NONE), 0);
}

void read_tflite_transpose(TfliteOp *op) {
  int64_t perm[MAX_RANK];
  Tensor *x = tflite_needed(op, 0);
  int n_perm = tflite_ints(op, 1, perm, MAX_RANK);
  Node *n = tflite_node(op, "Transpose", 1, &x);
  set_ints(op->r->graph, n, "perm", n_perm, perm);
  give_moved(op, n, 0);
}

/* What is added is the code of 0. */
void read_tflite_pad(TfliteOp *op) {
  Graph *g = op->r->graph;
  Tensor *x = tflite_needed(op, 0), *amounts = tflite_needed(op, 1);
  int64_t pair[2 * MAX_RANK], v[2 * MAX_RANK], scalar = 1;
  int n = const_ints(amounts, pair, 2 * MAX_RANK);
  if (n != 2 * x->rank) error_at(op->loc, "input 1, '%s', is not a constant pair for each dimension", amounts->name);
  for (int d = 0; d < x->rank; d++) v[d] = pair[2 * d], v[x->rank + d] = pair[2 * d + 1];
  Tensor *zero = new_const(g, fresh_name(g, "pad_value"), x->dtype, 0, &scalar, arena_alloc(g->arena, 8));
  if (x->quant) set_real(x->dtype, zero->data, 0, x->quant->zero[0]);
  give_moved(op, tflite_node(op, "Pad", 3, (Tensor *[]){x, list(op, "pads", n, v), zero}), 0);
}

/* Codes of one scale are joined as they stand, others as real numbers. */
void read_tflite_concat(TfliteOp *op) {
  Graph *g = op->r->graph;
  if (op->in.n < 1) error_at(op->loc, "there is nothing to join");
  int n_in = (int)op->in.n;
  Tensor **in = arena_alloc(g->arena, n_in * (int64_t)sizeof *in);
  bool codes = true;
  for (int i = 0; i < n_in; i++) {
    in[i] = tflite_needed(op, i);
    codes &= same_meaning(in[i]->quant, in[0]->quant);
  }
  for (int i = 0; !codes && i < n_in; i++) in[i] = tflite_real(op, i);
  Node *n = tflite_node(op, "Concat", n_in, in);
  set_int(g, n, "axis", flat_int(&op->options, CONCAT_AXIS, 4, 0));
  n->out[0]->quant = in[0]->quant;
  infer_node(g, n);
  tflite_give(op, 0, n->out[0], flat_int(&op->options, CONCAT_FUSED, 1, 0));
}

/* Input 0 is the axis. */
void read_tflite_split(TfliteOp *op) {
  Graph *g = op->r->graph;
  int64_t axis, parts = op->out.n;
  Tensor *x = tflite_needed(op, 1);
  if (tflite_ints(op, 0, &axis, 1) != 1) error_at(op->loc, "the axis is not one integer");
  if (axis < -x->rank || axis >= x->rank || parts < 1 || x->dim[axis < 0 ? axis + x->rank : axis] % parts != 0)
    error_at(op->loc, "dimension %lld does not divide into %lld parts", (long long)axis, (long long)parts);
  if (axis < 0) axis += x->rank;
  for (int k = 0; k < parts; k++) {
    int64_t size = x->dim[axis] / parts, from = k * size, to = from + size;
    Tensor *in[4] = {x, list(op, "from", 1, &from), list(op, "to", 1, &to), list(op, "axis", 1, &axis)};
    Node *n = tflite_node(op, "Slice", 4, in);
    n->out[0]->quant = x->quant;
    infer_node(g, n);
    tflite_give(op, k, n->out[0], 0);
  }
}

/* Bounds that a mask bit leaves out are those of the whole dimension; a bit of SHRINK takes one index and
 * drops the dimension. */
void read_tflite_slice(TfliteOp *op) {
  Graph *g = op->r->graph;
  int64_t mask[5], from[MAX_RANK], to[MAX_RANK], step[MAX_RANK], axes[MAX_RANK], dim[MAX_RANK];
  Tensor *x = tflite_needed(op, 0);
  for (int i = 0; i < 5; i++) mask[i] = flat_int(&op->options, i, 4, 0);
  int n = tflite_ints(op, 1, from, MAX_RANK), rank = 0;
  if (tflite_ints(op, 2, to, MAX_RANK) != n || tflite_ints(op, 3, step, MAX_RANK) != n || n > x->rank)
    error_at(op->loc, "its bounds and steps do not fit the input's %d dimensions", x->rank);
  if (mask[SLICE_ELLIPSIS] || mask[SLICE_NEW_AXIS]) error_at(op->loc, "ellipses and new dimensions are not supported");
  for (int d = 0; d < n; d++) {
    axes[d] = d;
    if (step[d] == 0) error_at(op->loc, "the step of dimension %d is 0", d);
    if (mask[SLICE_BEGIN_MASK] >> d & 1) from[d] = step[d] > 0 ? 0 : INT32_MAX;
    if (mask[SLICE_SHRINK] >> d & 1) {
      step[d] = 1;
      to[d] = from[d] == -1 ? INT32_MAX : from[d] + 1;
    } else if (mask[SLICE_END_MASK] >> d & 1) {
      to[d] = step[d] > 0 ? INT32_MAX : INT32_MIN;
    }
  }
  Tensor *in[5] = {x, list(op, "from", n, from), list(op, "to", n, to), list(op, "axes", n, axes),
                   list(op, "steps", n, step)};
  Node *s = tflite_node(op, "Slice", 5, in);
  s->out[0]->quant = x->quant;
  infer_node(g, s);
  Tensor *y = s->out[0];
  for (int d = 0; d < y->rank; d++) {
    if (d < n && mask[SLICE_SHRINK] >> d & 1) {
      if (y->dim[d] != 1) error_at(op->loc, "index %lld is outside dimension %d", (long long)from[d], d);
      continue;
    }
    dim[rank++] = y->dim[d];
  }
  if (rank != y->rank) y = tflite_reshaped(op, y, rank, dim, rank == 4 ? LAYOUT_NHWC : LAYOUT_NONE);
  tflite_give(op, 0, y, 0);
}
