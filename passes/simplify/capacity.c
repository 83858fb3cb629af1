/* capacity.c - an operator of which only the values tell how much it finds gets as much room as that can be, and how
 * much it is becomes one more output of the graph.
 *
 *   y[?][3] = NonMaxSuppression(boxes, scores)   ==>   y[most][3], y_count = NonMaxSuppression<capacity=1>(...)
 */
#include <string.h>

#include "passes/passes.h"
#include "passes/simplify/simplify.h"

static Tensor **with_one_more(Arena *a, Tensor *const *list, int n, Tensor *t) {
  Tensor **longer = arena_alloc(a, (n + 1) * (int64_t)sizeof *longer);
  memcpy(longer, list, (size_t)n * sizeof *longer);
  longer[n] = t;
  return longer;
}

static bool give_room(Graph *g) {
  for (int i = 0; i < g->n_node; i++) {
    Node *n = g->node[i];
    if (!is_op(n, "NonMaxSuppression") || n_elements(n->out[0]) >= 0 || n_elements(n->in[0]) < 0 ||
        n_elements(n->in[1]) < 0)
      continue;
    if (g->n_out == MAX_IO) error_at(n->loc, "no room for one more output, there are %d", MAX_IO);
    const char *name = arena_printf(g->arena, "%s_count", n->out[0]->name);
    Tensor *count = new_tensor(g, fresh_name(g, name), DT_NONE, -1, NULL);
    n->out = with_one_more(g->arena, n->out, n->n_out++, count);
    g->out = with_one_more(g->arena, g->out, g->n_out++, count);
    count->def = n;
    set_int(g, n, "capacity", 1);
    infer_node(g, n);
    return true;
  }
  return false;
}

/* With these shapes known, more may fold. */
void pass_capacity(Graph *g, Context *cx) {
  (void)cx;
  while (give_room(g)) fold_constants(g);
}
