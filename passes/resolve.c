/* resolve.c - from settings and rules to one choice per node.
 *
 * For each part of a node (its weights, its outputs) the settings of all matching rules lie in
 * layers on top of the defaults; each key is looked up from the top.  The result is a table by
 * node, so that passes may rewrite the graph while they read it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "passes/quant/solvers.h"
#include "passes/resolve.h"

typedef struct Layers {
  const Policy *policy;
  const bool *on;            /* [n_rule] the rules that match */
} Layers;

const char *granularity_name(int granularity) {
  static const char *const name[] = {"tensor", "channel", "group", "token"};
  return name[granularity];
}

/* The winning setting of a key, or NULL; *won is its rule, or NULL. */
static const Setting *winner(const Layers *l, const char *key, const Rule **won) {
  for (int i = l->policy->n_rule - 1; i >= 0; i--) {
    const Setting *s = l->on[i] ? find_setting(&l->policy->rule[i].set, key) : NULL;
    if (s == NULL) continue;
    *won = &l->policy->rule[i];
    return s;
  }
  *won = NULL;
  return find_setting(&l->policy->defaults, key);
}

static const char *value_of(const Layers *l, const char *key) {
  const Rule *won;
  const Setting *s = winner(l, key, &won);
  return s != NULL ? s->value : find_policy_key(key)->otherwise;
}

const char *format_text(const Format *f, DType real) {
  return f != NULL ? f->name : dtype_name(real);
}

/* Format of a part; its place and rule where somebody chose it. */
static const Format *format_choice(const Layers *l, const char *key, DType *real, const Rule **won,
                                   Loc *loc) {
  const Setting *s = winner(l, key, won);
  const char *name = s != NULL ? s->value : find_policy_key(key)->otherwise;
  *loc = s != NULL ? s->loc : (Loc){0};
  *real = dtype_by_name(name);
  if (dtype_is_float(*real)) return NULL;
  const Format *f = find_format(name);
  if (f == NULL) error_at(*loc, "format '%s' is not supported by this version", name);
  return f;
}

enum { NAMES_SIZE = 256 }; /* of a list of solvers in a message */

/* Which weights become 0, where the format and the solver can do that. */
static void choose_pruning(const Layers *l, WeightChoice *c) {
  const char *pattern = value_of(l, "weights.pattern"), *colon = strchr(pattern, ':');
  c->sparsity = strtod(value_of(l, "weights.sparsity"), NULL);
  if (colon != NULL) c->keep = strtoll(pattern, NULL, 10), c->of = strtoll(colon + 1, NULL, 10);
  if (c->format == NULL || (colon == NULL && !(c->sparsity > 0))) return;
  const Rule *won;
  const char *key = colon != NULL ? "pattern" : "sparsity";
  Loc loc = winner(l, colon != NULL ? "weights.pattern" : "weights.sparsity", &won)->loc;
  if (colon != NULL && c->sparsity > 0)
    error_at(loc, "pattern %s says how many weights are 0, and so does sparsity: one must go",
             pattern);
  char names[NAMES_SIZE];
  name_solvers(names, sizeof names, CAN_DROP, " or ");
  if (!(find_solver(c->solver)->can & CAN_DROP))
    error_at(loc, "'%s' needs solver: %s, here it is %s", key, names, c->solver);
  if (c->format->book_size > 0 || code_near(c->format, 0) != 0)
    error_at(loc, "'%s' needs a format that has 0, %s has not", key, c->format->name);
}

int find_granularity(const char *word) {
  for (int i = GRAN_TENSOR; i <= GRAN_TOKEN; i++)
    if (strcmp(word, granularity_name(i)) == 0) return i;
  bug("granularity '%s'", word);
}

