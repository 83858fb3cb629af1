/* incoherence.c - weights without large ones, for formats of few bits (QuIP#: Tseng and others 2024,
 * arXiv:2402.04396).  Rows and columns of a layer's weights are rotated by matrices of signs, which makes
 * them as if they were normally distributed; its inputs are rotated before it and its outputs back
 * behind it, as the network runs.  What the network computes stays the same, up to float rounding.
 *
 *   y = w x + b   ==>   y = S' ((S w R') (R x) + S b)        R', S' transposed
 *
 * Layers whose weights the policy keeps in more than MOST_BITS are left alone.  Layers with one input
 * share R.  A clamp that the layer carries moves to the rotation behind it.  With `sides: inputs`
 * there is no S. */
#include <string.h>

#include "passes/passes.h"
#include "passes/quant/rotate.h"
#include "passes/simplify/simplify.h"

enum { MOST_BITS = 4, SMALLEST_BLOCK = 4 };

static bool wants(const Graph *g, const Context *cx, const Node *n) {
  if (!is_linear_layer(n) || n->in[0]->rank == 0) return false;
  const Format *f = weight_choice(g, cx, n).format;
  return f != NULL && f->bits <= MOST_BITS;
}

/* Rotates the rows of a layer's weights, with R x from `rotated` [tensors] where another layer has
 * it. */
static void rotate_inputs(Graph *g, Node *n, Tensor **rotated) {
  Tensor *x = n->in[0];
  int64_t channels = x->dim[x->rank - 1];
  if (largest_hadamard(channels) < SMALLEST_BLOCK) return;
  Rotation r = new_rotation(g, channels, 0, x->name);
  Tensor *known = rotated[x->id];
  if (known == NULL)
    rotated[x->id] = known = add_rotation(
        g, node_index(g, n), arena_printf(g->arena, "%s_mixed", x->name), x, &r, false);
  set_input(g, n, 0, known);
  set_input(g, n, 1, rotate_rows(g, n->in[1], &r));
}

/* Rotates the columns, and the outputs back. */
static void rotate_outputs(Graph *g, Node *n) {
  static const char *const clamp[] = {"activation", "activation_min", "activation_max"};
  int64_t channels = n->in[1]->dim[0];
  Tensor *y = n->out[0];
  if (largest_hadamard(channels) < SMALLEST_BLOCK) return;
  Rotation r = new_rotation(g, channels, 0, y->name);
  set_input(g, n, 1, rotate_columns(g, n->in[1], &r));
  if (n->n_in > 2 && n->in[2] != NULL) set_input(g, n, 2, rotate_columns(g, n->in[2], &r));
  Tensor *mixed = copy_tensor(g, fresh_name(g, arena_printf(g->arena, "%s_mixed", y->name)), y);
  n->out[0] = mixed, mixed->def = n, y->def = NULL;
  Node *back = add_node(g, node_index(g, n) + 1, "Hadamard",
                        fresh_name(g, arena_printf(g->arena, "%s_back", n->name)), 2,
                        (Tensor *[]){mixed, r.sign}, 1, &y);
  set_int(g, back, "block", r.block);
  set_int(g, back, "inverse", 1);
  for (size_t i = 0; i < sizeof clamp / sizeof *clamp; i++) {
    const Attr *a = find_attr(n, clamp[i]);
    if (a == NULL) continue;
    set_attr(g, back, a);
    remove_attr(n, clamp[i]);
  }
}

void pass_incoherence(Graph *g, Context *cx) {
  if (!policy_has(cx->policy, "transforms", "incoherence")) return;
  bool both = strcmp(policy_value(cx->policy, "transforms.incoherence.sides"), "both") == 0;
  int n = g->n_node;
  Node **node = arena_alloc(g->arena, (n + 1) * (int64_t)sizeof *node);
  Tensor **rotated = arena_alloc(g->arena, (g->n_tensor + 1) * (int64_t)sizeof *rotated);
  memcpy(node, g->node, (size_t)n * sizeof *node);
  for (int i = 0; i < n; i++) {
    if (!wants(g, cx, node[i])) continue;
    rotate_inputs(g, node[i], rotated);
    if (both) rotate_outputs(g, node[i]);
  }
}
