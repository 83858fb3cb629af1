/* sort.c - puts the nodes of a graph in execution order.
 *
 * Depth-first: nodes are taken in their present order, and each is preceded by the definitions
 * and the conditions under which it runs (flow.c) that it still lacks.  So an order that is right
 * already stays as it is.  The walk keeps its own stack: a model file decides how deep it goes.
 * A node that is met again while it is on the stack closes a cycle, which is the stack from there
 * on. */
#include <stdlib.h>

#include "ir/ir.h"

typedef enum State { NEW, OPEN, DONE } State;

typedef struct Sorter {
  Graph *g;
  Node **order;   /* [n_node] sorted so far */
  int n_order;
  State *state;   /* [n_node] */
  int *stack;     /* [n_node] positions of open nodes */
  int *next_in;   /* [n_node] next input to look at, per position */
  int n_stack;
  int *position;  /* [n_tensor] position of the node that defines a tensor, or -1 */
} Sorter;

static int *alloc_ints(Arena *a, int n) { return arena_alloc(a, n * (int64_t)sizeof(int)); }

static void find_positions(Sorter *s) {
  for (int i = 0; i < s->g->n_tensor; i++) s->position[i] = -1;
  for (int i = 0; i < s->g->n_node; i++) {
    const Node *n = s->g->node[i];
    for (int j = 0; j < n->n_out; j++)
      if (n->out[j] != NULL) s->position[n->out[j]->id] = i;
  }
}

_Noreturn static void report_cycle(const Sorter *s, int again) {
  Arena *a = s->g->arena;
  int from = 0;
  while (s->stack[from] != again) from++;
  const char *path = arena_printf(a, "'%s'", s->g->node[again]->name);
  int last = s->n_stack - 1;
  for (int i = last; i > from && i > last - 4; i--)
    path = arena_printf(a, "%s -> '%s'", path, s->g->node[s->stack[i]]->name);
  if (last - 4 > from) path = arena_printf(a, "%s -> ...", path);
  error_at(s->g->node[again]->loc, "the graph has a cycle: %s -> '%s'", path,
           s->g->node[again]->name);
}

static void open_node(Sorter *s, int i) {
  if (s->state[i] == OPEN) report_cycle(s, i);
  if (s->state[i] == DONE) return;
  s->state[i] = OPEN;
  s->stack[s->n_stack++] = i;
}

static void visit(Sorter *s, int start) {
  open_node(s, start);
  while (s->n_stack > 0) {
    int i = s->stack[s->n_stack - 1];
    Node *n = s->g->node[i];
    bool holds;
    if (s->next_in[i] >= n->n_in && guard_of(s->g, n, s->next_in[i] - n->n_in, &holds)) {
      const Tensor *t = guard_of(s->g, n, s->next_in[i]++ - n->n_in, &holds);
      if (s->position[t->id] >= 0) open_node(s, s->position[t->id]);
      continue;
    }
    if (s->next_in[i] >= n->n_in) {
      s->state[i] = DONE;
      s->order[s->n_order++] = n;
      s->n_stack--;
      continue;
    }
    const Tensor *t = n->in[s->next_in[i]++];
    if (t != NULL && s->position[t->id] >= 0) open_node(s, s->position[t->id]);
  }
}

void sort_nodes(Graph *g) {
  Arena *scratch = new_arena();
  Sorter s = {
      .g = g,
      .order = arena_alloc(scratch, g->n_node * (int64_t)sizeof *s.order),
      .state = arena_alloc(scratch, g->n_node * (int64_t)sizeof *s.state),
      .stack = alloc_ints(scratch, g->n_node),
      .next_in = alloc_ints(scratch, g->n_node),
      .position = alloc_ints(scratch, g->n_tensor),
  };
  find_positions(&s);
  for (int i = 0; i < g->n_node; i++) visit(&s, i);
  for (int i = 0; i < g->n_node; i++) g->node[i] = s.order[i];
  free_arena(scratch);
}
