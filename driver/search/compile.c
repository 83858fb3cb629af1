/* compile.c - the network with a choice made: the policy, the graph, and how good it is.
 *
 * A choice is a rule for each layer behind the rules that the policy has already.  The float
 * network is calibrated once; what follows runs on a copy, in memory that is given back. */
#include <string.h>

#include "driver/search/search.h"

static Rule rule_for(Arena *a, const BitLayer *l, const Candidate *c, const char *comment) {
  Condition *match = arena_alloc(a, sizeof *match);
  *match = (Condition){.key = "output", .n = 1, .value = arena_alloc(a, sizeof *match->value)};
  match->value[0] = l->output;
  return (Rule){.n_match = 1,
                .match = match,
                .set = c->set,
                .require = 1,
                .comment = comment,
                .loc = c->set.s[0].loc};
}

Policy *assign_policy(Arena *a, const BitSpace *s, const int *choice, const char *const *why) {
  const Policy *base = s->cx->policy;
  Policy *p = arena_alloc(a, sizeof *p);
  *p = *base;
  p->rule = arena_alloc(a, (base->n_rule + s->n_layer + 1) * (int64_t)sizeof *p->rule);
  if (base->n_rule > 0) memcpy(p->rule, base->rule, (size_t)base->n_rule * sizeof *p->rule);
  for (int i = 0; i < s->n_layer; i++)
    if (choice[i] != AS_BEFORE)
      p->rule[p->n_rule++] =
          rule_for(a, &s->layer[i], &s->candidate[choice[i]], why ? why[i] : NULL);
  return p;
}

Graph *compile_choice(Arena *a, const BitSpace *s, const int *choice, const char *stop_after,
                      Context *cx) {
  Graph view = *s->g; /* the copy is made in the memory of what it is made from */
  view.arena = a;
  *cx = *s->cx;
  cx->arena = a;
  cx->report = NULL;
  cx->policy = assign_policy(a, s, choice, NULL);
  Graph *g = clone_graph(&view);
  resolve_policy(g, cx);
  run_passes(g, cx, "calibrate", stop_after);
  return g;
}

/* Output 0 of a graph on one sample. */
static void run_output(Interp *it, const Graph *g, const Samples *s, int64_t sample, float *out) {
  const void *in[MAX_IO];
  for (int k = 0; k < g->n_in; k++) in[k] = sample_at(g, s, k, sample);
  run_interp(it, in, NULL, NULL);
  output_reals(g->out[0], interp_value(it, g->out[0]), out);
}

/* Outputs of a graph on all samples, [samples->n][elements of output 0]. */
static void run_outputs(const Graph *g, const Samples *samples, float *out) {
  int64_t n = n_elements(g->out[0]);
  prepare_blas();
#pragma omp parallel
  {
    Interp *it = new_interp(g);
#pragma omp for schedule(dynamic, 1)
    for (int64_t i = 0; i < samples->n; i++) run_output(it, g, samples, i, out + i * n);
    free_interp(it);
  }
}

static const float *exact_outputs(const BitSpace *s, const Samples *samples) {
  int i = 0;
  while (s->exact[i].samples && s->exact[i].samples != samples)
    if (++i == MAX_EXACT) bug("more than two sets of samples");
  if (!s->exact[i].samples) {
    float *value = sample_room(s->a, samples->n, n_elements(s->g->out[0]) * (int64_t)sizeof *value);
    run_outputs(s->g, samples, value);
    s->exact[i] = (ExactOutputs){samples, value};
  }
  return s->exact[i].value;
}

Score score_choice(const BitSpace *s, const int *choice, const Samples *samples) {
  Arena *a = new_arena();
  Context cx;
  const Graph *g = compile_choice(a, s, choice, LAST_COMMON_PASS, &cx);
  int64_t n = n_elements(g->out[0]);
  const float *exact = exact_outputs(s, samples);
  float *got = sample_room(a, samples->n, n * (int64_t)sizeof *got);
  Score score = {0};
  run_outputs(g, convert_samples(a, s->g, g, samples), got);
  for (int64_t i = 0; i < samples->n; i++)
    add_score(&score, exact + i * n, got + i * n, n, s->label ? s->label[i] : -1);
  free_arena(a);
  return score;
}