/* The transform awq may choose where weights are cut off, if the solver does not. */
static bool choose_clip(const Layers *l, const Node *n, const WeightChoice *c) {
  const Setting *s = find_setting(&l->policy->defaults, "transforms.awq.clip");
  if (c->format == NULL || s == NULL || strcmp(s->value, "true") != 0 ||
      !policy_has(l->policy, "transforms", "awq"))
    return false;
  if (find_solver(c->solver)->fit != fit_largest)
    error_at(s->loc,
             "'clip' and solver '%s' both decide where weights are cut off (node '%s'): take "
             "'solver: rtn', or leave out 'clip'",
             c->solver, n->name);
  if (c->outliers.rate > 0)
    error_at(s->loc, "'clip' and outliers both decide where weights are cut off (node '%s')",
             n->name);
  return true;
}

/* Codes that not every solver knows. */
static void check_solver(const Layers *l, const WeightChoice *c) {
  const Rule *won;
  const Setting *s = winner(l, "weights.solver", &won);
  if (c->format == NULL || s == NULL) return;
  int can = find_solver(c->solver)->can;
  if (c->format->vector > 1 && !(can & CAN_VECTORS))
    error_at(s->loc, "solver '%s' has no weights of format %s, which codes %d at once", c->solver,
             c->format->name, c->format->vector);
  if (c->format->book_size > 0 && !(can & CAN_BOOKS))
    error_at(s->loc, "solver '%s' has no weights of format %s, whose levels are not known in advance",
             c->solver, c->format->name);
  if (c->format->mantissa_bits == 0 || can & CAN_FLOATS) return;
  char names[NAMES_SIZE];
  name_solvers(names, sizeof names, CAN_FLOATS, ", ");
  error_at(s->loc, "solver '%s' has no weights of format %s; %s have", c->solver, c->format->name,
           names);
}

static double real_of(const Layers *l, const char *key) { return strtod(value_of(l, key), NULL); }

static OutlierChoice choose_outliers(const Layers *l, const WeightChoice *w, const Node *n) {
  OutlierChoice c = {.rule = value_of(l, "outliers.sparse.rule"),
                    .rate = real_of(l, "outliers.sparse.rate"),
                    .iqr = real_of(l, "outliers.sparse.iqr"),
                    .sensitive = real_of(l, "outliers.sparse.sensitive"),
                    .threshold = real_of(l, "outliers.sparse.threshold")};
  const Rule *won;
  const Setting *s = winner(l, "outliers.sparse.rate", &won);
  if (c.rate > 0 && w->format != NULL && w->granularity == GRAN_TENSOR)
    error_at(s->loc, "outliers need a scale per channel or group of weights (for node '%s')",
             n->name);
  if (c.rate > 0 && w->format != NULL && has_sums(w->format))
    error_at(s->loc, "format '%s' has no outliers beside its codes (for node '%s')",
             w->format->name, n->name);
  return c;
}

/* The formats with codebooks of vectors. */
static void name_sums(char *text, size_t size) {
  *text = 0;
  for (int i = 0; i < n_formats(); i++) {
    size_t used = strlen(text);
    if (has_sums(format_at(i)))
      snprintf(text + used, size - used, "%s%s", used ? " or " : "", format_at(i)->name);
  }
}

/* Codebooks of vectors and the solvers that make them go together. */
static void check_sums(const Layers *l, const Node *n, const WeightChoice *c) {
  const Rule *won;
  if (c->format == NULL) return;
  bool sums = has_sums(c->format), makes = find_solver(c->solver)->can & CAN_SUMS;
  const Setting *s = winner(l, "weights.solver", &won);
  Loc loc = s != NULL ? s->loc : c->loc;
  char names[NAMES_SIZE];
  name_solvers(names, sizeof names, CAN_SUMS, " or ");
  if (sums && !makes)
    error_at(loc, "format '%s' needs solver: %s, here it is %s (for node '%s')", c->format->name,
             names, c->solver, n->name);
  if (makes && !sums) name_sums(names, sizeof names);
  if (makes && !sums)
    error_at(loc, "solver '%s' needs format: %s, here it is %s (for node '%s')", c->solver, names,
             c->format->name, n->name);
  if (sums && c->own_books)
    error_at(winner(l, "weights.codebook", &won)->loc,
             "format '%s' has one codebook for the tensor (for node '%s')", c->format->name, n->name);
}

