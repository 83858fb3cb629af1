/* choose_write.c - what a search leaves: the policy with a rule for each layer and its reason,
 * the lock file of that policy, and the Pareto front of weights and cost with all that was
 * measured. */
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "driver/choose.h"

/* FILE.yaml gives FILE.<ending>. */
static const char *beside(Arena *a, const char *path, const char *ending) {
  size_t n = strlen(path);
  if (ends_with(path, ".yaml")) n -= strlen(".yaml");
  return arena_printf(a, "%.*s.%s", (int)n, path, ending);
}

static const char *reason_of(const Chooser *c, const Trial *t, int layer) {
  const BitSpace *s = c->s;
  const Cost *cost = c->layer_cost + layer * s->n_candidate;
  int chosen = t->choice[s->layer[layer].group];
  const char *text =
      arena_printf(s->a, "%s: cost %.3g, %.1f %% of all", s->layer[layer].name, cost[chosen].value,
                   t->cost > 0 ? 100 * cost[chosen].value / t->cost : 0);
  for (int i = 0; i < s->n_candidate; i++)
    if (i != chosen)
      text = arena_printf(s->a, "%s; %s %.3g", text, s->candidate[i].name, cost[i].value);
  return text;
}

static void write_policy(const Chooser *c, const Trial *t, const char *path) {
  const BitSpace *s = c->s;
  const char **why = arena_alloc(s->a, (s->n_layer + 1) * (int64_t)sizeof *why);
  for (int i = 0; i < s->n_layer; i++) why[i] = reason_of(c, t, i);
  FILE *f = open_file(path);
  fprintf(f, "# Formats chosen by qcc search: metric %s, method %s, budgets %s.\n", c->metric->name,
          c->method->name, list_limits(s->a, c->limit));
  fprintf(f, "# Noise over signal at the outputs %.3g, %.0f bytes of weights.\n", t->error,
          t->take[LIMIT_WEIGHTS]);
  expand_policy(f, assign_policy(s->a, s, layer_choice(s->a, s, t->choice), why));
  close_file(f, path);
}

/* The policy as qcc reads it makes the same network. */
static void write_lock_of(const Chooser *c, const Trial *t, const char *policy, const char *path) {
  Options o = *c->j->o;
  o.policy = policy;
  o.preset = NULL;
  Job *j = new_job(c->s->a, &o, c->j->target->name);
  compile_job(j, NULL, NULL);
  CodegenOptions options = codegen_options(j);
  double weights = (double)count_constants(j->g, &j->cx, &options).weights;
  if (weights != t->take[LIMIT_WEIGHTS])
    bug("%s has %.0f bytes of weights, the choice has %.0f", policy, weights,
        t->take[LIMIT_WEIGHTS]);
  FILE *f = open_file(path);
  write_lock(f, j->g, &j->cx);
  close_file(f, path);
}

static json_t *choice_json(const BitSpace *s, const int *choice) {
  json_t *list = json_array();
  for (int g = 0; g < s->n_group; g++) json_array_append_new(list, json_integer(choice[g]));
  return list;
}

static json_t *real_json(double v) { return isfinite(v) ? json_real(v) : json_null(); }

static json_t *number_json(double v) {
  return isfinite(v) ? json_integer((json_int_t)v) : json_null();
}

static json_t *trial_json(const BitSpace *s, const Trial *t) {
  return json_pack("{s:o, s:f, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "choice",
                   choice_json(s, t->choice), "cost", t->cost, "weights",
                   number_json(t->take[LIMIT_WEIGHTS]), "flash", number_json(t->take[LIMIT_FLASH]),
                   "predicted_flash", number_json(t->predicted_flash),
                   "ram", number_json(t->take[LIMIT_RAM]), "latency",
                   number_json(t->take[LIMIT_LATENCY]), "error", real_json(t->error), "accuracy",
                   real_json(t->accuracy), "float_accuracy", real_json(t->float_accuracy));
}

