/* choose_measure.c - what choices take, and how good they are: from the compiler itself.
 *
 * The network is compiled with each candidate everywhere; what its nodes take there is what the
 * candidate takes in a layer of a mixed network too.  A choice that is worth it is compiled and
 * measured as a whole. */
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "driver/choose.h"

static const double FAR = 1.1; /* times a limit: more than tables of costs are wrong by */

int *layer_choice(Arena *a, const BitSpace *s, const int *choice) {
  int *c = arena_alloc(a, (s->n_layer + 1) * (int64_t)sizeof *c);
  for (int i = 0; i < s->n_layer; i++) c[i] = choice[s->layer[i].group];
  return c;
}

static bool has_limit(const Chooser *c, LimitKind kind) { return c->limit[kind].text != NULL; }

/* The job with a choice made, compiled for its target. */
static Job choice_job(const Chooser *c, Arena *a, Options *o, const int *choice) {
  static const Budget latency = {.kind = BUDGET_LATENCY};
  Job k = *c->j;
  *o = *c->j->o;
  o->n_budget = has_limit(c, LIMIT_LATENCY);
  o->budget = arena_alloc(a, sizeof latency);
  o->budget[0] = latency;
  o->quiet = true;
  k.a = a;
  k.o = o;
  k.report = (PlanReport){0};
  k.g = compile_choice(a, c->s, layer_choice(a, c->s, choice), NULL, &k.cx);
  k.policy = arena_alloc(a, sizeof *k.policy);
  *k.policy = *k.cx.policy;
  return k;
}

static TargetSize measure_in(const Chooser *c, Job *k, const char *name) {
  const char *dir = arena_printf(k->a, "%s/%s", c->dir, name);
  if (mkdir(dir, 0777) != 0) error("%s: cannot be made", dir);
  TargetSize size = measure_job(k, dir);
  if (size.missing)
    error("--budget: the compiler for target '%s' is not installed (Debian package %s)",
          k->target->name, size.missing);
  if (size.run.counted && size.run.is_time != c->limit[LIMIT_LATENCY].is_time)
    error("--budget: latency on target '%s' is measured in %s, found '%s'", k->target->name,
          size.run.is_time ? "time: expected one such as 2ms"
                           : "instructions: expected a number of them",
          c->limit[LIMIT_LATENCY].text);
  return size;
}

double build_flash(const Chooser *c, const int *choice, const char *name) {
  Arena *a = new_arena();
  Options o;
  Job k = choice_job(c, a, &o, choice);
  o.n_budget = 0; /* no run */
  const char *dir = arena_printf(a, "%s/%s", c->dir, name);
  if (mkdir(dir, 0777) != 0) error("%s: cannot be made", dir);
  TargetSize size = measure_job(&k, dir);
  double bytes = (double)flash_bytes(&size);
  free_arena(a);
  return bytes;
}

/* Latency by the target's table of costs, also of each node where `node` is not NULL; NAN where that
 * does not say, or nobody asked. */
static double predict_latency(const Chooser *c, const Job *k, double *node) {
  if (!has_limit(c, LIMIT_LATENCY)) return NAN;
  return predict_job(k, size_opt(k), c->limit[LIMIT_LATENCY].is_time, node);
}

/* Is a run to tell the latency of a choice?  Not where the table says that it is far too much, nor where
 * nothing can run, if there is a table. */
static bool wants_run(const Chooser *c, const Job *k, double predicted) {
  if (!has_limit(c, LIMIT_LATENCY) || isnan(predicted)) return has_limit(c, LIMIT_LATENCY);
  return predicted <= FAR * c->limit[LIMIT_LATENCY].most && !why_not_run(k->a, k->target) &&
         !missing_compiler(k->target, compiler_of(k->o));
}

static double ram_of(const TargetSize *size) {
  int64_t bytes = ram_need(size);
  return (double)(bytes < 0 ? size->arena : bytes);
}

