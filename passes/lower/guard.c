/* guard.c - what only one side of a choice reads is computed only where that side is chosen.
 *
 *   a = Conv(x); b = Tanh(x); y = Where(c, a, b)   ==>   a = Conv<where=["+c"]>(x); b = Tanh<where=["-c"]>(x)
 *                                                        y = Where(c, a, b)
 *
 * c is one bool, as the condition of an If is.  The code generator writes `if`, the interpreter computes both sides:
 * nodes have no effects. */
#include <string.h>

#include "passes/passes.h"

/* Conditions that hold together: one, and those around it. */
typedef struct Guard Guard;
struct Guard {
  const Guard *outer;      /* NULL: none */
  const Tensor *condition;
  bool holds;
  int depth;               /* 1 when there is none around it */
};

typedef struct Guards {
  Graph *g;
  Arena *a;
  bool *known;             /* [n_tensor] some reader of it has been seen ... */
  const Guard **of;        /* ... and what holds wherever it is read, NULL: nothing */
  const int *around;       /* [n_node] loops_around() */
} Guards;

static int depth_of(const Guard *x) { return x ? x->depth : 0; }

static bool same_guard(const Guard *x, const Guard *y) { return x->condition == y->condition && x->holds == y->holds; }

/* What holds where either does. */
static const Guard *common(const Guard *x, const Guard *y) {
  while (depth_of(x) > depth_of(y)) x = x->outer;
  while (depth_of(y) > depth_of(x)) y = y->outer;
  const Guard *kept = x;
  for (; x && y; x = x->outer, y = y->outer)
    if (!same_guard(x, y)) kept = x->outer;
  return kept;
}

static void read_under(Guards *s, const Tensor *t, const Guard *guard) {
  if (!t) return;
  s->of[t->id] = s->known[t->id] ? common(s->of[t->id], guard) : guard;
  s->known[t->id] = true;
}

static bool is_choice(const Node *n) {
  return is_op(n, "Where") && n_elements(n->in[0]) == 1 && !is_const(n->in[0]) && n->in[1] != n->in[2];
}

static const Guard *with(Guards *s, const Guard *outer, const Tensor *condition, bool holds) {
  Guard *x = arena_alloc(s->a, sizeof *x);
  *x = (Guard){outer, condition, holds, depth_of(outer) + 1};
  return x;
}

/* Is the condition made where node i can see it: before the loops that it is in, or in one of them? */
static bool is_visible(const Guards *s, const Tensor *condition, int i) {
  int loop = condition->def ? s->around[node_index(s->g, condition->def)] : -1, own = s->around[i];
  while (own > loop) own = s->around[own];
  return own == loop;
}

/* What holds wherever the outputs of node i are read. */
static const Guard *guard_at(const Guards *s, int i) {
  const Node *n = s->g->node[i];
  const Guard *guard = NULL, *kept;
  bool any = false;
  for (int k = 0; k < n->n_out; k++) {
    if (!n->out[k] || !s->known[n->out[k]->id]) continue;
    guard = any ? common(guard, s->of[n->out[k]->id]) : s->of[n->out[k]->id];
    any = true;
  }
  for (kept = guard; guard; guard = guard->outer)
    if (!is_visible(s, guard->condition, i)) kept = guard->outer;
  return kept;
}

static void write_guard(Guards *s, Node *n, const Guard *guard) {
  int count = depth_of(guard);
  Attr where = {.name = "where", .kind = ATTR_STRINGS, .n = count};
  if (count == 0) return;
  where.strings = arena_alloc(s->g->arena, count * (int64_t)sizeof *where.strings);
  for (; guard; guard = guard->outer)
    where.strings[guard->depth - 1] =
        arena_printf(s->g->arena, "%c%s", guard->holds ? '+' : '-', guard->condition->name);
  set_attr(s->g, n, &where);
}

/* From the last node on, so that all readers of a tensor come before what makes it. */
static bool find_guards(Guards *s) {
  Graph *g = s->g;
  bool any = false;
  for (int i = 0; i < g->n_out; i++) read_under(s, g->out[i], NULL);
  for (int i = g->n_node - 1; i >= 0; i--) {
    Node *n = g->node[i];
    const Guard *guard = guard_at(s, i);
    bool choice = is_choice(n);
    for (int k = 0; k < n->n_in; k++)
      read_under(s, n->in[k], choice && k > 0 ? with(s, guard, n->in[0], k == 1) : guard);
    write_guard(s, n, guard);
    any |= guard != NULL;
  }
  return any;
}

void pass_guard(Graph *g, Context *cx) {
  (void)cx;
  Arena *a = new_arena();
  Guards s = {.g = g, .a = a, .around = loops_around(a, g)};
  s.known = arena_alloc(a, g->n_tensor + 1);
  s.of = arena_alloc(a, (g->n_tensor + 1) * (int64_t)sizeof *s.of);
  restore_names(g);
  if (find_guards(&s)) sort_nodes(g);
  free_arena(a);
}
