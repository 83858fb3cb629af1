/* match.c - which nodes a rule of the policy speaks of.  Conditions of one rule are ANDed, the
 * values of one condition ORed.
 *
 * A node is known by its name and by its first output's name, since models name one or the
 * other. Its index is the first number in its name, or else its place among the nodes with
 * weights.  Graph inputs are matched by name, regex, tensor and output only. */
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "passes/resolve.h"

struct Matcher {
  const Graph *graph;
  const Policy *policy;
  const Node *first, *last;  /* with weights; NULL where there are none */
  regex_t **regex;           /* [n_rule][n of all values of its regex conditions], NULL without */
};

static bool named(const Node *n, const char *const *op, int count) {
  for (int i = 0; i < count; i++)
    if (strcmp(n->op->name, op[i]) == 0) return true;
  return false;
}

const Tensor *node_weights(const Node *n) {
  static const char *const weighted[] = {"Conv",   "ConvTranspose", "Gemm",
                                         "MatMul", "QConv",         "QGemm"};
  if (!named(n, weighted, 6) || n->n_in < 2) return NULL;
  if (is_const(n->in[1])) return n->in[1];
  return is_op(n, "MatMul") && is_const(n->in[0]) ? n->in[0] : NULL;
}

/* Layers are what the model has of them, without the branches that an adapter brought. */
static bool is_layer(const Node *n) { return node_weights(n) != NULL && !is_low_rank(n); }

static const Tensor *first_output(const Node *n) { return n->n_out > 0 ? n->out[0] : NULL; }

/* ---- regular expressions are compiled once per graph ----------------------------------------- */

static void compile_rule(regex_t *to, const Rule *rule) {
  for (int k = 0; k < rule->n_match; k++) {
    const Condition *c = &rule->match[k];
    for (int i = 0; strcmp(c->key, "regex") == 0 && i < c->n; i++)
      if (regcomp(to++, c->value[i], REG_EXTENDED) != 0)
        error_at(c->loc, "bad regular expression '%s'", c->value[i]);
  }
}

static int count_regex(const Rule *rule) {
  int n = 0;
  for (int k = 0; k < rule->n_match; k++)
    if (strcmp(rule->match[k].key, "regex") == 0) n += rule->match[k].n;
  return n;
}

Matcher *new_matcher(const Graph *g, const Policy *p) {
  Matcher *m = arena_alloc(g->arena, sizeof *m);
  *m = (Matcher){.graph = g, .policy = p};
  m->regex = arena_alloc(g->arena, (p->n_rule + 1) * (int64_t)sizeof *m->regex);
  for (int i = 0; i < p->n_rule; i++) {
    int n = count_regex(&p->rule[i]);
    if (n == 0) continue;
    m->regex[i] = arena_alloc(g->arena, n * (int64_t)sizeof **m->regex);
    compile_rule(m->regex[i], &p->rule[i]);
  }
  for (int i = 0; i < g->n_node; i++) {
    if (!is_layer(g->node[i])) continue;
    if (m->first == NULL) m->first = g->node[i];
    m->last = g->node[i];
  }
  return m;
}

void free_matcher(Matcher *m) {
  for (int i = 0; i < m->policy->n_rule; i++) {
    int n = count_regex(&m->policy->rule[i]);
    for (int k = 0; k < n; k++) regfree(&m->regex[i][k]);
  }
}

/* POSIX takes the leftmost longest match: the whole name matches if and only if that one spans it.
 */
static bool regex_spans(const regex_t *re, const char *name) {
  regmatch_t at;
  return regexec(re, name, 1, &at, 0) == 0 && at.rm_so == 0 && name[at.rm_eo] == '\0';
}

/* ---- conditions ------------------------------------------------------------------------------ */

static bool is_depthwise(const Node *n) {
  static const char *const convolution[] = {"Conv", "QConv"};
  const Tensor *w = node_weights(n);
  if (!named(n, convolution, 2) || w == NULL || w->rank < 3) return false;
  int64_t per_group = w->layout == LAYOUT_NHWC ? w->dim[w->rank - 1] : w->dim[1];
  return attr_int(n, "group", 1) > 1 && per_group == 1;
}

