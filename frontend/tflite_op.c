/* tflite_op.c - what readers of operators are written with.  An operator on codes becomes the float
 * operator between a Dequantize for each input and a Quantize for its output, with the attribute
 * rescale="tflite": lowering makes an integer operator of these, by that rule (docs/numerics.md).
 * What only moves elements works on codes as they stand. */
#include <math.h>
#include <string.h>

#include "frontend/tflite_reader.h"

static TfliteTensor *slot(TfliteOp *op, const FlatVector *list, int i, const char *noun) {
  int64_t index = i < list->n ? flat_int_at(list, i) : -1;
  if (index == -1) return NULL;
  if (index < 0 || index >= op->r->tensors.n)
    error_at(op->loc, "%s %d is tensor %lld of %lld", noun, i, (long long)index, (long long)op->r->tensors.n);
  return &op->r->tensor[index];
}

Tensor *tflite_input(TfliteOp *op, int i) {
  TfliteTensor *s = slot(op, &op->in, i, "input");
  if (!s) return NULL;
  if (!s->t) s->t = make_tflite_tensor(op->r, s - op->r->tensor);
  if (!s->made && !is_const(s->t)) error_at(op->loc, "input %d, '%s', is made by no operator before", i, s->t->name);
  return s->t;
}

Tensor *tflite_needed(TfliteOp *op, int i) {
  Tensor *t = tflite_input(op, i);
  if (!t) error_at(op->loc, "input %d is absent", i);
  return t;
}

Tensor *tflite_real(TfliteOp *op, int i) {
  Tensor *t = tflite_input(op, i);
  TfliteTensor *s = slot(op, &op->in, i, "input");
  if (!t || !t->quant) return t;
  Graph *g = op->r->graph;
  if (!s->real) {
    s->real = add_op(g, -1, "Dequantize", fresh_name(g, arena_printf(g->arena, "%s_real", t->name)), 1, &t);
    s->real->def->loc = op->loc;
  }
  return s->real;
}

int tflite_ints(TfliteOp *op, int i, int64_t *v, int max) {
  const Tensor *t = tflite_needed(op, i);
  int n = const_ints(t, v, max);
  if (n < 0) error_at(op->loc, "input %d, '%s', is not a constant list of at most %d integers", i, t->name, max);
  return n;
}

Node *tflite_node(TfliteOp *op, const char *onnx, int n_in, Tensor *const *in) {
  Graph *g = op->r->graph;
  const char *name = fresh_name(g, arena_printf(g->arena, "%s_%d", op->kind, g->n_node));
  Tensor *y = new_tensor(g, name, DT_NONE, -1, NULL);
  Node *n = add_node(g, -1, onnx, name, n_in, in, 1, &y);
  n->loc = op->loc;
  return n;
}

Tensor *tflite_reshaped(TfliteOp *op, Tensor *x, int rank, const int64_t *dim, Layout layout) {
  Graph *g = op->r->graph;
  Tensor *shape = new_const_i64(g, fresh_name(g, arena_printf(g->arena, "%s_shape", x->name)), rank, dim);
  Node *n = tflite_node(op, "Reshape", 2, (Tensor *[]){x, shape});
  if (layout == LAYOUT_NHWC) set_str(g, n, "layout", "NHWC");
  n->out[0]->quant = x->quant;
  infer_node(g, n);
  return n->out[0];
}

Tensor *tflite_image(TfliteOp *op, Tensor *x) {
  if (x->rank != 4) error_at(op->loc, "'%s' has %d dimensions, expected 4", x->name, x->rank);
  if (x->layout == LAYOUT_NHWC) return x;
  return tflite_reshaped(op, x, 4, x->dim, LAYOUT_NHWC);
}

Tensor *tflite_output(TfliteOp *op, int k) {
  TfliteTensor *s = slot(op, &op->out, k, "output");
  if (!s) error_at(op->loc, "output %d is absent", k);
  if (!s->t) s->t = make_tflite_tensor(op->r, s - op->r->tensor);
  if (s->made) error_at(op->loc, "output %d, '%s', is made twice", k, s->t->name);
  if (is_const(s->t)) error_at(op->loc, "output %d, '%s', is a constant", k, s->t->name);
  return s->t;
}

Node *tflite_layer(TfliteOp *op, const char *onnx, int n_in, Tensor *const *in) {
  Node *n = tflite_node(op, onnx, n_in, in);
  if (tflite_output(op, 0)->quant) set_str(op->r->graph, n, "rescale", "tflite");
  return n;
}

/* y behind an activation function of the schema. */
static Tensor *activated(TfliteOp *op, Tensor *y, int64_t fused) {
  enum { NONE, RELU, RELU_N1_TO_1, RELU6, TANH };
  Graph *g = op->r->graph;
  if (fused == NONE) return y;
  if (fused < NONE || fused > TANH) error_at(op->loc, "activation function %lld is not supported", (long long)fused);
  Node *n = tflite_node(op, fused == RELU ? "Relu" : fused == TANH ? "Tanh" : "Clip", 1, &y);
  if (fused == RELU_N1_TO_1 || fused == RELU6) {
    set_float(g, n, "min", fused == RELU6 ? 0 : -1);
    set_float(g, n, "max", fused == RELU6 ? 6 : 1);
  }
  infer_node(g, n);
  return n->out[0];
}

/* error_at unless what was made has the shape that the file states. */
static void check_shape(TfliteOp *op, int k, const Tensor *y, const Tensor *stated) {
  if (y->dtype == DT_NONE || y->rank < 0) error_at(op->loc, "output %d has no shape known before it runs", k);
  if (!same_shape(y, stated))
    error_at(op->loc, "output %d is %s in the file, but its inputs give %s", k,
             shape_text(op->r->arena, stated), shape_text(op->r->arena, y));
}

void tflite_give(TfliteOp *op, int k, Tensor *y, int64_t fused) {
  Graph *g = op->r->graph;
  Tensor *t = tflite_output(op, k);
  if (y->quant && t->quant && !same_meaning(y->quant, t->quant))
    y = add_op(g, -1, "Dequantize", fresh_name(g, arena_printf(g->arena, "%s_real", y->name)), 1, &y);
  y = activated(op, y, fused);
  check_shape(op, k, y, t);
  slot(op, &op->out, k, "output")->made = true;
  t->layout = y->layout;
  if (t->quant && y->dtype == DT_F32) {
    Node *n = add_node(g, -1, "Quantize", fresh_name(g, arena_printf(g->arena, "%s_codes", t->name)), 1, &y, 1, &t);
    set_str(g, n, "rescale", "tflite");
    n->loc = op->loc;
    infer_node(g, n);
    return;
  }
  if (y->dtype != t->dtype)
    error_at(op->loc, "output %d is %s in the file, but its inputs give %s", k, dtype_name(t->dtype),
             dtype_name(y->dtype));
  /* What the last node made is the tensor. */
  Node *last = y->def;
  for (int i = 0; i < last->n_out; i++)
    if (last->out[i] == y) last->out[i] = t;
  t->def = last, t->inferred = y->inferred, y->def = NULL;
}
