/* flow.c - which nodes run, and how often: the steps of loops, and nodes that run only where a condition holds.
 *
 * A loop is a run of the node list from a LoopBegin to its LoopEnd (ops/flow.c).  Loops lie one in the other or one
 * behind the other, because a LoopEnd reads everything that is of its step, directly or not.  Nodes between both that
 * do not depend on the LoopBegin might lie there, because passes put new nodes before the first one that reads
 * them; settle_loops() moves them out: they would run again and again, or never. */
#include <string.h>

#include "ir/ir.h"

int other_end(const Graph *g, int i) {
  const Node *n = g->node[i];
  if (is_op(n, "LoopEnd")) return node_index(g, loop_begin(n));
  for (int k = i + 1; is_op(n, "LoopBegin") && k < g->n_node; k++)
    if (is_op(g->node[k], "LoopEnd") && g->node[k]->in[0] == n->out[0]) return k;
  return -1;
}

bool has_loops(const Graph *g) {
  for (int i = 0; i < g->n_node; i++)
    if (is_op(g->node[i], "LoopBegin")) return true;
  return false;
}

int *loops_around(Arena *a, const Graph *g) {
  int *around = arena_alloc(a, (g->n_node + 1) * (int64_t)sizeof *around), inner = -1;
  for (int i = 0; i < g->n_node; i++) {
    if (is_op(g->node[i], "LoopEnd")) inner = around[other_end(g, i)];
    around[i] = inner;
    if (is_op(g->node[i], "LoopBegin")) inner = i;
  }
  return around;
}

static bool reads_marked(const Node *n, const bool *marked) {
  for (int i = 0; i < n->n_in; i++)
    if (n->in[i] && marked[n->in[i]->id]) return true;
  return false;
}

static void mark_outputs(const Node *n, bool *marked) {
  for (int i = 0; i < n->n_out; i++)
    if (n->out[i]) marked[n->out[i]->id] = true;
}

/* Node i alone, or the loop that begins there. */
static int unit_end(const Graph *g, int i) { return is_op(g->node[i], "LoopBegin") ? other_end(g, i) : i; }

/* Takes what is not of a step out of it.  Loops inside come before, so a loop is moved as a whole. */
static void settle_loop(Graph *g, Arena *a, int begin) {
  int end = other_end(g, begin), n_out = 0, n_in = 0;
  if (end < 0) error_at(g->node[begin]->loc, "LoopBegin '%s' has no LoopEnd", g->node[begin]->name);
  bool *marked = arena_alloc(a, g->n_tensor + 1);
  Node **before = arena_alloc(a, (end - begin) * (int64_t)sizeof *before),
       **inside = arena_alloc(a, (end - begin) * (int64_t)sizeof *inside);
  mark_outputs(g->node[begin], marked);
  for (int i = begin + 1, last; i < end; i = last + 1) {
    bool of_step = false;
    last = unit_end(g, i);
    for (int k = i; k <= last; k++) of_step |= reads_marked(g->node[k], marked);
    for (int k = i; k <= last; k++) {
      if (of_step) mark_outputs(g->node[k], marked), inside[n_in++] = g->node[k];
      else before[n_out++] = g->node[k];
    }
  }
  for (int i = end + 1; i < g->n_node; i++)
    if (reads_marked(g->node[i], marked))
      error_at(g->node[i]->loc, "'%s' reads what a step of loop '%s' makes, outside of the loop", g->node[i]->name,
               g->node[begin]->name);
  for (int i = 0; i < g->n_out; i++)
    if (marked[g->out[i]->id])
      error_at(g->node[begin]->loc, "output '%s' of the graph is made in a step of loop '%s'", g->out[i]->name,
               g->node[begin]->name);
  Node *first = g->node[begin];
  memcpy(g->node + begin, before, (size_t)n_out * sizeof *before);
  g->node[begin + n_out] = first;
  memcpy(g->node + begin + n_out + 1, inside, (size_t)n_in * sizeof *inside);
}

void settle_loops(Graph *g) {
  if (!has_loops(g)) return;
  Arena *a = new_arena();
  /* From behind: what has moved lies before the loop around it, whose turn is later. */
  for (int i = g->n_node - 1; i >= 0; i--)
    if (is_op(g->node[i], "LoopBegin")) settle_loop(g, a, i);
  free_arena(a);
}

Tensor *guard_of(const Graph *g, const Node *n, int i, bool *holds) {
  const Attr *where = find_attr(n, "where");
  if (!where || i >= where->n) return NULL;
  *holds = where->strings[i][0] == '+';
  Tensor *t = find_tensor(g, where->strings[i] + 1);
  if (!t) error_at(n->loc, "'%s' runs where '%s' says so, but there is no such tensor", n->name, where->strings[i]);
  return t;
}
