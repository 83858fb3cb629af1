/* explain.c - `qcc explain`: for every weight and activation tensor the choice that the policy
 * comes to, and the line of the file that made it; of a model that is quantized already its own codes, and which
 * operators between them stay in float. */
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "passes/resolve.h"

typedef struct Line {
  const char *tensor, *part;   /* part: "weights", "activations", "input" */
  const Node *node;            /* NULL for an input */
  const char *format;          /* "float", "int8" */
  const char *how;             /* "channel, mse" */
  const char *by;              /* "policy.yaml:7", "preset int8:5", "no setting" */
} Line;

typedef struct Lines {
  Arena *arena;
  int n;
  Line *line;                  /* [n] */
} Lines;

static const char *place(Arena *a, Loc loc, const Rule *won) {
  if (loc.src == NULL) return "no setting";
  const char *text = arena_printf(a, "%s:%d", loc.src->path, loc.line);
  return won == NULL ? text : arena_printf(a, "%s (rule)", text);
}

static void add_line(Lines *l, Line line) {
  l->line = arena_grow(l->arena, l->line, l->n, sizeof *l->line);
  l->line[l->n++] = line;
}

static void add_activation(Lines *l, const char *tensor, const Node *n, const ActChoice *c) {
  Line line = {.tensor = tensor, .part = n != NULL ? "activations" : "input", .node = n};
  line.format = format_text(c->format, c->real);
  if (c->format == NULL) line.how = "";
  else if (c->dynamic && isfinite(c->columns))
    line.how = arena_printf(l->arena, "dynamic, %s, columns from %g real",
                            granularity_name(c->granularity), c->columns);
  else if (c->dynamic)
    line.how = arena_printf(l->arena, "dynamic, %s", granularity_name(c->granularity));
  else if (strcmp(c->method, "percentile") == 0)
    line.how = arena_printf(l->arena, "%s, percentile %g",
                            c->symmetric ? "symmetric" : "asymmetric", c->percentile);
  else
    line.how =
        arena_printf(l->arena, "%s, %s", c->symmetric ? "symmetric" : "asymmetric", c->method);
  line.by = place(l->arena, c->loc, c->won);
  add_line(l, line);
}

/* What an adapter did to the layer, behind how its weights are made. */
static const char *with_adapter(Arena *a, const char *how, const Adapted *adapted, const Node *n) {
  const AdaptedLayer *layer = adapted != NULL ? find_adapted(adapted, n->name) : NULL;
  if (is_low_rank(n)) return "half of a low-rank branch";
  if (layer == NULL) return how;
  const char *comma = how[0] != '\0' ? ", " : "", *base = adapted->base;
  if (adapted->merged)
    return arena_printf(a, "%s%srank %lld merged onto %s", how, comma, (long long)layer->rank, base);
  return arena_printf(a, "%s%srank %lld beside", how, comma, (long long)layer->rank);
}

static void add_weights(Lines *l, const NodeChoice *n, const Adapted *adapted) {
  const WeightChoice *c = &n->w;
  Line line = {.tensor = n->weights->name, .part = "weights", .node = n->node};
  line.format = format_text(c->format, c->real);
  if (c->format == NULL) line.how = "";
  else if (c->granularity == GRAN_GROUP)
    line.how = arena_printf(l->arena, "group of %lld, %s", (long long)c->group, c->solver);
  else line.how = arena_printf(l->arena, "%s, %s", granularity_name(c->granularity), c->solver);
  if (c->format != NULL && c->outliers.rate > 0)
    line.how = arena_printf(l->arena, "%s, %g %% outliers by %s", line.how, 100 * c->outliers.rate,
                            c->outliers.rule);
  if (c->format != NULL && c->correct > 0)
    line.how = arena_printf(l->arena, "%s, corrected by rank %lld", line.how, (long long)c->correct);
  line.how = with_adapter(l->arena, line.how, adapted, n->node);
  line.by = place(l->arena, c->loc, c->won);
  add_line(l, line);
}

/* ---- models that somebody else has quantized: they decide */

static bool has_codes_of_model(const Graph *g) {
  for (int i = 0; i < g->n_node; i++)
    if (attr_int(g->node[i], "imported", 0)) return true;
  return false;
}

/* A tensor of codes, or weights that remember them. */
static void set_model_format(Line *line, const Tensor *t) {
  if (!t->quant) return;
  line->format = t->quant->format->name;
  line->how = t->quant->n > 1 ? "channel" : "";
  line->by = "the model";
}

