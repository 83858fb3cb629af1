/* tflite_pointwise.c - operators whose output elements depend on the input elements at the same place. */
#include <string.h>

#include "frontend/tflite_reader.h"

enum { BINARY_FUSED = 0, LEAKY_ALPHA = 0 };
enum { BUILTIN_RELU6 = 21 };

static Tensor *real_needed(TfliteOp *op, int i) {
  tflite_needed(op, i);
  return tflite_real(op, i);
}

void read_tflite_binary(TfliteOp *op) {
  Node *n = tflite_layer(op, op->onnx, 2, (Tensor *[]){real_needed(op, 0), real_needed(op, 1)});
  infer_node(op->r->graph, n);
  tflite_give(op, 0, n->out[0], flat_int(&op->options, BINARY_FUSED, 1, 0));
}

void read_tflite_unary(TfliteOp *op) {
  Node *n = tflite_layer(op, op->onnx, 1, (Tensor *[]){real_needed(op, 0)});
  infer_node(op->r->graph, n);
  tflite_give(op, 0, n->out[0], 0);
}

void read_tflite_clip(TfliteOp *op) {
  bool six = op->builtin == BUILTIN_RELU6;
  Node *n = tflite_layer(op, "Clip", 1, (Tensor *[]){real_needed(op, 0)});
  set_float(op->r->graph, n, "min", six ? 0 : -1);
  set_float(op->r->graph, n, "max", six ? 6 : 1);
  infer_node(op->r->graph, n);
  tflite_give(op, 0, n->out[0], 0);
}

void read_tflite_leaky_relu(TfliteOp *op) {
  Node *n = tflite_layer(op, "LeakyRelu", 1, (Tensor *[]){real_needed(op, 0)});
  set_float(op->r->graph, n, "alpha", (double)flat_float(&op->options, LEAKY_ALPHA, 0));
  infer_node(op->r->graph, n);
  tflite_give(op, 0, n->out[0], 0);
}

/* Reals become codes, codes reals or other codes: what the types of input and output say. */
void read_tflite_convert(TfliteOp *op) {
  Tensor *x = real_needed(op, 0);
  Node *n = tflite_node(op, "Identity", 1, &x);
  infer_node(op->r->graph, n);
  tflite_give(op, 0, n->out[0], 0);
}