static WeightChoice choose_weights(const Layers *l, const Node *n) {
  WeightChoice c = {0};
  c.format = format_choice(l, "weights.format", &c.real, &c.won, &c.loc);
  c.granularity = find_granularity(value_of(l, "weights.granularity"));
  c.solver = value_of(l, "weights.solver");
  c.damp = strtod(value_of(l, "weights.damp"), NULL);
  c.act_order = strcmp(value_of(l, "weights.act_order"), "static") == 0;
  c.alpha = strtod(value_of(l, "weights.alpha"), NULL);
  c.sweeps = strtoll(value_of(l, "weights.sweeps"), NULL, 10);
  c.compact = strcmp(value_of(l, "weights.layout"), "compact") == 0;
  c.fast = strcmp(value_of(l, "weights.layout"), "fast") == 0;
  c.own_books = strcmp(value_of(l, "weights.codebook"), "channel") == 0;
  if (c.own_books && c.granularity == GRAN_TENSOR) {
    const Rule *won;
    error_at(winner(l, "weights.codebook", &won)->loc,
             "'codebook: channel' needs scales per channel or group, not granularity: tensor");
  }
  check_sums(l, n, &c);
  choose_pruning(l, &c);
  c.outliers = choose_outliers(l, &c, n);
  c.correct = strtoll(value_of(l, "lora.correct"), NULL, 10);
  c.by_weights = strcmp(value_of(l, "lora.by"), "weights") == 0;
  c.clip = choose_clip(l, n, &c);
  check_solver(l, &c);
  if (c.granularity != GRAN_GROUP) return c;
  c.group = strtoll(value_of(l, "weights.group"), NULL, 10);
  c.scale_bits = strtoll(value_of(l, "weights.scale_bits"), NULL, 10);
  const Rule *won;
  const Setting *s = winner(l, "weights.granularity", &won);
  if (c.group < 1 && c.format != NULL)
    error_at(s->loc, "granularity: group needs a group size, such as `group: 32` (for node '%s')",
             n->name);
  if (c.format != NULL && c.group % c.format->vector != 0)
    error_at(s->loc, "format '%s' codes %d weights at once: groups of %lld end inside (for node '%s')",
             c.format->name, c.format->vector, (long long)c.group, n->name);
  return c;
}

/* What goes with `mode: dynamic`, and what needs it. */
static void read_dynamic(const Layers *l, ActChoice *c) {
  const Rule *won;
  const Setting *s = winner(l, "activations.granularity", &won);
  c->dynamic = strcmp(value_of(l, "activations.mode"), "dynamic") == 0;
  c->granularity = find_granularity(value_of(l, "activations.granularity"));
  c->group = strtoll(value_of(l, "activations.group"), NULL, 10);
  c->clip = strtod(value_of(l, "activations.clip"), NULL);
  const char *columns = value_of(l, "outliers.columns.threshold");
  c->columns = strcmp(columns, "none") == 0 ? INFINITY : strtod(columns, NULL);
  if (c->format == NULL) return;
  if (!c->dynamic && c->granularity != GRAN_TENSOR)
    error_at(s->loc, "granularity: %s of activations needs `mode: dynamic`", s->value);
  if (c->dynamic && c->granularity == GRAN_GROUP && c->group < 1)
    error_at(s->loc, "granularity: group needs a group size, such as `group: 32`");
  if (c->dynamic && c->format->dtype == DT_I16)
    error_at(c->loc, "activations of format int16 need `mode: static`");
}

static ActChoice choose_activations(const Layers *l) {
  ActChoice c = {0};
  c.format = format_choice(l, "activations.format", &c.real, &c.won, &c.loc);
  c.symmetric = strcmp(value_of(l, "activations.symmetric"), "true") == 0 ||
                (c.format != NULL && c.format->dtype == DT_I16);
  read_dynamic(l, &c);
  c.method = value_of(l, "calibration.method");
  c.percentile = strtod(value_of(l, "calibration.percentile"), NULL);
  return c;
}

