/* choose_state.c - what a search has found out so far, in a file beside its output: costs, what
 * candidates take, and the choices that were measured.  A search with the same model, policy,
 * samples, candidates, metric and target goes on from there, whatever its budgets. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
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

enum { TRIAL_REALS = N_LIMITS + 5 };

static void trial_reals(const Trial *t, double *v) {
  memcpy(v, t->take, sizeof t->take);
  v[N_LIMITS] = t->cost, v[N_LIMITS + 1] = t->error;
  v[N_LIMITS + 2] = t->accuracy, v[N_LIMITS + 3] = t->float_accuracy;
  v[N_LIMITS + 4] = t->predicted_flash;
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

static const char *hash_text(Arena *a, uint64_t h) {
  return arena_printf(a, "%016llx", (unsigned long long)h);
}

/* False when it is no hash. */
static bool read_hash(const json_t *o, uint64_t *h) {
  const char *text = json_string_value(o);
  if (!text || strlen(text) != 16 || strspn(text, "0123456789abcdef") != 16) return false;
  *h = strtoull(text, NULL, 16);
  return true;
}

/* What predictions of code are made from. */
static json_t *code_json(const Chooser *c) {
  json_t *kernels = json_array(), *mixtures = json_array();
  for (int i = 0; i < c->s->n_layer; i++)
    json_array_append_new(kernels, json_string(hash_text(c->s->a, c->kernels[i])));
  for (int i = 0; i < c->n_code; i++)
    json_array_append_new(mixtures,
                          json_pack("{s:s, s:f}", "key", hash_text(c->s->a, c->code[i].key),
                                    "bytes", c->code[i].bytes));
  return json_pack("{s:f, s:o, s:o}", "first", c->first_code, "kernels", kernels, "mixtures",
                   mixtures);
}

static bool read_code(Chooser *c, const json_t *o) {
  const json_t *kernels = json_object_get(o, "kernels"), *mixtures = json_object_get(o, "mixtures"),
               *first = json_object_get(o, "first");
  if (!json_is_number(first) || (int)json_array_size(kernels) != c->s->n_layer) return false;
  for (int i = 0; i < c->s->n_layer; i++)
    if (!read_hash(json_array_get(kernels, (size_t)i), &c->kernels[i])) return false;
  c->first_code = json_number_value(first);
  for (size_t i = 0; i < json_array_size(mixtures); i++) {
    const json_t *m = json_array_get(mixtures, i), *bytes = json_object_get(m, "bytes");
    CodeBytes code = {.bytes = json_number_value(bytes)};
    if (!json_is_number(bytes) || !read_hash(json_object_get(m, "key"), &code.key)) return false;
    c->code = arena_grow(c->s->a, c->code, c->n_code, sizeof *c->code);
    c->code[c->n_code++] = code;
  }
  find_kinds(c);
  return true;
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
  json_t *o =
      json_pack("{s:s, s:i, s:o, s:o, s:o, s:o, s:o}", "key", hash_text(s->a, c->key), "limits",
                asked_for(c), "costs", costs, "takes", takes, "fixed",
                reals_json(c->fixed, N_ADDED), "code", code_json(c), "trials", trials_json(c));
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

static void read_takes(Chooser *c, const json_t *list, const json_t *fixed, const json_t *code) {
  int n = c->s->n_group * c->s->n_candidate;
  double *take[N_ADDED];
  if (json_array_size(list) != N_ADDED || !read_reals(fixed, c->fixed, N_ADDED)) return;
  for (int m = 0; m < N_ADDED; m++) {
    take[m] = arena_alloc(c->s->a, (n + 1) * (int64_t)sizeof **take);
    if (!read_reals(json_array_get(list, (size_t)m), take[m], n)) return;
  }
  if (!read_code(c, code)) return;
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
  t->predicted_flash = v[N_LIMITS + 4];
  return true;
}

void read_state(Chooser *c) {
  json_t *o = access(c->state, R_OK) == 0 ? json_load_file(c->state, 0, NULL) : NULL;
  uint64_t key;
  bool same = read_hash(json_object_get(o, "key"), &key) && key == c->key;
  if (same && read_costs(c, json_object_get(o, "costs")) &&
      json_integer_value(json_object_get(o, "limits")) == asked_for(c)) {
    const json_t *trials = json_object_get(o, "trials");
    read_takes(c, json_object_get(o, "takes"), json_object_get(o, "fixed"),
               json_object_get(o, "code"));
    for (size_t i = 0; i < json_array_size(trials); i++) {
      Trial t;
      if (!read_trial(c, json_array_get(trials, i), &t)) break;
      c->trial = arena_grow(c->s->a, c->trial, c->n_trial, sizeof *c->trial);
      c->trial[c->n_trial++] = t;
    }
  }
  json_decref(o);
}
