/* fuse_bias.c - a constant per-channel Add after a weighted operator becomes its bias.
 *
 *   y = Add(Conv(x, w), c[C,1,1])   ==>   y = Conv(x, w, c)
 */
#include "passes/passes.h"
#include "passes/simplify/simplify.h"

static bool fuse(Graph *g, Node *n) {
  for (int i = 0; i < 2; i++) {
    Tensor *x = n->in[i];
    Node *p = x->def;
    int64_t c = p ? weighted_channels(p) : 0;
    if (c == 0 || only_user(g, x) != n || is_graph_output(g, x)) continue;
    if (p->n_in > 2 && p->in[2] && !is_float_const(p->in[2])) continue;
    const float *shift = per_channel(g, n->in[1 - i], x->rank, 1, c);
    if (!shift || !same_shape(x, n->out[0])) continue;
    float *bias = arena_alloc(g->arena, c * (int64_t)sizeof *bias);
    const Tensor *b = p->n_in > 2 ? p->in[2] : NULL;
    for (int64_t k = 0; k < c; k++)
      bias[k] = (b ? floats_of(b)[n_elements(b) == 1 ? 0 : k] : 0) + shift[k];
    set_input(g, p, 2, new_floats(g, n->in[1 - i]->name, 1, &c, bias));
    bypass(g, n, x);
    return true;
  }
  return false;
}

void pass_fuse_bias(Graph *g, Context *cx) {
  (void)cx;
  for (int i = 0; i < g->n_node; i++)
    if (is_op(g->node[i], "Add") && fuse(g, g->node[i])) i = -1;
}