/* ---- one node, one input --------------------------------------------------------------------- */

static bool *new_flags(Arena *a, const Policy *p) {
  return arena_alloc(a, (p->n_rule + 1) * (int64_t)sizeof(bool));
}

/* The choice for half of a low-rank branch. */
static NodeChoice real_branch(const Policy *p, NodeChoice c) {
  const Setting *s = find_setting(&p->defaults, "lora.format");
  if (s == NULL) s = find_setting(&p->defaults, "lora.file");
  c.w = (WeightChoice){.real = dtype_by_name(policy_value(p, "lora.format"))};
  if (s != NULL) c.w.loc = c.act.loc = s->loc;
  c.act.won = NULL;
  c.act.format = NULL, c.act.dynamic = false;
  return c;
}

/* `on` [n_rule] is scratch; `hit` (or NULL) [n_rule] is set where a rule matched any part. */
static NodeChoice choose_node(const Matcher *m, const Policy *p, const Node *n, bool *on,
                              bool *hit) {
  NodeChoice c = {.node = n, .out = n->n_out > 0 ? n->out[0] : NULL, .weights = node_weights(n)};
  Layers l = {p, on};
  bool branch = is_low_rank(n);
  for (int i = 0; i < p->n_rule; i++) on[i] = rule_matches(m, i, n, PART_ACTIVATIONS);
  for (int i = 0; hit != NULL && !branch && i < p->n_rule; i++) hit[i] |= on[i];
  c.act = choose_activations(&l);
  if (branch) return real_branch(p, c);
  for (int i = 0; i < p->n_rule; i++) on[i] = rule_matches(m, i, n, PART_WEIGHTS);
  for (int i = 0; hit != NULL && i < p->n_rule; i++) hit[i] |= on[i];
  if (c.weights != NULL) c.w = choose_weights(&l, n);
  return c;
}

static ActChoice choose_input(const Matcher *m, const Policy *p, const Tensor *t, bool *on,
                              bool *hit) {
  Layers l = {p, on};
  for (int i = 0; i < p->n_rule; i++) on[i] = rule_matches_input(m, i, t);
  for (int i = 0; hit != NULL && i < p->n_rule; i++) hit[i] |= on[i];
  return choose_activations(&l);
}

/* ---- checks that need the graph -------------------------------------------------------------- */

/* The nearest name to what a rule looks for, where that is a plain name; else NULL. */
static const char *meant(const Graph *g, const Rule *r) {
  const Condition *c = &r->match[0];
  bool is_name = strcmp(c->key, "name") == 0 || strcmp(c->key, "tensor") == 0 ||
                 strcmp(c->key, "output") == 0;
  if (r->n_match != 1 || c->n != 1 || !is_name) return NULL;
  const char **name = arena_alloc(g->arena, (2 * g->n_node + 1) * (int64_t)sizeof *name);
  int n = 0;
  bool tensors = strcmp(c->key, "name") != 0;
  for (int i = 0; i < g->n_node; i++) {
    const Tensor *w = node_weights(g->node[i]);
    if (!tensors) name[n++] = g->node[i]->name;
    else if (g->node[i]->n_out > 0 && g->node[i]->out[0] != NULL)
      name[n++] = g->node[i]->out[0]->name;
    if (tensors && w != NULL) name[n++] = w->name;
  }
  return nearest_name(c->value[0], name, n);
}

static void check_hits(const Graph *g, const Rule *r) {
  if (r->n_hits >= r->require) return;
  if (r->n_hits > 0)
    error_at(r->loc, "the rule matches %d node%s, but require asks for %d", r->n_hits,
             r->n_hits == 1 ? "" : "s", r->require);
  const char *near = meant(g, r);
  if (near != NULL)
    error_at(r->match[0].loc, "the rule matches no node of the model, did you mean '%s'?", near);
  error_at(r->loc, "the rule matches no node of the model (`require: 0` permits that)");
}

