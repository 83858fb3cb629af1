/* onnx_known.c - what is known of an ONNX graph's tensors before it is complete: the nodes that there are become
 * nodes of a graph of their own, whose shapes are inferred and whose small values are computed where they follow from
 * constants, inputs that the user fixed and static shapes.  Each node is looked at once, however many questions. */
#include "frontend/onnx_reader.h"

enum { MOST_BYTES = 1 << 16 };  /* of what a node computes: numbers of steps and conditions follow from little */

struct OnnxKnown {
  const OnnxFile *file;
  OnnxReader *reader;   /* NULL until the first question */
  int n;                /* nodes that it has read */
};

OnnxKnown *new_onnx_known(const OnnxFile *f) {
  OnnxKnown *k = arena_alloc(f->arena, sizeof *k);
  k->file = f;
  return k;
}

/* A file may list a node before those that make its inputs: nothing is known of its outputs. */
static bool has_inputs(OnnxReader *r, const OnnxNode *p) {
  for (size_t i = 0; i < p->n_input; i++)
    if (*p->input[i] && !*tensor_slot(r, p->input[i])) return false;
  return true;
}

static void learn(OnnxReader *r, const OnnxNode *p, int index) {
  Graph *g = r->graph;
  reserve_names(r, p->n_input + p->n_output);
  if (!has_inputs(r, p)) return;
  int n_node = g->n_node;
  read_onnx_outputs(r, p, index);
  read_onnx_node(r, p, index);
  if (g->n_node == n_node) return;
  Node *n = g->node[n_node];
  infer_node(g, n);
  if (!can_evaluate(n, MOST_BYTES)) return;
  void **out = evaluate_node(g, n);
  for (int i = 0; i < n->n_out; i++)
    if (n->out[i]) n->out[i]->data = out[i];
}

const Tensor *known_tensor(OnnxKnown *k, int n, OnnxNode *const *node, const char *name) {
  if (!k->reader) k->reader = open_onnx(k->file);
  for (; k->n < n; k->n++) learn(k->reader, node[k->n], k->n);
  reserve_names(k->reader, 1);
  return *tensor_slot(k->reader, name);
}