enum { MAX_POINTS = 2000 };

/* Points of the front of weights and cost, with the choice of each: all, or as many as anybody
 * looks at. */
static json_t *front_json(const Chooser *c) {
  Arena *a = new_arena();
  Knapsack k = knapsack_of(c, true);
  const Front *front = find_fronts(a, &k, 0);
  json_t *list = json_array();
  int n = front[0].n < MAX_POINTS ? front[0].n : MAX_POINTS;
  for (int i = 0; i < n; i++) {
    int point = n > 1 ? (int)((int64_t)i * (front[0].n - 1) / (n - 1)) : 0;
    Selection s = selection_at(a, &k, front, front[0].take[point]);
    json_array_append_new(list, json_pack("{s:o, s:f, s:o}", "weights",
                                          number_json(s.take[0] + c->fixed[LIMIT_WEIGHTS]), "cost",
                                          s.cost, "choice", choice_json(c->s, s.choice)));
  }
  free_arena(a);
  return list;
}

static json_t *layers_json(const Chooser *c, const Trial *t) {
  const BitSpace *s = c->s;
  json_t *list = json_array();
  for (int i = 0; i < s->n_layer; i++) {
    int chosen = t->choice[s->layer[i].group];
    json_array_append_new(list, json_pack("{s:s, s:s, s:i, s:s, s:f}", "name", s->layer[i].name,
                                          "output", s->layer[i].output, "group", s->layer[i].group,
                                          "candidate", s->candidate[chosen].name, "cost",
                                          c->layer_cost[i * s->n_candidate + chosen].value));
  }
  return list;
}

static void write_front(const Chooser *c, const Trial *t, const char *path) {
  const BitSpace *s = c->s;
  json_t *candidates = json_array(), *trials = json_array();
  for (int i = 0; i < s->n_candidate; i++)
    json_array_append_new(candidates, json_string(s->candidate[i].name));
  for (int i = 0; i < c->n_trial; i++) json_array_append_new(trials, trial_json(s, &c->trial[i]));
  json_t *o = json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "metric", c->metric->name, "candidates",
                        candidates, "layers", layers_json(c, t), "chosen", trial_json(s, t),
                        "measured", trials, "front", front_json(c));
  FILE *f = open_file(path);
  json_dumpf(o, f, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
  fputc('\n', f);
  close_file(f, path);
  json_decref(o);
}

void write_choice(Chooser *c, const Trial *t) {
  const char *policy = c->j->o->output;
  write_policy(c, t, policy);
  write_front(c, t, beside(c->s->a, policy, "front.json"));
  write_lock_of(c, t, policy, beside(c->s->a, policy, "lock.yaml"));
}

void print_choice(const Chooser *c, const Trial *t) {
  const BitSpace *s = c->s;
  if (c->j->o->json) {
    json_t *o =
        json_pack("{s:s, s:s, s:b, s:I, s:o, s:o}", "metric", c->metric->name, "method",
                  c->method->name, "stopped", is_stopped(), "samples", (json_int_t)s->samples->n,
                  "chosen", trial_json(s, t), "layers", layers_json(c, t));
    json_dumpf(o, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(o);
    return;
  }
  printf("%s: %s%s\n", c->j->name, c->j->o->output, is_stopped() ? ", stopped early" : "");
  for (int k = 0; k < N_LIMITS; k++)
    if (isfinite(t->take[k]) && (c->limit[k].text || k == LIMIT_WEIGHTS))
      printf("  %s%s%s\n", limit_text(s->a, &c->limit[k], (LimitKind)k, t->take[k]),
             c->limit[k].text ? " of " : "", c->limit[k].text ? c->limit[k].text : "");
  printf("  SQNR %.1f dB at the outputs, best of %d choices measured\n", -10 * log10(t->error),
         c->n_trial);
  for (int i = 0; i < s->n_layer; i++)
    printf("  %-8s %s\n", s->candidate[t->choice[s->layer[i].group]].name, s->layer[i].name);
}
