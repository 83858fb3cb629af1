/* collect.c - compiles the network and gathers what the report shows. */
#include <math.h>
#include <string.h>

#include "driver/report/report.h"

double decibels(double signal, double noise) {
  return noise > 0 ? 10 * log10(signal / noise) : INFINITY;
}

json_t *decibels_json(double signal, double noise) {
  double v = decibels(signal, noise);
  return isfinite(v) ? json_real(v) : json_null();
}

json_t *read_json(Arena *a, const char *path) {
  size_t len;
  const char *text = read_file(a, path, &len);
  json_error_t at;
  json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &at);
  if (!root) {
    Loc loc = {.src = new_source(a, path, text, len), .line = at.line, .col = at.column};
    error_at(loc, "not JSON: %s", at.text);
  }
  return root;
}

static const char *weight_format(const Tensor *w) {
  if (w->quant) return w->quant->format->name;
  return w->dtype == DT_F16 ? "float16" : "float32";
}

static LayerFacts layer_facts(Arena *a, const Graph *g, const Node *n) {
  const Kernel *k = n->kernel;
  LayerFacts l = {.node = n, .kernel = k ? k->name : NULL, .macs = node_macs(n)};
  if (!has_packed_weights(n)) return l;
  l.weights = n->in[1];
  l.format = weight_format(l.weights);
  l.bits = l.weights->quant ? bits_per_element(g, l.weights) : dtype_bits(l.weights->dtype);
  pack_weights(a, n, k, &l.bytes);
  return l;
}

static void collect_layers(Report *r) {
  const Graph *g = r->j->g;
  r->n_layer = g->n_node;
  r->layer = arena_alloc(r->a, (g->n_node + 1) * (int64_t)sizeof *r->layer);
  Arena *scratch = new_arena();
  for (int i = 0; i < g->n_node; i++) r->layer[i] = layer_facts(scratch, g, g->node[i]);
  free_arena(scratch);
}

static void measure_targets(Report *r, const Job *common, int n, Target **targets,
                            const char *dir) {
  r->n_target = n;
  r->target = arena_alloc(r->a, (n + 1) * (int64_t)sizeof *r->target);
  for (int i = 0; i < n; i++) r->target[i] = measure_target(common, targets[i], dir);
}

/* The passes, with copies of the graph where the report looks at it. */
static void compile_in_stages(Report *r, Job *common) {
  Job *j = r->j;
  compile_job(j, NULL, "calibrate");
  r->real = clone_graph(j->g);
  compile_job(j, "calibrate", "quantize");
  r->simulated = clone_graph(j->g);
  compile_job(j, "quantize", LAST_COMMON_PASS);
  *common = *j;
  common->g = clone_graph(j->g);
  common->cx.report = &common->report;
  compile_job(j, LAST_COMMON_PASS, NULL);
}

static Samples *first_samples(Arena *a, const Samples *s, int64_t n) {
  Samples *first = arena_alloc(a, sizeof *first);
  *first = *s;
  first->n = n;
  return first;
}

Report *collect_report(Arena *a, const Options *o) {
  Report *r = arena_alloc(a, sizeof *r);
  Target **targets = NULL;
  int n = o->targets ? load_targets(a, o, &targets) : 0;
  Job *j = new_job(a, o, o->target ? o->target : "host"), common;
  Samples *s = j->calib;
  if (o->input) s = recorded_samples(j);
  if (s && o->limit && s->n > o->limit) s = first_samples(a, s, o->limit);
  if (o->labels && !o->input) error("--labels needs the samples that they are of: --input X.npy");
  int *label = o->labels ? read_labels(a, o->labels, s->n, n_elements(j->model->out[0])) : NULL;
  check_budgets(o, 1, &j->target);
  *r = (Report){.a = a, .j = j, .policy = o->preset ? o->preset : o->policy, .has_labels = label};
  if (o->sensitivity) r->sensitivity = read_sensitivity(a, o->sensitivity);
  if (o->search) r->front = read_front(a, o->search);
  compile_in_stages(r, &common);
  collect_layers(r);
  const char *dir = work_folder(a, o->keep);
  r->size = measure_job(j, dir);
  if (o->bench) measure_run(j, dir, 3, j->g->n_node, &r->run);
  measure_targets(r, &common, n, targets, dir);
  measure_spread(r, s);
  if (s) measure_noise(r, s, label);
  return r;
}