/* What lowering says of each node; NULL: it would need samples, or there is nothing to say. */
static const PlanReport *find_islands(const Graph *g, const Context *cx) {
  bool decided = cx->policy->defaults.n > 0 || cx->policy->n_rule > 0;
  if (!has_codes_of_model(g) || (decided && !cx->calib)) return NULL;
  PlanReport *report = arena_alloc(cx->arena, sizeof *report);
  Context own = *cx;
  own.report = report, own.resolution = NULL, own.verbose = NULL;
  run_passes(clone_graph(g), &own, "cse", "lower");
  return report;
}

static void set_notes(Lines *l, const PlanReport *report) {
  for (int i = 0; report && i < report->n_note; i++)
    for (int k = 0; k < l->n; k++)
      if (l->line[k].node && strcmp(l->line[k].part, "activations") == 0 &&
          strcmp(l->line[k].node->name, report->note[i].node) == 0)
        l->line[k].how = report->note[i].text;
}

static bool wanted(const char *only, const char *tensor, const Node *n) {
  return only == NULL || strcmp(only, tensor) == 0 || (n != NULL && strcmp(only, n->name) == 0);
}

static _Noreturn void unknown_tensor(const Graph *g, const char *name) {
  int n = g->n_node + g->n_tensor;
  const char **known = arena_alloc(g->arena, (n + 1) * (int64_t)sizeof *known);
  for (int i = 0; i < g->n_node; i++) known[i] = g->node[i]->name;
  for (int i = 0; i < g->n_tensor; i++) known[g->n_node + i] = g->tensor[i]->name;
  const char *near = nearest_name(name, known, n);
  if (near != NULL) error("the model has no tensor or node '%s', did you mean '%s'?", name, near);
  error("the model has no tensor or node '%s' after simplification", name);
}

static void collect(Lines *l, const Graph *g, const Context *cx, const char *only) {
  const Resolution *res = cx->resolution;
  for (int i = 0; i < res->n_in; i++)
    if (wanted(only, res->input[i].input->name, NULL))
      add_activation(l, res->input[i].input->name, NULL, &res->input[i].act);
  for (int i = 0; i < res->n_node; i++) {
    const NodeChoice *c = &res->node[i];
    if (c->weights != NULL && wanted(only, c->weights->name, c->node)) {
      add_weights(l, c, cx->adapted);
      set_model_format(&l->line[l->n - 1], c->weights);
    }
    for (int k = 0; k < c->node->n_out; k++) {
      const Tensor *y = c->node->out[k];
      if (y == NULL || !wanted(only, y->name, c->node)) continue;
      add_activation(l, y->name, c->node, &c->act);
      set_model_format(&l->line[l->n - 1], y);
    }
  }
  if (only != NULL && l->n == 0) unknown_tensor(g, only);
}

static void print_text(FILE *f, const Lines *l) {
  int wide = 6, how = 3, op = 8;
  for (int i = 0; i < l->n; i++) {
    int n = (int)strlen(l->line[i].tensor), h = (int)strlen(l->line[i].how);
    wide = n > wide ? n : wide;
    int o = l->line[i].node != NULL ? (int)strlen(l->line[i].node->op->name) : 0;
    how = h > how ? h : how;
    op = o > op ? o : op;
  }
  wide = wide > 48 ? 48 : wide;
  fprintf(f, "%-*s  %-11s  %-*s  %-6s  %-*s  %s\n", wide, "tensor", "part", op, "operator",
          "format", how, "how", "decided by");
  for (int i = 0; i < l->n; i++) {
    const Line *x = &l->line[i];
    fprintf(f, "%-*s  %-11s  %-*s  %-6s  %-*s  %s\n", wide, x->tensor, x->part, op,
            x->node != NULL ? x->node->op->name : "", x->format, how, x->how, x->by);
  }
}

static void print_json(FILE *f, const Lines *l) {
  json_t *list = json_array();
  for (int i = 0; i < l->n; i++) {
    const Line *x = &l->line[i];
    json_t *o = json_pack("{s:s, s:s, s:s?, s:s?, s:s, s:s, s:s}", "tensor", x->tensor, "part",
                          x->part, "node", x->node != NULL ? x->node->name : NULL, "operator",
                          x->node != NULL ? x->node->op->name : NULL, "format", x->format, "how",
                          x->how, "decided_by", x->by);
    if (o == NULL) error("the name '%s' is not UTF-8", x->tensor);
    json_array_append_new(list, o);
  }
  json_dumpf(list, f, JSON_INDENT(2));
  fputc('\n', f);
  json_decref(list);
}

void explain_policy(FILE *f, Graph *g, Context *cx, const char *tensor, bool json) {
  if (cx->resolution == NULL) resolve_policy(g, cx);
  Lines l = {.arena = cx->arena};
  collect(&l, g, cx, tensor);
  set_notes(&l, find_islands(g, cx));
  if (json) print_json(f, &l);
  else print_text(f, &l);
}
