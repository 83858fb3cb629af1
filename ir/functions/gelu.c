/* gelu.c - the bodies of relatives of Gelu and Swish: com.microsoft's behind a bias, by its tanh form, and x times the
 * sigmoid of 1.702 x; and SwiGLU (ONNX 28). */
#include "ir/functions.h"

bool body_bias_gelu(Body *b) {
  Tensor *x = b->in[0], *bias = body_input(b, 1);
  need_float(b->n, 0);
  if (bias) x = put2(b, "Add", x, bias);
  Node *n = start_node(b, "Gelu", 1, &x);
  set_str(b->g, n, "approximate", is_op(b->n, "FastGelu") ? "tanh" : "none");
  b->out[0] = finish_node(b, n);
  return true;
}

bool body_quick_gelu(Body *b) {
  need_float(b->n, 0);
  Tensor *turned = put2(b, "Mul", b->in[0], put_real(b, b->in[0]->dtype, attr_float(b->n, "alpha", 1.702)));
  b->out[0] = put2(b, "Mul", b->in[0], put1(b, "Sigmoid", turned));
  return true;
}

/* a sigmoid(alpha a) b */
bool body_swiglu(Body *b) {
  Node *n = start_node(b, "Swish", 1, &b->in[0]);
  set_float(b->g, n, "alpha", attr_float(b->n, "alpha", 1));
  b->out[0] = put2(b, "Mul", finish_node(b, n), b->in[1]);
  return true;
}