static bool sets_part(const Rule *r, const char *prefix) {
  for (int i = 0; i < r->set.n; i++)
    if (strncmp(r->set.s[i].key, prefix, strlen(prefix)) == 0) return true;
  return false;
}

/* A rule for weights that finds only operators without: probably the wrong node was named. */
static void check_has_weights(const Matcher *m, const Graph *g, int i, const Rule *r) {
  if ((!sets_part(r, "weights.") && !sets_part(r, "outliers.sparse.") &&
       !sets_part(r, "lora.")) || r->require == 0) return;
  const Node *other = NULL;
  for (int k = 0; k < g->n_node; k++) {
    const Node *n = g->node[k];
    bool weights = rule_matches(m, i, n, PART_WEIGHTS);
    if (weights && node_weights(n) != NULL) return;
    if (weights || rule_matches(m, i, n, PART_ACTIVATIONS)) other = n;
  }
  if (other == NULL)
    error_at(r->loc, "the rule sets weights, but matches only inputs of the model");
  error_at(r->loc, "the rule sets weights, but '%s' (%s) has no constant weights", other->name,
           other->op->name);
}

static bool same_weights(const WeightChoice *a, const WeightChoice *b) {
  return a->format == b->format && a->real == b->real &&
         (a->format == NULL || (a->granularity == b->granularity && a->group == b->group));
}

static const char *choice_text(Arena *a, const WeightChoice *w) {
  if (w->format == NULL) return format_text(NULL, w->real);
  if (w->granularity != GRAN_GROUP)
    return arena_printf(a, "%s per %s", w->format->name, granularity_name(w->granularity));
  return arena_printf(a, "%s in groups of %lld", w->format->name, (long long)w->group);
}

/* All nodes with weights that rules of one tie group match must agree. */
static void check_tie(Arena *a, const Matcher *m, const Policy *p, const Resolution *res,
                      const char *tie) {
  const NodeChoice *first = NULL;
  for (int k = 0; k < res->n_node; k++) {
    const NodeChoice *c = &res->node[k];
    for (int i = 0; i < p->n_rule && c->weights != NULL; i++) {
      const Rule *r = &p->rule[i];
      if (r->tie == NULL || strcmp(r->tie, tie) != 0) continue;
      if (!rule_matches(m, i, c->node, PART_WEIGHTS)) continue;
      if (first == NULL) first = c;
      if (same_weights(&first->w, &c->w)) continue;
      error_at(r->loc, "tied group '%s' has different formats: '%s' is %s, '%s' is %s", tie,
               first->node->name, choice_text(a, &first->w), c->node->name, choice_text(a, &c->w));
    }
  }
}

static void check_rules(const Graph *g, const Policy *p, const Matcher *m, const Resolution *res) {
  for (int i = 0; i < p->n_rule; i++) {
    check_hits(g, &p->rule[i]);
    check_has_weights(m, g, i, &p->rule[i]);
    if (p->rule[i].tie != NULL) check_tie(g->arena, m, p, res, p->rule[i].tie);
  }
}

/* What an adapter changes is small beside the weights: few bits lose it, unless their errors make up for
 * each other. */
static void check_adapted(const Context *cx, const NodeChoice *c) {
  enum { ENOUGH_BITS = 8 };
  const WeightChoice *w = &c->w;
  if (cx->adapted == NULL || !cx->adapted->merged || w->format == NULL ||
      w->format->bits >= ENOUGH_BITS || find_solver(w->solver)->needs & NEEDS_HESSIAN ||
      find_adapted(cx->adapted, c->node->name) == NULL)
    return;
  error_at(w->loc,
           "an adapter merged into '%s' would be lost in weights of format %s by solver %s: take 8 bits, "
           "a solver that looks at samples such as gptq, or `mode: branch`",
           c->node->name, w->format->name, w->solver);
}

