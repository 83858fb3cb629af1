/* kernels.c - gives every node the best kernel of the target's tables (targets/kernels.h).
 * Without a target nothing is chosen: the graph can still be run and printed.  A target with variants
 * has a kernel of each for every node; they share one schedule and one memory plan. */
#include "passes/passes.h"
#include "targets/kernels.h"

void pass_kernels(Graph *g, Context *cx) {
  for (int i = 0; cx->target && i < g->n_node; i++) {
    Node *n = g->node[i];
    if (n->n_out > 0 && n->out[0] && n_elements(n->out[0]) < 0)
      error_at(n->loc, "%s: the shape of its output depends on values that are computed; --fix makes inputs constants",
               n->op->name);
    if (!set_kernel(g, cx->target, n))
      error_at(n->loc, "no kernel for operator %s (%s input of rank %d) on target %s", n->op->name,
               n->n_in && n->in[0] ? dtype_name(n->in[0]->dtype) : "no",
               n->n_in && n->in[0] ? n->in[0]->rank : 0, cx->target->name);
  }
}
