/* functions.c - operators that are functions of others are replaced by what they are made of (ir/functions.h),
 * so that every operator of the target's table computes them.  What depends on constants only is computed
 * at once.
 *
 *   y = LpNormalization<p=1>(x)   ==>   n = ReduceL1<keepdims=1>(x, {-1}); y = Div(x, n)
 */
#include "ir/functions.h"
#include "passes/passes.h"
#include "passes/simplify/simplify.h"

void pass_functions(Graph *g, Context *cx) {
  (void)cx;
  bool changed = false;
  for (int i = 0; i < g->n_node; i++)
    if (expand_function(g, g->node[i])) {
      changed = true;
      i--;
    }
  if (changed) fold_constants(g);
}
