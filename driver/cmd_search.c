/* cmd_search.c - qcc search: formats for all layers under budgets, as a policy. */
#include <string.h>

#include "driver/choose.h"

int cmd_search(Arena *a, const Options *o);

static uint64_t hash_text(uint64_t h, const char *text) {
  return hash_bytes(h, text ? text : "", text ? strlen(text) + 1 : 1);
}

/* Of all that costs, takes and trials depend on. */
static uint64_t key_of(const Chooser *c) {
  const Job *j = c->j;
  const BitSpace *s = c->s;
  const uint64_t part[] = {j->model->hash, j->policy->hash,     j->calib ? j->calib->hash : 0,
                           s->all->hash,   (uint64_t)s->all->n, (uint64_t)s->samples->n};
  uint64_t h = hash_bytes(HASH_START, part, sizeof part);
  if (s->label) h = hash_bytes(h, s->label, (size_t)s->all->n * sizeof *s->label);
  for (int i = 0; i < s->n_candidate; i++) h = hash_text(h, s->candidate[i].name);
  const char *const text[] = {QCC_VERSION, c->metric->name, j->target->name, j->o->optimize,
                              j->o->opt,   j->o->compiler,  j->o->variant,   j->o->costs};
  for (size_t i = 0; i < sizeof text / sizeof *text; i++) h = hash_text(h, text[i]);
  return h;
}

/* Layers of a group cost what they cost together. */
static void add_costs(Chooser *c) {
  const BitSpace *s = c->s;
  c->cost = arena_alloc(s->a, s->n_group * s->n_candidate * (int64_t)sizeof *c->cost);
  for (int i = 0; i < s->n_layer; i++)
    for (int k = 0; k < s->n_candidate; k++) {
      double v = c->layer_cost[i * s->n_candidate + k].value;
      c->cost[s->layer[i].group * s->n_candidate + k] += v > 0 ? v : 0;
    }
}

/* What the command line says, and what it leaves to the policy's search section. */
static void read_settings(Chooser *c) {
  const Options *o = c->j->o;
  const Policy *p = c->j->policy;
  c->metric = chosen_metric(c->j);
  c->method = find_method(o->method ? o->method : policy_value(p, "search.solver"));
  if (o->budgets) read_limits(c->j->a, o->budgets, c->limit);
  read_policy_limits(p, c->limit);
  bool any = false;
  for (int k = 0; k < N_LIMITS; k++) any |= c->limit[k].text != NULL;
  if (!any)
    error("no budget given: --budget weights=48KiB, or flash, ram, latency, accuracy_drop; "
          "or search.budget in the policy");
  if (c->limit[LIMIT_DROP].text && !o->labels) error("--budget accuracy_drop needs --labels Y.npy");
  if (!o->target &&
      (c->limit[LIMIT_FLASH].text || c->limit[LIMIT_RAM].text || c->limit[LIMIT_LATENCY].text))
    error("--budget: flash, ram and latency are those of a target: --target T");
}

int cmd_search(Arena *a, const Options *o) {
  Chooser c = {0};
  if (!o->output) error("no output given: -o POLICY.yaml");
  watch_for_stop();
  c.j = new_job(a, o, o->target ? o->target : "host");
  read_settings(&c);
  c.s = new_space(c.j);
  c.dir = work_folder(a, o->keep);
  c.state = arena_printf(a, "%s.state", o->output);
  c.key = key_of(&c);
  c.kernels = arena_alloc(a, (c.s->n_layer + 1) * (int64_t)sizeof *c.kernels);
  c.kind = arena_alloc(a, (c.s->n_layer + 1) * (int64_t)sizeof *c.kind);
  read_state(&c);
  if (!c.layer_cost) {
    c.layer_cost = arena_alloc(a, c.s->n_layer * c.s->n_candidate * (int64_t)sizeof *c.layer_cost);
    c.metric->fn(c.s, c.layer_cost);
  }
  add_costs(&c);
  if (!c.take[0]) measure_takes(&c);
  write_state(&c);
  const Trial *best = choose_best(&c);
  write_choice(&c, best);
  if (o->json || !o->quiet) print_choice(&c, best);
  return 0;
}
