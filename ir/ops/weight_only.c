/* weight_only.c - WConv and WGemm: Conv and Gemm (transB = 1) on real activations whose constant
 * weights are kept as codes and decoded where they are used.  Made by lowering; inputs x, w
 * codes, bias, and weights beside the codes (outliers.c). */
#include <stdlib.h>

#include "ir/ops/ops.h"

/* The float operator that a weight-only node stands for, with its weights' type changed to
 * float. */
typedef struct Shim {
  Tensor weights;
  Tensor *in[3];
  Node node;
} Shim;

static const Node *float_node(const Node *n, Shim *s) {
  s->weights = *n->in[1];
  s->weights.dtype = DT_F32;
  s->weights.quant = NULL;
  s->weights.data = NULL;
  for (int i = 0; i < 3; i++) s->in[i] = i < n->n_in ? n->in[i] : NULL;
  s->in[1] = &s->weights;
  s->node = *n;
  s->node.in = s->in;
  if (n->n_in > 3) s->node.n_in = 3;
  s->node.op = find_op(is_op(n, "WConv") ? "Conv" : "Gemm");
  return &s->node;
}

void infer_weight_only(Graph *g, Node *n) {
  if (!n->in[1] || !n->in[1]->quant)
    error_at(n->loc, "%s: weights have no quantization", n->op->name);
  check_outliers(n, n->in[1]);
  Shim s;
  float_node(n, &s);
  s.node.op->infer(g, &s.node);
}

void eval_weight_only(const Node *n, const void *const *in, void *const *out) {
  Shim s;
  const Node *f = float_node(n, &s);
  float *w = scratch(n_elements(n->in[1]), sizeof *w);
  dequantize_codes(n->in[1], in[1], w);
  add_outliers(n, in, n->in[1], w);
  f->op->eval(f, (const void *const[]){in[0], w, n->n_in > 2 ? in[2] : NULL}, out);
  free(w);
}

int64_t weight_only_macs(const Node *n) { return is_op(n, "WConv") ? conv_macs(n) : gemm_macs(n); }
