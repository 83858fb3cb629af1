/* fold.c - nodes whose outputs are known before the program runs. */
#include "ir/ir.h"

static bool is_known(const Tensor *t) { return is_const(t) || n_elements(t) == 0; }

static bool inputs_known(const Node *n) {
  static const char *const of_shape[] = {"Shape", "Size", "EyeLike", "RandomUniformLike", "RandomNormalLike"};
  for (size_t i = 0; i < sizeof of_shape / sizeof *of_shape; i++)
    if (is_op(n, of_shape[i])) return n_elements(n->in[0]) >= 0;
  for (int i = 0; i < n->n_in; i++)
    if (n->in[i] && !is_known(n->in[i])) return false;
  return true;
}

bool can_evaluate(const Node *n, int64_t most_bytes) {
  if (!n->op->eval || (n->op->flags & (OP_QDQ | OP_FLOW)) || !inputs_known(n)) return false;
  int64_t bytes = 0;
  for (int i = 0; i < n->n_out; i++) {
    const Tensor *t = n->out[i];
    if (!t) continue;
    if (n_elements(t) < 0 || t->dtype == DT_NONE || tensor_bytes(t) > most_bytes - bytes) return false;
    bytes += tensor_bytes(t);
  }
  return true;
}

void **evaluate_node(Graph *g, const Node *n) {
  void **out = arena_alloc(g->arena, (n->n_out + 1) * (int64_t)sizeof *out);
  for (int i = 0; i < n->n_out; i++)
    if (n->out[i]) out[i] = arena_alloc(g->arena, tensor_bytes(n->out[i]) + 1);
  eval_constants(n, out);
  return out;
}
