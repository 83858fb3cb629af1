/* kernels.c - gives every node the best kernel of the target's tables (targets/kernels.h).
 * Without a target nothing is chosen: the graph can still be run and printed.  A target with variants
 * has a kernel of each for every node; they share one schedule and one memory plan. */
#include "passes/passes.h"
#include "targets/kernels.h"

static const Kernel *find_kernel(const Target *t, const Node *n) {
  const Kernel *k = choose_kernel(t, n);
  if (!k)
    error_at(n->loc, "no kernel for operator %s (%s input of rank %d) on target %s", n->op->name,
             n->n_in && n->in[0] ? dtype_name(n->in[0]->dtype) : "no",
             n->n_in && n->in[0] ? n->in[0]->rank : 0, t->name);
  return k;
}

static void choose_variants(const Graph *g, const Target *t, Node *n) {
  n->n_variant = t->n_variant;
  n->variant = arena_alloc(g->arena, t->n_variant * (int64_t)sizeof *n->variant);
  for (int v = 0; v < t->n_variant; v++) n->variant[v] = find_kernel(t->variant[v].target, n);
  n->kernel = n->variant[0];
}

void pass_kernels(Graph *g, Context *cx) {
  const Target *t = cx->target;
  for (int i = 0; t && i < g->n_node; i++) {
    Node *n = g->node[i];
    if (is_view(n)) continue;
    if (t->n_variant) choose_variants(g, t, n);
    else n->kernel = find_kernel(t, n);
  }
}
