/* cse.c - common subexpressions: nodes with the same operator, attributes and inputs compute the
 * same values, so the later one is dropped; equal constants become one.  Keyed by a hash,
 * confirmed by comparison.
 *
 *   a = Relu(x); b = Relu(x); y = Add(a, b)   ==>   a = Relu(x); y = Add(a, a)
 */
#include <string.h>

#include "passes/passes.h"

static bool same_quant(const QuantSpec *a, const QuantSpec *b) {
  if (a == b) return true;
  if (!a || !b || a->format != b->format || a->axis != b->axis || a->group != b->group ||
      a->n != b->n || a->book || b->book)
    return false;
  return !memcmp(a->scale, b->scale, (size_t)a->n * sizeof *a->scale) &&
         !memcmp(a->zero, b->zero, (size_t)a->n * sizeof *a->zero) && !a->multiple == !b->multiple;
}

static bool same_const(const Tensor *a, const Tensor *b) {
  return a->dtype == b->dtype && a->layout == b->layout && same_shape(a, b) &&
         same_quant(a->quant, b->quant) && !memcmp(a->data, b->data, (size_t)tensor_bytes(a));
}

static bool same_text(const char *a, const char *b) { return a == b || (a && b && !strcmp(a, b)); }

static bool same_attr(const Attr *a, const Attr *b) {
  if (strcmp(a->name, b->name) != 0 || a->kind != b->kind || a->n != b->n) return false;
  if (a->i != b->i || memcmp(&a->f, &b->f, sizeof a->f) || !same_text(a->s, b->s)) return false;
  if (a->kind == ATTR_INTS) return !memcmp(a->ints, b->ints, (size_t)a->n * sizeof *a->ints);
  if (a->kind == ATTR_FLOATS)
    return !memcmp(a->floats, b->floats, (size_t)a->n * sizeof *a->floats);
  if (a->kind == ATTR_TENSOR) return same_const(a->t, b->t);
  for (int i = 0; a->kind == ATTR_STRINGS && i < a->n; i++)
    if (strcmp(a->strings[i], b->strings[i]) != 0) return false;
  return true;
}

static bool same_node(const Node *a, const Node *b) {
  if (a->op != b->op || a->n_in != b->n_in || a->n_attr != b->n_attr || a->n_out != 1 ||
      b->n_out != 1)
    return false;
  for (int i = 0; i < a->n_in; i++)
    if (a->in[i] != b->in[i]) return false;
  for (int i = 0; i < a->n_attr; i++) {
    const Attr *other = find_attr(b, a->attr[i].name);
    if (!other || !same_attr(&a->attr[i], other)) return false;
  }
  return same_quant(a->out[0]->quant, b->out[0]->quant) && a->out[0]->layout == b->out[0]->layout;
}

static void merge_consts(Graph *g) {
  enum { BUCKETS = 4096 };
  int head[BUCKETS], *next = arena_alloc(g->arena, (g->n_tensor + 1) * (int64_t)sizeof *next);
  memset(head, -1, sizeof head);
  for (int i = 0; i < g->n_tensor; i++) {
    Tensor *t = g->tensor[i];
    if (!is_const(t)) continue;
    uint64_t h = hash_bytes(HASH_START, t->data, (size_t)tensor_bytes(t)) % BUCKETS;
    int j = head[h];
    while (j >= 0 && !same_const(g->tensor[j], t)) j = next[j];
    if (j >= 0) replace_uses(g, t, g->tensor[j]);
    else next[i] = head[h], head[h] = i;
  }
}

void pass_cse(Graph *g, Context *cx) {
  (void)cx;
  merge_consts(g);
  for (int i = 0; i < g->n_node; i++) {
    for (int j = 0; j < i; j++) {
      Node *a = g->node[j], *b = g->node[i];
      if (!same_node(a, b) || is_graph_output(g, b->out[0])) continue;
      replace_uses(g, b->out[0], a->out[0]);
      remove_node(g, b);
      i--;
      break;
    }
  }
}