/* Adds what nodes take to the groups whose layers have their names; returns the rest. */
static double add_nodes(const Chooser *c, const Graph *g, int candidate, const double *node,
                        double all, double *take) {
  const BitSpace *s = c->s;
  for (int i = 0; i < g->n_node; i++)
    for (int l = 0; l < s->n_layer; l++) {
      if (node[i] == 0 || strcmp(g->node[i]->name, s->layer[l].name) != 0) continue;
      take[s->layer[l].group * s->n_candidate + candidate] += node[i];
      all -= node[i];
      break;
    }
  return all;
}

/* Instructions of each node. */
static void measure_marks(const Chooser *c, Job *k, int candidate, double *node) {
  bool random;
  RunResult r = {0};
  Samples *x = job_samples(k, 1, &random);
  x->n = 1;
  const char *dir = arena_printf(k->a, "%s/marks-%d", c->dir, candidate);
  if (mkdir(dir, 0777) != 0) error("%s: cannot be made", dir);
  run_job(k, dir, x, sample_room(k->a, 1, output_bytes(k->g)), true, k->g->n_node, &r);
  for (int i = 0; i < k->g->n_node && i < r.n_mark; i++) node[i] = (double)r.mark[i];
}

/* One candidate everywhere; what lies beside the layers is taken from the first. */
static void measure_candidate(Chooser *c, int candidate) {
  Arena *a = new_arena();
  BitSpace *s = c->s;
  Options o;
  int *choice = arena_alloc(a, (s->n_group + 1) * (int64_t)sizeof *choice);
  for (int i = 0; i < s->n_group; i++) choice[i] = candidate;
  Job k = choice_job(c, a, &o, choice);
  int64_t *all = arena_alloc(a, (k.g->n_node + 1) * (int64_t)sizeof *all);
  int64_t *weights = arena_alloc(a, (k.g->n_node + 1) * (int64_t)sizeof *weights);
  CodegenOptions options = codegen_options(&k);
  ConstantBytes bytes = count_node_constants(k.g, &k.cx, &options, all, weights);
  double total[N_ADDED] = {(double)bytes.weights,
                           (double)(bytes.weights + bytes.biases + bytes.tables), 0};
  double *node = arena_alloc(a, (k.g->n_node + 1) * (int64_t)sizeof *node);
  double *cost = arena_alloc(a, (k.g->n_node + 1) * (int64_t)sizeof *cost);
  total[LIMIT_LATENCY] = predict_latency(c, &k, cost);
  bool runs = has_limit(c, LIMIT_LATENCY) && isnan(total[LIMIT_LATENCY]);
  if (has_limit(c, LIMIT_FLASH) || runs) {
    o.n_budget = runs;
    TargetSize size = measure_in(c, &k, arena_printf(a, "all-%d", candidate));
    total[LIMIT_FLASH] = (double)flash_bytes(&size);
    if (runs) total[LIMIT_LATENCY] = (double)size.run.total;
  }
  for (int m = 0; m < N_ADDED; m++) {
    for (int i = 0; i < k.g->n_node; i++)
      node[i] = m == LIMIT_WEIGHTS ? (double)weights[i]
                : m == LIMIT_FLASH ? (double)all[i]
                                   : cost[i];
    if (m == LIMIT_LATENCY && !has_limit(c, LIMIT_LATENCY)) continue;
    if (m == LIMIT_LATENCY && runs) measure_marks(c, &k, candidate, node);
    double rest = add_nodes(c, k.g, candidate, node, total[m], c->take[m]);
    if (candidate == 0 || rest < c->fixed[m]) c->fixed[m] = rest;
    if (candidate == 0 && m == LIMIT_FLASH) c->first_code = rest;
  }
  add_kernels(c, k.g);
  free_arena(a);
}

