/* space.c - what analyze and search look at: the network in float and calibrated, the layers
 * that the policy leaves open, samples and labels. */
#include "driver/driver.h"

/* Costs are means over so many samples unless the user asks for another number. */
enum { FEW_SAMPLES = 128 };

static const Samples *given_samples(const Job *j) {
  const Options *o = j->o;
  if (o->input) return recorded_samples(j);
  if (!j->calib)
    error(
        "no samples given: --calib X.npy, or --input X.npy for samples other than those of the calibration");
  Samples *s = arena_alloc(j->a, sizeof *s);
  *s = *j->calib;
  if (o->limit && s->n > o->limit) s->n = o->limit;
  return s;
}

static const Samples *first_samples(Arena *a, const Samples *all, int64_t n) {
  Samples *s = arena_alloc(a, sizeof *s);
  *s = *all;
  if (s->n > n) s->n = n;
  return s;
}

const Metric *chosen_metric(const Job *j) {
  return find_metric(j->o->metric ? j->o->metric : policy_value(j->policy, "search.metric"));
}

static int chosen_candidates(const Job *j, Candidate **list) {
  if (j->o->candidates) return read_candidates(j->a, j->o->candidates, NULL, list);
  const Setting *s = find_setting(&j->policy->defaults, "search.candidates");
  char *text = arena_strdup(j->a, policy_value(j->policy, "search.candidates"));
  for (char *p = text; *p; p++)
    if (*p == ' ') *p = ',';
  return read_candidates(j->a, text, s ? &s->loc : NULL, list);
}

BitSpace *new_space(Job *j) {
  const Options *o = j->o;
  BitSpace *s = arena_alloc(j->a, sizeof *s);
  Candidate *list;
  s->a = j->a;
  s->n_candidate = chosen_candidates(j, &list);
  s->candidate = list;
  s->all = given_samples(j);
  s->samples = o->limit ? s->all : first_samples(j->a, s->all, FEW_SAMPLES);
  if (o->labels) s->label = read_labels(j->a, o->labels, s->all->n, n_elements(j->model->out[0]));
  compile_job(j, NULL, "calibrate");
  s->g = j->g;
  s->cx = &j->cx;
  find_layers(s);
  decode_candidates(s);
  return s;
}
