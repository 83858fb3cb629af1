/* ops.c - the table of operators, made from ops.def. */
#include <string.h>

#include "ir/grad/rules.h"
#include "ir/ir.h"
#include "ir/ops/ops.h"

static const OpDef table[] = {
#define OP(name, min_in, max_in, min_out, max_out, flags, infer, eval, macs, vjp, summary) \
  {#name, min_in, max_in, min_out, max_out, flags, infer, eval, macs, vjp, summary},
#include "ir/ops.def"
#undef OP
};

enum { N_OPS = sizeof table / sizeof *table };

int n_ops(void) { return N_OPS; }

const OpDef *op_at(int i) { return &table[i]; }

const OpDef *find_op(const char *name) {
  for (int i = 0; i < N_OPS; i++)
    if (strcmp(table[i].name, name) == 0) return &table[i];
  return NULL;
}

int64_t node_macs(const Node *n) { return n->op->macs ? n->op->macs(n) : 0; }

int64_t count_macs(const Graph *g) {
  int64_t macs = 0;
  for (int i = 0; i < g->n_node; i++) macs += node_macs(g->node[i]);
  return macs;
}