/* A lock file belongs to one model; ranges that a user wrote must be of tensors that exist. */
static void check_lock(const Graph *g, const Policy *p) {
  if (p->lock.given) {
    if (p->lock.model != 0 && g->hash != 0 && p->lock.model != g->hash)
      error_at(p->lock.model_loc, "the lock file was made for another model than this");
    if (p->lock.version != NULL && strcmp(p->lock.version, QCC_VERSION) != 0)
      warn_at(p->lock.loc, "made by qcc %s, this is %s: the output may differ", p->lock.version,
              QCC_VERSION);
    return;
  }
  for (int i = 0; i < p->n_range; i++)
    if (find_tensor(g, p->range[i].tensor) == NULL)
      error_at(p->range[i].loc, "the model has no tensor '%s'", p->range[i].tensor);
}

/* ---- the table ------------------------------------------------------------------------------- */

static void keep_names(const Graph *g, Arena *a, Resolution *res) {
  res->n_tensor = g->n_tensor;
  res->tensor = arena_alloc(a, (g->n_tensor + 1) * (int64_t)sizeof *res->tensor);
  res->name = arena_alloc(a, (g->n_tensor + 1) * (int64_t)sizeof *res->name);
  for (int i = 0; i < g->n_tensor; i++) {
    res->tensor[i] = g->tensor[i];
    res->name[i] = g->tensor[i]->name;
  }
}

const char *resolved_name(const Resolution *res, const Tensor *t) {
  for (int i = 0; i < res->n_tensor; i++)
    if (res->tensor[i] == t) return res->name[i];
  return t->name;
}

void resolve_policy(Graph *g, Context *cx) {
  const Policy *p = cx->policy;
  check_lock(g, p);
  Matcher *m = new_matcher(g, p);
  Resolution *res = arena_alloc(cx->arena, sizeof *res);
  res->n_node = g->n_node;
  res->n_in = g->n_in;
  res->node = arena_alloc(cx->arena, (g->n_node + 1) * (int64_t)sizeof *res->node);
  res->input = arena_alloc(cx->arena, (g->n_in + 1) * (int64_t)sizeof *res->input);
  bool *hit = new_flags(cx->arena, p), *on = new_flags(cx->arena, p);
  for (int i = 0; i < p->n_rule; i++) p->rule[i].n_hits = 0;
  for (int k = 0; k < g->n_node + g->n_in; k++) {
    memset(hit, 0, (size_t)p->n_rule * sizeof *hit);
    int in = k - g->n_node;
    if (in < 0) res->node[k] = choose_node(m, p, g->node[k], on, hit);
    else res->input[in] = (InputChoice){g->in[in], choose_input(m, p, g->in[in], on, hit)};
    if (in < 0) check_adapted(cx, &res->node[k]);
    for (int i = 0; i < p->n_rule; i++) p->rule[i].n_hits += hit[i];
  }
  check_rules(g, p, m, res);
  free_matcher(m);
  keep_names(g, cx->arena, res);
  cx->resolution = res;
}

static NodeChoice find_choice(const Graph *g, const Context *cx, const Node *n) {
  for (int i = 0; cx->resolution != NULL && i < cx->resolution->n_node; i++)
    if (cx->resolution->node[i].node == n) return cx->resolution->node[i];
  Matcher *m = new_matcher(g, cx->policy);
  NodeChoice c = choose_node(m, cx->policy, n, new_flags(cx->arena, cx->policy), NULL);
  free_matcher(m);
  return c;
}

WeightChoice weight_choice(const Graph *g, const Context *cx, const Node *n) {
  return find_choice(g, cx, n).w;
}

ActChoice act_choice(const Graph *g, const Context *cx, const Node *n) {
  return find_choice(g, cx, n).act;
}

ActChoice input_choice(const Graph *g, const Context *cx, const Tensor *t) {
  for (int i = 0; cx->resolution != NULL && i < cx->resolution->n_in; i++)
    if (cx->resolution->input[i].input == t) return cx->resolution->input[i].act;
  Matcher *m = new_matcher(g, cx->policy);
  ActChoice c = choose_input(m, cx->policy, t, new_flags(cx->arena, cx->policy), NULL);
  free_matcher(m);
  return c;
}
