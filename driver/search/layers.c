/* layers.c - what there is to choose: the layers whose format no rule of the policy decides, in
 * groups that get the same, and what is left of their weights with each candidate.
 *
 * Layers share a group when they share weights, when a rule ties them, and when they are matrix
 * products of the same input, as queries, keys and values are, which one product may compute. 
 * Branches that a residual Add brings together need not agree: activations have codes of their
 * own. */
#include <string.h>

#include "passes/quant/quant.h"
#include "passes/resolve.h"
#include "driver/search/search.h"

static const Node *node_of(const BitSpace *s, int layer) {
  return s->g->node[s->layer[layer].node];
}

/* Is there a tie in the policy that both nodes belong to? */
static bool are_tied(const BitSpace *s, const Matcher *m, const Node *a, const Node *b) {
  const Policy *p = s->cx->policy;
  for (int i = 0; i < p->n_rule; i++)
    for (int k = 0; p->rule[i].tie && k < p->n_rule; k++)
      if (p->rule[k].tie && strcmp(p->rule[i].tie, p->rule[k].tie) == 0 &&
          rule_matches(m, i, a, PART_WEIGHTS) && rule_matches(m, k, b, PART_WEIGHTS))
        return true;
  return false;
}

static bool belong_together(const BitSpace *s, const Matcher *m, int a, int b) {
  const Node *x = node_of(s, a), *y = node_of(s, b);
  return x->in[1] == y->in[1] || (is_op(x, "Gemm") && same_vectors(x, y)) || are_tied(s, m, x, y);
}

/* Numbers groups in the order of their first layers. */
static void find_groups(BitSpace *s) {
  Matcher *m = new_matcher(s->g, s->cx->policy);
  for (int i = 0; i < s->n_layer; i++) {
    int group = -1;
    for (int k = 0; k < i; k++) {
      if (!belong_together(s, m, k, i) || s->layer[k].group == group) continue;
      int other = s->layer[k].group;
      for (int j = 0; j < i && group >= 0; j++) /* i joins two groups to one */
        if (s->layer[j].group == other) s->layer[j].group = group;
      if (group < 0) group = other;
    }
    s->layer[i].group = group >= 0 ? group : i;
  }
  for (int i = 0, seen; i < s->n_layer; i++) {
    for (seen = 0; seen < i && s->layer[seen].group != s->layer[i].group; seen++) continue;
    if (seen < i) continue;
    int old = s->layer[i].group;
    for (int k = i; k < s->n_layer; k++)
      if (s->layer[k].group == old) s->layer[k].group = -1 - s->n_group;
    s->n_group++;
  }
  for (int i = 0; i < s->n_layer; i++) s->layer[i].group = -1 - s->layer[i].group;
  free_matcher(m);
}

void find_layers(BitSpace *s) {
  const Graph *g = s->g;
  s->layer = arena_alloc(s->a, (g->n_node + 1) * (int64_t)sizeof *s->layer);
  for (int i = 0; i < g->n_node; i++) {
    const Node *n = g->node[i];
    if (!has_real_weights(n) || weight_choice(g, s->cx, n).won) continue;
    s->layer[s->n_layer++] = (BitLayer){
        .name = n->name, .output = n->out[0]->name, .node = i, .weights = n_elements(n->in[1])};
  }
  s->exact = arena_alloc(s->a, MAX_EXACT * (int64_t)sizeof *s->exact);
  if (s->n_layer == 0)
    error_at(s->cx->policy->loc,
             "there is nothing to choose: rules decide the format of all weights");
  find_groups(s);
}

static const Node *find_node(const Graph *g, const char *name) {
  for (int i = 0; i < g->n_node; i++)
    if (strcmp(g->node[i]->name, name) == 0) return g->node[i];
  bug("layer '%s' is gone", name);
}

/* What the node's weights are worth after quantization; they may lie behind a Dequantize. */
static void decode_weights(const Node *n, float *to) {
  const Tensor *w = n->in[1];
  if (!w->def) {
    memcpy(to, w->data, (size_t)tensor_bytes(w));
    return;
  }
  eval_constants(w->def, (void *const[]){to});
}

static void decode_candidate(BitSpace *s, int candidate) {
  Arena *a = new_arena();
  Context cx;
  int *choice = arena_alloc(a, (s->n_layer + 1) * (int64_t)sizeof *choice);
  for (int i = 0; i < s->n_layer; i++) choice[i] = candidate;
  Graph *g = compile_choice(a, s, choice, "quantize", &cx);
  for (int i = 0; i < s->n_layer; i++)
    decode_weights(find_node(g, s->layer[i].name), s->layer[i].decoded[candidate]);
  free_arena(a);
}

void decode_candidates(BitSpace *s) {
  for (int i = 0; i < s->n_layer; i++) {
    BitLayer *l = &s->layer[i];
    l->decoded = arena_alloc(s->a, s->n_candidate * (int64_t)sizeof *l->decoded);
    for (int c = 0; c < s->n_candidate; c++)
      l->decoded[c] = arena_alloc(s->a, mul_size(l->weights, 4) + 1);
  }
  for (int c = 0; c < s->n_candidate; c++) decode_candidate(s, c);
}