void measure_takes(Chooser *c) {
  BitSpace *s = c->s;
  for (int m = 0; m < N_ADDED; m++)
    c->take[m] = arena_alloc(s->a, s->n_group * s->n_candidate * (int64_t)sizeof(double));
  for (int i = 0; i < s->n_layer; i++) c->kernels[i] = HASH_START;
  c->n_code = 0;
  for (int i = 0; i < s->n_candidate; i++) {
    measure_candidate(c, i);
    if (c->j->cx.progress) c->j->cx.progress("compiling", i + 1, s->n_candidate);
  }
  find_kinds(c);
}

static void measure_error(const Chooser *c, Trial *t) {
  Arena *a = new_arena();
  Score score = score_choice(c->s, layer_choice(a, c->s, t->choice), c->s->samples);
  t->error = score.signal > 0 ? score.noise / score.signal : score.noise;
  free_arena(a);
}

static void measure_accuracy(const Chooser *c, Trial *t, Arena *a) {
  Score score = score_choice(c->s, layer_choice(a, c->s, t->choice), c->s->all);
  t->accuracy = (double)score.right / (double)score.samples;
  t->float_accuracy = (double)score.float_right / (double)score.samples;
  t->take[LIMIT_DROP] = t->float_accuracy - t->accuracy;
}

/* All that limits ask for. */
static void measure_limits(Chooser *c, Trial *t) {
  Arena *a = new_arena();
  Options o;
  if (has_limit(c, LIMIT_FLASH) && !is_stopped())
    t->predicted_flash = predict_flash(c, t->choice);
  Job k = choice_job(c, a, &o, t->choice);
  CodegenOptions options = codegen_options(&k);
  t->take[LIMIT_WEIGHTS] = (double)count_constants(k.g, &k.cx, &options).weights;
  t->take[LIMIT_RAM] = (double)k.g->arena_bytes;
  double predicted = predict_latency(c, &k, NULL);
  bool runs = wants_run(c, &k, predicted);
  t->take[LIMIT_LATENCY] = predicted;
  if (has_limit(c, LIMIT_FLASH) || has_limit(c, LIMIT_RAM) || runs) {
    o.n_budget = runs;
    TargetSize size = measure_in(c, &k, arena_printf(a, "trial-%d", (int)(t - c->trial)));
    t->take[LIMIT_FLASH] = (double)flash_bytes(&size);
    t->take[LIMIT_RAM] = ram_of(&size);
    if (runs) t->take[LIMIT_LATENCY] = (double)size.run.total;
  }
  if (has_limit(c, LIMIT_DROP)) measure_accuracy(c, t, a);
  free_arena(a);
}

/* The trial of a choice, in which nothing needs to be measured yet. */
static Trial *find_trial(Chooser *c, const int *choice) {
  const BitSpace *s = c->s;
  size_t bytes = (size_t)s->n_group * sizeof *choice;
  for (int i = 0; i < c->n_trial; i++)
    if (memcmp(c->trial[i].choice, choice, bytes) == 0) return &c->trial[i];
  Trial t = {.choice = arena_alloc(s->a, (int64_t)bytes + 1),
             .predicted_flash = NAN,
             .error = NAN,
             .accuracy = NAN,
             .float_accuracy = NAN};
  for (int k = 0; k < N_LIMITS; k++) t.take[k] = NAN;
  memcpy(t.choice, choice, bytes);
  for (int g = 0; g < s->n_group; g++) t.cost += c->cost[g * s->n_candidate + choice[g]];
  c->trial = arena_grow(s->a, c->trial, c->n_trial, sizeof *c->trial);
  c->trial[c->n_trial] = t;
  return &c->trial[c->n_trial++];
}

const Trial *try_choice(Chooser *c, const int *choice, double to_beat) {
  Trial *t = find_trial(c, choice);
  bool new_error = isnan(t->error);
  if (new_error) measure_error(c, t);
  bool new_takes = isnan(t->take[LIMIT_WEIGHTS]) && t->error < to_beat;
  if (new_takes) measure_limits(c, t);
  if (new_error || new_takes) write_state(c);
  return t;
}
