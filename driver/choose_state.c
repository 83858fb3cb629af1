/* choose_state.c - what a search has found out so far, in a file beside its output: costs, what
 * candidates take, and the choices that were measured.  A search with the same model, policy,
 * samples, candidates, metric and target goes on from there, whatever its budgets. */
#include <jansson.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "driver/choose.h"

static json_t *reals_json(const double *v, int n) {
  json_t *list = json_array();
  for (int i = 0; i < n; i++)
    json_array_append_new(list, isfinite(v[i]) ? json_real(v[i]) : json_null());
  return list;
}

/* False when it is not a list of n numbers. */
static bool read_reals(const json_t *list, double *v, int n) {
  if (!json_is_array(list) || (int)json_array_size(list) != n) return false;
  for (int i = 0; i < n; i++) {
    const json_t *x = json_array_get(list, (size_t)i);
    v[i] = json_is_number(x) ? json_number_value(x) : NAN;
  }
  return true;
}

enum { TRIAL_REALS = N_LIMITS + 4 };

static void trial_reals(const Trial *t, double *v) {
  memcpy(v, t->take, sizeof t->take);
  v[N_LIMITS] = t->cost, v[N_LIMITS + 1] = t->error;
  v[N_LIMITS + 2] = t->accuracy, v[N_LIMITS + 3] = t->float_accuracy;
}

static json_t *trials_json(const Chooser *c) {
  json_t *list = json_array();
  for (int i = 0; i < c->n_trial; i++) {
    double v[TRIAL_REALS];
    json_t *choice = json_array();
    for (int g = 0; g < c->s->n_group; g++)
      json_array_append_new(choice, json_integer(c->trial[i].choice[g]));
    trial_reals(&c->trial[i], v);
    json_array_append_new(
        list, json_pack("{s:o, s:o}", "choice", choice, "measured", reals_json(v, TRIAL_REALS)));
  }
  return list;
}

/* Which limits trials were measured for: those of others lack something. */
static int asked_for(const Chooser *c) {
  int mask = 0;
  for (int k = 0; k < N_LIMITS; k++) mask |= (c->limit[k].text != NULL) << k;
  return mask;
}

void write_state(const Chooser *c) {
  const BitSpace *s = c->s;
  int n = s->n_group * s->n_candidate;
  json_t *costs = json_array(), *takes = json_array();
  for (int i = 0; i < s->n_layer * s->n_candidate; i++)
    json_array_append_new(
        costs, reals_json((const double[]){c->layer_cost[i].value, c->layer_cost[i].error}, 2));
  for (int m = 0; m < N_ADDED && c->take[m]; m++)
    json_array_append_new(takes, reals_json(c->take[m], n));
  json_t *o = json_pack("{s:s, s:i, s:o, s:o, s:o, s:o}", "key",
                        arena_printf(s->a, "%016llx", (unsigned long long)c->key), "limits",
                        asked_for(c), "costs", costs, "takes", takes, "fixed",
                        reals_json(c->fixed, N_ADDED), "trials", trials_json(c));
  FILE *f = open_file(c->state);
  json_dumpf(o, f, JSON_COMPACT | JSON_REAL_PRECISION(17));
  fputc('\n', f);
  close_file(f, c->state);
  json_decref(o);
}

static bool read_costs(Chooser *c, const json_t *list) {
  int n = c->s->n_layer * c->s->n_candidate;
  Cost *cost = arena_alloc(c->s->a, (n + 1) * (int64_t)sizeof *cost);
  if (!json_is_array(list) || (int)json_array_size(list) != n) return false;
  for (int i = 0; i < n; i++) {
    double v[2];
    if (!read_reals(json_array_get(list, (size_t)i), v, 2) || isnan(v[0]) || isnan(v[1]))
      return false;
    cost[i] = (Cost){v[0], v[1]};
  }
  c->layer_cost = cost;
  return true;
}

static void read_takes(Chooser *c, const json_t *list, const json_t *fixed) {
  int n = c->s->n_group * c->s->n_candidate;
  double *take[N_ADDED];
  if (json_array_size(list) != N_ADDED || !read_reals(fixed, c->fixed, N_ADDED)) return;
  for (int m = 0; m < N_ADDED; m++) {
    take[m] = arena_alloc(c->s->a, (n + 1) * (int64_t)sizeof **take);
    if (!read_reals(json_array_get(list, (size_t)m), take[m], n)) return;
  }
  memcpy(c->take, take, sizeof take);
}

static bool read_trial(const Chooser *c, const json_t *o, Trial *t) {
  double v[TRIAL_REALS];
  const json_t *choice = json_object_get(o, "choice");
  if (!read_reals(json_object_get(o, "measured"), v, TRIAL_REALS)) return false;
  if ((int)json_array_size(choice) != c->s->n_group) return false;
  t->choice = arena_alloc(c->s->a, (c->s->n_group + 1) * (int64_t)sizeof *t->choice);
  for (int g = 0; g < c->s->n_group; g++) {
    t->choice[g] = (int)json_integer_value(json_array_get(choice, (size_t)g));
    if (t->choice[g] < 0 || t->choice[g] >= c->s->n_candidate) return false;
  }
  memcpy(t->take, v, sizeof t->take);
  t->cost = v[N_LIMITS], t->error = v[N_LIMITS + 1];
  t->accuracy = v[N_LIMITS + 2], t->float_accuracy = v[N_LIMITS + 3];
  return true;
}

void read_state(Chooser *c) {
  json_t *o = access(c->state, R_OK) == 0 ? json_load_file(c->state, 0, NULL) : NULL;
  const char *key = json_string_value(json_object_get(o, "key"));
  bool same = key && strcmp(key, arena_printf(c->s->a, "%016llx", (unsigned long long)c->key)) == 0;
  if (same && read_costs(c, json_object_get(o, "costs")) &&
      json_integer_value(json_object_get(o, "limits")) == asked_for(c)) {
    const json_t *trials = json_object_get(o, "trials");
    read_takes(c, json_object_get(o, "takes"), json_object_get(o, "fixed"));
    for (size_t i = 0; i < json_array_size(trials); i++) {
      Trial t;
      if (!read_trial(c, json_array_get(trials, i), &t)) break;
      c->trial = arena_grow(c->s->a, c->trial, c->n_trial, sizeof *c->trial);
      c->trial[c->n_trial++] = t;
    }
  }
  json_decref(o);
}
