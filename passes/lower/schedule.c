/* schedule.c - the order of nodes that needs the least memory for activations.
 *
 *   x -> Conv -> a (big) -> Conv -> b (small) --+
 *   x -> Conv -> c (big) -> Conv -> d (small) --+-> Add     a, b, c, d instead of a, c, b, d
 *
 * Translates the graph for order.c: every node is a step, every group of tensors in the same
 * memory (a tensor and its views) a value.  The order changes only when the arena that it
 * needs in the end is not larger than that of the model's order, and the lower bound is smaller.
 * `schedule.order: model` keeps the model's order; a graph with loops keeps it, too. */
#include <string.h>

#include "passes/lower/liveness.h"
#include "passes/lower/order.h"
#include "passes/passes.h"
#include "targets/kernels.h"

typedef struct Translation {
  const Graph *g;
  Arena *a;
  Sharing s;                 /* views, and what Concat joins */
  int *maker;                /* [n_tensor] position of the node that makes it, -1: none */
  OrderProblem p;            /* values are numbered like their first tensors */
} Translation;

static int *new_ints(Arena *a, int n) { return arena_alloc(a, n * (int64_t)sizeof(int)); }

static bool contains(const int *list, int n, int x) {
  for (int i = 0; i < n; i++)
    if (list[i] == x) return true;
  return false;
}

static void add_reads(Translation *t, Step *s, const Node *n) {
  s->read = new_ints(t->a, n->n_in);
  for (int i = 0; i < n->n_in; i++) {
    int value = n->in[i] ? t->s.root[n->in[i]->id] : -1;
    if (value < 0 || contains(s->read, s->n_read, value)) continue;
    s->read[s->n_read++] = value;
    t->p.value[value].n_read++;
  }
}

/* A Concat that reads only what lies in its output. */
static bool is_whole(const Translation *t, const Node *n) {
  for (int i = 0; i < n->n_in; i++)
    if (!n->in[i] || t->s.root[n->in[i]->id] != t->s.root[n->out[0]->id]) return false;
  return is_op(n, "Concat");
}

static void add_made(Translation *t, Step *s, const Node *n) {
  s->made = new_ints(t->a, n->n_out);
  for (int i = 0; i < n->n_out && !is_view(n); i++) {
    int value = n->out[i] ? t->s.root[n->out[i]->id] : -1;
    if (value < 0 || contains(s->made, s->n_made, value) || is_whole(t, n)) continue;
    s->made[s->n_made++] = value;
    t->p.value[value].n_made++;
  }
}

static void add_overwritten(Translation *t, Step *s, const Node *n) {
  s->over = new_ints(t->a, n->n_in);
  if (is_view(n)) return;
  for (int i = 0; i < n->n_in; i++)
    if (may_overwrite(&t->s, n, i)) s->over[s->n_over++] = t->s.root[n->in[i]->id];
}

/* Counts (list NULL) or lists the steps that need a step's outputs. */
static void add_dependences(Translation *t, bool count) {
  for (int i = 0; i < t->g->n_node; i++) {
    const Node *n = t->g->node[i];
    for (int j = 0; j < n->n_in; j++) {
      int maker = n->in[j] ? t->maker[n->in[j]->id] : -1;
      if (maker < 0) continue;
      Step *from = &t->p.step[maker];
      if (count) t->p.step[i].n_before++;
      else from->after[from->n_after] = i;
      from->n_after++;
    }
  }
}

static void find_dependences(Translation *t) {
  add_dependences(t, true);
  for (int i = 0; i < t->g->n_node; i++) {
    Step *s = &t->p.step[i];
    s->after = new_ints(t->a, s->n_after);
    s->n_after = 0;
  }
  add_dependences(t, false);
}

static void add_values(Translation *t) {
  const Graph *g = t->g;
  for (int i = 0; i < g->n_tensor; i++)
    if (t->s.root[i] == i) t->p.value[i].bytes = round_to_block(t->s.bytes[i]);
  for (int i = 0; i < g->n_out; i++)
    if (t->s.root[g->out[i]->id] >= 0) t->p.value[t->s.root[g->out[i]->id]].n_read++;
}

static void translate(Translation *t) {
  const Graph *g = t->g;
  t->s = share_views(t->a, g);
  for (int i = g->n_node - 1; i >= 0; i--)
    if (is_op(g->node[i], "Concat")) join_parts(&t->s, g->node[i]);
  t->maker = new_ints(t->a, g->n_tensor);
  t->p.n_step = g->n_node;
  t->p.n_value = g->n_tensor;
  t->p.step = arena_alloc(t->a, g->n_node * (int64_t)sizeof *t->p.step);
  t->p.value = arena_alloc(t->a, g->n_tensor * (int64_t)sizeof *t->p.value);
  for (int i = 0; i < g->n_tensor; i++) t->maker[i] = -1;
  add_values(t);
  for (int i = 0; i < g->n_node; i++) {
    const Node *n = g->node[i];
    Step *s = &t->p.step[i];
    add_reads(t, s, n);
    add_made(t, s, n);
    add_overwritten(t, s, n);
    s->scratch = scratch_bytes(n);
    for (int j = 0; j < n->n_out; j++)
      if (n->out[j]) t->maker[n->out[j]->id] = i;
  }
  find_dependences(t);
  for (int i = 0; i < g->n_in; i++) {
    Value *v = &t->p.value[t->s.root[g->in[i]->id]];
    if (v->n_read > 0 && !v->is_input) t->p.start_bytes += v->bytes;
    v->is_input = true;
  }
}

static void reorder(Graph *g, Arena *a, const int *order) {
  int64_t bytes = g->n_node * (int64_t)sizeof *g->node;
  Node **old = arena_alloc(a, bytes);
  memcpy(old, g->node, (size_t)bytes);
  for (int i = 0; i < g->n_node; i++) g->node[i] = old[order[i]];
}

typedef struct Need { int64_t bound, arena; } Need;

static Need need_of(Arena *a, const Graph *g) {
  const Liveness *l = find_liveness(a, g);
  Block *block = list_blocks(a, l);
  return (Need){block_bound(block, l->n_buffer), place_blocks(a, block, l->n_buffer)};
}

static bool is_better(Need x, Need y) { return x.bound < y.bound && x.arena <= y.arena; }

static void find_schedule(Graph *g, Context *cx, Arena *a) {
  Translation t = {.g = g, .a = a};
  bool proved;
  translate(&t);
  int *order = new_ints(a, g->n_node), *back = new_ints(a, g->n_node);
  for (int i = 0; i < g->n_node; i++) order[i] = i;
  int64_t start = order_peak(a, &t.p, order);
  if (find_order(a, &t.p, order, &proved) >= start) return;
  for (int i = 0; i < g->n_node; i++) back[order[i]] = i;
  Need before = need_of(a, g);
  reorder(g, a, order);
  Need after = need_of(a, g);
  bool better = is_better(after, before);
  if (!better) reorder(g, a, back);
  if (cx->verbose)
    fprintf(cx->verbose, "schedule: peak %lld bytes, %lld in the model's order%s\n",
            (long long)(better ? after.bound : before.bound), (long long)before.bound,
            proved ? "" : " (search cut off)");
}

void pass_schedule(Graph *g, Context *cx) {
  const char *order = cx->policy ? policy_value(cx->policy, "schedule.order") : NULL;
  if (g->n_node < 2 || has_loops(g) || (order && strcmp(order, "model") == 0)) return;
  Arena *a = new_arena();
  find_schedule(g, cx, a);
  free_arena(a);
}