static bool is_residual(const Node *n) {
  static const char *const add[] = {"Add", "QAdd"};
  return named(n, add, 2) && n->n_in >= 2 && !is_const(n->in[0]) && !is_const(n->in[1]) &&
         !is_low_rank(n->in[0]->def) && !is_low_rank(n->in[1]->def);
}

static bool has_tag(const Matcher *m, const Node *n, const char *tag) {
  if (strcmp(tag, "first") == 0) return n == m->first;
  if (strcmp(tag, "last") == 0) return n == m->last;
  if (strcmp(tag, "depthwise") == 0) return is_depthwise(n);
  if (strcmp(tag, "residual") == 0) return is_residual(n);
  if (strcmp(tag, "embedding") == 0)
    return is_op(n, "Gather") && is_const(n->in[0]) && n->in[0]->rank == 2;
  return false;
}

/* The first number in a node's name, else its place among the nodes with weights; -1 without. */
static long node_number(const Matcher *m, const Node *n) {
  size_t at = strcspn(n->name, "0123456789");
  if (n->name[at] != '\0') return strtol(n->name + at, NULL, 10);
  if (node_weights(n) == NULL) return -1;
  long place = 0;
  for (int i = 0; i < m->graph->n_node && m->graph->node[i] != n; i++)
    place += is_layer(m->graph->node[i]);
  return place;
}

static bool in_range(const char *range, long number) {
  char *end;
  long from = strtol(range, &end, 10);
  long to = *end == '-' ? strtol(end + 1, NULL, 10) : from;
  return number >= from && number <= to;
}

static bool tensor_matches(const Node *n, const char *glob, MatchPart part) {
  if (part == PART_WEIGHTS) {
    const Tensor *w = node_weights(n);
    return w != NULL && glob_match(glob, w->name);
  }
  for (int i = 0; i < n->n_out; i++)
    if (n->out[i] != NULL && glob_match(glob, n->out[i]->name)) return true;
  return false;
}

/* One value of a condition; `re` is the compiled form where it is a regular expression. */
static bool value_matches(const Matcher *m, const char *key, const char *value, const regex_t *re,
                          const Node *n, MatchPart part) {
  const Tensor *out = first_output(n);
  const char *out_name = out != NULL ? out->name : n->name;
  if (strcmp(key, "name") == 0) return glob_match(value, n->name) || glob_match(value, out_name);
  if (strcmp(key, "regex") == 0) return regex_spans(re, n->name) || regex_spans(re, out_name);
  if (strcmp(key, "output") == 0) return strcmp(value, out_name) == 0;
  if (strcmp(key, "op") == 0) return strcmp(value, n->op->name) == 0;
  if (strcmp(key, "tag") == 0) return has_tag(m, n, value);
  if (strcmp(key, "index") == 0) return in_range(value, node_number(m, n));
  if (strcmp(key, "tensor") == 0) return tensor_matches(n, value, part);
  if (strcmp(key, "depthwise") == 0) return is_depthwise(n) == (strcmp(value, "true") == 0);
  bug("condition '%s'", key);
}

static bool input_matches(const char *key, const char *value, const regex_t *re, const char *name) {
  if (strcmp(key, "name") == 0 || strcmp(key, "tensor") == 0) return glob_match(value, name);
  if (strcmp(key, "output") == 0) return strcmp(value, name) == 0;
  return strcmp(key, "regex") == 0 && regex_spans(re, name);
}

/* Of a node's part, or of the graph input `input` where n is NULL. */
static bool matches(const Matcher *m, int rule, const Node *n, MatchPart part, const char *input) {
  const Rule *r = &m->policy->rule[rule];
  const regex_t *re = m->regex[rule];
  for (int k = 0; k < r->n_match; k++) {
    const Condition *c = &r->match[k];
    bool any = false;
    for (int i = 0; i < c->n; i++) {
      if (!any && n != NULL) any = value_matches(m, c->key, c->value[i], re, n, part);
      if (!any && n == NULL) any = input_matches(c->key, c->value[i], re, input);
      if (strcmp(c->key, "regex") == 0) re++;
    }
    if (!any) return false;
  }
  return true;
}

bool rule_matches(const Matcher *m, int rule, const Node *n, MatchPart part) {
  return matches(m, rule, n, part, NULL);
}

bool rule_matches_input(const Matcher *m, int rule, const Tensor *t) {
  return matches(m, rule, NULL, PART_ACTIVATIONS, t->name);
}
